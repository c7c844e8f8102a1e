"""Ban or slow down an address with too many wrong passwords.

`guessing.py ADDRESS [SECONDS TIME MINUTES LOGINS]`, called by fail2ban. Failures of LOGINS
different logins within MINUTES of TIME (in s since 1970) are guesses: the address is banned from
587, 465 and 993. Fewer may be one user's forgotten password, in an office with one address: it is
slowed down. Without SECONDS both are undone. TIME is the time of fail2ban's decision, which may be
long ago: fail2ban repeats its bans when it is started.
"""

import contextlib
import datetime
import ipaddress
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

LOG = Path("/var/log/mail-failures.log")
# The addresses of the stack's own hosts, one network on each line (Postfix's cidr_table).
OWN = Path("/srv/mail/tables/current/own_hosts")
# The part before, to which logrotate has renamed the log.
ROTATED = Path("/var/log/mail-failures.log.1")
# Whole lines, as fail2ban's filter has them (filter.d/mail-relay.conf): text from strangers may
# look like a part of one.
FAILURE = re.compile(
    r"\S+ postfix/\S+/smtpd\[\d+\]: warning: [^\[\s]+\[(?P<smtp>[\d.]+)\]: SASL \S+ "
    r"authentication failed: .*?sasl_username=(?P<sasl>.*)"
    r"|\S+ dovecot: auth\((?P<user>.*),(?P<imap>[\d.]+),sasl:[\w-]+\)<[^<>]*>: "
    r"[\w-]+: (?:Password mismatch|unknown user)"
)
TABLE = ("ip", "guessing")


def logins(lines: Iterable[str], address: str, moment: float, minutes: int) -> set[str]:
    """The logins that this address has failed with, at most `minutes` before or after `moment`."""
    found: set[str] = set()
    for line in lines:
        time, _, said = line.partition(" ")
        failure = FAILURE.fullmatch(said)
        if failure is None or address not in (failure["smtp"], failure["imap"]):
            continue
        try:
            age = moment - datetime.datetime.fromisoformat(time).timestamp()
        except ValueError:
            continue  # the line is cut off
        if abs(age) <= 60 * minutes:
            found.add((failure["sasl"] or failure["user"] or "").lower())
    return found


def is_own(address: str) -> bool:
    """Whether the address is that of a host of the stack."""
    lines = OWN.read_text().splitlines() if OWN.exists() else []
    own = [ipaddress.ip_network(line.split()[0]) for line in lines]
    return any(ipaddress.ip_address(address) in network for network in own)


def nft(verb: str, kind: str, element: str) -> None:
    """Change an nftables set; deleting an element that is not in it is no error."""
    command = ["nft", verb, "element", *TABLE, kind, "{", element, "}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0 and verb != "delete":
        raise SystemExit(result.stderr)


def said_of(address: str) -> Iterator[str]:
    """The lines with this address in both log files."""
    for file in (ROTATED, LOG):
        with contextlib.suppress(FileNotFoundError), file.open("rb") as log:
            for line in log:
                if address.encode() in line:
                    yield line.decode(errors="replace").rstrip("\n")


def main() -> None:
    """Command line, see above."""
    address, *limits = sys.argv[1:]
    for kind in ("banned", "slowed"):
        nft("delete", kind, address)
    if not limits or is_own(address):
        return
    seconds, moment, minutes, many = map(float, limits)
    failed = logins(said_of(address), address, moment, int(minutes))
    kind = "banned" if len(failed) >= many else "slowed"
    nft("add", kind, f"{address} timeout {seconds:.0f}s")


if __name__ == "__main__":
    main()
