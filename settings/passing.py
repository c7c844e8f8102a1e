"""Whether the gateways' mail passes the SPF policies of the stack's domains."""

import ipaddress
from collections.abc import Mapping, Sequence

from mail import spf
from settings import published
from settings.model import MailDomain, Settings

# The first of the placeholders for unknown addresses; nobody has these (RFC 1112, 4).
UNKNOWN = ipaddress.IPv4Address("250.0.0.1")


def needs_addresses(s: Settings) -> bool:
    """Whether the results may depend on the gateways' addresses: a policy has literal ones."""
    return any(spf.has_literals(domain.spf.mechanisms) for domain in s.mail_domains)


def gateways_pass(s: Settings, domain: MailDomain, addresses: Mapping[str, str]) -> bool:
    """Whether mail as a domain certainly passes from every gateway (RFC 7208, 4).

    The policy is evaluated with the records that the stack itself publishes, so each way to name
    the gateways counts; other names have no records. `addresses` are the known public addresses, by
    host.
    """
    places = {
        host.name: addresses.get(host.name, str(UNKNOWN + number))
        for number, host in enumerate(s.hosts.values())
        if host.public
    }
    records = _records(s, places)

    def look_up(name: str, kind: str) -> Sequence[str]:
        others = [spf.NOBODY_SENDS] if kind == "TXT" else []
        return records.get((name, kind), others)

    sender = f"postmaster@{domain.name}"
    return all(
        spf.passes(places[gateway.name], sender, gateway.name, look_up) for gateway in s.gateways
    )


def _records(s: Settings, places: Mapping[str, str]) -> dict[tuple[str, str], Sequence[str]]:
    """The values of the stack's records that SPF looks up, by name and type."""
    own = [places[gateway.name] for gateway in s.gateways]
    found: dict[tuple[str, str], Sequence[str]] = {
        (name, "TXT"): [policy] for name, policy in s.spf_policies(own).items()
    }
    for host in s.hosts.values():
        if host.public:
            found[host.name, "A"] = [places[host.name]]
            found[host.name, "MX"] = published.host_exchanges(s, host)
            reverse = ipaddress.ip_address(places[host.name]).reverse_pointer
            found[reverse, "PTR"] = [host.name]
    if s.shared_name:
        found[s.shared_name, "A"] = [places[gateway.name] for gateway in s.taking]
    for given in s.mail_domains:
        found[given.name, "MX"] = published.exchanges(s, given)
        if given.a:
            found[given.name, "A"] = [places.get(given.a, given.a)]
    return found
