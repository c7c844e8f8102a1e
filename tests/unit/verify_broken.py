"""Worlds with one thing broken each: what names it, and the remedy that must be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verify_world import (
    GATEWAY,
    GROUP,
    KEY,
    LOOK,
    NEWER,
    REFUSED,
    RELAYS,
    RIGHT,
    ROLES,
    SERVERS,
    SHOPS,
    SUBMIT,
    Port,
)

from mail import txt
from ops.outputs import Submission
from ops.verify.group import Group


@dataclass(frozen=True)
class Broken:
    """A world with one thing changed.

    `names` are changes of DNS, `records` a line of the stack's records and what it is instead,
    `facts` what a host tells, `ports` other ports, `outputs` other fields of the stack's `Outputs`,
    `group` the rules of the gateway's security group. What follows from the change is not said
    beside it.
    """

    code: str
    subject: str
    remedy: str
    names: Mapping[str, list[str] | str] = field(default_factory=dict)
    records: tuple[str, str] = ("", "")
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ports: Mapping[int, Port | str | None] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    group: Group = GROUP


LATER = Broken("program-older", "mail-relay", "take-a-new", outputs={"release": "99.0.0"})
SHOP, NS1 = "shop.example", SERVERS[0]
DELEGATION = f"set the name servers of shop.example to: {', '.join(SERVERS)}"
ZONES = [
    Broken("zone-not-delegated", SHOP, DELEGATION, {"shop.example NS": []}),
    Broken("zone-delegation", SHOP, DELEGATION, {"shop.example NS": ["ns.old.example."]}),
    Broken("zone-unresolved", SHOP, DELEGATION, {"shop.example NS": "SERVFAIL"}),
    Broken("zone-server-silent", SHOP, "Try again", {f"shop.example SOA @{NS1}": "no answer"}),
    Broken("zone-server-lame", SHOP, DELEGATION, {f"shop.example SOA @{NS1}": "REFUSED"}),
    Broken("zone-server-lame", SHOP, DELEGATION, {f"shop.example SOA @{NS1}": []}),
]

A = "mail.relay.example A"
ADDRESS = "mail.relay.example. 300 IN A 203.0.113.9"
POLICY, HELO = "mail.relay.example TXT", 'mail.relay.example. 300 IN TXT "v=spf1 a -all"'
MX_ONLY = (HELO, HELO.replace("spf1 a", "spf1 mx"))
ADDRESSES = [
    Broken("address-missing", GATEWAY, ADDRESS, {A: []}),
    Broken("address-differs", GATEWAY, ADDRESS, {A: ["192.0.2.1"]}),
    Broken("address-several", GATEWAY, ADDRESS, {A: ["192.0.2.1", "203.0.113.9"]}),
    Broken("address-not-everywhere", GATEWAY, ADDRESS, {f"{A} @{NS1}": []}),
    Broken("address-unresolved", GATEWAY, "DNSSEC", {f"{A} @resolver": "SERVFAIL"}),
    Broken(
        "address-cached",
        GATEWAY,
        "after 300 s",
        {f"{A} @resolver": ["192.0.2.1"]},
    ),
    Broken("address-alias", GATEWAY, ADDRESS, {"mail.relay.example CNAME": ["web.example."]}),
    Broken("address-ipv6", GATEWAY, "delete", {"mail.relay.example AAAA": ["2001:db8::1"]}),
    Broken("helo-spf-missing", GATEWAY, HELO, {POLICY: []}),
    Broken("helo-spf-differs", GATEWAY, HELO, {POLICY: ["v=spf1 -all"]}),
    Broken("helo-spf-several", GATEWAY, HELO, {POLICY: ["v=spf1 a -all", "v=spf1 mx -all"]}),
    Broken("helo-spf-result", GATEWAY, '"v=spf1 mx -all"', {POLICY: ["v=spf1 mx -all"]}, MX_ONLY),
    Broken(
        "record-missing",
        "shop.example A",
        "shop.example. 300 IN A 203.0.113.8",
        {"shop.example A": []},
    ),
]

MX, EXCHANGE = "shop.example MX", "shop.example. 300 IN MX 10 mail.relay.example."
ELSEWHERE = (EXCHANGE, "shop.example. 300 IN MX 10 mx.other.example.")
TAKEN_ELSEWHERE = {MX: ["10 mx.other.example."], "mx.other.example A": ["192.0.2.7"]}
NOBODY = {**TAKEN_ELSEWHERE, "mx.other.example A": []}
EXCHANGES = [
    Broken("mx-missing", SHOP, EXCHANGE, {MX: []}),
    Broken("mx-differs", SHOP, EXCHANGE, {MX: ["10 mx.old.example."]}),
    Broken("mx-several", SHOP, EXCHANGE, {MX: ["5 mx.old.example.", "10 mail.relay.example."]}),
    Broken("mx-not-everywhere", SHOP, EXCHANGE, {f"{MX} @{NS1}": []}),
    Broken("mx-cached", SHOP, "forgets", {f"{MX} @resolver": []}),
    Broken("mx-unwanted", SHOP, "mail-relay:forwards", {}, (EXCHANGE, "")),
    Broken("mx-unresolved", SHOP, "", {f"{MX} @resolver": "SERVFAIL"}, (EXCHANGE, "")),
    Broken(
        "mx-cached",
        SHOP,
        "forgets",
        {MX: [], f"{MX} @resolver": ["0 ."], "shop.example A": ["192.0.2.7"]},
        (f"{EXCHANGE}\nshop.example. 300 IN A 203.0.113.8", ""),
    ),
    Broken("mx-no-address", SHOP, "domains[].mx", NOBODY, ELSEWHERE),
    Broken(
        "mx-alias",
        SHOP,
        "Name mx.true.example. in domains[].mx",
        {**TAKEN_ELSEWHERE, "mx.other.example CNAME": ["mx.true.example."]},
        ELSEWHERE,
    ),
    Broken("mx-none", SHOP, EXCHANGE, {MX: []}, (EXCHANGE, "")),
    Broken(
        "mx-none",
        SHOP,
        EXCHANGE,
        {MX: [], "shop.example A": []},
        (f"{EXCHANGE}\nshop.example. 300 IN A 203.0.113.8", ""),
    ),
    Broken(
        "mx-null", SHOP, "domains park shop.example --stack prod.", {MX: ["0 ."]}, (EXCHANGE, "")
    ),
    Broken(
        "mx-unreachable",
        SHOP,
        "mail-relay:forwards or mail-relay:mailboxes",
        outputs={"unreachable": ("shop@shop.example",)},
    ),
    Broken(
        "mx-unreachable",
        SHOP,
        "Take domains[].mx of shop.example away",
        {MX: ["0 ."]},
        (EXCHANGE, "shop.example. 300 IN MX 0 ."),
        outputs={"unreachable": ("shop@shop.example",)},
    ),
    Broken("mx-refused", SHOP, "other tables", ports={25: Port(takes=RELAYS)}),
    Broken("mx-refused", SHOP, "other tables", ports={25: Port(takes=(*RELAYS, SHOPS[0]))}),
    Broken(
        "mx-deferred",
        SHOP,
        "journalctl",
        ports={25: Port(takes=RELAYS, refusals=dict.fromkeys(SHOPS, "451 4.3.0 try again"))},
    ),
]

TXT, VERIFIED = "shop.example TXT", "verification=1"
RIGHT_SPF = RIGHT[TXT][0]
SPF = f'shop.example. 300 IN TXT "{RIGHT_SPF}"'
SHARED = '_spf.relay.example. 300 IN TXT "v=spf1 ip4:203.0.113.9 -all"'
SHARED_NAME = "_spf.relay.example"


def _setting(code: str, policy: str, names: Mapping[str, list[str]] | None = None) -> Broken:
    """The stack's own settings say this policy, and so does the world."""
    world = {TXT: [policy, VERIFIED], **(names or {})}
    return Broken(code, SHOP, policy, world, (SPF, SPF.replace(RIGHT_SPF, policy)))


