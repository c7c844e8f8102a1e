"""Worlds in which a block list has an address or a domain."""

from verify_broken import Broken
from verify_world import GATEWAY

SHOP, PAGE = "shop.example", "docs/tasks/an-address-is-listed.md"
ASKED = "2025-12-31T12:00:00+00:00"


def _listed(code: str, subject: str, remedy: str, listing: str) -> Broken:
    """A listing: the list's zone, the entry, and the answer if it is not 127.0.0.2."""
    zone, entry, *answers = listing.split()
    found = {"since": "2025-12-30T00:00:00+00:00", "codes": answers or ["127.0.0.2"]}
    one = {"zone": zone, "answered": ASKED, "problem": "", "listed": {entry: found}}
    # nobody else's domain is told, nor a list that this release does not know
    strange = {"zone": "dbl.spamhaus.org", "answered": ASKED, "problem": ""}
    others = [
        {**strange, "listed": {"far.test": found, "ple": found}},
        {**one, "zone": "bl.later.example"},
    ]
    told = {"asked": ASKED, "about": [entry], "lists": [one, *others]}
    return Broken(code, subject, remedy, facts={"i-1": {"reputation": told}})


LATE = {"asked": "2025-12-27T00:00:00+00:00", "about": [], "lists": []}
ALL = [
    _listed(
        "address-listed", GATEWAY, "https://check.spamhaus.org", "zen.spamhaus.org 203.0.113.9"
    ),
    _listed("address-scored", GATEWAY, "https://psbl.org", "psbl.surriel.com 203.0.113.9"),
    _listed(
        "address-policy",
        GATEWAY,
        "take it out there, once its reverse name is mail.relay.example",
        "zen.spamhaus.org 203.0.113.9 127.0.0.11",
    ),
    _listed("spare-listed", GATEWAY, "--back", "zen.spamhaus.org 203.0.113.77"),
    _listed("domain-listed", SHOP, PAGE, "dbl.spamhaus.org shop.example 127.0.1.2"),
    _listed("domain-scored", SHOP, PAGE, "multi.uribl.com shop.example"),
    # the domain above one of ours
    _listed("domain-listed", "example", PAGE, "dbl.spamhaus.org example 127.0.1.2"),
    Broken(
        "lists-unasked",
        GATEWAY,
        "journalctl -u mail-relay-block-lists",
        facts={"i-1": {"reputation": LATE}},
    ),
]
