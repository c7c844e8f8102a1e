"""The hosts' own units: none of them ends for good, and of each one's end somebody is told."""

import configparser
import dataclasses

import pytest
from test_user_data import CLIENT, GATEWAY

from cloudinit import files
from cloudinit.hosts import ClientHost, GatewayHost, Smarthost

FULL = dataclasses.replace(
    GATEWAY,
    mailboxes=True,
    private_subnet="10.20.1.0/24",
    smarthost=Smarthost("smtp.far.example", 587, ("PLAIN",), rewrites=False),
    ship="mail-relay/test/mail",
)
SYSTEM = "etc/systemd/system/"
TELL = "mail-relay-tell@.service"

# Whose failure is told; a unit of Debian's is in the files only by its drop-ins.
TOLD = {
    "apt-daily-upgrade.service",
    "logrotate.service",
    "mail-relay-status.service",
    "mail-relay-tables.service",
    "mail-relay-updates.service",
    "mail-relay-watch.service",
    "nftables.service",
    "postfix.service",
    "rsyslog.service",
}
TOLD_AT_GATEWAYS = TOLD | {
    "certbot.service",
    "dovecot.service",
    "fail2ban.service",
    "mail-relay-block-lists.service",
    "mail-relay-certificate.service",
    "mail-relay-guard.service",
    "mail-relay-limit@.service",
    "mail-relay-limits.service",
    "mail-relay-ship.service",
    "mail-relay-volume.service",
    "opendkim-verify.service",
    "opendkim.service",
    "opendmarc.service",
    "postsrsd.service",
}
# The others, and why.
UNTOLD = {TELL: "it is what tells, and tries until it has"}
UNTOLD_AT_GATEWAYS = UNTOLD | {
    "mail-relay-smarthost.service": "it writes a letter of its own, and fails while mail waits",
}
HOSTS = pytest.mark.parametrize("host", [FULL, CLIENT], ids=["gateway", "client"])


def units(host: GatewayHost | ClientHost) -> dict[str, list[configparser.ConfigParser]]:
    """The services on a host: each one's own file and its drop-ins."""
    found = dict[str, list[configparser.ConfigParser]]()
    for name, text in files(host).items():
        unit = name.removeprefix(SYSTEM).split("/")[0].removesuffix(".d")
        if name.startswith(SYSTEM) and unit.endswith(".service"):
            # a key may be there several times
            parsed = configparser.ConfigParser(
                delimiters="=", comment_prefixes="#", strict=False, interpolation=None
            )
            parsed.read_string(text)
            found.setdefault(unit, []).append(parsed)
    return found


def values(parsed: list[configparser.ConfigParser], section: str, key: str) -> list[str]:
    """What a unit's files say for a key."""
    return [each[section][key] for each in parsed if each.has_option(section, key)]


@HOSTS
def test_nothing_of_ours_has_systemds_start_limit(host: GatewayHost | ClientHost) -> None:
    ours = [name for name in files(host) if name.startswith(SYSTEM) and name.endswith(".service")]
    assert ours
    found = units(host)
    for unit in ours:
        limits = values(found[unit.removeprefix(SYSTEM)], "Unit", "StartLimitIntervalSec")
        assert limits == ["0"], unit


@HOSTS
def test_the_operator_is_told_of_each_unit_that_fails(host: GatewayHost | ClientHost) -> None:
    told, untold = (TOLD_AT_GATEWAYS, UNTOLD_AT_GATEWAYS) if host is FULL else (TOLD, UNTOLD)
    said = {unit: values(parsed, "Unit", "OnFailure") for unit, parsed in units(host).items()}
    assert said == {
        **{unit: [TELL.replace("@", "@%n")] for unit in told},
        **{unit: [] for unit in untold},
    }


@HOSTS
def test_what_hangs_is_ended_and_begun_anew(host: GatewayHost | ClientHost) -> None:
    """A timer waits for the end of a look, and a letter that was begun before the queue was
    mounted never leaves."""
    timers = {
        name.removeprefix(SYSTEM).replace(".timer", ".service")
        for name in files(host)
        if name.startswith(SYSTEM) and name.endswith(".timer")
    }
    looks = {f"mail-relay-{name}.service" for name in ("tables", "status", "updates", "watch")}
    assert timers >= looks
    assert (timers > looks) == (host is FULL)
    found = units(host)
    for unit, longest in {**dict.fromkeys(timers, 120), TELL: 300}.items():
        (seconds,) = values(found[unit], "Service", "TimeoutStartSec")
        assert 0 < int(seconds) <= longest, unit