MANY = [f"include:i{number}.example" for number in range(11)]
POLICIES = [
    Broken("spf-missing", SHOP, SPF, {TXT: [VERIFIED]}),
    Broken("spf-differs", SHOP, SPF, {TXT: ["v=spf1 mx -all", VERIFIED]}),
    Broken("spf-several", SHOP, SPF, {TXT: [RIGHT_SPF, "v=spf1 mx -all", VERIFIED]}),
    Broken("spf-not-everywhere", SHOP, SPF, {f"{TXT} @{NS1}": [VERIFIED]}),
    Broken("spf-cached", SHOP, "forgets", {f"{TXT} @resolver": ["v=spf1 -all"]}),
    Broken("spf-missing", SHARED_NAME, SHARED, {f"{SHARED_NAME} TXT": []}),
    Broken("spf-differs", SHARED_NAME, SHARED, {f"{SHARED_NAME} TXT": ["v=spf1 a -all"]}),
    _setting(
        "spf-look-ups",
        f"v=spf1 include:_spf.relay.example {' '.join(MANY)} ~all",
        {f"i{number}.example TXT": ["v=spf1 ip4:192.0.2.1 -all"] for number in range(11)},
    ),
    _setting(
        "spf-void-look-ups",
        "v=spf1 include:_spf.relay.example a:b.example a:c.example mx:d.example ~all",
    ),
    _setting("spf-result", "v=spf1 ip4:192.0.2.1 ~all"),
    _setting("spf-result", "v=spf1 include:_spf.relay.example ipv4:192.0.2.1 ~all"),
    _setting("spf-result", "v=spf1 include:_spf.relay.example include:nobody.example ~all"),
    _setting("spf-open", "v=spf1 include:_spf.relay.example +all"),
    Broken("txt-missing", SHOP, f'shop.example. 300 IN TXT "{VERIFIED}"', {TXT: [RIGHT_SPF]}),
    Broken("txt-extra", SHOP, "domains[].txt", {TXT: [RIGHT_SPF, VERIFIED, "ms=1"]}),
]

