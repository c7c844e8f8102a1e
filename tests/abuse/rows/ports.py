"""What listens on the internet: 25, 587, 465, and 993 where mail is kept."""

from abuse.probes import reaches
from abuse.row import Mutant, refused, rows

CLOSED_PORTS = (
    (21, "ftp"),
    (24, "lmtp"),
    (53, "dns"),
    (80, "http"),
    (110, "pop3"),
    (111, "rpcbind"),
    (143, "imap"),
    (443, "https"),
    (783, "spamd"),
    (995, "pop3s"),
    (2525, "smtp"),
    (4190, "sieve"),
    (8891, "a signer"),
    (8893, "a judge"),
    (9100, "metrics"),
    (10001, "SRS"),
    (10002, "SRS, back"),
    (10025, "a filter's way back"),
    (10026, "the way back of folded mail"),
    (12345, "a policy service"),
)
ON_CLIENTS = (25, 465, 587, 10026)
ALL = " ".join(str(port) for port in sorted({*(p for p, _ in CLOSED_PORTS), 22, *ON_CLIENTS}))
# takes connections on the ports that nothing has yet
LISTENER = f"""
import socket, subprocess, time
held = []
(here, *_) = subprocess.check_output(["hostname", "-I"], text=True).split()
for port in map(int, "{ALL}".split()):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((here, port))
        one.listen(50)
        held.append(one)
    except OSError:
        pass
time.sleep(3600)
"""
# the addresses of hosts are the lab's to filter: its rules are opened by `abuse.weaken`
LISTENING = Mutant(
    "every daemon listens, and no group filters",
    files={"/run/battery-listen.py": LISTENER},
    script="systemctl reset-failed battery-listen 2>/dev/null || true\n"
    "systemd-run -q --unit=battery-listen --property=PrivateTmp=no python3 "
    "/run/battery-listen.py; sleep 1",
    back="systemctl stop battery-listen",
    opens_groups=True,
)

ROWS = (
    *rows(
        "ports",
        LISTENING,
        refused("closed"),
        {f"{port}, {what}": reaches(port) for port, what in CLOSED_PORTS},
    ),
    *rows(
        "ports",
        LISTENING,
        refused("closed"),
        {"22 from a network that is not the user's": reaches(22)},
    ),
    *rows(
        "ports",
        Mutant(
            "clients answer",
            host="client",
            files={"/run/battery-listen.py": LISTENER},
            script="systemctl reset-failed battery-listen 2>/dev/null || true\n"
            "systemctl stop postfix; "
            "systemd-run -q --unit=battery-listen python3 /run/battery-listen.py; sleep 1",
            back="systemctl stop battery-listen; systemctl start postfix",
            opens_groups=True,
        ),
        refused("closed"),
        {f"{port} of a client": reaches(port, "client") for port in (22, *ON_CLIENTS)},
        needs="public",
    ),
)
