"""Check whether mail waits because of the smarthost. Run every minute by a systemd timer.

Exit status 1 while it does: `systemctl --failed` shows it, the journal has the reason. The operator
gets one letter, which waits with the rest unless another account still works. New passwords are
tried at once.
"""

import hashlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import state_file
from agent.install import write

PASSWORDS = Path("/srv/mail/tables/current/smarthost_passwords")
STATE = Path("/srv/mail/smarthost.json")
PATIENCE = 60  # seconds: a smarthost may restart
OTHERS = ("in reply to RCPT TO", "[/run/dovecot/")
LETTER = (
    "Subject: Mail waits at {host}: the smarthost does not take it\n\n"
    "Messages that wait: {count}, the oldest since {since}. What was said last:\n\n{reason}\n\n"
    "Each is tried again until it is five days old. On the host, `mailq` and `journalctl -u\n"
    "mail-relay-smarthost` tell more. If no account works, this letter has waited too.\n"
)


def waiting(listing: str, now: float) -> list[tuple[float, str]]:
    """(arrival, reason) of each message of `postqueue -j` that waits for the smarthost itself.

    A delay of one recipient (4xx to RCPT) is not counted, nor one of the gateway's own mailboxes.
    """
    found = []
    for line in listing.splitlines():
        message = json.loads(line)
        reasons = [recipient.get("delay_reason", "") for recipient in message["recipients"]]
        own = [r for r in reasons if r and not any(text in r for text in OTHERS)]
        if own and now - message["arrival_time"] > PATIENCE:
            found.append((message["arrival_time"], own[0]))
    return sorted(found)


def write_to_operator(found: list[tuple[float, str]]) -> None:
    """One letter to root, whose mail is the operator's."""
    since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found[0][0]))
    text = LETTER.format(host=socket.getfqdn(), count=len(found), since=since, reason=found[-1][1])
    subprocess.run(["sendmail", "-i", "root"], input=text, text=True, check=True)


def main() -> int:
    """Check the queue, write to the operator once, and remember that it was done."""
    told, known = state_file.read(
        STATE, lambda state: (bool(state["told"]), str(state["passwords"])), (False, "")
    )
    passwords = hashlib.sha256(PASSWORDS.read_bytes()).hexdigest() if PASSWORDS.exists() else ""
    if passwords != known:
        subprocess.run(["postqueue", "-f"], check=True)
    listing = subprocess.run(["postqueue", "-j"], stdout=subprocess.PIPE, text=True, check=True)
    found = waiting(listing.stdout, time.time())
    if found and not told:
        write_to_operator(found)
    if found:
        print(f"<3>{len(found)} wait for the smarthost: {found[-1][1]}", flush=True)
    elif told:
        print("<5>the smarthost takes mail again", flush=True)
    write(STATE, json.dumps({"told": bool(found), "passwords": passwords}))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
