"""Who writes to the gateway from outside, on port 25."""

import smtplib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dkim as dkimpy
from world import World

from lab.internet.stranger import Stranger, put_zone
from lab.machines.network import PROBE


def letter(author: str, subject: str, *headers: str, body: str = "Hello.\r\n") -> bytes:
    """A message whose From: fields are written as they are given."""
    date = "Date: Tue, 24 Nov 2026 00:00:00 +0000"
    own = f"Message-ID: <{uuid.uuid4().hex}@far.example>"
    lines = [*headers, *([author] if author else []), f"Subject: {subject}", date, own]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def signed(who: Stranger, content: bytes) -> bytes:
    """A message, as it is written, with its author's signature."""
    key, name = who.key.encode(), who.domain.encode()
    return dkimpy.sign(content, who.selector.encode(), name, key) + content


def hand_in(world: World, recipient: str, content: bytes, sender: str) -> None:
    """A message by a stranger; raises what smtplib raises."""
    with world.session(25) as session:
        session.sendmail(sender, [recipient], content)


def answer(world: World, recipient: str, content: bytes, sender: str) -> tuple[int, str]:
    """What a stranger is told, at whatever step; 250 if his message is taken."""
    with world.session(25) as session:
        return converse(session, [recipient], content, sender)


def converse(
    session: Any, recipients: Sequence[str], content: bytes, sender: str, *parameters: str
) -> tuple[int, str]:
    """The first refusal, or what comes after the data. Nothing is tidied: no smtplib.mail()."""
    code, text = session.docmd("MAIL", f"FROM:<{sender}>")
    for recipient in recipients:
        if code == 250:
            code, text = session.docmd("RCPT", " ".join([f"TO:<{recipient}>", *parameters]))
    if code == 250:
        try:
            code, text = session.data(content)
        except smtplib.SMTPDataError as error:
            return error.smtp_code, str(error.smtp_error)
    return code, text.decode()


def by_provider(world: World, sender: str, recipient: str, content: bytes) -> None:
    """A message of a user of the provider's, whom its SPF proves."""
    world.inbox.write(world.gateway.address, sender, recipient, content)


@contextmanager
def domain(world: World, *, spf: str = "v=spf1 -all", policy: str = "reject") -> Iterator[str]:
    """Somebody else's domain, with nothing that he could prove; without a policy no DMARC."""
    name = f"bank-{uuid.uuid4().hex[:8]}.example"
    records: list[list[object]] = [[name, "A", 300, PROBE], [name, "TXT", 300, f'"{spf}"']]
    if policy:
        records.append([f"_dmarc.{name}", "TXT", 300, f'"v=DMARC1; p={policy}"'])
    put_zone(world.lab, name, records)
    try:
        yield name
    finally:
        put_zone(world.lab, name, [])


@contextmanager
def records_of_ours(world: World, zone: str, records: list[tuple[str, str, str]]) -> Iterator[None]:
    """Records (name, type, value) more in a zone of the stack's, as its owner adds them by hand."""

    def change(action: str) -> None:
        changes = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": name,
                    "Type": kind,
                    "TTL": 60,
                    "ResourceRecords": [{"Value": value}],
                },
            }
            for name, kind, value in records
        ]
        with world.network():
            route53 = world.client("route53")
            (found,) = [
                z["Id"]
                for z in route53.list_hosted_zones()["HostedZones"]
                if z["Name"] == f"{zone}."
            ]
            route53.change_resource_record_sets(
                HostedZoneId=found, ChangeBatch={"Changes": changes}
            )
        world.flush_resolver()

    change("CREATE")
    try:
        yield
    finally:
        change("DELETE")
