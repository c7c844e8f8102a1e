"""Daemons that die, a full disk, a resolver that is dead: what serves again, and what is said."""

import re
from collections.abc import Callable
from functools import partial

from abuse.mutants import submission
from abuse.place import Place, token
from abuse.probes import content, hand_over, on_host
from abuse.row import Mutant, Probe, refused, rows, served
from abuse.talk import SECONDS
from lab.wait import within

DAEMONS = {
    "postfix": "postfix",
    "the signer": "opendkim",
    "the judge of signatures": "opendkim-verify",
    "the judge of policies": "opendmarc",
    "the guard": "mail-relay-guard",
    "SRS": "postsrsd",
    "the judge of passwords": "dovecot",
    "the log": "rsyslog",
}
BACK_SECONDS = 25
SERVERS_PATIENCE = 300  # until the greeting (RFC 5321, 4.5.3.2.1)
UNITS = [*DAEMONS.values()]
FILL = """
import os
folder = "/srv/mail/battery-inodes"
os.mkdir(folder)
for number in range(os.statvfs(folder).f_favail - 100):
    os.mknod(f"{folder}/{number}")
"""
# the hosts of a lab have this computer's clock, so it is Python's that is wrong
WRONG_CLOCK = """
mkdir -p /run/battery-clock /run/systemd/system/mail-relay-tables.service.d
cat > /run/battery-clock/sitecustomize.py <<END
import time
right = time.time
time.time = lambda: right() + 86400
END
cat > /run/systemd/system/mail-relay-tables.service.d/battery.conf <<END
[Service]
Environment=PYTHONPATH=/run/battery-clock
END
systemctl stop mail-relay-tables.timer
systemctl daemon-reload
"""
STAY_DEAD = Mutant(
    "what dies stays dead",
    files={
        f"/etc/systemd/system/{unit}.service.d/zz-battery.conf": "[Service]\nRestart=no\n"
        for unit in UNITS
    },
    back="systemctl daemon-reload; systemctl reset-failed; for unit in "
    + " ".join(UNITS)
    + "; do systemctl is-active -q $unit || systemctl start $unit 2>/dev/null || true; done",
)
START_LIMIT = Mutant(
    "what dies often stays dead",
    files={
        f"/etc/systemd/system/{unit}.service.d/zz-battery.conf": "[Unit]\n"
        "StartLimitIntervalSec=120\nStartLimitBurst=3\n[Service]\nRestartSec=100ms\n"
        for unit in UNITS
    },
    back=STAY_DEAD.back,
)


def _process(place: Place, unit: str) -> str:
    """The unit's main process; "0" if it has none."""
    return place.shell(f"systemctl show -P MainPID {unit}")


def _lives(place: Place, unit: str, killed: str) -> bool:
    """Whether the unit runs in another process than the one that was killed."""
    return _process(place, unit) not in ("0", killed) and _runs(place, unit)


def killed(unit: str) -> Probe:
    """SIGKILL, as an out-of-memory kill; whether it is back and mail passes both ways."""

    def probe(place: Place) -> str:
        before = _process(place, unit)
        if before == "0":
            return "it does not run"
        place.shell(f"kill -9 {before}")
        place.hang_up()
        if not within(BACK_SECONDS, lambda: _lives(place, unit, before)):
            return "it stays dead: " + place.shell(f"systemctl is-active {unit}")
        return _both_ways(place)

    return probe


def killed_often(unit: str, times: int = 7) -> Probe:
    """SIGKILL as soon as it is back, several times; whether it is back in a minute."""

    def probe(place: Place) -> str:
        killed = ""
        for _ in range(times):
            if not within(15, partial(_lives, place, unit, killed), 0.1):
                return "it stays dead: " + place.shell(f"systemctl is-active {unit}")
            killed = _process(place, unit)
            place.shell(f"kill -9 {killed}")
        place.hang_up()
        if not within(60, partial(_lives, place, unit, killed)):
            return "it stays dead: " + place.shell(f"systemctl is-active {unit}")
        return _both_ways(place)

    return probe


