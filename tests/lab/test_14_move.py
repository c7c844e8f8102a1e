"""A domain moves here from a server elsewhere, as docs/tasks/move-a-domain.md tells it.

At every step the mail of both servers passes, and mail to the domain is at one of them.
"""

import mailbox
import re
import smtplib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
from ruamel.yaml import YAML
from test_11_commands import applied, done, file, relay
from world import GATEWAY, LOGIN, World

from lab.access import entered
from lab.internet import send
from lab.internet.inbox.message import Message
from lab.internet.stranger import Stranger, put_zone, stranger
from lab.machines.network import INBOX, PROBE, RESOLVER
from lab.wait import until
from mail import dkim, txt

OLD = "old-server.example"
DOMAIN = f"moved-{uuid.uuid4().hex[:8]}.example"
INFO = f"info@{DOMAIN}"
assert file  # a fixture of the other story


@dataclass(frozen=True)
class Elsewhere:
    """The old server: it has a key, mailboxes, and MX, SPF and DKIM records of the domain."""

    world: World
    key: str
    received: Path

    def send(self) -> Message:
        """A message of the domain, as it has always left."""
        subject = send.unique("from the old server")
        message = send.compose(INFO, send.RECIPIENT, subject)
        content = Stranger(DOMAIN, self.key, "old").signed(message)
        with entered(f"{self.world.lab.namespace}-probe"):
            session = smtplib.SMTP(INBOX, 25, f"mail.{OLD}")
        with session:
            session.sendmail(INFO, [send.RECIPIENT], content)
        return self.world.arrived(subject)

    def has(self, subject: str) -> bool:
        """Whether a message is in its mailbox."""
        return subject in [m["Subject"] for m in mailbox.Maildir(self.received)]


@pytest.fixture(scope="module")
def old(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """The zone is in Route53, copied from where it was: the page's first two steps."""
    made = Elsewhere(world, dkim.generate(), tmp_path_factory.mktemp("old") / "mail")
    server: list[list[object]] = [
        [f"mail.{OLD}", "A", 300, PROBE],
        [PROBE, "PTR", 300, f"mail.{OLD}."],
        [f"_spf.{OLD}", "TXT", 300, f'"v=spf1 ip4:{PROBE} -all"'],
    ]
    put_zone(world.lab, OLD, server)
    world.flush_resolver()
    records = [
        (DOMAIN, "MX", [f"10 mail.{OLD}."]),
        (DOMAIN, "TXT", [f'"v=spf1 include:_spf.{OLD} -all"', '"verification=1"']),
        (f"_dmarc.{DOMAIN}", "TXT", ['"v=DMARC1; p=reject"']),
        (dkim.name("old", DOMAIN), "TXT", [txt.quoted(dkim.record(made.key))]),
    ]
    with world.network():
        route53 = world.client("route53")
        zone = route53.create_hosted_zone(Name=DOMAIN, CallerReference=DOMAIN)["HostedZone"]["Id"]
        route53.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [created(*record) for record in records]},
        )
    smtpd = (sys.executable, "-m", "aiosmtpd", "--nosetuid", f"--listen={PROBE}:25")
    handler = ("--class=aiosmtpd.handlers.Mailbox", str(made.received))
    namespace = ("ip", "netns", "exec", f"{world.lab.namespace}-probe")
    with subprocess.Popen([*namespace, *smtpd, *handler]) as process:
        yield made
        process.terminate()
    put_zone(world.lab, OLD, [])


def created(name: str, kind: str, values: list[str]) -> dict[str, object]:
    """For Route53."""
    held = [{"Value": value} for value in values]
    record = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": held}
    return {"Action": "CREATE", "ResourceRecordSet": record}


def taken_over(world: World) -> set[str]:
    """`pulumi up`; what it says that exists is imported as it says. The names of those records."""
    found: set[str] = set()
    while True:
        result = relay("pulumi", "up", "--yes", "--stack=lab")
        if result.returncode == 0:
            world.pull_tables()
            world.flush_resolver()
            return found
        said = result.stdout + result.stderr
        commands = set(re.findall(r"pulumi (import .*)", said))
        assert commands, said
        for command in commands:
            done("pulumi", *command.split(), "--yes", "--stack=lab")
            found.add(command.split()[4])


def setting(path: str, alter: Callable[[dict[str, object]], object]) -> None:
    """Edit the domain in the stack's file, as its user does."""
    yaml = YAML()
    content = yaml.load(Path(path))
    (entry,) = [d for d in content["config"]["mail-relay:domains"] if d["name"] == DOMAIN]
    alter(entry)
    yaml.dump(content, Path(path))


def ours(world: World) -> Message:
    """A message of the domain by the gateway; the login may send as it by then."""
    subject = send.unique("by the gateway")
    world.submit(send.compose(INFO, send.RECIPIENT, subject))
    return world.arrived(subject)


def write(world: World, friend: Stranger) -> str:
    """Somebody writes to the domain, to where its MX record leads; the subject."""
    subject = send.unique("to the domain")
    message: EmailMessage = send.compose(friend.address, INFO, subject)
    with entered(f"{world.lab.namespace}-probe"):
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVER]
        exchanges: list[Any] = list(resolver.resolve(f"{DOMAIN}.", "MX"))
        first = min(exchanges, key=lambda exchange: exchange.preference)
        (address,) = resolver.resolve(first.exchange, "A")
        session = smtplib.SMTP(str(address), 25, friend.domain)
    with session:
        session.sendmail(friend.address, [INFO], friend.signed(message))
    return subject


def test_a_domain_moves_without_a_message_lost(world: World, old: Elsewhere, file: str) -> None:
    with stranger(world.lab) as friend:
        assert old.send().verdict.passes()
        until("the old server takes mail", lambda: old.has(write(world, friend)))

        # send from both
        terms = ("--spf", "gateways", "--spf", f"include:_spf.{OLD}", "--txt", "verification=1")
        done("domains", "add", DOMAIN, *terms, "--dmarc", "none")
        done("users", "change", LOGIN, "--send-as", LOGIN, "--send-as", INFO)
        assert taken_over(world) == {f"{DOMAIN}-TXT", f"_dmarc.{DOMAIN}-TXT"}
        done("verify", "--domain", DOMAIN)
        assert old.send().verdict.passes()
        assert ours(world).verdict.passes()
        until("mail is at the old server", lambda: old.has(write(world, friend)))

        # receive here
        done("forwards", "add", INFO, "me@inbox.example")
        both = [{"host": f"mail.{OLD}"}, {"host": GATEWAY, "preference": 20}]
        setting(file, lambda entry: entry.update(mx=both))
        assert taken_over(world) == {f"{DOMAIN}-MX"}
        done("forwards", "test", INFO)
        until("mail is still at the old server", lambda: old.has(write(world, friend)))
        setting(file, lambda entry: entry.pop("mx"))
        assert taken_over(world) == set()
        assert world.arrived(write(world, friend)).recipient == "me@inbox.example"
        assert old.send().verdict.passes()

        # close the old way
        done("domains", "change", DOMAIN, "--spf", "gateways", "--dmarc", "reject")
        applied(world)
        world.flush_resolver()
        done("verify", "--domain", DOMAIN)
        assert ours(world).verdict.passes()