SELECTOR = "s2._domainkey.shop.example"
KEYS, OURS = f"{SELECTOR} TXT", f"{SELECTOR}. 300 IN TXT {txt.quoted(NEWER)}"
DKIM = [
    Broken("dkim-missing", SELECTOR, OURS, {KEYS: []}),
    Broken("dkim-differs", SELECTOR, OURS, {KEYS: [KEY]}),
    Broken("dkim-revoked", SELECTOR, OURS, {KEYS: ["v=DKIM1; p="]}),
    Broken("dkim-malformed", SELECTOR, OURS, {KEYS: [NEWER.replace("p=", "")]}),
    Broken("dkim-malformed", SELECTOR, OURS, {KEYS: [NEWER.replace("rsa", "ed25519")]}),
    Broken("dkim-malformed", SELECTOR, OURS, {KEYS: [f"{NEWER}; h=sha1"]}),
    Broken("dkim-malformed", SELECTOR, OURS, {KEYS: [f"k=rsa; {NEWER.replace(' k=rsa;', '')}"]}),
    Broken("dkim-several", SELECTOR, OURS, {KEYS: [KEY, NEWER]}),
    Broken("dkim-testing", SELECTOR, OURS, {KEYS: [f"{NEWER}; t=y"]}),
    Broken("dkim-not-everywhere", SELECTOR, OURS, {f"{KEYS} @{NS1}": []}),
    Broken("dkim-cached", SELECTOR, "forgets", {f"{KEYS} @resolver": []}),
]

RULE, AUTHORIZED = "_dmarc.shop.example TXT", "shop.example._report._dmarc.inbox.example"
DMARC_TEXT = "v=DMARC1; p=reject; rua=mailto:ops@inbox.example"
RULE_LINE = f'_dmarc.shop.example. 300 IN TXT "{DMARC_TEXT}"'
DMARC = [
    Broken("dmarc-missing", SHOP, RULE_LINE, {RULE: []}),
    Broken("dmarc-missing", SHOP, RULE_LINE, {RULE: ["DMARC v=DMARC1; p=reject"]}),
    Broken("dmarc-differs", SHOP, RULE_LINE, {RULE: ["v=DMARC1; p=none"]}),
    Broken("dmarc-malformed", SHOP, RULE_LINE, {RULE: ["v=DMARC1; p=rejct"]}),
    Broken("dmarc-malformed", SHOP, RULE_LINE, {RULE: ["v=DMARC1 p=reject"]}),
    Broken("dmarc-several", SHOP, RULE_LINE, {RULE: [DMARC_TEXT, "v=DMARC1; p=none"]}),
    Broken("dmarc-not-everywhere", SHOP, RULE_LINE, {f"{RULE} @{NS1}": []}),
    Broken(
        "dmarc-reports", SHOP, f'{AUTHORIZED}. 300 IN TXT "v=DMARC1"', {f"{AUTHORIZED} TXT": []}
    ),
    Broken("dmarc-malformed", SHOP, RULE_LINE, {RULE: ["v=DMARC1; sp=reject"]}),
    Broken(
        "dmarc-reports",
        SHOP,
        f'{AUTHORIZED}. 300 IN TXT "v=DMARC1"',
        {f"{AUTHORIZED} TXT": [], RULE: [DMARC_TEXT.replace("mailto", "MAILTO")]},
        (DMARC_TEXT, DMARC_TEXT.replace("mailto", "MAILTO")),
    ),
]

