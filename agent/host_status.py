"""A host's status: the format of the object that the host writes into the tables' bucket.

No other file defines the format, for the host (status.py) and for all readers.
"""

import dataclasses
import datetime
import json
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

VERSION = 5
# Hosts are rebuilt one after another: those of the release before are read too. A field that they
# do not write has a default.
OLDEST = 3
# A host writes every minute; one that has been silent for so long is down or cut off.
SILENT_SECONDS = 300
# It looks for new tables twice a minute.
STALE_SECONDS = 300
# Signatures have times (RFC 6376, 3.5), and S3 refuses requests that are 15 minutes off.
CLOCK_SECONDS = 60
# Of a count or of bytes, and of seconds (three centuries, so that dates can be computed).
MOST, MOST_SECONDS = 2**63, 1e10
LIMIT = 262_144  # bytes: more is no status, whoever wrote it


class BadStatus(ValueError):
    """An object that is no host's status; the text says what is wrong with it."""


@dataclass(frozen=True)
class Setup:
    """The set-up at the first boot. `step` is the present step, `failures` the number of restarts.

    "retrying": systemd starts it again; "failed": the cause does not pass by itself. `said` has
    its last lines if it is retrying, else its last line.
    """

    state: Literal["running", "retrying", "failed", "done"]
    step: str
    failures: int
    said: tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """The tables in use by their ETag; the result of the last look for others, and its age in s.

    `taken` is the time they were installed here (ISO 8601), `problem` the error or "", and
    `unanswered` the seconds for which the bucket has given no usable answer.
    """

    etag: str
    taken: str
    result: str
    seconds: float | None
    problem: str
    unanswered: float


@dataclass(frozen=True)
class Reason:
    """The reason that messages wait, in the receiver's words, and their number."""

    text: str
    messages: int


@dataclass(frozen=True)
class Queue:
    """Postfix's queue; `seconds` is the oldest message's age, the commonest reason comes first."""

    messages: int
    held: int
    seconds: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Disk:
    """A file system: bytes free and in all, and the share of its inodes that is free (0 to 1)."""

    path: str
    free: int
    size: int
    inodes_free: float


@dataclass(frozen=True)
class Egress:
    """The last attempt to reach port 25 of another server, or the smarthost (HOST:PORT).

    `seconds` is its age: other servers are not asked every minute.
    """

    exchange: str
    problem: str
    seconds: float


@dataclass(frozen=True)
class Listing:
    """An entry of a block list: since when it is known (ISO 8601), and the list's answers."""

    since: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class AskedList:
    """A block list by its zone: the time of its last usable answers (ISO 8601, "" for never).

    `listed` has what they said by address or domain, `problem` the reason that it could not be
    asked the last time, or "".
    """

    zone: str
    answered: str
    problem: str
    listed: dict[str, Listing]


@dataclass(frozen=True)
class Reputation:
    """What block lists say of the host's address and the domains that it signs.

    `asked` is the time of the last round (ISO 8601), `about` are the addresses and domains.
    """

    asked: str
    about: tuple[str, ...]
    lists: tuple[AskedList, ...]

    @property
    def moments(self) -> tuple[str, ...]:
        """All times in it."""
        since = [found.since for one in self.lists for found in one.listed.values()]
        return (self.asked, *(one.answered for one in self.lists), *since)


