"""Where mail of an address goes on to: virtual aliases as Postfix follows them (virtual(5))."""

from collections.abc import Collection, Mapping

# Where the mail of each address, or of all others of a domain (`@domain`), goes.
Targets = Mapping[str, tuple[str, ...]]


def following(address: str, targets: Targets) -> tuple[str, ...] | None:
    """Where Postfix's virtual aliases lead: the address, without its extension, its domain."""
    catch_all = f"@{address.rpartition('@')[2]}"
    for key in (address, without_extension(address), catch_all):
        if key in targets:
            return targets[key]
    return None


def loop(address: str, targets: Targets) -> list[str]:
    """A way from the address back to one it has passed, or []."""
    ways = [[address]]
    while ways:
        way = ways.pop()
        for target in following(way[-1], targets) or ():
            if target in way or (target == address):
                return [*way, target]
            ways.append([*way, target])
    return []


def end(address: str, targets: Targets, mailboxes: Collection[str]) -> str | None:
    """The mailbox that all mail of an address comes to, if it is one and nobody else gets it."""
    while (plain := without_extension(address)) not in mailboxes:
        found = following(address, targets) or ()
        if len(found) != 1:
            return None
        (address,) = found
    return plain


def without_extension(address: str) -> str:
    """The address less its `+something`."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
