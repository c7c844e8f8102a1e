"""A domain that sends: its keys and the records that receivers check."""

from collections.abc import Mapping, Sequence

import pulumi

from components import secrets
from components.zones import Zones
from mail import dkim, spf
from settings import MailDomain, Settings, published
from settings.advice import spf_advice
from settings.passing import needs_addresses


def advise(settings: Settings, addresses: Mapping[str, pulumi.Output[str]]) -> None:
    """Warn of domains whose SPF may not name the gateways: at once, or once addresses are known."""
    needed = addresses if needs_addresses(settings) else {}

    def tell(known: Mapping[str, str]) -> None:
        for line in spf_advice(settings, dict(known)):
            pulumi.log.warn(line)

    pulumi.Output.all(**needed).apply(tell)


class Domain(pulumi.ComponentResource):
    """SPF (with other strings of the apex), DKIM for each selector, DMARC, and A and MX if set.

    `addresses` has the public address of each host of the stack, `spares` are those that gateways
    have besides.
    """

    def __init__(
        self,
        domain: MailDomain,
        *,
        settings: Settings,
        zones: Zones,
        addresses: Mapping[str, pulumi.Output[str]],
        spares: Sequence[pulumi.Output[str]] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:MailDomain", domain.name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        terms, all_ = settings.spf_terms(domain), domain.spf.all
        # an address that is not known yet makes the whole record unknown in a preview
        needed = [*(addresses[gateway.name] for gateway in settings.gateways), *spares]
        needed = needed if spf.names_addresses(terms) else []
        policy = pulumi.Output.all(*needed).apply(
            lambda known: spf.domain(terms, all_, include=settings.spf_include, addresses=known)
        )
        self.keys = {
            selector: (
                pulumi.Output.secret(domain.keys[selector].get_secret_value())
                if selector in domain.keys
                else secrets.dkim_key(domain.name, selector, protected)
            )
            for selector in domain.selectors
        }
        for selector in domain.retired:
            # the key stays in this step, unprotected, so that the next step can delete it
            secrets.dkim_key(domain.name, selector, child)
        public = {
            selector: pulumi.Output.unsecret(key.apply(dkim.record))
            for selector, key in self.keys.items()
        }
        for record_set in published.domain(
            settings, domain, policy=policy, keys=public, addresses=addresses
        ):
            publish = zones.publish_once_taken if record_set.kind == "MX" else zones.publish
            publish(record_set, child)
        self.register_outputs({})
