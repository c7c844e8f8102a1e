"""Settings that are valid by themselves and contradict each other."""

from collections.abc import Iterator

from settings.conflicts import domains, gateways, hosts, people, smarthost
from settings.model import Settings


def conflicts(s: Settings) -> Iterator[str]:
    """One line for each conflict: the key, the value, and what would be right."""
    if wrong := list(gateways.names_conflicts(s)):  # the rest needs the gateways' domain
        yield from wrong
        return
    ours = {domain.name for domain in s.mail_domains}
    yield from domains.zone_conflicts(s)
    yield from domains.conflicts(s)
    yield from people.conflicts(s, ours)
    yield from smarthost.conflicts(s, ours)
    yield from hosts.conflicts(s, ours)
    yield from gateways.conflicts(s, ours)