def _runs(place: Place, unit: str) -> bool:
    return place.shell(f"systemctl is-active {unit}") == "active"


def _both_ways(place: Place, seconds: float = 30) -> str:
    """What the gateway says to a friend and to a login, once both are served."""
    said = ["", ""]

    def served_() -> bool:
        try:
            said[:] = [_inbound(place), _outbound(place)]
        except OSError as error:
            said[:] = [repr(error), ""]
        return all(text.startswith("250") for text in said)

    return said[0] if within(seconds, served_, 1) else f"not served: {' / '.join(said)}"


def _inbound(place: Place, patience: float = SECONDS) -> str:
    message = content(place, "From: {friend}", "x\r\n", token(), "x@x.example")
    with place.greeted(25, patience=patience) as talk:
        signed = place.signed(message)
        return hand_over(talk, place.names["friend"], place.names["taken"], signed)


def _outbound(place: Place) -> str:
    message = content(place, "From: {login}", "x\r\n", token(), place.names["inbox"])
    return hand_over(place.session(), place.names["login"], place.names["inbox"], message)


def stopped(unit: str, way: Callable[[Place], str]) -> Probe:
    """What is said while a daemon is away."""

    def probe(place: Place) -> str:
        place.hang_up()
        place.shell(f"systemctl stop {unit}")
        try:
            return way(place)
        except OSError as error:
            return str(error)
        finally:
            place.shell(f"systemctl start {unit}")
            place.hang_up()
            within(15, lambda: _runs(place, unit))
            _both_ways(place, 15)

    return probe


def full(way: Callable[[Place], str]) -> Probe:
    """What is said while the data volume has 10 MiB left, and that all is well after it."""
    fill = (
        "free=$(df --output=avail -B1M /srv/mail | tail -1); "
        "fallocate -l $((free - 10))M /srv/mail/battery-fill"
    )
    return _short(way, lambda place: place.shell(fill), "/srv/mail/battery-fill")


def filled(way: Callable[[Place], str]) -> Probe:
    """What is said while the data volume has a hundred inodes left; and that all is well after."""
    fill = ("python3", "-c", FILL)
    return _short(way, lambda place: place.run(*fill), "/srv/mail/battery-inodes")


def _short(way: Callable[[Place], str], fill: Callable[[Place], str], filling: str) -> Probe:
    """What is said while the volume is filled, and that all is well once the filling is gone."""

    def probe(place: Place) -> str:
        fill(place)
        try:
            said = way(place)
        except OSError as error:
            said = f"not served: {error!r}"
        finally:
            place.shell(f"rm -rf {filling}")
            place.hang_up()
        after = _both_ways(place)
        return said if after.startswith("250") else f"after it {after}"

    return probe


def a_day_ahead(place: Place) -> str:
    """A look for tables by a clock that is wrong; whether a login is served, and who is told."""
    place.shell(WRONG_CLOCK)
    try:
        # a start would join a look that runs already, by the right clock
        place.shell("systemctl restart mail-relay-tables.service")
        found = place.run("python3", "/usr/local/lib/mail-relay/agent/watch.py", "gateway")
        told = "told" if re.search(r"clock is 864\d\d s off", found) else "nobody is told"
        return f"{_outbound(place)}; {told}"
    except OSError as error:
        return f"not served: {error!r}"
    finally:
        place.shell("rm -r /run/systemd/system/mail-relay-tables.service.d /run/battery-clock")
        place.shell("systemctl daemon-reload; systemctl start mail-relay-tables.service")
        place.shell("systemctl start mail-relay-tables.timer")
        place.hang_up()


def resolverless(way: Callable[[Place], str]) -> Probe:
    """What is said while no name can be looked up."""

    def probe(place: Place) -> str:
        rule = "table ip battery { chain output { type filter hook output priority -5; "
        rule += "udp dport 53 drop; tcp dport 53 drop; }; }"
        place.hang_up()
        place.run("nft", rule)
        try:
            return way(place)
        except OSError as error:
            return f"not served: {error!r}"
        finally:
            place.shell("nft delete table ip battery")
            place.hang_up()

    return probe


