"""Write how this host is: `status.py gateway|client s3://BUCKET/KEY [WAY]`, as root.

Run every minute and on change. WAY is where mail leaves: the smarthost's HOST:PORT, or @DOMAIN,
whose mail exchangers show whether port 25 is open. It needs nothing but Python and the image's AWS
CLI, since it also tells of a host whose packages are not installed yet.
"""

import contextlib
import datetime
import json
import os
import smtplib
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.host_status import VERSION, Disk, Egress, Queue, Reason, Setup, Status, Tables

UNITS = (
    "postfix.service",
    "opendkim.service",
    "opendkim-verify.service",
    "opendmarc.service",
    "postsrsd.service",
    "dovecot.service",
    "nftables.service",
    "mail-relay-tables.timer",
    "certbot.timer",
)
TABLES = {"gateway": Path("/srv/mail/tables"), "client": Path("/var/lib/mail-relay/tables")}
DISKS = {"gateway": ("/", "/srv/mail"), "client": ("/",)}
PORTS = (25, 587, 465)
RUN = Path("/run/mail-relay")
DONE = Path("/var/lib/mail-relay/set-up")
SETUP = "mail-relay-setup.service"
LINES, LINE, REASONS = 8, 300, 5
EX_CONFIG = 78
SECONDS = 10
# Whoever is asked whether port 25 is open did nothing to deserve it every minute.
EGRESS_SECONDS, EGRESS_FAILED_SECONDS = 3600, 300
# A large provider's domain, where the operator's mail exchangers are this host.
PROVIDER = "gmail.com"


def run(*command: str) -> str:
    """The output of a command, empty where there is no such program yet."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def _text(file: Path) -> str:
    """A file's text, "" where there is none yet."""
    return file.read_text().strip() if file.exists() else ""


