"""Senders and recipients: clients, logins, forwards, mailboxes."""

from collections.abc import Iterator

from mail import aliases
from settings.conflicts.common import foreign, twice
from settings.model import Client, Login, Settings

# Space on the data volume for queue and certificates, besides two messages of the largest size.
QUEUE_MIB = 256
# ext4 uses 1/40 of the volume for inode tables and the journal.
FILE_SYSTEM_SHARE = 40


def conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    """Addresses that are not ours, lead nowhere, or back to themselves."""
    yield from _login_conflicts(s, ours)
    yield from _forward_conflicts(s, ours)
    yield from _mailbox_conflicts(s, ours)


def _login_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    yield from twice("logins", [x.address for x in s.logins])
    own = {host.login for host in s.hosts.values() if isinstance(host, Client)}
    for key, host in s.hosts.items():
        if isinstance(host, Client):
            yield from _sender_conflicts(s, key, host, ours)
    for number, login in enumerate(s.logins):
        key = f"mail-relay:logins[{number}]"
        if login.address in own:
            yield f"{key}.address: {login.address!r}: a client host has this login"
        yield from _sender_conflicts(s, f"logins[{number}]", login, ours)
    yield from twice("sasl.mechanisms", list(s.sasl.mechanisms))
    if "PLAIN" not in s.sasl.mechanisms:
        yield (
            f"mail-relay:sasl.mechanisms: {list(s.sasl.mechanisms)}: keep PLAIN, the one that "
            "every mail program has; inside TLS nobody reads it"
        )


def _sender_conflicts(s: Settings, key: str, who: Client | Login, ours: set[str]) -> Iterator[str]:
    """Senders in domains that are not ours, or listed twice, by the key that has them."""
    yield from twice(f"{key}.sendAs", who.send_as or ())
    for item in s.send_as(who):
        if item.rpartition("@")[2] in ours:
            continue
        if who.send_as is not None:
            yield f"mail-relay:{key}.sendAs: {item!r}: {foreign(item, ours)}"
        elif isinstance(who, Client):
            why = f"without sendAs it sends as {item}, and {foreign(item, ours)}"
            yield f"mail-relay:{key}.name: {who.name!r}: {why}"
        else:
            yield f"mail-relay:{key}.address: {item!r}: {foreign(item, ours)}"


def _forward_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    yield from twice("forwards", [f.address for f in s.forwards])
    targets = s.targets
    for number, forward in enumerate(s.forwards):
        key = f"mail-relay:forwards[{number}]"
        if forward.address.rpartition("@")[2] not in ours:
            yield f"{key}.address: {forward.address!r}: {foreign(forward.address, ours)}"
        yield from twice(f"forwards[{number}].to", forward.to)
        if path := aliases.loop(forward.address, targets):
            yield f"{key}.to: {' -> '.join(path)}: this goes in a circle; remove one step"
    wanted = [("operator", s.operator)]
    wanted += [(f"forwards[{n}].to", t) for n, f in enumerate(s.forwards) for t in f.to]
    for number, domain in enumerate(s.domains):
        given = domain.dmarc
        yield from twice(f"domains[{number}].dmarc.reports", given.reports or ())
        yield from twice(f"domains[{number}].dmarc.ruf", given.ruf)
        wanted += [(f"domains[{number}].dmarc.reports", r) for r in given.reports or ()]
        wanted += [(f"domains[{number}].dmarc.ruf", r) for r in given.ruf]
    hosts, receiving = {host.name for host in s.hosts.values()}, set(s.receiving)
    for key, target in wanted:
        domain = target.rpartition("@")[2]
        if domain in hosts:
            yield (
                f"mail-relay:{key}: {target!r}: {domain} is a host's name, and nobody reads mail "
                "there; name an address of a domain"
            )
        elif domain in s.closed:
            yield (
                f"mail-relay:{key}: {target!r}: the mx of {domain} says that it takes no mail "
                "(RFC 7505); name an address of another domain"
            )
        elif domain in receiving and aliases.following(target, targets) is None:
            yield (
                f"mail-relay:{key}: {target!r}: {domain} is received here and has no such "
                "address; add it to mail-relay:forwards or mail-relay:mailboxes, or name one "
                "elsewhere"
            )


def _mailbox_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    yield from twice("mailboxes", [m.address for m in s.mailboxes])
    logins = {login.address for login in s.logins}
    forwards = {forward.address: forward.to for forward in s.forwards}
    for number, address in enumerate(mailbox.address for mailbox in s.mailboxes):
        key = f"mail-relay:mailboxes[{number}].address: {address!r}"
        if address.rpartition("@")[2] not in ours:
            yield f"{key}: {foreign(address, ours)}"
        if address not in logins:
            yield f"{key}: nobody could read it; add a login of this address to mail-relay:logins"
        if address not in forwards.get(address, (address,)):
            yield (
                f"{key}: a forward takes all its mail elsewhere; add {address} to that forward's "
                "`to` to keep a copy, or remove one of the two"
            )
    promised = sum(mailbox.quota_mib + _beyond_quota_mib(s) for mailbox in s.mailboxes)
    size = s.gateways[0].data_volume_gib * 1024
    room = size - size // FILE_SYSTEM_SHARE - queue_mib(s) - s.logs.most_mib
    if s.mailboxes and promised > room:
        yield (
            f"mail-relay:mailboxes: {promised} MiB of quotas in all, with {_beyond_quota_mib(s)} "
            "MiB for each mailbox's last message and its trash: the data volume has room for "
            f"{room} MiB beside the queue and the log; raise {next(iter(s.hosts))}.dataVolumeGiB, "
            "or lower quotas or mail-relay:logs.days"
        )


def queue_mib(s: Settings) -> int:
    """Space that mail from outside must leave free for our own users (queue_minfree of port 25)."""
    return 2 * s.message_size_limit_mib + QUEUE_MIB


def _beyond_quota_mib(s: Settings) -> int:
    """Space that a mailbox may use beyond its quota: dovecot.conf's grace, and its trash."""
    return 2 * s.message_size_limit_mib