ACCEPTING = Mutant(
    "with a milter away mail passes",
    main={"milter_default_action": "accept"},
)
ROWS = (
    *rows(
        "daemons",
        STAY_DEAD,
        served("250 "),
        {f"{what} is killed": killed(unit) for what, unit in DAEMONS.items()},
        slow=True,
    ),
    *rows(
        "daemons",
        START_LIMIT,
        served("250 "),
        {
            f"{what} is killed seven times": killed_often(unit)
            for what, unit in DAEMONS.items()
            if unit in ("opendmarc", "opendkim-verify", "opendkim", "postsrsd", "postfix")
        },
        slow=True,
    ),
    *rows(
        "daemons",
        ACCEPTING,
        refused(r"4\d\d "),
        {
            "without the guard nothing leaves": stopped("mail-relay-guard", _outbound),
            "without the judge of signatures nothing comes": stopped("opendkim-verify", _inbound),
            "without the judge of policies nothing comes": stopped("opendmarc", _inbound),
            "without the guard nothing comes": stopped("mail-relay-guard", _inbound),
        },
        slow=True,
    ),
    *rows(
        "daemons",
        Mutant(
            "with the signer away mail passes, and no guard looks",
            main={"milter_default_action": "accept"},
            master=submission(smtpd_milters="$signer"),
        ),
        refused(r"4\d\d "),
        {"without the signer nothing leaves": stopped("opendkim", _outbound)},
        slow=True,
    ),
    *rows(
        "disk",
        Mutant(
            "a full disk is not looked at",
            main={"message_size_limit": "1048576"},
            master={"smtp/inet/queue_minfree": "0"},
        ),
        refused(r"452 "),
        {
            "a login with a full disk": full(_outbound),
            "a friend with a full disk": full(_inbound),
        },
        slow=True,
    ),
    *rows(
        "disk",
        Mutant(
            "files are not counted",
            edits={
                "/usr/local/lib/mail-relay/agent/guard/room.py": (
                    r"^STRANGERS, OWN = .*$",
                    "STRANGERS, OWN = 0.0, 0.0",
                )
            },
            restart=("mail-relay-guard",),
        ),
        refused(r"45[12] "),
        {
            "a login without inodes": filled(_outbound),
            "a friend without inodes": filled(_inbound),
        },
        slow=True,
    ),
    *rows(
        "resolver",
        Mutant(
            "a name that cannot be looked up is no name",
            main={
                "unknown_address_tempfail_action": "reject",
                "unknown_address_reject_code": "550",
            },
        ),
        refused(r"4\d\d "),
        {
            "a friend without a resolver": resolverless(
                lambda place: _inbound(place, SERVERS_PATIENCE)
            )
        },
        slow=True,
    ),
    *rows(
        "resolver",
        Mutant(
            "whom a login writes to is looked up by name",
            # of its sender nothing would be: Postfix looks up no domain that it receives
            master={
                "submission/inet/smtpd_recipient_restrictions": (
                    "reject_unknown_recipient_domain, permit_sasl_authenticated, reject"
                )
            },
        ),
        served("250 "),
        {"a login without a resolver": resolverless(_outbound)},
        slow=True,
    ),
    *rows(
        "clock",
        Mutant("nobody sets the clock", files={"/etc/systemd/timesyncd.conf.d/aws.conf": ""}),
        served(r"NTP=169\.254\.169\.123"),
        {
            "it is set by AWS's own time service": on_host(
                "systemd-analyze cat-config systemd/timesyncd.conf | grep ^NTP= | tail -1"
            )
        },
    ),
    *rows(
        "clock",
        Mutant(
            "nobody looks at the clock",
            edits={
                "/usr/local/lib/mail-relay/agent/host_status.py": (
                    r"^CLOCK_SECONDS = \d+",
                    "CLOCK_SECONDS = 1_000_000_000",
                )
            },
        ),
        served(r"250 .*; told"),
        {"it is a day ahead": a_day_ahead},
        slow=True,
    ),
)