def properties(unit: str, *names: str) -> dict[str, str]:
    """What systemd knows of a unit."""
    lines = run("systemctl", "show", unit, f"--property={','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def setup() -> Setup:
    """How far the first boot is."""
    if DONE.exists():
        return Setup("done", "", 0, ())
    names = ("ActiveState", "SubState", "NRestarts", "ExecMainStatus", "Result", "InvocationID")
    found = properties(SETUP, *names)
    failures = int(found.get("NRestarts") or 0)
    step = _text(RUN / "step")
    if found.get("ActiveState") == "failed" and found.get("ExecMainStatus") == str(EX_CONFIG):
        return Setup("failed", step, failures, _last_lines(1))
    waits = found.get("SubState", "").startswith("auto-restart") or failures > 0
    return Setup("retrying" if waits else "running", step, failures, _last_lines() if waits else ())


def _last_lines(count: int = LINES) -> tuple[str, ...]:
    """What the set-up wrote last."""
    said = run("journalctl", "-q", "-o", "cat", "-n", str(count), f"_SYSTEMD_UNIT={SETUP}")
    return tuple(line[:LINE] for line in said.splitlines())


def stopped() -> tuple[str, ...]:
    """Units that failed, and those that are to run and do not."""
    listed = run("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    found = {line.split()[0] for line in listed.splitlines()}
    for unit in UNITS:
        state = properties(unit, "UnitFileState", "ActiveState")
        enabled = state.get("UnitFileState") == "enabled"
        if enabled and state.get("ActiveState") in ("inactive", "failed"):
            found.add(unit)
    return tuple(sorted(found - {SETUP}))


def tables(base: Path) -> Tables:
    """The tables in use, and how the last look for new ones went."""
    last = _ended_look()
    ended = int(last.get("ExecMainExitTimestampMonotonic") or 0) / 1e6
    seconds = time.clock_gettime(time.CLOCK_MONOTONIC) - ended if ended else None
    return Tables(_text(base / "etag").strip('"'), last.get("Result", ""), seconds)


def _ended_look() -> dict[str, str]:
    """While the agent looks, systemd has forgotten how it went before."""
    deadline = time.monotonic() + SECONDS
    while True:
        names = ("ActiveState", "Result", "ExecMainExitTimestampMonotonic")
        found = properties("mail-relay-tables.service", *names)
        if found.get("ActiveState") != "activating" or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def signing(base: Path) -> dict[str, str]:
    """The selector that signs for each domain (OpenDKIM's KeyTable), "" while none is visible."""
    found = {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        found = dict.fromkeys(json.loads((base / "bundle.json").read_text())["domains"], "")
    for line in _text(base / "current" / "KeyTable").splitlines():
        domain, selector, _ = line.split()[1].split(":")
        found[domain] = selector
    return found


def queue() -> Queue:
    """How many messages wait, for how long the oldest does, and why."""
    messages = [json.loads(line) for line in run("postqueue", "-j").splitlines()]
    reasons: Counter[str] = Counter()
    for message in messages:
        said = {r["delay_reason"] for r in message["recipients"] if r.get("delay_reason")}
        reasons.update(text[:LINE] for text in said)
    oldest = min((message["arrival_time"] for message in messages), default=None)
    return Queue(
        len(messages),
        sum(message["queue_name"] == "hold" for message in messages),
        max(time.time() - oldest, 0.0) if oldest is not None else 0.0,
        tuple(Reason(text, count) for text, count in reasons.most_common(REASONS)),
    )


def certificate(host: str) -> str:
    """When the certificate ends; "" where there is none."""
    file = f"/etc/letsencrypt/live/{host}/fullchain.pem"
    said = run("openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", file)
    return said.strip().partition("=")[2].replace(" ", "T")


def disks(paths: tuple[str, ...]) -> tuple[Disk, ...]:
    """The file systems that mail needs."""
    found = []
    for path in paths:
        if path == "/" or os.path.ismount(path):
            held = os.statvfs(path)
            inodes = held.f_favail / held.f_files if held.f_files else 1.0
            free, size = held.f_bavail * held.f_frsize, held.f_blocks * held.f_frsize
            found.append(Disk(path, free, size, inodes))
    return tuple(found)


def egress(way: str, host: str) -> Egress:
    """Whether mail can leave; an answer is kept for a while."""
    kept = RUN / "egress.json"
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        last = json.loads(kept.read_text())
        age = time.monotonic() - last["at"]
        lasts = EGRESS_FAILED_SECONDS if last["problem"] else EGRESS_SECONDS
        if last["way"] == way and age < lasts:
            return Egress(last["exchange"], last["problem"], age)
    exchange, problem = _try(exchanges(way[1:], host) if way.startswith("@") else [way])
    at = time.monotonic()
    kept.write_text(json.dumps({"way": way, "exchange": exchange, "problem": problem, "at": at}))
    return Egress(exchange, problem, 0.0)


def exchanges(domain: str, host: str) -> list[str]:
    """Mail exchangers of a domain, the preferred one first; a large provider's if it has none."""
    import dns.exception  # installed with the packages
    import dns.resolver

    for name in (domain, PROVIDER):
        with contextlib.suppress(dns.exception.DNSException):
            answer = dns.resolver.resolve(name, "MX", lifetime=SECONDS)
            found = sorted((record.preference, str(record.exchange)[:-1]) for record in answer)
            if others := [exchange for _, exchange in found if exchange not in (host, "")]:
                return others
    return []


def _try(ways: list[str]) -> tuple[str, str]:
    """The first way that gives a greeting, or why none does."""
    problem = "no mail exchanger elsewhere is found in DNS"
    for way in ways:
        try:
            with (smtplib.SMTP_SSL if way.endswith("465") else smtplib.SMTP)(way, timeout=SECONDS):
                return way, ""
        except (OSError, smtplib.SMTPException) as error:
            problem = f"{type(error).__name__}: {error}"[:LINE]
    return ", ".join(ways), problem


def missing(status: Status, role: str) -> tuple[str, ...]:
    """What the host lacks to serve, in the order in which it comes."""
    if status.setup.state != "done":
        return (status.setup.step or "set-up",)
    found = [] if status.tables.etag else ["tables"]
    if role == "gateway" and not status.certificate:
        found.append("certificate")
    elif role == "gateway":
        listening = run("ss", "-Hltn").split()
        found += [f"port {p}" for p in PORTS if not any(at.endswith(f":{p}") for at in listening)]
    return (*found, *status.stopped)


def look(role: str, way: str) -> Status:
    """Everything, now."""
    host, base = socket.getfqdn(), TABLES[role]
    is_gateway, first = role == "gateway", setup()
    ready = first.state == "done"
    status = Status(
        VERSION,
        host,
        _text(Path("/var/lib/cloud/data/instance-id")),
        _text(Path("/proc/sys/kernel/random/boot_id")),
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        first,
        (),
        stopped(),
        tables(base),
        signing(base) if is_gateway else {},
        queue() if ready else Queue(0, 0, 0.0, ()),
        certificate(host) if is_gateway else "",
        disks(DISKS[role]),
        egress(way, host) if way and ready else None,
    )
    return Status(**{**status.__dict__, "missing": missing(status, role)})


def put(url: str, text: str) -> int:
    """Write the object; the CLI's own exit code."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    file = RUN / "status.json"
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)  # also read here, where somebody has a shell
    command: list[Any] = ["aws", "s3api", "put-object", "--bucket", bucket, "--key", key]
    command += ["--content-type", "application/json", "--body", str(file)]
    result = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return result.returncode


def main() -> int:
    """Command line: role, URL, and the way out of a gateway."""
    role, url, *ways = sys.argv[1:]
    RUN.mkdir(mode=0o755, exist_ok=True)
    return put(url, look(role, ways[0] if ways else "").to_json())


if __name__ == "__main__":
    sys.exit(main())
