"""Tell the operator by mail that a unit failed: `tell.py UNIT`, at most once a day for each unit.

Started by systemd (OnFailure=). A timer's unit that succeeds again at its next runs is not
reported: networks have such moments. A daemon's end is, although systemd has started it again.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path

TOLD = Path("/var/lib/mail-relay/told")
DAY = 24 * 3600
PATIENCE = 90  # seconds; our timers run once or twice a minute
RESTART = 30  # seconds
LINES, LINE = 15, 200
LETTER = (
    "Subject: {unit} failed at {host}\n"
    "Auto-Submitted: auto-generated\n\n"
    "{what}. Its last words:\n\n{said}\n\n"
    "On the host: systemctl status {unit}; journalctl -u {unit}\n"
    "`relay verify` says what it means for mail. There is no other letter on this unit for a day.\n"
)


def properties(unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit, as systemd shows them."""
    command = ["systemctl", "show", unit, f"--property={','.join(names)}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def recovers(unit: str) -> bool:
    """Whether a timer's unit, or the firewall's, succeeds again within PATIENCE; no daemon does."""
    if properties(unit, "Type").get("Type") != "oneshot":
        return False
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = properties(unit, "Result", "ActiveState")
        # with RemainAfterExit= it is active then
        if found["Result"] == "success" and found["ActiveState"] in ("inactive", "active"):
            return True
        time.sleep(5)
    return False


def runs_again(unit: str) -> bool:
    """Whether systemd has started the unit again, within RESTART."""
    for _ in range(RESTART):
        if properties(unit, "ActiveState").get("ActiveState") == "active":
            return True
        time.sleep(1)
    return False


def last_words(unit: str) -> str:
    """The last lines of the unit, and of systemd about it; printable, for terminals."""
    command = ["journalctl", "-q", "-o", "cat", "-n", str(LINES), "-u", unit]
    said = subprocess.run(command, capture_output=True, text=True, check=True, errors="replace")
    lines = [line[:LINE] for line in said.stdout.splitlines()]
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def letter(unit: str) -> str:
    """The whole message, for root, whose mail is the operator's."""
    description = properties(unit, "Description")["Description"]
    state = "It runs again" if runs_again(unit) else "It does not run"
    what = f"{description}: this failed. {state}"
    return LETTER.format(unit=unit, host=socket.getfqdn(), what=what, said=last_words(unit))


def was_told(told: Path) -> bool:
    """Whether there was a letter within the last day."""
    try:
        return 0 <= time.time() - told.stat().st_mtime < DAY
    except FileNotFoundError:
        return False


def main() -> int:
    """Command line: the unit."""
    (unit,) = sys.argv[1:]
    told = TOLD / unit
    if was_told(told) or recovers(unit):
        return 0
    subprocess.run(["sendmail", "-i", "root"], input=letter(unit), text=True, check=True)
    TOLD.mkdir(parents=True, exist_ok=True)
    told.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
