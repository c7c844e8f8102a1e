"""The block lists of the lab's internet, by their true names (mail/block_lists.py).

They answer as the true ones do: by test entries (RFC 5782, 5), and Spamhaus refuses the questions
of resolvers and of addresses without a reverse name of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from lab.region import backends, names
from lab.region.memory import Memory
from mail.block_lists import BY_ZONE, LISTS, query

# What a list does: it answers; it refuses everybody; it has ended, and answers nothing, or answers
# every question (a registrar has its name); or its servers do not answer.
Mode = Literal["answers", "refuses", "empty", "everything", "silent"]
TTL = 60
REFUSED = "127.255.255.254"
# What the true lists answer for their test entries.
POINTS: Mapping[str, Sequence[str]] = {
    "zen.spamhaus.org": ("127.0.0.2", "127.0.0.4", "127.0.0.10"),
    "bl.spamcop.net": ("127.0.0.2",),
    "psbl.surriel.com": ("127.0.0.2",),
    "dbl.spamhaus.org": ("127.0.1.2",),
    "multi.surbl.org": ("127.0.0.254",),
    "multi.uribl.com": ("127.0.0.14",),
}


def put_all(memory: Memory) -> None:
    """Have every list answer, with nothing listed but its test entry."""
    for of in LISTS:
        put(memory, of.zone, "answers", {})


def put(memory: Memory, zone: str, mode: Mode, listed: Mapping[str, Sequence[str]]) -> None:
    """Set what a list does, and its answers by address or domain."""
    of = BY_ZONE[zone]
    records = [[query(entry, zone), "A", TTL, code] for entry in listed for code in listed[entry]]
    records += [[query(of.point, zone), "A", TTL, code] for code in POINTS[zone]]
    memory.names.failing -= {name for name in memory.names.failing if name.endswith(f".{zone}.")}
    if mode == "refuses":
        records = [[f"*.{zone}", "A", TTL, REFUSED if "spamhaus" in zone else "127.0.0.1"]]
    elif mode == "everything":
        records = [[f"*.{zone}", "A", TTL, "192.0.2.99"]]
    elif mode == "empty":
        records = []
    elif mode == "silent":
        memory.names.failing |= {f"{query(of.point, zone)}.", f"{of.never}."}
    names.put_zone(memory, zone, records)


def refusal(memory: Memory, name: str, client: str) -> str:
    """The answer of Spamhaus to somebody whom it does not serve; "" if it serves the client."""
    if not name.endswith((".zen.spamhaus.org.", ".dbl.spamhaus.org.")) or not client:
        return ""
    for address in backends.ec2().addresses:
        # a machine's question has its private address: the server is in the router, before its NAT
        private = address.eni and address.eni.private_ip_address
        if address.allocation_id in memory.pointers and client in (address.public_ip, private):
            return ""
    return REFUSED
