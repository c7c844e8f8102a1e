"""Route53's rules for record sets. A batch is checked whole, then made whole: it is atomic.

The changes are made here and not by moto, whose own journal refuses a record that was deleted
before it is made again.
"""

import ipaddress
import re
from typing import Any

import xmltodict
from moto.route53.models import RecordSet

from lab.region import backends
from lab.region.errors import ApiError

PATH = re.compile(r"/2013-04-01/hostedzone/([A-Z0-9]+)/rrset/?$")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Route53 Developer Guide, "TXT record type": other octets as \ and three octal digits.
PRINTABLE = re.compile(r"[ -~]*")
STRING_LIMIT, VALUE_LIMIT = 255, 4000

Change = tuple[str, dict[str, Any]]


def changes(body: bytes) -> list[Change]:
    """(action, record set) of each change; the record set's names are in lower case with a dot."""
    document = xmltodict.parse(body, force_list=("Change", "ResourceRecord"))
    batch = document["ChangeResourceRecordSetsRequest"]["ChangeBatch"]["Changes"]["Change"]
    found: list[Change] = []
    for change in batch:
        given = dict(change["ResourceRecordSet"])
        given["Name"] = given["Name"].lower().rstrip(".") + "."
        records = (given.get("ResourceRecords") or {}).get("ResourceRecord", [])
        given["ResourceRecords"] = [record["Value"] for record in records]
        if "AliasTarget" not in given:
            given["TTL"] = int(given.get("TTL") or 0)
        found.append((change["Action"], given))
    return found


def change(zone_id: str, batch: list[Change]) -> str:
    """Check the batch against the zone, apply it, and return the answer's XML."""
    zone = backends.route53().zones.get(zone_id)
    if zone is None:
        raise ApiError("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", 404)
    sets = {(r.name, r.type): r for r in zone.rrsets}
    problems: list[str] = []
    for action, given in batch:
        name, kind = given["Name"], given["Type"]
        key = (name, kind)
        where = f"resource record set [name='{name}', type='{kind}']"
        if name != zone.name and not name.endswith("." + zone.name):
            problems.append(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
        elif action == "CREATE" and key in sets:
            problems.append(f"Tried to create {where} but it already exists")
        elif action == "DELETE" and key not in sets:
            problems.append(f"Tried to delete {where} but it was not found")
        elif action == "DELETE" and (
            sorted(sets[key].records) != sorted(given["ResourceRecords"])
            or sets[key].ttl != given.get("TTL")
            or sets[key].alias_target != given.get("AliasTarget")
        ):
            problems.append(
                f"Tried to delete {where} but the values provided do not match the current values"
            )
        elif action == "DELETE":
            del sets[key]
        else:
            problems += _values(name, kind, given["ResourceRecords"])
            sets[key] = RecordSet(given)
    problems += _alias_rules(sets, zone.name)
    if problems:
        raise ApiError("InvalidChangeBatch", f"[{', '.join(problems)}]")
    zone.rrsets = list(sets.values())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ChangeResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
        "<ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>INSYNC</Status>"
        "<SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>"
        "</ChangeResourceRecordSetsResponse>"
    )


def _values(name: str, kind: str, values: list[str]) -> list[str]:
    where = f"Invalid Resource Record: 'FATAL problem: {{}} encountered with {{}}' ({name})"
    problems: list[str] = []
    for value in values:
        if kind == "A":
            try:
                ipaddress.IPv4Address(value)
            except ValueError:
                problems.append(
                    where.format(
                        "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
                        f"'{value}'",
                    )
                )
        elif kind == "MX" and not re.fullmatch(r"\d{1,5} [A-Za-z0-9._-]+", value):
            problems.append(
                where.format("MXRRDATANotTwoFields (MX record doesn't have 2 fields)", f"'{value}'")
            )
        elif kind in ("TXT", "SPF"):
            problems += [where.format(p, f"'{value}'") for p in _text_problems(value)]
    return problems


def _text_problems(value: str) -> list[str]:
    strings = STRING.findall(value)
    if not strings or STRING.sub("", value).strip():
        return ["InvalidCharacterString (Value should be enclosed in quotation marks)"]
    if not PRINTABLE.fullmatch(value):
        return ["InvalidCharacterString (Value contains characters that need an escape code)"]
    if any(len(re.sub(r"\\([0-3][0-7]{2}|.)", "x", s)) > STRING_LIMIT for s in strings):
        return ["CharacterStringTooLong (Value is too long)"]
    if len(value) > VALUE_LIMIT:
        return ["TXTRDATATooLong (Value is too long)"]
    return []


def _alias_rules(sets: dict[tuple[str, str], Any], apex: str) -> list[str]:
    """RFC 1034, 3.6.2: a CNAME stands alone, so never at the apex."""
    problems: list[str] = []
    for name, kind in sets:
        if kind == "CNAME" and (name == apex or sum(n == name for n, _ in sets) > 1):
            problems.append(
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with "
                f"other records with the same DNS name in zone {apex}"
            )
    return problems
