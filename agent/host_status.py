"""How a host is: the object that it writes into the tables' bucket, and its readers read.

The one home of the format, for the host (status.py) and for those who wait for it or look at it.
"""

import dataclasses
import datetime
import json
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

VERSION = 3
# A host writes every minute; one that has been silent for so long is down or cut off.
SILENT_SECONDS = 300
LIMIT = 262_144  # bytes: more is no status, whoever wrote it


class BadStatus(Exception):
    """An object that is no host's status; the text says what is wrong with it."""


@dataclass(frozen=True)
class Setup:
    """The first boot. `step` is what is being done, `failures` how often it began anew.

    "retrying": systemd starts it again; "failed": the cause does not pass by itself. `said` has
    its last lines where it failed, else its last line.
    """

    state: Literal["running", "retrying", "failed", "done"]
    step: str
    failures: int
    said: tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """The tables in use by their ETag; how the last look for others ended, and its age in s.

    `taken` is when they were installed here (ISO 8601), `problem` what is wrong, "" if nothing is,
    and `unanswered` for how many seconds the bucket has not given what it was asked for.
    """

    etag: str
    taken: str
    result: str
    seconds: float | None
    problem: str
    unanswered: float


@dataclass(frozen=True)
class Reason:
    """Why messages wait, in the receiver's words, and how many for that."""

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
    """Whether port 25 of somebody else, or the smarthost (HOST:PORT), could be reached.

    `seconds` is the age of the answer: others are not asked every minute.
    """

    exchange: str
    problem: str
    seconds: float


@dataclass(frozen=True)
class Status:
    """Everything. `missing` is what the host lacks to serve, with the last words on each; empty: it
    serves.

    `boot` is the kernel's id of this boot, `written` ISO 8601, `clock_off` by how many seconds the
    host's clock and the bucket's differ (None: not known), `stopped` the units that do not run,
    `silent` those that run and do not answer, `certificate` when it ends (ISO 8601, "" for none),
    `signing` the selector in use by domain, "" where none is visible in DNS yet, and
    `signing_since` from when on (ISO 8601), `limited` the logins that were refused by their limit
    in the last hour, and by which, `unread` what the host could not find out, and why. A client has
    no certificate, selectors, egress and logins.
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

    @property
    def signing_waits(self) -> tuple[str, ...]:
        """The domains whose mail waits for a key that receivers can find."""
        return tuple(domain for domain, selector in self.signing.items() if not selector)

    def to_json(self) -> str:
        """As the object holds it."""
        return json.dumps(dataclasses.asdict(self))


def parse(text: str | bytes) -> Status:
    """A status from the object's content; raises BadStatus."""
    if len(text) > LIMIT:
        raise BadStatus(f"it is over {LIMIT} bytes")
    try:
        found = json.loads(text, parse_constant=_refused)
    except ValueError as error:
        raise BadStatus(f"it is not JSON ({len(text)} characters)") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise BadStatus(f"its version is not {VERSION}: host and stack are of different releases")
    status: Status = _read(Status, found, "status")
    moments = (status.written, status.certificate, status.tables.taken)
    for moment in filter(None, (*moments, *status.signing_since.values())):
        try:
            datetime.datetime.fromisoformat(moment)
        except ValueError:
            raise BadStatus(f"{moment!r:.80} is no time") from None
    return status


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")  # NaN and Infinity are Python's, not JSON's


def _read(kind: Any, value: Any, where: str) -> Any:
    """The value as the type of a field; every host is untrusted, so nothing is taken on faith."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise BadStatus(f"{where}: not an object")
        fields = typing.get_type_hints(kind)
        if set(value) != set(fields):
            raise BadStatus(f"{where}: its keys are not {sorted(fields)}")
        return kind(**{key: _read(fields[key], value[key], f"{where}.{key}") for key in fields})
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
        if value < 0:
            raise BadStatus(f"{where}: {value} is below zero")
        return kind(value)
    if kind is str and isinstance(value, str):
        # a receiver's words, say, are shown on terminals
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise BadStatus(f"{where}: {value!r:.80} is not what it ought to be")
