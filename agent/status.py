"""Write this host's status: `status.py gateway|client s3://BUCKET/KEY [WAY]`, as root.

Run every minute and on change. WAY is how mail leaves: by the smarthost's HOST:PORT, or @DOMAIN,
whose mail exchangers show whether port 25 is open. It needs nothing but Python and the image's
curl, since it also reports on a host whose packages are not installed yet.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import answers, bucket, egress, host_status, looked_at, report, state_file
from agent.gateway_files import read_key_table
from agent.host_status import VERSION, Disk, Queue, Reason, Setup, Status, Tables
from agent.install import write
from agent.limits import HOUR

TABLES = {"gateway": Path("/srv/mail/tables"), "client": Path("/var/lib/mail-relay/tables")}
PORTS = (25, 587, 465)
RUN = Path("/run/mail-relay")
LIMITED = RUN / "limited.json"
LISTED = Path("/srv/mail/block_lists.json")
DONE = Path("/var/lib/mail-relay/set-up")
RELEASE = Path("/usr/local/lib/mail-relay/release")  # written by the boot's `fetch`
SETUP, POSTFIX = "mail-relay-setup.service", "postfix.service"
LINES, LINE, REASONS, KINDS = 8, 300, 5, 1000
EX_CONFIG = 78
SECONDS = 10
QUEUE_SECONDS = 45  # enough for some 100,000 messages, each a file to be read
T = TypeVar("T")


def run(*command: str) -> str:
    """The output of a command, empty if the program is not installed yet."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def properties(unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit, as systemd shows them."""
    lines = run("systemctl", "show", unit, f"--property={','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def setup() -> Setup:
    """The progress of the set-up at the first boot."""
    if DONE.exists():
        return Setup("done", "", 0, ())
    names = ("ActiveState", "SubState", "NRestarts", "ExecMainStatus")
    found = properties(SETUP, *names)
    failures = int(found.get("NRestarts") or 0)
    step = state_file.text(RUN / "step")
    if found.get("ActiveState") == "failed" and found.get("ExecMainStatus") == str(EX_CONFIG):
        return Setup("failed", step, failures, _last_lines(1))
    waits = found.get("SubState", "").startswith("auto-restart") or failures > 0
    # one line shows the progress of a long step, such as the first fetch of the packages
    said = _last_lines() if waits else _last_lines(1)
    return Setup("retrying" if waits else "running", step, failures, said)


def _last_lines(count: int = LINES, unit: str = SETUP) -> tuple[str, ...]:
    """The last lines that a unit wrote."""
    said = run("journalctl", "-q", "-o", "cat", "-n", str(count), f"_SYSTEMD_UNIT={unit}")
    return tuple(line[:LINE] for line in said.splitlines())


def stopped(units: tuple[str, ...]) -> tuple[str, ...]:
    """Units that failed, and those of `units` that are enabled and do not run, or keep ending."""
    listed = run("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    found = {line.split()[0] for line in listed.splitlines()}
    kept = RUN / "restarts.json"
    before = state_file.read(
        kept, lambda found: {str(unit): int(count) for unit, count in found.items()}, {}
    )
    restarts: dict[str, int] = {}
    for unit in units:
        state = properties(unit, "UnitFileState", "ActiveState", "SubState", "NRestarts")
        if state.get("UnitFileState", "").startswith("masked"):  # by a person: it cannot start
            found.add(unit)
        if state.get("UnitFileState") != "enabled":
            continue
        restarts[unit] = int(state.get("NRestarts") or 0)
        # a unit that ends at each start is "activating" between two starts, or active for a moment
        waits = state.get("SubState", "").startswith("auto-restart")
        ends = restarts[unit] > before.get(unit, 0)
        if waits or ends or state.get("ActiveState") in ("inactive", "failed"):
            found.add(unit)
    write(kept, json.dumps(restarts))
    return tuple(sorted(found - {SETUP}))


def tables(base: Path) -> Tables:
    """The tables in use, and the result of the last look for new ones."""
    last = _ended_look()
    ended = int(last.get("ExecMainExitTimestampMonotonic") or 0) / 1e6
    seconds = time.clock_gettime(time.CLOCK_MONOTONIC) - ended if ended else None
    found, etag = report.read(), ""
    since = found.unanswered_since
    unanswered = 0.0 if since is None else max(time.monotonic() - since, 0.0)
    with contextlib.suppress(OSError):
        etag = hashlib.md5((base / "bundle.json").read_bytes(), usedforsecurity=False).hexdigest()

    def moment(times: Any) -> str:
        return datetime.datetime.fromisoformat(times[etag]).isoformat(timespec="seconds")

    taken = state_file.read(base / "taken.json", moment, "")
    return Tables(etag, taken, last.get("Result", ""), seconds, found.problem, unanswered)


def _ended_look() -> dict[str, str]:
    """The result of the last look for tables, which systemd shows only between two looks."""
    deadline = time.monotonic() + SECONDS
    while True:
        names = ("ActiveState", "Result", "ExecMainExitTimestampMonotonic")
        found = properties("mail-relay-tables.service", *names)
        if found.get("ActiveState") != "activating" or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def signing(base: Path) -> dict[str, str]:
    """The selector that signs for each domain (OpenDKIM's KeyTable), "" while none is visible."""
    every = state_file.read(
        base / "bundle.json", lambda bundle: dict.fromkeys(map(str, bundle["domains"]), ""), {}
    )
    return every | read_key_table(state_file.text(base / "current" / "KeyTable"))


def signing_since(base: Path) -> dict[str, str]:
    """The time since which each domain is signed with the selector in use."""

    def moment(seen: Any) -> str:
        return datetime.datetime.fromtimestamp(seen["since"], datetime.UTC).isoformat(
            timespec="seconds"
        )

    return state_file.read(
        base / "seen.json",
        lambda found: {str(domain): moment(seen) for domain, seen in found.items()},
        {},
    )


def queue() -> Queue:
    """The number of waiting messages, the oldest one's age, and the reasons: read line by line.

    The list of 100,000 messages is hundreds of megabytes when it is read whole. TimeoutError if
    Postfix hangs.
    """
    messages = held = 0
    oldest = time.time()
    reasons: Counter[str] = Counter()
    with subprocess.Popen(["postqueue", "-j"], stdout=subprocess.PIPE, text=True) as listing:
        patience = Timer(QUEUE_SECONDS, listing.kill)
        patience.start()
        for line in listing.stdout or ():
            message = json.loads(line)
            messages += 1
            held += message["queue_name"] == "hold"
            oldest = min(oldest, message["arrival_time"])
            said = {r["delay_reason"] for r in message["recipients"] if r.get("delay_reason")}
            reasons.update(text[:LINE] for text in said if text in reasons or len(reasons) < KINDS)
        patience.cancel()
    if listing.returncode == -signal.SIGKILL:
        raise TimeoutError(f"the list of the queue has no end after {QUEUE_SECONDS} s")
    if listing.returncode:
        raise OSError(f"postqueue ended with {listing.returncode}")
    most = tuple(Reason(text, count) for text, count in reasons.most_common(REASONS))
    return Queue(messages, held, max(time.time() - oldest, 0.0), most)


def certificate(host: str) -> str:
    """The time at which the certificate ends; "" if there is none."""
    file = f"/etc/letsencrypt/live/{host}/fullchain.pem"
    said = run("openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", file)
    return said.strip().partition("=")[2].replace(" ", "T")


def disks(paths: tuple[str, ...]) -> tuple[Disk, ...]:
    """The mounted file systems among these paths."""
    found = []
    for path in paths:
        if path == "/" or os.path.ismount(path):
            held = os.statvfs(path)
            inodes = held.f_favail / held.f_files if held.f_files else 1.0
            free, size = held.f_bavail * held.f_frsize, held.f_blocks * held.f_frsize
            found.append(Disk(path, free, size, inodes))
    return tuple(found)


def limited() -> dict[str, str]:
    """The logins that limits_watch.py found refused in the last hour, and the limit of each."""
    now = time.time()

    def form(found: Any) -> dict[str, str]:
        lately = {login: what for login, (what, at) in found.items() if 0 <= now - at < HOUR}
        return {str(login): str(what) for login, what in lately.items()}

    return state_file.read(LIMITED, form, {})


def missing(status: Status, role: str, units: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The things that the host lacks to serve, in order, with the last log lines on each."""
    if status.setup.state != "done":
        return {status.setup.step or "set-up": status.setup.said}
    found: dict[str, tuple[str, ...]] = {}
    if not status.tables.etag:
        found["tables"] = _last_lines(3, "mail-relay-tables.service")
    now = datetime.datetime.now(datetime.UTC)
    if role == "gateway":
        ends = status.certificate and datetime.datetime.fromisoformat(status.certificate)
        said = _last_lines(LINES, "mail-relay-certificate.service")
        if not ends or ends < now:
            found["certificate"] = said
        else:
            listening = run("ss", "-Hltn").split()
            closed = [p for p in PORTS if not any(at.endswith(f":{p}") for at in listening)]
            found |= {f"port {port}": said for port in closed}
    # other units, of the image or with a warning that mail waits, hold no mail back
    needed = [unit for unit in status.stopped if unit in units]
    found |= {unit: _last_lines(3, unit) for unit in needed}
    found |= dict.fromkeys(status.silent, ("it runs and does not answer",))
    return found | ({"status": status.unread} if status.unread else {})


def look(role: str, way: str) -> Status:
    """The whole status, now. Parts that fail are reported too: a silent host could be off."""
    host, base, looked = socket.getfqdn(), TABLES[role], looked_at.read()
    unread = [*looked.unread]

    def part(what: str, otherwise: T, read: Callable[[], T]) -> T:
        try:
            return read()
        except Exception as error:  # whatever it is, the other parts are reported
            unread.append(f"{what} cannot be told: {type(error).__name__}: {error}"[:LINE])
            return otherwise

    is_gateway = role == "gateway"
    first = part("the set-up", Setup("running", "", 0, ()), setup)
    ready = first.state == "done"
    empty = Queue(0, 0, 0.0, ())
    down = part("who runs", (), lambda: stopped(looked.units))
    running = set(looked.units) - set(down) if ready else set[str]()
    mute = part("who answers", (), lambda: tuple(sorted(answers.silent(running))))
    listed = ready and POSTFIX not in mute  # a Postfix that hangs lists nothing
    status = Status(
        VERSION,
        host,
        state_file.text(Path("/var/lib/cloud/data/instance-id")),
        state_file.text(Path("/proc/sys/kernel/random/boot_id")),
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        report.read().clock_off,
        first,
        {},
        down,
        mute,
        part("the tables", Tables("", "", "", None, "", 0.0), lambda: tables(base)),
        part("who signs", {}, lambda: signing(base) if is_gateway else {}),
        part("since when", {}, lambda: signing_since(base) if is_gateway else {}),
        part("the queue", empty, queue) if listed else empty,
        part("the certificate", "", lambda: certificate(host) if is_gateway else ""),
        part("the disks", (), lambda: disks(looked.disks)),
        part("the way out", None, lambda: egress.last(way) if way else None),
        part("who is limited", {}, limited),
        (),
        # written by block_lists.py
        state_file.read(LISTED, host_status.reputation, None),
        part("the release", "", lambda: state_file.text(RELEASE)),
    )
    status = dataclasses.replace(status, unread=tuple(unread))
    return dataclasses.replace(status, missing=missing(status, role, looked.units))


def put(url: str, text: str) -> int:
    """Write the status object; 1, with the reason, if that fails."""
    file = RUN / "status.json"
    write(file, text)  # also read on the host, by people with a shell
    try:
        bucket.put(url, file, "application/json")
    except bucket.BucketError as error:
        print(f"<3>{url} cannot be written: {error}", flush=True)
        return 1
    return 0


def main() -> int:
    """Command line: role, URL, and the way out of a gateway."""
    role, url, *ways = sys.argv[1:]
    RUN.mkdir(mode=0o755, exist_ok=True)
    way = ways[0] if ways else ""
    status = look(role, way)
    result = put(url, status.to_json())
    # the status does not wait for answers of other servers
    if way and status.setup.state == "done" and egress.tried(way, status.host):
        result = put(url, look(role, way).to_json())
    return result


if __name__ == "__main__":
    sys.exit(main())
