"""Worlds in which one cause breaks several things: it is said, the rest is skipped for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verify_broken import LOGIN
from verify_world import FACTS, GATEWAY, GROUP, PORTS, REFUSED, RELAYS, ROLES, SHOPS, Port

from ops.guessing import Limit
from ops.instances import Down
from ops.verify.group import Group, Rule

LATER = "451 4.7.1 Service unavailable - try again later"
TABLES = FACTS["i-1"]["tables"]
BOXES = {"mailboxes": ("me@shop.example",)}
IMAP: Mapping[int, Port | str | None] = {**PORTS, 993: "* OK ready"}
PUT_OFF_25 = Port(refusal=LATER)
PUT_OFF_587 = Port(after=LOGIN, refusal=LATER)
PUT_OFF_465 = Port(before=(), after=LOGIN, refusal=LATER)
NO_TLS = Port(takes=ROLES, starttls="500 5.5.1 no")
LOGINS_PUT_OFF = {587: PUT_OFF_587, 465: PUT_OFF_465}
ALL_PUT_OFF = {25: PUT_OFF_25, **LOGINS_PUT_OFF}
POSTFIX_REFUSED: Mapping[int, Port | str | None] = dict.fromkeys((25, 587, 465), REFUSED)
POSTFIX_SILENT: Mapping[int, Port | str | None] = dict.fromkeys((25, 587, 465))
AT = f"{GATEWAY}:"


def _ports(code: str, *ports: int) -> set[str]:
    return {f"{code} {AT}{port}" for port in ports}


def _stopped(*units: str) -> dict[str, Any]:
    return {"stopped": list(units)}


def _disk(free: int) -> dict[str, Any]:
    size = 8 * 1024**3
    return {"disks": [{"path": "/srv/mail", "free": free, "size": size, "inodes_free": 0.9}]}


@dataclass(frozen=True)
class World:
    """What is broken; `causes` has what `verify` says, each with the problems that it explains.

    `facts` is what the gateway tells (None: nobody can read it), `ports` and `outputs` as in
    `Broken`; `group` is None where AWS does not show it, `down` is why the gateway answers nothing,
    `limit` what it does with our address.
    """

    name: str
    causes: Mapping[str, set[str]]
    facts: Mapping[str, Any] | None = field(default_factory=dict)
    ports: Mapping[int, Port | str | None] = field(default_factory=dict)
    names: Mapping[str, list[str] | str] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    group: Group | None = GROUP
    down: Down | None = None
    limit: Limit | str | None = None


_OUT = GROUP.egress
_WITHOUT_25 = (Rule("tcp", range(26, 65536)), Rule("tcp", range(25)))
SERVICES = [
    World(
        "OpenDKIM is stopped",
        {"service-stopped opendkim.service": _ports("port-deferred", 587, 465)},
        _stopped("opendkim.service"),
        LOGINS_PUT_OFF,
    ),
    World(
        "the judge of inbound signatures is stopped",
        {
            "service-stopped opendkim-verify.service": {
                *_ports("port-deferred", 25),
                "mx-deferred relay.example",
                "mx-deferred shop.example",
            }
        },
        _stopped("opendkim-verify.service"),
        {25: PUT_OFF_25},
    ),
    World(
        "OpenDMARC is stopped, and STARTTLS is put off",
        {"service-stopped opendmarc.service": _ports("port-deferred", 25)},
        _stopped("opendmarc.service"),
        {25: Port(starttls="454 4.3.0 Try again later")},
    ),
    World(
        "the guard is stopped",
        {
            "service-stopped mail-relay-guard.service": {
                *_ports("port-deferred", 25, 587, 465),
                "mx-deferred relay.example",
                "mx-deferred shop.example",
            }
        },
        _stopped("mail-relay-guard.service"),
        ALL_PUT_OFF,
    ),
    World(
        "Postfix is stopped",
        {"service-stopped postfix.service": _ports("port-closed", 25, 587, 465)},
        _stopped("postfix.service"),
        POSTFIX_REFUSED,
    ),
    World(
        "Dovecot is stopped",
        {
            "service-stopped dovecot.service": {
                *_ports("port-broken", 587),
                *_ports("port-silent", 465),
                *_ports("port-closed", 993),
            }
        },
        _stopped("dovecot.service"),
        {**IMAP, 587: Port(breaks=True), 465: "no TLS", 993: REFUSED},
        outputs=BOXES,
    ),
    World(
        "postsrsd is stopped",
        {
            "service-stopped postsrsd.service": {
                *_ports("port-silent", 587, 465),
                "mx-deferred shop.example",
            }
        },
        _stopped("postsrsd.service"),
        {
            25: Port(takes=RELAYS, refusals=dict.fromkeys(SHOPS, LATER)),
            587: "421 later",
            465: "no TLS",
        },
    ),
    World(
        "the timer of the tables is stopped",
        {"service-stopped mail-relay-tables.timer": {f"tables-stale {GATEWAY}"}},
        {**_stopped("mail-relay-tables.timer"), "tables": {**TABLES, "seconds": 900.0}},
    ),
    World(
        "two milters are stopped",
        {
            "service-stopped opendkim.service": _ports("port-deferred", 587, 465),
            "service-stopped opendmarc.service": {
                *_ports("port-deferred", 25),
                "mx-deferred relay.example",
                "mx-deferred shop.example",
            },
        },
        _stopped("opendkim.service", "opendmarc.service"),
        ALL_PUT_OFF,
    ),
    World(
        "OpenDKIM runs and does not answer",
        {"service-silent opendkim.service": _ports("port-deferred", 587, 465)},
        {"silent": ["opendkim.service"]},
        LOGINS_PUT_OFF,
    ),
    World(
        "Postfix runs and does not answer",
        {"service-silent postfix.service": _ports("port-silent", 25, 587, 465)},
        {"silent": ["postfix.service"]},
        {25: "421 later", 587: "421 later", 465: "no TLS"},
    ),
    World(
        "the volume's unit is stopped, and with it all that needs it",
        {
            "service-stopped mail-relay-volume.service": {
                *(f"service-stopped {unit}.service" for unit in ("opendkim", "postfix")),
                *_ports("port-closed", 25, 587, 465),
            }
        },
        _stopped("mail-relay-volume.service", "opendkim.service", "postfix.service"),
        POSTFIX_REFUSED,
    ),
    World(
        "OpenDKIM is stopped, and port 587 is not put off but broken by its certificate",
        {"service-stopped opendkim.service": set(), f"certificate-name {AT}587": set()},
        _stopped("opendkim.service"),
        {587: Port(after=LOGIN, certificate="other name")},
    ),
]

CLOSED = [
    World(
        "the group lets no mail in",
        {
            "group-closed in tcp-25, in tcp-587, in tcp-465": _ports("port-filtered", 25, 587, 465),
        },
        ports=POSTFIX_SILENT,
        group=Group(("sg-1",), (), _OUT),
    ),
    World(
        "the group lets port 25 neither in nor out",
        {
            "group-closed in tcp-25, out mail": {
                *_ports("port-filtered", 25),
                f"egress-blocked {GATEWAY}",
            }
        },
        {"egress": {"exchange": "mx.inbox.example", "problem": "timed out", "seconds": 9.0}},
        {25: None},
        group=Group(("sg-1",), _WITHOUT_25, (*_WITHOUT_25, *_OUT[1:])),
    ),
    World(
        "the group lets us in and not all, and Postfix takes no connections",
        {
            "group-closed in tcp-25": set(),
            f"port-closed {AT}25": _ports("port-closed", 587, 465),
        },
        ports=POSTFIX_REFUSED,
        group=Group(("sg-1",), _WITHOUT_25, _OUT),
    ),
    World(
        "another firewall, or nobody knows the group's rules",
        {f"port-filtered {AT}25": _ports("port-filtered", 587, 465)},
        ports=POSTFIX_SILENT,
        group=None,
    ),
    World(
        "the group is closed, and OpenDKIM is stopped too",
        {
            "group-closed in tcp-25": _ports("port-filtered", 25),
            "service-stopped opendkim.service": _ports("port-deferred", 587, 465),
        },
        _stopped("opendkim.service"),
        {25: None, **LOGINS_PUT_OFF},
        group=Group(("sg-1",), _WITHOUT_25, _OUT),
    ),
]

HOSTS = [
    World(
        "the host is stopped, as its place knows, and has written until a moment ago",
        {f"host-down {GATEWAY}": _ports("port-filtered", 25, 587, 465)},
        ports=POSTFIX_SILENT,
        down=Down(f"{GATEWAY} is stopped", "aws ec2 start-instances"),
    ),
    World(
        "the host is off",
        {f"host-silent {GATEWAY}": _ports("port-filtered", 25, 587, 465)},
        {"age": 900},
        POSTFIX_SILENT,
    ),
    World(
        "the host is being set up",
        {f"setup-unfinished {GATEWAY}": _ports("port-closed", 25, 587, 465)},
        {"setup": {"state": "running", "step": "packages", "failures": 0, "said": []}},
        POSTFIX_REFUSED,
    ),
    World(
        "a disk is full",
        {
            f"disk-full {GATEWAY}": {
                "service-stopped opendkim.service",
                f"tables-refused {GATEWAY}",
                *_ports("port-deferred", 25, 587, 465),
                "mx-deferred relay.example",
                "mx-deferred shop.example",
            }
        },
        {**_disk(0), **_stopped("opendkim.service"), "tables": {**TABLES, "result": "exit-code"}},
        ALL_PUT_OFF,
    ),
    World(
        "a disk is full, and what is not its own is said",
        {f"disk-full {GATEWAY}": set(), f"clock-off {GATEWAY}": set(), f"open-relay {AT}25": set()},
        {**_disk(0), "clock_off": 900.0},
        {25: Port(takes=(*ROLES, "relay-test@example.net"))},
    ),
    World(
        "a disk is nearly full, and the host reports it",
        {f"disk-low {GATEWAY}": {"service-stopped mail-relay-watch.service"}},
        {**_disk(400 * 1024**2), **_stopped("mail-relay-watch.service")},
    ),
    World(
        "the data volume is gone",
        {
            f"volume-missing {GATEWAY}": {
                *(f"service-stopped {unit}.service" for unit in ("opendkim", "postfix")),
                *_ports("port-closed", 25, 587, 465),
            }
        },
        {"disks": [], **_stopped("opendkim.service", "postfix.service")},
        POSTFIX_REFUSED,
    ),
    World(
        "the volume is unmounted below a Postfix that runs",
        {
            f"volume-missing {GATEWAY}": {
                f"certificate-missing {GATEWAY}",
                *_ports("tls-fails", 25, 587),
                *_ports("port-silent", 465),
            }
        },
        {"disks": [], "certificate": ""},
        {25: NO_TLS, 587: NO_TLS, 465: "no TLS"},
    ),
    World(
        "the certificate's directory is unmounted",
        {
            f"certificate-missing {GATEWAY}": {
                *_ports("tls-fails", 25, 587),
                *_ports("port-silent", 465),
            }
        },
        {"certificate": ""},
        {25: NO_TLS, 587: NO_TLS, 465: "no TLS"},
    ),
    World(
        "the file that names the file systems is torn",
        {f"status-unread {GATEWAY}": {f"volume-missing {GATEWAY}"}},
        {"disks": [], "unread": ["gateway.toml cannot be read"]},
    ),
    World(
        "there is no certificate",
        {
            f"certificate-missing {GATEWAY}": {
                "service-stopped mail-relay-certificate.service",
                *_ports("starttls-missing", 25),
                *_ports("port-closed", 587, 465),
            }
        },
        {"certificate": "", **_stopped("mail-relay-certificate.service")},
        {25: Port(before=(), takes=ROLES), 587: REFUSED, 465: REFUSED},
    ),
    World(
        "the tables are refused, and lack a domain",
        {f"tables-refused {GATEWAY}": {"mx-refused shop.example", "signing-none shop.example"}},
        {
            "tables": {**TABLES, "result": "exit-code"},
            "signing": {"relay.example": "s1"},
        },
        {25: Port(takes=RELAYS)},
    ),
    World(
        "the host has not fetched a new domain yet: the warning is an error with what it does",
        {f"tables-old {GATEWAY}": {"mx-refused shop.example", "signing-none shop.example"}},
        {"tables": {**TABLES, "etag": "e0"}, "signing": {"relay.example": "s1"}},
        {25: Port(takes=RELAYS)},
    ),
    World(
        "mail waits because port 25 out is blocked",
        {f"egress-blocked {GATEWAY}": {f"queue-waiting {GATEWAY}"}},
        {
            "egress": {"exchange": "mx.inbox.example", "problem": "timed out", "seconds": 9.0},
            "queue": {"messages": 3, "held": 0, "seconds": 36_000, "reasons": []},
        },
    ),
    World(
        "nobody can read what the host says, and Postfix is stopped",
        {f"port-closed {AT}25": _ports("port-closed", 587, 465)},
        None,
        POSTFIX_REFUSED,
    ),
    World(
        "the certificate has expired at every port",
        {f"certificate-expired {AT}25": _ports("certificate-expired", 587, 465)},
        ports={
            25: Port(takes=ROLES, certificate="expired"),
            587: Port(after=LOGIN, certificate="expired"),
            465: Port(before=(), after=LOGIN, certificate="expired"),
        },
    ),
]

NAMES = [
    World(
        "a resolver remembers the old address",
        {f"address-cached {GATEWAY}": {f"ptr-unconfirmed {GATEWAY}"}},
        names={f"{GATEWAY} A @resolver": ["192.0.2.1"]},
    ),
    World(
        "neither SPF nor DKIM is there: two causes, and DMARC fails by both",
        {
            "spf-missing relay.example": {"dmarc-fails relay.example"},
            "dkim-missing s1._domainkey.relay.example": set(),
        },
        names={"s1._domainkey.relay.example TXT": [], "relay.example TXT": []},
    ),
    World(
        "the host sees no key, since there is none",
        {
            "dkim-missing s1._domainkey.relay.example": {"signing-none relay.example"},
        },
        {"signing": {"shop.example": "s2"}},
        names={"s1._domainkey.relay.example TXT": []},
    ),
]

WORLDS = [*SERVICES, *CLOSED, *HOSTS, *NAMES]
