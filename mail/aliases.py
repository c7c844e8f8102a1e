"""Where mail of an address goes on to: virtual aliases as Postfix follows them (virtual(5))."""

from collections.abc import Collection, Mapping

from mail.names import without_extension

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
    """A way from the address to one that it passes twice, or []."""
    passed: set[str] = set()
    way = [address]
    turns = [iter(following(address, targets) or ())]
    while turns:
        target = next(turns[-1], None)
        if target is None:
            turns.pop()
            way.pop()
        elif target in way:
            return [*way, target]
        elif target not in passed:  # what comes after it is known to lead out
            passed.add(target)
            way.append(target)
            turns.append(iter(following(target, targets) or ()))
    return []


def end(address: str, targets: Targets, mailboxes: Collection[str]) -> str | None:
    """The mailbox that all mail of an address comes to, if it is one and nobody else gets it."""
    while (plain := without_extension(address)) not in mailboxes:
        found = following(address, targets) or ()
        if len(found) != 1:
            return None
        (address,) = found
    return plain
