"""What a host tells of itself as JSON: `python3 - WAY...`, as its root. Nothing but Python's own.

`ops/verify/hosts.py` sends this file to the host and judges what comes back. Ways are mail
exchangers elsewhere (port 25), or HOST:PORT; the first that answers shows that mail can leave.
"""

import contextlib
import json
import smtplib
import subprocess
import sys
import time
from pathlib import Path

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
TABLES = (Path("/srv/mail/tables"), Path("/var/lib/mail-relay/tables"))
SECONDS = 10


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def properties(unit, *names):
    lines = run("systemctl", "show", unit, f"--property={','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def stopped():
    """Units that failed, and those that are to run and do not."""
    listed = run("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    found = {line.split()[0] for line in listed.splitlines()}
    for unit in UNITS:
        state = properties(unit, "UnitFileState", "ActiveState")
        if state.get("UnitFileState") == "enabled" and state.get("ActiveState") in (
            "inactive",
            "failed",
        ):
            found.add(unit)
    return sorted(found)


def ended_look():
    """While the agent looks, systemd has forgotten how it went before."""
    deadline = time.monotonic() + SECONDS
    while True:
        names = ("ActiveState", "Result", "ExecMainExitTimestampMonotonic")
        found = properties("mail-relay-tables.service", *names)
        if found.get("ActiveState") != "activating" or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def tables():
    """The ETag of the tables in use, and how the last look for new ones ended, and when."""
    base = next((base for base in TABLES if base.exists()), TABLES[0])
    etag = ""
    with contextlib.suppress(FileNotFoundError):
        etag = (base / "etag").read_text().strip('"')
    last = ended_look()
    ended = int(last.get("ExecMainExitTimestampMonotonic") or 0) / 1e6
    seconds = time.clock_gettime(time.CLOCK_MONOTONIC) - ended if ended else None
    return {"etag": etag, "result": last.get("Result", ""), "seconds": seconds}


def signing():
    """The selector that signs for each domain (OpenDKIM's KeyTable)."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (TABLES[0] / "current" / "KeyTable").read_text().splitlines():
            domain, selector, _ = line.split()[1].split(":")
            found[domain] = selector
    return found


def queue():
    """How many messages wait, for how long the oldest does, and why."""
    messages = [json.loads(line) for line in run("postqueue", "-j").splitlines()]
    oldest = min(messages, key=lambda message: message["arrival_time"], default=None)
    reasons = [r.get("delay_reason", "") for r in oldest["recipients"]] if oldest else []
    return {
        "messages": len(messages),
        "held": sum(message["queue_name"] == "hold" for message in messages),
        "seconds": time.time() - oldest["arrival_time"] if oldest else 0,
        "reason": next((reason for reason in reasons if reason), ""),
    }


def egress(ways):
    """The first way that gives a greeting, or why none does."""
    problem = ""
    for way in ways:
        try:
            with (smtplib.SMTP_SSL if way.endswith("465") else smtplib.SMTP)(way, timeout=SECONDS):
                return {"exchange": way, "problem": ""}
        except OSError as error:
            problem = f"{type(error).__name__}: {error}"
    return {"exchange": ", ".join(ways), "problem": problem}


def main():
    facts = {"stopped": stopped(), "tables": tables(), "signing": signing(), "queue": queue()}
    facts["egress"] = egress(sys.argv[1:]) if sys.argv[1:] else None
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
