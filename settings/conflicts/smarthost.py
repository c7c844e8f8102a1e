"""The smarthost: the provider's account, or Amazon SES with nothing beside it."""

from collections.abc import Iterator

from settings.conflicts.common import foreign, twice
from settings.model import Settings
from settings.smarthost import Smarthost


def conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    """Missing settings of a provider, and settings that Amazon SES cannot have."""
    key, given = "mail-relay:smarthost", s.smarthost
    if given is None:
        return
    if given.ses:
        yield from _ses_conflicts(s, given)
        return
    if given.host is None:
        yield f"{key}.host: missing; give the provider's host, as smtp.example.net, or `ses: true`"
    elif given.host in [host.name for host in s.hosts.values()]:
        yield f"{key}.host: {given.host!r}: it is a host of the stack; give the provider's"
    if given.spf is None:
        yield (
            f"{key}.spf: missing; give the mechanism that the provider's documentation names, "
            "such as include:_spf.example.net"
        )
    if not given.mechanisms:
        yield f"{key}.mechanisms: []: name those of SASL that may be used, such as PLAIN"
    yield from twice("smarthost.mechanisms", given.mechanisms)
    senders = [account.sender for account in given.accounts]
    if senders.count(None) != 1:
        yield (
            f"{key}.accounts: {senders.count(None)} without a sender: there must be one, for all "
            "other mail, such as bounces and forwarded mail"
        )
    yield from twice("smarthost.accounts", senders)
    for number, sender in enumerate(senders):
        if sender and sender.rpartition("@")[2] not in {
            *ours,
            *(gateway.name for gateway in s.gateways),
        }:
            yield f"{key}.accounts[{number}].sender: {sender!r}: {foreign(sender, ours)}"


def _ses_conflicts(s: Settings, given: Smarthost) -> Iterator[str]:
    if others := sorted(given.model_fields_set - {"ses"}):
        yield (
            f"mail-relay:smarthost.ses: true: Amazon SES brings the rest with it; "
            f"leave out {', '.join(others)}"
        )
    targets = {target for found in s.targets.values() for target in found}
    if elsewhere := sorted(t for t in targets if t.rpartition("@")[2] not in s.receiving):
        yield (
            "mail-relay:smarthost.ses: true: Amazon SES refuses forwarded mail, whose From: is of "
            f"other people's domains; nothing may go on to {', '.join(elsewhere)}: give it a "
            "mailbox here, or use another smarthost"
        )
