"""A stack's outputs and the world as literals, and ports on loopback that talk as they are told."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from agent.host_status import VERSION, parse
from lab.internet.authority import Authority
from ops.outputs import Host, read
from ops.status import Written
from ops.verify.group import Group, Rule
from ops.verify.hosts import NoAccess
from ops.verify.names import Answer

GATEWAY = "mail.relay.example"
# a name of 587 and 465 that is not the gateway's own, where a world has one
SUBMIT = "smtp.relay.example"
KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12
NEWER = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8B" * 12
SERVERS = ["ns-1.awsdns.example", "ns-2.awsdns.example"]

RECORDS = f"""\
mail.relay.example. 300 IN A 203.0.113.9
mail.relay.example. 300 IN TXT "v=spf1 a -all"
app.shop.example. 300 IN A 203.0.113.8
app.shop.example. 300 IN TXT "v=spf1 a -all"
_spf.relay.example. 300 IN TXT "v=spf1 ip4:203.0.113.9 -all"
relay.example. 300 IN TXT "v=spf1 include:_spf.relay.example ~all"
relay.example. 300 IN MX 10 mail.relay.example.
s1._domainkey.relay.example. 300 IN TXT "{KEY[:255]}" "{KEY[255:]}"
_dmarc.relay.example. 300 IN TXT "v=DMARC1; p=none; rua=mailto:ops@inbox.example"
shop.example. 300 IN TXT "v=spf1 include:_spf.relay.example ~all"
shop.example. 300 IN TXT "verification=1"
shop.example. 300 IN MX 10 mail.relay.example.
shop.example. 300 IN A 203.0.113.8
s1._domainkey.shop.example. 300 IN TXT "{KEY[:255]}" "{KEY[255:]}"
s2._domainkey.shop.example. 300 IN TXT "{NEWER[:255]}" "{NEWER[255:]}"
_dmarc.shop.example. 300 IN TXT "v=DMARC1; p=reject; rua=mailto:ops@inbox.example"
"""

# as a stack exports them
GATEWAYS = [
    {
        "name": GATEWAY,
        "address": "203.0.113.9",
        "instanceId": "i-1",
        "tables": "e1",
        "status": "s3://b/1",
    }
]
OUTPUTS: dict[str, Any] = {
    "gateways": GATEWAYS,
    "clients": [
        {
            "name": "app.shop.example",
            "address": "203.0.113.8",
            "instanceId": "i-2",
            "tables": "e2",
            "status": "s3://b/2",
        }
    ],
    "operator": "ops@inbox.example",
    "domains": [
        {"name": "relay.example", "selectors": ["s1"]},
        {"name": "shop.example", "selectors": ["s1", "s2"]},
    ],
    "zones": {"relay.example": SERVERS, "shop.example": SERVERS},
    "records": RECORDS,
    "ssh": {"allowFrom": []},
    "submission": {"host": GATEWAY, "startTls": 587, "tls": 465},
    "logins": ["me@shop.example"],
    "passwords": {"me@shop.example": "secret-123"},
    "mailPrograms": dict.fromkeys(("postfix", "msmtp", "mailrc"), "not read"),
}
WANTED = read(OUTPUTS)

# "NAME TYPE": its values at every server and at the resolver.
RIGHT: dict[str, list[str]] = {
    "relay.example NS": [f"{server}." for server in SERVERS],
    "relay.example SOA": ["ns-1.awsdns.example. hostmaster.example. 1 7200 900 1209600 86400"],
    "mail.relay.example A": ["203.0.113.9"],
    "mail.relay.example TXT": ["v=spf1 a -all"],
    "_spf.relay.example TXT": ["v=spf1 ip4:203.0.113.9 -all"],
    "relay.example TXT": ["v=spf1 include:_spf.relay.example ~all"],
    "relay.example MX": ["10 mail.relay.example."],
    "s1._domainkey.relay.example TXT": [KEY],
    "_dmarc.relay.example TXT": ["v=DMARC1; p=none; rua=mailto:ops@inbox.example"],
    "shop.example NS": [f"{server}." for server in SERVERS],
    "shop.example SOA": ["ns-1.awsdns.example. hostmaster.example. 1 7200 900 1209600 86400"],
    "app.shop.example A": ["203.0.113.8"],
    "app.shop.example TXT": ["v=spf1 a -all"],
    "shop.example TXT": ["v=spf1 include:_spf.relay.example ~all", "verification=1"],
    "shop.example MX": ["10 mail.relay.example."],
    "shop.example A": ["203.0.113.8"],
    "s1._domainkey.shop.example TXT": [KEY],
    "s2._domainkey.shop.example TXT": [NEWER],
    "_dmarc.shop.example TXT": ["v=DMARC1; p=reject; rua=mailto:ops@inbox.example"],
    "9.113.0.203.in-addr.arpa PTR": ["mail.relay.example."],
    "8.113.0.203.in-addr.arpa PTR": ["app.shop.example."],
    "inbox.example MX": ["10 mx.inbox.example."],
    "mx.inbox.example A": ["198.51.100.10"],
    "relay.example._report._dmarc.inbox.example TXT": ["v=DMARC1"],
    "shop.example._report._dmarc.inbox.example TXT": ["v=DMARC1;"],
}


@dataclass(frozen=True)
class Literal:
    """Names by a map. "NAME TYPE @SERVER" is one server's view, "NAME TYPE @resolver" the
    resolver's; a text instead of a list is why there is no answer."""

    names: Mapping[str, list[str] | str]
    resolver: str = "192.0.2.53"

    def resolve(self, name: str, kind: str) -> Answer:
        return self._at("resolver", name, kind)

    def ask(self, server: str, name: str, kind: str) -> Answer:
        return self._at(server, name, kind)

    def _at(self, where: str, name: str, kind: str) -> Answer:
        key = f"{name.rstrip('.')} {kind}"
        found = self.names.get(f"{key} @{where}", self.names.get(key, []))
        return Answer(problem=found) if isinstance(found, str) else Answer(tuple(sorted(found)))


