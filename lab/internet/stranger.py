"""A correspondent on the lab's internet, whose domain has a DMARC policy of p=reject."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

import dkim as dkimpy

from lab.access import entered
from lab.lab import Lab
from lab.machines.network import PROBE
from lab.region_client import RegionClient
from mail import dkim, txt

SELECTOR = "s1"


@dataclass(frozen=True)
class Stranger:
    """A correspondent at the address of the lab's probe; `key` is the DKIM key of `domain`."""

    domain: str
    key: str
    selector: str = SELECTOR

    @property
    def address(self) -> str:
        """The correspondent's address."""
        return f"friend@{self.domain}"

    def signed(self, message: EmailMessage) -> bytes:
        """The message with the domain's DKIM signature."""
        content = message.as_bytes(policy=SMTP)
        selector, domain = self.selector.encode(), self.domain.encode()
        return dkimpy.sign(content, selector, domain, self.key.encode()) + content


@contextmanager
def stranger(lab: Lab) -> Iterator[Stranger]:
    """A stranger with SPF, DKIM and DMARC `p=reject` in DNS, under a name never used before.

    Each gets a new domain, because resolvers cache the records of used ones.
    """
    who = Stranger(f"far-{uuid.uuid4().hex[:8]}.example", dkim.generate())
    key = " ".join(f'"{piece}"' for piece in txt.pieces(dkim.record(who.key)))
    records = [
        [who.domain, "A", 300, PROBE],
        [who.domain, "TXT", 300, f'"v=spf1 ip4:{PROBE} -all"'],
        [f"_dmarc.{who.domain}", "TXT", 300, '"v=DMARC1; p=reject"'],
        [dkim.name(SELECTOR, who.domain), "TXT", 300, key],
    ]
    put_zone(lab, who.domain, records)
    try:
        yield who
    finally:
        put_zone(lab, who.domain, [])


def put_zone(lab: Lab, zone: str, records: list[list[object]]) -> None:
    """Replace the records of a zone outside Route53 by these (name, type, TTL, value)."""
    with entered(lab.namespace):
        RegionClient(lab.api_url).call("PUT", "dns/records", {"zone": zone, "records": records})
