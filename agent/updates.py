"""Finish what updates began, one gateway after another: `updates.py gateway|client s3://STATUS`.

A timer runs it every ten minutes, two hours a night. A new kernel needs a reboot (Debian notes that
in /run/reboot-required), and a replaced library counts once the services that have it loaded are
started again, which unattended-upgrades leaves to others.

Each run is the turn of another gateway, which does nothing unless another one has just written that
it serves: an update that breaks hosts ends at the first. STATUS is this host's own.
"""

import datetime
import re
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import bucket, bundle, looked_at, source
from agent.host_status import LIMIT, BadStatus, parse
from agent.main import BASES

REBOOT = Path("/run/reboot-required")
PROCESSES = Path("/proc")
# A line of /proc/PID/maps (proc(5)) for code that has been replaced on the disk.
REPLACED = re.compile(r"^\S+ ..x. .* /usr/\S+ \(deleted\)$", re.MULTILINE)
FIRST_HOUR, TURNS, MINUTES = 4, 12, 10  # as in mail-relay-updates.timer
# A host writes its status every minute.
NEWS_SECONDS = 120.0


def turn(host: str, gateways: Sequence[str], now: datetime.datetime) -> bool:
    """Whether it is a gateway's turn; that of a client host, which is in no list, is by its name.

    The turns of a night follow those of the night before, so more gateways than turns all get one.
    """
    number = ((now.hour - FIRST_HOUR) * 60 + now.minute) // MINUTES % TURNS
    if not gateways:
        return zlib.crc32(host.encode()) % TURNS == number
    return (now.toordinal() * TURNS + number) % len(gateways) == gateways.index(host)


def stale(units: Sequence[str], processes: Path = PROCESSES) -> list[str]:
    """The units of which a process runs code that has been replaced on the disk."""
    found = set[str]()
    for process in processes.glob("[0-9]*"):
        try:
            if REPLACED.search((process / "maps").read_text()):
                found.update((process / "cgroup").read_text().strip().split("/"))
        except OSError:  # it has ended
            continue
    return [unit for unit in units if unit in found]


def serving(url: str) -> str:
    """Why the gateway with this status is not seen to serve; "" if it has just written so."""
    try:
        reply = bucket.get(url, LIMIT)
        if reply.status != bucket.OK:
            return reply.code
        status = parse(reply.content)
        date, written = (
            parsedate_to_datetime(reply.headers[name]) for name in ("date", "last-modified")
        )
    except (BadStatus, bucket.BucketError, KeyError, ValueError) as error:
        return str(error)
    if (date - written).total_seconds() > NEWS_SECONDS:
        return "it has written nothing new"
    # What else has failed there holds no mail back; that a turn waits is such a failure after some
    # nights, so that two gateways would wait for each other for good.
    return f"it lacks {', '.join(status.missing)}" if status.missing else ""


def lonely(host: str, url: str, others: Sequence[str]) -> Iterator[str]:
    """What each other gateway lacks, if none of them serves."""
    lacks = list[str]()
    for other in others:
        why = serving(url.replace(f"/{host}.json", f"/{other}.json"))
        if not why:
            return
        lacks.append(f"{other}: {why}")
    yield from lacks


def main() -> int:
    """Command line: role and the URL of the own status. 1 if the tables cannot be read."""
    role, url = sys.argv[1:]
    host, now = socket.getfqdn(), datetime.datetime.now(datetime.UTC)
    units = [] if REBOOT.exists() else stale(looked_at.read().units)
    if not REBOOT.exists() and not units:
        return 0
    command = ["restart", *units] if units else ["reboot"]
    what = f"systemctl {' '.join(command)}"
    taking = list[str]()
    if role == "gateway":
        kept = source.read_kept(BASES[role])
        try:
            tables = bundle.parse(kept or b"", host, role)
        except bundle.BadBundle as error:
            print(f"<3>{what} waits: the tables in use cannot be read: {error}", flush=True)
            return 1
        taking = [each for each in tables["gateways"] if each not in tables.get("draining", [])]
    if (role == "client" or host in taking) and not turn(host, taking, now):
        return 0
    if host in taking and (lacks := [*lonely(host, url, [g for g in taking if g != host])]):
        print(f"<4>{what} waits: no other gateway serves ({'; '.join(lacks)})", flush=True)
        return 0
    print(f"<5>updates: {what}", flush=True)
    subprocess.run(["systemctl", *command], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