GIB = 1024**3
DONE = {"state": "done", "step": "", "failures": 0, "said": []}
LOOK = {
    "taken": "2026-10-01T00:00:00+00:00",
    "result": "success",
    "seconds": 12.0,
    "problem": "",
    "unanswered": 0.0,
}


def _list(zone: str, **listed: Any) -> dict[str, Any]:
    """A block list that was asked yesterday."""
    return {
        "zone": zone,
        "answered": "2025-12-31T12:00:00+00:00",
        "problem": "",
        "listed": listed,
    }


FACTS: dict[str, Any] = {
    "i-1": {
        "setup": DONE,
        "missing": {},
        "stopped": [],
        "silent": [],
        "tables": LOOK | {"etag": "e1"},
        "clock_off": 1.0,
        "signing": {"relay.example": "s1", "shop.example": "s2"},
        "signing_since": {},
        "queue": {
            "messages": 2,
            "held": 0,
            "seconds": 600.0,
            "reasons": [{"text": "450 greylisted", "messages": 2}],
        },
        "certificate": "2027-02-24T01:32:33Z",
        "disks": [
            {"path": "/", "free": 5 * GIB, "size": 8 * GIB, "inodes_free": 0.9},
            {"path": "/srv/mail", "free": 7 * GIB, "size": 8 * GIB, "inodes_free": 0.99},
        ],
        "egress": {"exchange": "mx.inbox.example", "problem": "", "seconds": 60.0},
        "limited": {},
        "unread": [],
        "reputation": {
            "asked": "2025-12-31T12:00:00+00:00",
            "about": ["203.0.113.9", "relay.example", "shop.example"],
            "lists": [
                _list("zen.spamhaus.org"),
                # a refusal is no listing
                {**_list("bl.spamcop.net"), "problem": "REFUSED"},
                _list("dbl.spamhaus.org"),
            ],
        },
        "age": 20,
    },
    "i-2": {
        "setup": DONE,
        "missing": {},
        "stopped": [],
        "silent": [],
        "tables": LOOK | {"etag": "e2"},
        "clock_off": 0.0,
        "signing": {},
        "signing_since": {},
        "queue": {"messages": 0, "held": 0, "seconds": 0, "reasons": []},
        "certificate": "",
        "disks": [{"path": "/", "free": 5 * GIB, "size": 8 * GIB, "inodes_free": 0.9}],
        "egress": None,
        "limited": {},
        "unread": [],
        "reputation": None,
        "age": 30,
    },
}
# another gateway, where a world has two: it is off
SECOND = Host(
    name="mx2.relay.example",
    address="203.0.113.7",
    instance_id="i-3",
    tables="e1",
    status="s3://b/3",
)
FACTS["i-3"] = {**FACTS["i-1"], "age": 900}
SECONDS_NAMES: dict[str, list[str]] = {
    f"{SECOND.name} A": [SECOND.address],
    f"{SECOND.name} TXT": ["v=spf1 a -all"],
    "7.113.0.203.in-addr.arpa PTR": [f"{SECOND.name}."],
}