@dataclass(frozen=True)
class Status:
    """A host's status. `missing` has each thing that the host lacks to serve, with its last log
    lines; if empty, the host serves.

    `boot` is the kernel's id of this boot, `written` ISO 8601, `clock_off` the seconds by which the
    host's clock and the bucket's differ (None: unknown), `stopped` the units that do not run,
    `silent` those that run and do not answer, `certificate` the time it ends (ISO 8601, "" for
    none), `signing` the selector in use by domain, "" if none is visible in DNS yet, and
    `signing_since` the time since which (ISO 8601), `limited` the logins that a limit has refused
    in the last hour, with that limit, `unread` the parts that could not be read, with the reasons,
    `reputation` what block lists say (None: not asked yet, or not at all), `release` the version of
    the program that made the host's files ("": one before 0.2.0).
    A client has no certificate, selectors, egress, logins and reputation.
    """

    version: int
    host: str
    instance: str
    boot: str
    written: str
    clock_off: float | None
    setup: Setup
    missing: dict[str, tuple[str, ...]]
    stopped: tuple[str, ...]
    silent: tuple[str, ...]
    tables: Tables
    signing: dict[str, str]
    signing_since: dict[str, str]
    queue: Queue
    certificate: str
    disks: tuple[Disk, ...]
    egress: Egress | None
    limited: dict[str, str]
    unread: tuple[str, ...]
    reputation: Reputation | None = None
    release: str = ""

    @property
    def signing_waits(self) -> tuple[str, ...]:
        """The domains whose mail waits for a key that receivers can find."""
        return tuple(domain for domain, selector in self.signing.items() if not selector)

    def to_json(self) -> str:
        """The content of the object."""
        return json.dumps(dataclasses.asdict(self))


def parse(text: str | bytes) -> Status:
    """A status from the object's content; raises BadStatus."""
    if len(text) > LIMIT:
        raise BadStatus(f"it is over {LIMIT} bytes")
    try:
        found = json.loads(text, parse_constant=_refused)
    except ValueError as error:
        raise BadStatus(f"it is not JSON ({len(text)} characters)") from error
    if not isinstance(found, dict) or found.get("version") not in range(OLDEST, VERSION + 1):
        raise BadStatus(
            f"its version is not {OLDEST} to {VERSION}: host and stack are of different releases"
        )
    status: Status = _read(Status, found, "status")
    moments = (status.written, status.certificate, status.tables.taken)
    _check_times((*moments, *status.signing_since.values()))
    if status.reputation:
        _check_reputation(status.reputation)
    return status


def reputation(found: Any) -> Reputation:
    """What block lists said, from a file of the host's; raises BadStatus, a ValueError."""
    read: Reputation = _read(Reputation, found, "reputation")
    _check_reputation(read)
    return read


def _check_reputation(read: Reputation) -> None:
    _check_times(read.moments)
    if not read.asked:
        raise BadStatus("reputation: it has no time")


def _check_times(moments: Iterable[str]) -> None:
    for moment in filter(None, moments):
        try:
            zone = datetime.datetime.fromisoformat(moment).tzinfo
        except ValueError:
            raise BadStatus(f"{moment!r:.80} is no time") from None
        if zone is None:
            raise BadStatus(f"{moment!r:.80} is no time with a time zone")


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")  # NaN and Infinity are Python's, not JSON's


def _read(kind: Any, value: Any, where: str) -> Any:
    """The value as the type of a field; all of it is checked, since no host is trusted."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise BadStatus(f"{where}: not an object")
        fields = typing.get_type_hints(kind)
        optional = {
            f.name for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING
        }
        if not fields.keys() - optional <= value.keys() <= fields.keys():
            raise BadStatus(f"{where}: its keys are not {sorted(fields)}")
        return kind(**{key: _read(fields[key], value[key], f"{where}.{key}") for key in value})
    if origin is tuple and isinstance(value, list):
        return tuple(_read(arguments[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {str(key): _read(arguments[1], item, where) for key, item in value.items()}
    if origin is types.UnionType and value is None:
        return None
    if origin is types.UnionType:
        return _read(arguments[0], value, where)
    if origin is Literal and value in arguments:
        return value
    if kind in (int, float) and isinstance(value, int | kind) and type(value) is not bool:
        if not 0 <= value <= (MOST if kind is int else MOST_SECONDS):
            raise BadStatus(f"{where}: {value!r:.80} is below zero, or no such number can be")
        return kind(value)
    if kind is str and isinstance(value, str):
        # such texts, a receiver's for example, are shown on terminals
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise BadStatus(f"{where}: {value!r:.80} is not what it ought to be")
