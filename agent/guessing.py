"""What becomes of an address with too many wrong passwords.

`guessing.py ADDRESS [SECONDS MINUTES LOGINS]`, called by fail2ban. Failures of LOGINS different
logins in the last MINUTES are guesses: the address is shut out of 587, 465 and 993. Fewer may be
one user's forgotten password, and an office is behind the address: it is slowed down. Without
SECONDS neither is so any longer.
"""

import datetime
import ipaddress
import re
import subprocess
import sys
from pathlib import Path

LOG = Path("/var/log/mail-failures.log")
# The addresses of the stack's own hosts, one network on each line (Postfix's cidr_table).
OWN = Path("/srv/mail/tables/current/own_hosts")
TAIL = 1 << 20  # bytes of the log; some thousand failures
# Whole lines, as fail2ban's filter has them (filter.d/mail-relay.conf): what strangers write may
# look like a part of one.
FAILURE = re.compile(
    r"\S+ postfix/\S+/smtpd\[\d+\]: warning: [^\[\s]+\[(?P<smtp>[\d.]+)\]: SASL \S+ "
    r"authentication failed: .*?sasl_username=(?P<sasl>.*)"
    r"|\S+ dovecot: imap-login: (?:\S+: )?Login aborted: .*?\(auth failed, "
    r".*? user=<(?P<user>.*?)>, "
    r".*rip=(?P<imap>[\d.]+), lip=[\d.]+(?:, [^<>,]+)*, session=<[^<>]*>"
)
TABLE = ("ip", "guessing")


def logins(text: str, address: str, since: datetime.datetime) -> set[str]:
    """The logins that this address has failed with."""
    found: set[str] = set()
    for line in text.splitlines():
        time, _, said = line.partition(" ")
        failure = FAILURE.fullmatch(said)
        if failure is None or address not in (failure["smtp"], failure["imap"]):
            continue
        try:
            recent = datetime.datetime.fromisoformat(time) >= since
        except ValueError:
            continue  # cut off
        if recent:
            found.add((failure["sasl"] or failure["user"] or "").lower())
    return found


def is_own(address: str) -> bool:
    """Whether it is a host of the stack's."""
    lines = OWN.read_text().splitlines() if OWN.exists() else []
    own = [ipaddress.ip_network(line.split()[0]) for line in lines]
    return any(ipaddress.ip_address(address) in network for network in own)


def nft(verb: str, kind: str, element: str) -> None:
    """Change a set; to delete an element that is not in it is no error."""
    command = ["nft", verb, "element", *TABLE, kind, "{", element, "}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0 and verb != "delete":
        raise SystemExit(result.stderr)


def tail() -> str:
    """The log's end."""
    with LOG.open("rb") as log:
        log.seek(max(0, LOG.stat().st_size - TAIL))
        return log.read().decode(errors="replace")


def main() -> None:
    """Command line, see above."""
    address, *limits = sys.argv[1:]
    for kind in ("banned", "slowed"):
        nft("delete", kind, address)
    if not limits or is_own(address):
        return
    seconds, minutes, many = map(int, limits)
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    failed = logins(tail(), address, since)
    kind = "banned" if len(failed) >= many else "slowed"
    nft("add", kind, f"{address} timeout {seconds}s")


if __name__ == "__main__":
    main()