@dataclass(frozen=True)
class Hosts:
    """What hosts have written of themselves, `age` seconds ago; one without cannot be read."""

    facts: Mapping[str, Any]

    def __call__(self, host: Host) -> Written:
        if host.instance_id not in self.facts:
            raise NoAccess("no credentials")
        told = dict(self.facts[host.instance_id])
        seconds, in_bucket = told.pop("age"), told.pop("bucket", host.tables)
        common = {"version": VERSION, "host": host.name, "instance": host.instance_id, "boot": "b"}
        text = json.dumps({**common, "written": "2026-01-01T00:00:00+00:00", **told})
        return Written(parse(text), seconds, in_bucket)


EVERY_TCP = Rule("tcp", range(65536))
GROUP = Group(("sg-1",), (EVERY_TCP,), (EVERY_TCP, Rule("udp", range(65536)), Rule("icmp", None)))
REFUSED = "refused"


@dataclass(frozen=True)
class Port:
    """What a port of the gateway says and takes; `certificate` names one of `certificates`."""

    name: str = GATEWAY
    before: tuple[str, ...] = ("STARTTLS",)
    after: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    refusal: str = "554 5.7.1 Relay access denied"
    refusals: Mapping[str, str] = field(default_factory=dict)
    starttls: str = ""
    breaks: bool = False
    certificate: str = "right"

    async def handle_EHLO(
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        assert server.transport is not None
        inside = server.transport.get_extra_info("sslcontext")
        if inside and self.breaks:
            server.transport.close()
        keywords = self.after if inside else self.before
        return [f"250-{self.name}", *(f"250-{keyword}" for keyword in keywords), "250 HELP"]

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        known = "250 2.1.5 Ok" if address in self.takes else self.refusal
        return self.refusals.get(address, known)


class _Server(SMTP):
    """aiosmtpd's, with an answer to STARTTLS if the port has one."""

    async def smtp_STARTTLS(self, arg: str) -> None:
        if self.event_handler.starttls:
            await self.push(self.event_handler.starttls)
        else:
            await super().smtp_STARTTLS(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


RELAYS = ("postmaster@relay.example", "abuse@relay.example")
SHOPS = ("postmaster@shop.example", "abuse@shop.example")
ROLES = (*RELAYS, *SHOPS)
PORTS: dict[int, Port | str | None] = {
    25: Port(takes=ROLES),
    587: Port(after=("AUTH PLAIN LOGIN",)),
    465: Port(before=(), after=("AUTH PLAIN LOGIN",)),
}


@contextmanager
def serving(
    ports: Mapping[int, Port | str | None], certificates: Mapping[str, ssl.SSLContext]
) -> Iterator[dict[int, int]]:
    """The ports on loopback, by those that they stand for; a text is a greeting and no more, and
    None gives no answer. REFUSED is refused."""
    running, listeners, found = [], [], {}
    for number, port in ports.items():
        if isinstance(port, Port):
            running.append(_controller(number, port, certificates[port.certificate]))
            found[number] = running[-1].port
        elif port == REFUSED:
            found[number] = _free_port()
        elif port is not None:
            tls = certificates["right"] if number == 993 else None
            listeners.append(_greeter(port, tls))
            found[number] = listeners[-1].getsockname()[1]
    try:
        yield found
    finally:
        for controller in running:
            controller.stop()
        for listener in listeners:
            listener.close()


def _controller(number: int, port: Port, certificate: ssl.SSLContext) -> Controller:
    kind = "ssl_context" if number == 465 else "tls_context"
    context: dict[str, Any] = {kind: certificate}
    controller = _Controller(
        port,
        hostname="127.0.0.1",
        port=_free_port(),
        server_hostname=port.name,
        ident="ESMTP",
        **context,
    )
    controller.start()
    return controller


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _greeter(text: str, tls: ssl.SSLContext | None) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        try:
            while True:
                client, _ = listener.accept()
                with tls.wrap_socket(client, server_side=True) if tls else client as session:
                    session.sendall(f"{text}\r\n".encode())
        except OSError:
            return  # the listener is closed

    threading.Thread(target=greet, daemon=True).start()
    return listener


def certificates(directory: Path) -> tuple[ssl.SSLContext, dict[str, ssl.SSLContext]]:
    """What a client trusts, and what ports can have."""
    authority, another = Authority(directory / "one"), Authority(directory / "another")
    issued = {
        "right": authority.issue(GATEWAY),
        "other name": authority.issue("mail.other.example"),
        "untrusted": another.issue(GATEWAY),
    }
    found = {name: _context(*files) for name, files in issued.items()}
    found["both names"] = _context(*authority.issue(GATEWAY, SUBMIT))
    for name, lasting in (("expired", timedelta(minutes=-1)), ("ending", timedelta(days=9))):
        found[name] = _context(*authority.issue(GATEWAY, lasting=lasting))
    return ssl.create_default_context(cafile=str(authority.certificate)), found


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    return context
