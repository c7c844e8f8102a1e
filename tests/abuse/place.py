"""A running set-up: what it has, who is who in it, and ways to talk to it."""

import itertools
import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dkim as dkimpy

from abuse.talk import SECONDS, Talk
from common.shell import run
from lab import access
from lab.access import entered
from lab.internet import send
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from lab.internet.smtp import Internet
from lab.internet.stranger import SELECTOR, put_zone
from lab.lab import Lab
from lab.machines.network import OTHERS_CIDR, PROBE, other
from lab.wait import within
from mail import dkim, txt
from ops.edit.stack_file import StackFile
from ops.lab import region, stack
from ops.lab.target import LabTarget
from ops.outputs import Host, Outputs
from settings import Settings

STRANGERS = [f"198.51.100.{number}" for number in range(60, 80)]
# each attack has addresses of its own: who is shut out for one row is a stranger in the next
ATTACKERS = [f"198.51.100.{number}" for number in range(100, 240)]
ARRIVAL_SECONDS = 30.0
FORGET = """
import glob, sqlite3
for file in glob.glob("/run/mail-relay-limits/*/counts.sqlite3"):
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM mail_count")
"""
UNBAN = (
    "fail2ban-client unban --all; truncate -s 0 /var/log/mail-failures.log; "
    "fail2ban-client restart mail-relay"
)
# Postfix shuts a session after ten errors (smtpd_hard_error_limit)
REFUSALS_A_SESSION = 7


@dataclass
class Place:
    """One set-up in a lab, with strangers' domains that are new to every resolver.

    `names` are what rows write in braces: {host}, {login}, {taken} and so on.
    """

    lab: Lab
    outputs: Outputs
    settings: Settings
    key: str
    names: dict[str, str]
    features: frozenset[str]
    _sessions: dict[tuple[int, str], Talk] = field(default_factory=dict)
    _sources: Iterator[str] = field(default_factory=lambda: itertools.cycle(STRANGERS))
    _attackers: Iterator[str] = field(default_factory=lambda: itertools.cycle(ATTACKERS))
    _messages: dict[str, Message] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """A row's text with the names of this set-up."""
        return text.format_map(self.names)

    @property
    def gateway(self) -> Host:
        """The gateway, as the stack exports it."""
        return self.outputs.gateways[0]

    def password(self, login: str = "") -> str:
        """A login's password."""
        return self.outputs.passwords[login or self.names["login"]]

    def attacker(self) -> str:
        """An address that no other row attacks from."""
        return next(self._attackers)

    def plain(self, port: int, source: str = "", seconds: float = 20) -> socket.socket:
        """A TCP connection with the gateway, from an address of the lab's internet."""
        return self.dial(self.gateway.address, port, source, seconds)

    def dial(self, address: str, port: int, source: str = "", seconds: float = 20) -> socket.socket:
        """A TCP connection with any address."""
        with entered(f"{self.lab.namespace}-probe"):
            here = (source or next(self._sources), 0)
            return socket.create_connection((address, port), seconds, here)

    def talk(self, port: int, source: str = "") -> Talk:
        """A connection that has read no greeting yet; TLS from the start on 465."""
        context = Internet(self.lab).context()
        talk = Talk(self.plain(port, source), context, self.gateway.name)
        if port == 465:
            talk.secure()
        return talk

    def greeted(
        self, port: int, *, tls: bool = False, source: str = "", patience: float = SECONDS
    ) -> Talk:
        """A session after EHLO, with TLS if asked; ConnectionError if nobody greets in time."""
        talk = self.talk(port, source)
        if not (said := talk.reply(patience)).startswith("220"):
            talk.close()
            raise ConnectionError(said)
        talk.say(self.fill("EHLO {helo}"))
        if tls and port != 465:
            talk.starttls(self.names["helo"])
        return talk

    def session(self, port: int = 587, login: str = "") -> Talk:
        """A session that is logged in, between two messages; the last one if it still is."""
        login = login or self.names["login"]
        talk = self._sessions.get((port, login))
        if talk and not talk.closed and talk.refusals < REFUSALS_A_SESSION:
            if talk.say("RSET").startswith("250"):
                return talk
            talk.close()
        talk = self.greeted(port, tls=True)
        said = talk.authenticate(login, self.password(login))
        if not said.startswith("235"):
            talk.close()
            raise ConnectionError(said)
        self._sessions[port, login] = talk
        return talk

    def forget(self) -> None:
        """Have the gateway forget what it has counted: logins' messages, and wrong passwords."""
        if "limits" in self.features:
            self.run("python3", "-c", FORGET)
            self.shell(UNBAN)

    def hang_up(self) -> None:
        """End all sessions that are kept."""
        for talk in self._sessions.values():
            talk.close()
        self._sessions.clear()

    def run(self, *command: str, host: str = "gateway", text: str = "") -> str:
        """What a command says on a host as its root, errors too, whatever becomes of it."""
        both = ("sh", "-c", 'exec "$@" 2>&1', "sh", *command)
        identity = self.host(host).instance_id
        result = access.run(self.lab, identity, *both, stdin=text, seconds=180, check=False)
        return (result.stdout + result.stderr).strip()

    def shell(self, script: str, host: str = "gateway") -> str:
        """`run` for a shell's script."""
        return self.run("sh", "-c", script, host=host)

    def host(self, name: str) -> Host:
        """A host by its name, or by `gateway` or `client`, the first of its kind."""
        return self.outputs.clients[0] if name == "client" else self.outputs.host(name)

    @property
    def inbox(self) -> Inbox:
        """The receiving provider."""
        return Inbox(self.lab)

    def log(self) -> str:
        """The gateway's mail log."""
        return self.run("cat", "/var/log/mail.log")

    def signed(self, content: bytes) -> bytes:
        """The message with the signature of the friend's domain."""
        domain = self.names["far"].encode()
        return dkimpy.sign(content, SELECTOR.encode(), domain, self.key.encode()) + content

    def arrived(self, token: str, seconds: float = ARRIVAL_SECONDS) -> Message | str | None:
        """The message with this word in it: from the inbox, or as text from a mailbox; or None."""

        def found() -> Message | str | None:
            if messages := self.in_inbox(token):
                return messages[0]
            return (self.in_mailboxes(token) if "mailboxes" in self.features else "") or None

        return within(seconds, found)

    def in_inbox(self, token: str) -> list[Message]:
        """The messages in the inbox that have a word."""
        for entry in os.scandir(self.inbox.directory):
            if entry.name.endswith(".json") and entry.name not in self._messages:
                content = json.loads(Path(entry.path).read_text())
                self._messages[entry.name] = Message.model_validate(content)
        return [m for m in self._messages.values() if token in m.raw]

    def in_mailboxes(self, token: str) -> str:
        """The message in a mailbox here that has a word; empty if there is none."""
        files = self.run("grep", "-rlF", "--", token, "/srv/mail/mailboxes").splitlines()
        new = [file for file in files if "/new/" in file or "/cur/" in file]
        return self.run("cat", new[0]) if new else ""