LOGIN = ("AUTH PLAIN LOGIN",)


def _port(code: str, number: int, remedy: str, port: Port | str | None) -> Broken:
    return Broken(code, f"{GATEWAY}:{number}", remedy, ports={number: port})


PORTS = [
    _port("port-filtered", 25, "network ACL", None),
    _port("port-filtered", 587, "fail2ban-client banned", None),
    _port("port-closed", 25, "systemctl status postfix", REFUSED),
    _port("port-closed", 465, "once there is a certificate", REFUSED),
    _port("port-silent", 25, "mailq", "554 5.3.2 no service"),
    _port("port-silent", 587, "mailq", "not SMTP"),
    _port("port-silent", 465, "mailq", "not TLS"),
    _port("port-deferred", 25, "systemctl --failed", Port(starttls="451 4.7.1 try again")),
    _port("port-deferred", 587, "systemctl --failed", Port(after=LOGIN, refusal="450 4.7.1 later")),
    _port("port-broken", 25, "mail.log", Port(takes=ROLES, breaks=True)),
    _port("port-broken", 587, "mail.log", Port(after=LOGIN, breaks=True)),
    _port("greeting-name", 25, f"myhostname must say {GATEWAY}", Port("localhost", takes=ROLES)),
    _port("port-deferred", 25, "mail.log", Port(refusal="450 Error: too many recipients from me")),
    _port("starttls-missing", 25, "certificate", Port(before=(), takes=ROLES)),
    _port("starttls-missing", 587, "certificate", Port(before=())),
    _port("tls-fails", 587, "mail.log", Port(starttls="500 5.5.1 no")),
    _port("certificate-name", 25, "certbot renew", Port(takes=ROLES, certificate="other name")),
    _port("certificate-untrusted", 587, "certbot", Port(after=LOGIN, certificate="untrusted")),
    _port(
        "certificate-expired",
        465,
        "certbot renew",
        Port(before=(), after=LOGIN, certificate="expired"),
    ),
    _port("certificate-ends", 587, "certbot renew", Port(after=LOGIN, certificate="ending")),
    _port("auth-on-25", 25, "smtpd_sasl_auth_enable = no", Port(after=LOGIN, takes=ROLES)),
    _port(
        "auth-before-tls",
        587,
        "smtpd_tls_auth_only",
        Port(before=("STARTTLS", *LOGIN), after=LOGIN),
    ),
    _port("auth-missing", 587, "postconf -M", Port()),
    _port("auth-missing", 465, "postconf -M", Port(before=(), after=("AUTH CRAM-MD5",))),
    _port(
        "open-relay",
        25,
        "reject_unauth_destination",
        Port(takes=(*ROLES, "relay-test@example.net")),
    ),
    _port(
        "open-relay",
        587,
        "reject_unauth_destination",
        Port(after=LOGIN, takes=("relay-test@example.net",)),
    ),
]


def _host(code: str, subject: str, remedy: str, **facts: Any) -> Broken:
    return Broken(code, subject, remedy, facts={"i-1": facts})


def _tables(**changed: Any) -> dict[str, Any]:
    return {**LOOK, "etag": "e1", **changed}


def _queue(held: int, seconds: float) -> dict[str, Any]:
    reasons = [{"text": "connection timed out", "messages": 3}]
    return {"messages": 3, "held": held, "seconds": seconds, "reasons": reasons}


def _setup(state: str) -> dict[str, Any]:
    said = ["Debian's mirror has no package postfix"]
    return {"state": state, "step": "packages", "failures": 3, "said": said}


def _disk(free: float, inodes_free: float) -> list[dict[str, Any]]:
    size = 8 * 1024**3
    return [
        {"path": "/srv/mail", "free": int(free * size), "size": size, "inodes_free": inodes_free}
    ]


