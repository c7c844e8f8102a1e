"""Report logins that have reached their limits. Run every minute by a systemd timer.

policyd-rate-limit notes each refusal in its database; here it becomes a line of the journal, a
letter to the operator (once a day for a login) and, by limited.json, a part of the host's status.
"""

import json
import os
import pwd
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import state_file
from agent.install import write
from agent.limits import DAY, HOUR, KINDS, RUN

USER = "policyd-rate-limit"
TOLD = Path("/var/lib/mail-relay/limits.json")
LIMITED = Path("/run/mail-relay/limited.json")
LETTER = (
    "Subject: {login} has reached its limit at {host}\n"
    "Auto-Submitted: auto-generated\n\n"
    "The login {login} has sent as many {what} as it may.\n"
    "What it sends beyond is answered with 450 and may be tried again later.\n\n"
    "If it is not the user who sends so much, the password is somebody else's by now:\n"
    "    ./relay users change {login} --new-password, and pulumi up\n"
    "If it is, raise the limits of the login in mail-relay:logins (limits).\n"
    "There is no other letter on this login for a day.\n"
)


@contextmanager
def as_counter() -> Iterator[None]:
    """Run with the rights of the database's owner only."""
    os.seteuid(pwd.getpwnam(USER).pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def refusals(file: Path, now: float) -> list[tuple[str, int, int]]:
    """(login, seconds of the limit, refusals) since the last look; forgets old counts."""
    with closing(sqlite3.connect(file)) as database, database:
        found = database.execute("SELECT id, delta, hit FROM limit_report").fetchall()
        database.execute("DELETE FROM limit_report")
        # nothing else does: the package's own clean-up reads the limits of another file
        database.execute("DELETE FROM mail_count WHERE date < ?", (int(now) - 2 * DAY,))
    return found


def words(kind: str, seconds: int) -> str:
    """A limit in words, such as "messages in an hour"."""
    return f"{kind} in {'an hour' if seconds == HOUR else 'a day'}"


def read(file: Path, now: float, seconds: int) -> dict[str, list[object]]:
    """The entries by login of the last `seconds` (the last part of each is its time).

    {} if the file cannot be read.
    """

    def form(found: Any) -> dict[str, list[object]]:
        kept = {n: list(t) for n, t in found.items() if 0 <= now - float(t[-1]) < seconds}
        return {login: told for login, told in kept.items() if login.isascii()}

    return state_file.read(file, form, {})


def main() -> int:
    """Report new refusals, and remember the reports; exit code 1 if something could not be done."""
    now = time.time()
    # each login's limit and the time of its last refusal, in this hour
    limited, told = read(LIMITED, now, HOUR), read(TOLD, now, DAY)
    problems = list[str]()
    for kind in KINDS:
        file = Path(RUN) / kind / "counts.sqlite3"
        try:
            with as_counter():
                found = refusals(file, now) if file.exists() else []
        except (OSError, sqlite3.Error) as error:
            problems.append(f"{file} cannot be read: {error}")
            continue
        for login, seconds, count in found:
            what = words(kind, seconds)
            print(f"<4>{login}: {count} times refused, by its limit of {what}", flush=True)
            limited[login] = [what, now]
    # before the letters: the refusals are no longer in the database
    LIMITED.parent.mkdir(mode=0o755, exist_ok=True)
    write(LIMITED, json.dumps(limited))
    for login, (what, *_) in limited.items():
        if login in told:
            continue
        text = LETTER.format(login=login, what=what, host=socket.getfqdn())
        try:
            subprocess.run(["sendmail", "-i", "root"], input=text, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            problems.append(f"no letter about {login}: {error}")
            continue
        told[login] = [now]
        write(TOLD, json.dumps(told))
    for problem in problems:
        print(f"<3>{problem}", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