def token() -> str:
    """A word that no other message has."""
    return f"tok{uuid.uuid4().hex[:16]}"


@contextmanager
def place(lab: Lab) -> Iterator[Place]:
    """The set-up that runs in a lab; strangers' domains and addresses come and go with it."""
    target = LabTarget(stack.STACK, lab)
    settings = StackFile(target).settings()
    outputs, key, tag = target.outputs(), dkim.generate(), uuid.uuid4().hex[:6]
    names = {
        **strangers(tag),
        **ours(settings, outputs.gateways[0]),
        "inbox": send.RECIPIENT,
        "probe": PROBE,
    }
    link = other(lab, "probe")
    for address in (*STRANGERS, *ATTACKERS):
        run("ip", "-n", link.namespace, "address", "replace", f"{address}/32", "dev", "eth0")
        run("ip", "-n", lab.namespace, "route", "replace", f"{address}/32", "dev", link.interface)
    zones = zones_of(names, key)
    for zone, records in zones.items():
        put_zone(lab, zone, records)
    provider(lab, names["ours"], "UPSERT")
    made = Place(lab, outputs, settings, key, names, features(settings, names))
    # the forward's target refuses what says so, as a provider refuses spam
    refusing = "header_checks=regexp:{{/^Subject: .*please refuse/ REJECT looks like spam}}"
    made.inbox.run("postconf", "-e", refusing)
    made.inbox.run("postfix", "reload")
    made.forget()
    try:
        yield made
    finally:
        made.hang_up()
        made.forget()
        made.inbox.run("postconf", "-X", "header_checks")
        made.inbox.run("postfix", "reload")
        for zone in zones:
            put_zone(lab, zone, [])
        provider(lab, names["ours"], "DELETE")
        for address in (*STRANGERS, *ATTACKERS):
            run("ip", "-n", link.namespace, "address", "del", f"{address}/32", "dev", "eth0")
            run("ip", "-n", lab.namespace, "route", "del", f"{address}/32", "dev", link.interface)


def strangers(tag: str) -> dict[str, str]:
    """Who is who on the internet: a friend, an attacker, and a bank that nobody may send as."""
    return {
        "far": f"far-{tag}.example",
        "friend": f"friend@far-{tag}.example",
        "evil": f"evil-{tag}.example",
        "bank": f"bank-{tag}.example",
        # below a public suffix: OpenDMARC looks for a policy above a name only there
        "listed": f"bank-{tag}.com",
        "quiet": f"quiet-{tag}.example",
        "helo": f"mx.evil-{tag}.example",
    }


