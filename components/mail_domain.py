"""A domain that sends: its keys and the records that receivers check."""

from collections.abc import Mapping

import pulumi

from components import secrets
from components.records import Zones
from mail import dkim, dmarc, spf
from settings import MailDomain, Settings

MX_PREFERENCE = 10


class Domain(pulumi.ComponentResource):
    """SPF (with other strings of the apex), DKIM for each selector, DMARC; A and MX if asked.

    `addresses` has the public address of each host of the stack.
    """

    def __init__(
        self,
        domain: MailDomain,
        *,
        settings: Settings,
        zones: Zones,
        spf_include: str,
        addresses: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:MailDomain", domain.name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        lasting = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        terms, all_ = settings.spf_terms(domain), domain.spf.all
        # an address that is not known yet makes the whole record unknown in a preview
        needed = [addresses[settings.gateway.name]] if spf.names_addresses(terms) else []
        policy = pulumi.Output.all(*needed).apply(
            lambda known: spf.domain(terms, all_, include=spf_include, addresses=known)
        )
        zones.text(domain.name, [policy, *domain.txt], child, domain.ttl)
        if domain.a:
            apex = addresses.get(domain.a, domain.a)
            zones.record(domain.name, "A", [apex], child, domain.ttl)
        self.keys = {
            selector: (
                pulumi.Output.secret(domain.keys[selector].get_secret_value())
                if selector in domain.keys
                else secrets.dkim_key(domain.name, selector, lasting)
            )
            for selector in domain.selectors
        }
        for selector, key in self.keys.items():
            public = pulumi.Output.unsecret(key.apply(dkim.record))
            zones.text(dkim.name(selector, domain.name), [public], child, domain.ttl)
        for selector in domain.retired:
            zones.text(dkim.name(selector, domain.name), [dkim.REVOKED], child, domain.ttl)
            # still there, and no longer protected, so that the next step may take it away
            secrets.dkim_key(domain.name, selector, child)
        text = settings.dmarc_record(domain)
        zones.text(dmarc.name(domain.name), [text], child, domain.ttl)
        for other in settings.reporting(domain):
            consent = dmarc.report_authorization(domain.name, other)
            zones.text(consent, [dmarc.CONSENT], child, domain.ttl)
        exchanges = [exchange.value for exchange in domain.mx]
        if not exchanges and domain.name in settings.receiving:
            exchanges = [f"{MX_PREFERENCE} {settings.gateway.name}."]
        if exchanges:
            zones.record(domain.name, "MX", exchanges, child, domain.ttl)
        self.register_outputs({})
