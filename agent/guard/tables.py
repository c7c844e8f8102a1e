"""The guard's table: a JSON file that the agent installs, read again when it has changed."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FILE = Path("/srv/mail/tables/current/guard.json")
# Dovecot looks at its passwd-file once a second, and takes a former password until then
# (src/auth/db-passwd-file.c, last_sync_time). In seconds, with as much again for a slow host.
SETTLED = 2


@dataclass(frozen=True)
class Login:
    """A login: `proof` changes with its password; `send_as` has addresses and @domain."""

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
        self._tables: Tables | None = None
        self._former: Tables | None = None
        self._swapped = 0.0
        self._changing = threading.Lock()

    def now(self) -> Tables:
        """The table as it is installed now; raises what `read` raises, and OSError."""
        with self._changing:
            status = self._file.stat()
            state = (status.st_ino, status.st_mtime_ns)
            if self._tables is None or state != self._state:
                tables, swapped = read(self._file.read_bytes()), self._since()
                # of several changes in a row, what was before the first counts
                if self._former is None or swapped - self._swapped > SETTLED:
                    self._former = self._tables
                self._tables, self._state, self._swapped = tables, state, swapped
            return self._tables

    def begun(self) -> Tables:
        """The table for a session that begins now; raises what `now` raises.

        Just after a change a login may still come by its former password, so it has the former
        proof.
        """
        tables = self.now()
        if self._former is None or not 0 <= time.time() - self._swapped < SETTLED:
            return tables
        former = self._former.logins
        logins = {
            name: replace(login, proof=former[name].proof if name in former else login.proof)
            for name, login in tables.logins.items()
        }
        return replace(tables, logins=logins)

    def _since(self) -> float:
        """When this table was put in place, by the wall clock: a rename changes a link's ctime."""
        return self._file.parent.lstat().st_ctime