JOURNAL = "journalctl -u mail-relay-tables"
HOSTS = [
    _host("service-stopped", GATEWAY, "restart opendkim.service", stopped=["opendkim.service"]),
    _host("tables-refused", GATEWAY, JOURNAL, tables=_tables(result="exit-code")),
    _host("tables-stale", GATEWAY, "mail-relay-tables.timer", tables=_tables(seconds=900)),
    _host("tables-stale", GATEWAY, "mail-relay-tables.timer", tables=_tables(seconds=None)),
    _host("tables-old", GATEWAY, JOURNAL, tables=_tables(etag="e0")),
    _host("tables-changed", GATEWAY, "--refresh", bucket="e0", tables=_tables(etag="e0")),
    _host("tables-changed", GATEWAY, "--refresh", bucket=""),
    _host("tables-changed", GATEWAY, "--refresh", bucket="e0", tables=_tables(problem="refused")),
    _host("tables-unread", GATEWAY, "--refresh", tables=_tables(unanswered=900.0)),
    _host("clock-off", GATEWAY, "systemd-timesyncd", clock_off=86_400.0),
    _host("signing-none", SHOP, JOURNAL, signing={"relay.example": "s1"}),
    _host("signing-older", SHOP, "takes s2", signing={"relay.example": "s1", SHOP: "s1"}),
    _host("signing-unknown", SHOP, JOURNAL, signing={"relay.example": "s1", SHOP: "s0"}),
    _host("queue-held", GATEWAY, "postsuper -H ALL", queue=_queue(1, 60)),
    _host("queue-waiting", GATEWAY, "postqueue -p", queue=_queue(0, 36_000)),
    _host(
        "egress-blocked",
        GATEWAY,
        "Request to remove reverse DNS and email sending limitations",
        egress={
            "exchange": "mx.inbox.example",
            "problem": "TimeoutError: timed out",
            "seconds": 60.0,
        },
    ),
    _host("host-silent", GATEWAY, "get-console-output --latest --instance-id i-1", age=900),
    _host("setup-failed", GATEWAY, "get-console-output", setup=_setup("failed")),
    _host("setup-unfinished", GATEWAY, "goes on by itself", setup=_setup("retrying")),
    _host("disk-low", GATEWAY, "du -xh -d 2 /srv/mail", disks=_disk(0.5, 0.05)),
    _host("disk-full", GATEWAY, "du -xh -d 2 /srv/mail", disks=_disk(0.001, 0.5)),
    _host("volume-missing", GATEWAY, "Is it attached?", disks=[]),
    _host("service-silent", GATEWAY, "systemctl restart x.service", silent=["x.service"]),
    _host("status-unread", GATEWAY, "mail-relay-setup", unread=["x.toml cannot be read: torn"]),
    _host(
        "certificate-missing",
        GATEWAY,
        "journalctl -u mail-relay-certificate",
        certificate="",
        missing={"certificate": ["DNS problem: SERVFAIL"]},
    ),
    Broken("group-closed", GATEWAY, "--refresh", group=Group(("sg-1",), (), GROUP.egress)),
    Broken("group-closed", GATEWAY, "--refresh", group=Group(("sg-1",), GROUP.ingress, ())),
]

SUBMIT_A = f"{SUBMIT} A"
BESIDE = {"submission": Submission(host=SUBMIT)}
BOTH = {465: Port(before=(), after=LOGIN, certificate="both names")}
WITH_NAME = (ADDRESS, f"{ADDRESS}\n{SUBMIT}. 30 IN A 203.0.113.9")


def _submission(code: str, subject: str, remedy: str, *found: str, **more: Any) -> Broken:
    names = {SUBMIT_A: [*found], **more.pop("names", {})}
    return Broken(code, subject, remedy, names, WITH_NAME, **{"outputs": BESIDE, **more})


SUBMISSION = [
    _submission("submission-missing", SUBMIT, "--refresh", ports=BOTH),
    _submission("submission-foreign", SUBMIT, "--refresh", "203.0.113.9", "192.0.2.1", ports=BOTH),
    _submission(
        "submission-alias",
        SUBMIT,
        "delete it",
        names={f"{SUBMIT} CNAME": ["mail.relay.example."]},
        ports=BOTH,
    ),
    _submission(
        "submission-ipv6",
        SUBMIT,
        "delete the AAAA record",
        "203.0.113.9",
        names={f"{SUBMIT} AAAA": ["2001:db8::1"]},
        ports=BOTH,
    ),
    _submission("submission-certificate", f"{SUBMIT} at {GATEWAY}", "certificate", "203.0.113.9"),
]

ALL = [LATER, *ZONES, *ADDRESSES, *EXCHANGES, *POLICIES, *DKIM, *DMARC, *PORTS, *HOSTS, *SUBMISSION]