def zones_of(names: dict[str, str], key: str) -> dict[str, list[list[object]]]:
    """What the strangers' zones hold.

    The friend's says p=reject and has a key; the attacker's has no policy, the bank's is p=reject
    and sends from nowhere, the quiet one has neither SPF nor DMARC.
    """
    published = " ".join(f'"{piece}"' for piece in txt.pieces(dkim.record(key)))
    spf = f'"v=spf1 ip4:{OTHERS_CIDR} -all"'
    far, evil, quiet = (names[name] for name in ("far", "evil", "quiet"))
    pointers: list[list[object]] = [
        [address, "PTR", 300, f"mx.{evil}."] for address in (*STRANGERS, *ATTACKERS)
    ]
    return {
        far: [
            [far, "A", 300, PROBE],
            [far, "TXT", 300, spf],
            [f"_dmarc.{far}", "TXT", 300, '"v=DMARC1; p=reject"'],
            [dkim.name(SELECTOR, far), "TXT", 300, published],
        ],
        evil: [
            [evil, "A", 300, PROBE],
            [evil, "TXT", 300, spf],
            *[[f"mx.{evil}", "A", 300, address] for address in (*STRANGERS, *ATTACKERS)],
            *pointers,
        ],
        **{
            bank: [
                [bank, "A", 300, PROBE],
                [bank, "TXT", 300, '"v=spf1 -all"'],
                [f"_dmarc.{bank}", "TXT", 300, '"v=DMARC1; p=reject"'],
            ]
            for bank in (names["bank"], names["listed"])
        },
        quiet: [[quiet, "A", 300, PROBE]],
    }


def provider(lab: Lab, domain: str, action: str) -> None:
    """A name below our domain that a mailing provider sends from, by records of the user's own."""
    with entered(lab.namespace):
        route53 = region.client(lab, "route53")
        zones = {z["Name"].rstrip("."): z["Id"] for z in route53.list_hosted_zones()["HostedZones"]}
        zone = max((name for name in zones if f".{domain}".endswith(f".{name}")), key=len)
        values = {"A": PROBE, "TXT": f'"v=spf1 ip4:{OTHERS_CIDR} -all"'}
        for kind, value in values.items():
            record = {"Name": f"news.{domain}", "Type": kind, "TTL": 60}
            record |= {"ResourceRecords": [{"Value": value}]}
            change = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
            route53.change_resource_record_sets(HostedZoneId=zones[zone], ChangeBatch=change)


def ours(settings: Settings, gateway: Host) -> dict[str, str]:
    """Who is who in the set-up; a role that it does not have is left out."""
    login = settings.logins[0].address
    domain = login.rpartition("@")[2]
    found = {
        "host": settings.gateways[0].name,
        "above": settings.gateways[0].name.partition(".")[2],
        "address": gateway.address,
        "private": gateway.private_address,
        "login": login,
        "user": login.partition("@")[0],
        "capital": login[0].upper() + login[1:],
        "ours": domain,
        "boss": f"boss@{domain}",
        "operator": settings.operator,
    }
    others = [item.address for item in settings.logins[1:]]
    found["colleague"] = others[0] if others else found["boss"]
    kept = [mailbox.address for mailbox in settings.mailboxes]
    forwards = [f for f in settings.forwards if not f.address.startswith("@")]
    outside = [f.address for f in forwards if f.to[0].endswith("@inbox.example")]
    found |= {"forward": outside[0]} if outside else {}
    found |= {"mailbox": kept[0]} if kept else {}
    found["taken"] = (outside or kept)[0]
    name, _, receiving = found["taken"].partition("@")
    found |= {"extended": f"{name}+shop@{receiving}", "shouted": found["taken"].upper()}
    catch_alls = {f.address[1:] for f in settings.forwards if f.address.startswith("@")}
    domains = {address.rpartition("@")[2] for address in [*kept, *(f.address for f in forwards)]}
    found["receiving"] = receiving
    found |= {"closed": sorted(domains - catch_alls)[0]} if domains - catch_alls else {}
    for client in settings.clients[:1]:
        found |= {"client": client.name, "app": f"app@{client.name.partition('.')[2]}"}
    return found


def features(settings: Settings, names: dict[str, str]) -> frozenset[str]:
    """What rows may need."""
    having = {
        "mailboxes": bool(settings.mailboxes),
        "forwards": "forward" in names,
        "closed": "closed" in names,
        "clients": bool(settings.clients),
        "private": any(client.private for client in settings.clients),
        "public": any(not client.private for client in settings.clients),
        "two": len(settings.logins) > 1,
        "smarthost": settings.smarthost is not None,
        "direct": settings.smarthost is None,
        "limits": hasattr(settings, "limits"),
    }
    return frozenset(name for name, has in having.items() if has)
