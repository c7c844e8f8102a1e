"""Settings that are valid by themselves and contradict each other."""

from collections.abc import Iterator

from settings.conflicts import domains, hosts, people, smarthost
from settings.model import Settings


def conflicts(s: Settings) -> Iterator[str]:
    """One line for each conflict: the key, the value, and what would be right."""
    if "." not in s.gateway_domain:  # which is a domain that sends as well
        yield (
            f"mail-relay:gateway.name: {s.gateway.name!r}: give a host name below your domain, "
            f"such as mail.{s.gateway.name}"
        )
        return
    ours = {domain.name for domain in s.mail_domains}
    yield from domains.zone_conflicts(s)
    yield from domains.conflicts(s)
    yield from people.conflicts(s, ours)
    yield from smarthost.conflicts(s, ours)
    yield from hosts.conflicts(s, ours)
