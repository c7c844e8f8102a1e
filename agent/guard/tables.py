"""The guard's table: a JSON file that the agent installs, read again when it has changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path("/srv/mail/tables/current/guard.json")


@dataclass(frozen=True)
class Login:
    """A login: `proof` changes with password and rights; `send_as` has addresses and @domain."""

    proof: str
    send_as: frozenset[str]


@dataclass(frozen=True)
class Tables:
    """The tables that the policies read.

    `gateways` are the names of all gateways. `signed_by` gives for each domain of ours, and for
    these names, the domain whose key signs its mail, or None while there is no usable key.
    """

    gateways: tuple[str, ...] = ()
    signed_by: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    logins: Mapping[str, Login] = field(default_factory=dict[str, Login])


def read(content: bytes) -> Tables:
    """The table of `agent/gateway_files.py`; raises ValueError, KeyError or TypeError."""
    raw: dict[str, Any] = json.loads(content)
    return Tables(
        gateways=tuple(raw["gateways"]),
        signed_by=dict(raw["signedBy"]),
        logins={
            name: Login(entry["proof"], frozenset(entry["sendAs"]))
            for name, entry in raw["logins"].items()
        },
    )


class Kept:
    """The table in use; each message checks by one system call whether the file has changed."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file
        self._state: tuple[int, int] | None = None
        self._tables = Tables()

    def now(self) -> Tables:
        """The table as it is installed now; raises what `read` raises, and OSError."""
        status = self._file.stat()
        state = (status.st_ino, status.st_mtime_ns)
        if state != self._state:
            self._tables = read(self._file.read_bytes())
            self._state = state
        return self._tables
