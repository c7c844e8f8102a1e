"""Checks that several kinds of settings share."""

from collections.abc import Iterator, Sequence


def foreign(key: str, send_as: tuple[str, ...], ours: set[str]) -> Iterator[str]:
    """Errors for senders in domains that are not ours."""
    for item in send_as:
        if item.rpartition("@")[2] not in ours:
            yield (
                f"mail-relay:{key}.sendAs: {item!r}: its domain is none of ours "
                f"({', '.join(sorted(ours))}); add it to mail-relay:domains"
            )


def twice(key: str, values: Sequence[str | None]) -> Iterator[str]:
    """Errors for values that are in a list more than once."""
    for number, value in enumerate(values):
        if value is not None and value in values[:number]:
            yield f"mail-relay:{key}[{number}]: {value!r}: it is listed twice; remove one"
