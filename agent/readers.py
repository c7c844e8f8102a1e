"""The services that read the installed files, and reload if one of their files has changed.

A service that must reload is written down before the change, and removed from the list after it
has reloaded. If a run is killed in between, the next run does the rest.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

from agent import limits
from agent.install import File, differing, install, to_tell, untold

POSTFIX = "postfix.service"
SERVICES = {
    "gateway": ("opendkim.service", "postsrsd.service", *limits.UNITS, POSTFIX),
    "client": (POSTFIX,),
}
# The services that keep a file, or the files of a folder, in memory; all other files are Postfix's
# (texthash). Dovecot notices a changed file at each login, the guard at each message.
READERS = {
    "KeyTable": ("opendkim.service",),
    "SigningTable": ("opendkim.service",),
    "keys": ("opendkim.service",),
    "postsrsd": ("postsrsd.service",),
    "limits": limits.UNITS,
    "guard.json": (),
    "passwords.smtp": (),
    "passwords.imap": (),
    "mailbox_users": (),
}
# Services that read their files only when they start.
RESTARTED = ("postsrsd.service", *limits.UNITS)
IMAP = "imap "
LOGIN = re.compile(r"[!-~]+@[!-~]+")
# Exit statuses of doveadm-kick(1): nobody was logged in, or Dovecot does not run (EX_TEMPFAIL).
NOBODY, DOWN = (67, 68), 75
# A look tells twice, and its unit ends it after 120 seconds. One of systemctl's commands may hang,
# and doveadm asks a Dovecot that is down for five seconds (anvil-client.c).
SECONDS, DOVEADM_SECONDS, ALL_KICKS_SECONDS = 10, 7, 8
# A session that was let in just before is known to `doveadm kick` by then, in seconds.
KNOWN = 5.0


def put(role: str, base: Path, files: dict[str, File]) -> list[str]:
    """Install exactly these files; returns a line for each service that could not reload."""
    changed = differing(base, files)
    owed = {name for name in untold(base, SERVICES[role]) if _is_reader(role, name)}
    if changed:
        owed |= {reader for name in changed for reader in _readers(name)}
        owed |= {IMAP + login for login in _cut_off(base, files) if LOGIN.fullmatch(login)}
        to_tell(base, owed)
        install(base, files)
    left = _tell_all(role, base, owed)
    return [f"{name} could not be told of new tables" for name in sorted(left)]


def owe(role: str, base: Path, name: str) -> None:
    """Have a service reload at the next `put`, for a change that is made elsewhere."""
    to_tell(base, untold(base, SERVICES[role]) | {name})


def _is_reader(role: str, name: str) -> bool:
    """Whether a name on the list is a reader's: the file may be damaged, or of an older version."""
    login = name.removeprefix(IMAP)
    return name in SERVICES[role] or (login != name and LOGIN.fullmatch(login) is not None)


def _readers(name: str) -> tuple[str, ...]:
    return READERS.get(name.partition("/")[0], (POSTFIX,))


def _in_order(role: str, names: set[str]) -> list[str]:
    """Postfix, which asks the other services, reloads last."""
    return [name for name in SERVICES[role] if name in names]


def _cut_off(base: Path, files: dict[str, File]) -> list[str]:
    """The logins that may still have IMAP sessions with a password that is no longer valid."""
    name = "passwords.imap"
    try:
        before = (base / "current" / name).read_bytes().splitlines()
    except OSError:
        return []
    after = set(files[name].octets.splitlines()) if name in files else set[bytes]()
    return [
        line.partition(b":")[0].decode(errors="replace") for line in before if line not in after
    ]


def _tell_all(role: str, base: Path, names: set[str]) -> set[str]:
    """Tell each of these; return those that could not be told.

    A program that hangs is not run again for the others: the next look does that. Services do not
    wait for the sessions, of which there may be many.
    """
    left = set(names)
    with contextlib.suppress(subprocess.TimeoutExpired):
        for name in _in_order(role, names):
            if _tell(name):
                left.discard(name)
                to_tell(base, left)
    if sessions := {name for name in left if name.startswith(IMAP)}:
        left -= end_sessions(sessions)
        to_tell(base, left)
    return left


def end_sessions(names: set[str]) -> set[str]:
    """End these logins' IMAP sessions, twice; return the names for which that is done.

    The others, if there is no time for all, are the next look's. One that hangs stops no others.
    """
    exchanges_ended = _end_exchanges()
    done = set(names)
    for pause in (KNOWN, 0.0):
        end, codes = time.monotonic() + ALL_KICKS_SECONDS, dict[str, int]()
        for name in random.sample(sorted(done), len(done)):  # whoever hangs is not always the first
            if time.monotonic() > end:
                break
            codes[name], _ = _doveadm("doveadm", "kick", "--", name.removeprefix(IMAP))
            if codes[name] == DOWN:  # nobody is logged in, and it starts with the new files
                return set(names)
        done = {name for name, code in codes.items() if code in (0, *NOBODY)}
        time.sleep(pause)
    return done if exchanges_ended else set()


def _end_exchanges() -> bool:
    """Whether no exchange is half done: Dovecot's auth process ends, its master starts another.

    It checks DIGEST-MD5's password before the client's last, empty line, and waits for that for
    150 seconds (mech-digest-md5.c, auth-request-handler.c): a former password would get in after
    all sessions have ended. quota-status notices only with its next question that auth has ended,
    and defers a recipient; if it ends too, Postfix asks again.
    """
    code, mechanisms = _doveadm("doveconf", "-h", "auth_mechanisms")
    if code != 0 or b"digest-md5" not in mechanisms:
        return code == 0
    code, listed = _doveadm("doveadm", "-f", "tab", "process", "status")
    for service in (rb"auth", rb"quota-status"):
        for pid in re.findall(rb"^%b\t([1-9]\d+)\t" % service, listed, re.MULTILINE):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)
    return code == 0


def _doveadm(*command: str) -> tuple[int, bytes]:
    """Exit status and output; -1 if the program cannot be run, or hangs."""
    try:
        result = subprocess.run(
            command, check=False, timeout=DOVEADM_SECONDS, stdout=subprocess.PIPE
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return -1, b""
    return result.returncode, result.stdout or b""


def _tell(name: str) -> bool:
    """Whether systemd accepted the reload; if the unit then fails, its journal has the reason.

    Raises TimeoutExpired.
    """
    # a unit that failed with the old files may start with the new ones, without its restart delay
    _runs("systemctl", "reset-failed", name)
    verb = "restart" if name in RESTARTED else "reload-or-restart"
    return _runs("systemctl", "--no-block", verb, name)


def _runs(*command: str) -> bool:
    """Whether a command's exit status was 0."""
    try:
        return subprocess.run(command, check=False, timeout=SECONDS).returncode == 0
    except (OSError, ValueError):
        return False
