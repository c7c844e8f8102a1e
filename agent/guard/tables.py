"""The guard's table: a JSON file that the agent installs, read again when it has changed."""

import json
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
    """A login: `proof` changes with its password, `send_as` has addresses and @domain.

    `since` is the number of the set of tables in which its password was new; 0 for a new login.
    """

    proof: str
    send_as: frozenset[str]
    since: int = 0


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
            name: Login(entry["proof"], frozenset(entry["sendAs"]), int(entry["since"]))
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

    def begun(self) -> Tables:
        """The table for a session that begins now; raises what `now` raises.

        Just after a change it lacks the logins whose passwords are new in it, or in a set that was
        made seconds before: such a session may have come by a former one.
        """
        tables, link, now = self.now(), self._file.parent, time.time()
        # a rename changes the link's ctime
        if abs(now - link.lstat().st_ctime) >= SETTLED:
            return tables
        made = link.parent / link.readlink()
        before = made.with_name(f"{int(made.name) - 1}")
        new = {int(made.name)}
        if before.exists() and abs(now - before.stat().st_mtime) < 2 * SETTLED:
            new.add(int(before.name))
        logins = {name: login for name, login in tables.logins.items() if login.since not in new}
        return replace(tables, logins=logins)
