"""Report what will stop mail if nobody acts: `watch.py gateway|client`, by a systemd timer.

Exit status 1 if there is a problem, with one line for each: the operator gets them by the unit's
OnFailure=, and `verify` shows the unit among those that failed.
"""

import datetime
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import looked_at, report, status, updates
from agent.host_status import CLOCK_SECONDS, Disk

DAYS = 20  # certbot renews when a third of the time is left, which is 30 days of Let's Encrypt's 90
SHARE = 0.25
REBOOT_DAYS = 4
FREE = 0.1  # of a file system's bytes and of its inodes


def ends_soon(begins: datetime.datetime, ends: datetime.datetime, now: datetime.datetime) -> str:
    """The warning about a certificate; "" while it will be renewed in time.

    Certificates get shorter lives (45 days in 2028): a quarter of such a life is less than 20 days.
    """
    left = ends - now
    if left > min(datetime.timedelta(days=DAYS), SHARE * (ends - begins)):
        return ""
    state = "has ended" if left < datetime.timedelta() else f"ends in {left.days} days"
    return (
        f"the certificate {state} ({ends:%Y-%m-%d %H:%M} UTC) and has not been renewed: logins and "
        "the clients' mail will wait. On the host: certbot renew"
    )


def certificate(host: str) -> Iterator[str]:
    """The problem of the gateway's certificate, if it has one that will soon end."""
    file = Path(f"/etc/letsencrypt/live/{host}/fullchain.pem")
    if not file.exists():
        return
    command = ["openssl", "x509", "-noout", "-dates", "-dateopt", "iso_8601", "-in", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    dates = dict(line.split("=", 1) for line in said.splitlines())
    begins, ends = (
        datetime.datetime.fromisoformat(dates[name].replace(" ", "T"))
        for name in ("notBefore", "notAfter")
    )
    if problem := ends_soon(begins, ends, datetime.datetime.now(datetime.UTC)):
        yield problem


def room(disks: tuple[Disk, ...]) -> Iterator[str]:
    """A line for each file system that is nearly full, in bytes or in inodes."""
    for disk in disks:
        if disk.free < FREE * disk.size:
            yield f"{disk.path} has {disk.free >> 20} MiB left of {disk.size >> 20}: mail will wait"
        if disk.inodes_free < FREE:
            yield f"{disk.path} has room for few files more ({disk.inodes_free:.0%} of its inodes)"


def clock(off: float | None) -> Iterator[str]:
    """A line if the clock is off, by the last look for tables (`report.Report.clock_off`)."""
    if off is not None and off > CLOCK_SECONDS:
        yield f"the clock is {off:.0f} s off: receivers refuse signatures from the future"


def waits(required: Path, now: float) -> Iterator[str]:
    """A line if a reboot has been due for days; agent/updates.py says in the journal why."""
    if not required.exists():
        return
    days = int((now - required.stat().st_mtime) / 86_400)
    if days >= REBOOT_DAYS:
        yield (
            f"a new kernel has waited for a reboot for {days} days, such as while no other gateway "
            "serves at night. On the host: journalctl -u mail-relay-updates, systemctl reboot"
        )


def main() -> int:
    """Command line: role."""
    (role,) = sys.argv[1:]
    looked = looked_at.read()
    found = [*looked.unread, *room(status.disks(looked.disks)), *clock(report.read().clock_off)]
    found += waits(updates.REBOOT, time.time())
    if role == "gateway":
        found += certificate(socket.getfqdn())
    for line in found:
        print(f"<3>{line}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
