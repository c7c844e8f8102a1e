"""The targets of an address, by virtual aliases as Postfix follows them (virtual(5))."""

from collections.abc import Collection, Mapping

from mail.names import without_extension

# The targets of each address, or of all other addresses of a domain (`@domain`).
Targets = Mapping[str, tuple[str, ...]]


def following(address: str, targets: Targets) -> tuple[str, ...] | None:
    """The targets by the first entry found: the address, without its extension, its domain."""
    catch_all = f"@{address.rpartition('@')[2]}"
    for key in (address, without_extension(address), catch_all):
        if key in targets:
            return targets[key]
    return None


def loop(address: str, targets: Targets) -> list[str]:
    """A path from the address to one that occurs in it twice, or [] if there is no loop."""
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
        elif target not in passed:  # a passed target is known to lead into no loop
            passed.add(target)
            way.append(target)
            turns.append(iter(following(target, targets) or ()))
    return []


def end(address: str, targets: Targets, mailboxes: Collection[str]) -> str | None:
    """The mailbox that gets all mail of an address; None if there are other targets as well."""
    while (plain := without_extension(address)) not in mailboxes:
        found = following(address, targets) or ()
        if len(found) != 1:
            return None
        (address,) = found
    return plain
