"""The guard's table: a JSON file that the agent installs, read again when it has changed."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FILE = Path("/srv/mail/tables/current/guard.json")
# Seconds: Dovecot looks at a password file once in a second of the clock (db-passwd-file.c,
# passwd_file_sync).
SAME_SECOND = 2.0


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
        self._tables = self._before = Tables()
        self._changed = 0.0

    def now(self) -> Tables:
        """The table as it is installed now; raises what `read` raises, and OSError."""
        status = self._file.stat()
        state = (status.st_ino, status.st_mtime_ns)
        if state != self._state:
            tables, changed = read(self._file.read_bytes()), self._swapped()
            # of several changes in a row, the table before the first counts
            if self._state is None or changed - self._changed >= SAME_SECOND:
                self._before = tables if self._state is None else self._tables
            self._tables, self._state, self._changed = tables, state, changed
        return self._tables

    def begun(self) -> Tables:
        """The table for a session that begins now; raises the same as `now`.

        For a moment after a change logins are as before it: Dovecot may still let a former password
        in.
        """
        tables = self.now()
        if 0 <= time.time() - self._changed < SAME_SECOND:
            return replace(tables, logins={**tables.logins, **self._before.logins})
        return tables

    def _swapped(self) -> float:
        """When the set in use was swapped: a rename changes the link's own time."""
        return self._file.parent.lstat().st_ctime
