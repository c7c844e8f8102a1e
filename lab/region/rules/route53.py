"""Route53's rules for record sets. A batch is checked and then applied as a whole: it is atomic.

The changes are made here and not by moto, whose own journal refuses a record that was deleted
before and is created again.
"""

import ipaddress
import re
from typing import Any

import xmltodict
from moto.route53.models import RecordSet

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.rules import health_checks

PATH = re.compile(r"/2013-04-01/hostedzone/([A-Z0-9]+)/rrset/?$")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Route53 Developer Guide, "TXT record type": other octets as \ and three octal digits.
PRINTABLE = re.compile(r"[ -~]*")
STRING_LIMIT, VALUE_LIMIT = 255, 4000

IDENTIFIER_LIMIT = 128
OTHER_POLICIES = (
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "GeoProximityLocation",
    "CidrRoutingConfig",
)

Change = tuple[str, dict[str, Any]]
# record sets by name, type and set identifier
Sets = dict[tuple[str, str, str | None], Any]


def changes(body: bytes) -> list[Change]:
    """(action, record set) of each change; the record set's names are in lower case with a dot."""
    document = xmltodict.parse(body, force_list=("Change", "ResourceRecord"))
    batch = document["ChangeResourceRecordSetsRequest"]["ChangeBatch"]["Changes"]["Change"]
    found: list[Change] = []
    for change in batch:
        given = dict(change["ResourceRecordSet"])
        _policy(change["Action"], given)
        given["Name"] = given["Name"].lower().rstrip(".") + "."
        records = (given.get("ResourceRecords") or {}).get("ResourceRecord", [])
        given["ResourceRecords"] = [record["Value"] for record in records]
        if "AliasTarget" not in given:
            given["TTL"] = int(given.get("TTL") or 0)
        found.append((change["Action"], given))
    return found


def _policy(action: str, given: dict[str, Any]) -> None:
    """The fields of a routing policy belong together; the lab has simple and multivalue answer."""
    name, kind, identifier = given["Name"], given["Type"], given.get("SetIdentifier")
    where = f"[Action={action}, Name={name}, Type={kind}, SetIdentifier={identifier or 'null'}]"
    if others := [policy for policy in OTHER_POLICIES if policy in given]:
        raise ApiError("InvalidInput", f"the lab has no routing policy {others[0]} in {where}")
    if not identifier and ("MultiValueAnswer" in given or "HealthCheckId" in given):
        text = f"Invalid request: Missing field 'SetIdentifier' in Change with {where}"
        raise ApiError("InvalidInput", text)
    given["MultiValueAnswer"] = True if given.get("MultiValueAnswer") == "true" else None
    if identifier and not given["MultiValueAnswer"]:
        raise ApiError(
            "InvalidInput",
            "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or "
            f"MultiValueAnswer], but found none in Change with {where}",
        )
    if identifier and len(identifier) > IDENTIFIER_LIMIT:
        raise ApiError(
            "InvalidInput",
            f"1 validation error detected: Value '{identifier}' at 'setIdentifier' failed to "
            f"satisfy constraint: Member must have length less than or equal to {IDENTIFIER_LIMIT}",
        )
    if action != "DELETE" and given.get("HealthCheckId"):
        health_checks.require(given["HealthCheckId"])


def change(zone_id: str, batch: list[Change]) -> str:
    """Check the batch against the zone, apply it, and return the answer's XML."""
    zone = backends.route53().zones.get(zone_id)
    if zone is None:
        raise ApiError("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", 404)
    sets: Sets = {(r.name, r.type, r.set_identifier): r for r in zone.rrsets}
    problems: list[str] = []
    for action, given in batch:
        problems += _apply(zone.name, sets, action, given)
    problems += _alias_rules(sets, zone.name)
    for action, given in batch:
        if action != "DELETE":
            problems += _beside(sets, given)
    if problems:
        raise ApiError("InvalidChangeBatch", f"[{', '.join(problems)}]")
    for action, given in batch:
        if action != "DELETE" and given["MultiValueAnswer"]:
            # all of a group get the TTL that was given last (Route 53 Developer Guide)
            for record in _group(sets, given):
                record.ttl = given["TTL"]
    # listed by name, type (moto) and set identifier
    zone.rrsets = sorted(sets.values(), key=lambda r: r.set_identifier or "")
    return _change_info("ChangeResourceRecordSetsResponse", "PENDING")


def get_change(*, held: bool) -> str:
    """The answer to GetChange, for any change: all servers have it, unless it is held."""
    return _change_info("GetChangeResponse", "PENDING" if held else "INSYNC")


def _change_info(response: str, status: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{response} xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
        f"<ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>{status}</Status>"
        "<SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>"
        f"</{response}>"
    )


def _apply(apex: str, sets: Sets, action: str, given: dict[str, Any]) -> list[str]:
    """Make one change in `sets`, or return the problems with it."""
    name, kind, identifier = given["Name"], given["Type"], given.get("SetIdentifier")
    key = (name, kind, identifier)
    which = f", set-identifier='{identifier}'" if identifier else ""
    where = f"resource record set [name='{name}', type='{kind}'{which}]"
    if name != apex and not name.endswith("." + apex):
        return [f"RRSet with DNS name {name} is not permitted in zone {apex}"]
    if action == "CREATE" and key in sets:
        return [f"Tried to create {where} but it already exists"]
    if action == "DELETE" and key not in sets:
        return [f"Tried to delete {where} but it was not found"]
    if action == "DELETE" and _differs(sets[key], given):
        return [f"Tried to delete {where} but the values provided do not match the current values"]
    if action == "DELETE":
        del sets[key]
        return []
    sets[key] = RecordSet(given)
    return _alias(given) or _values(name, kind, given["ResourceRecords"])


def _alias(given: dict[str, Any]) -> list[str]:
    """The problem of an alias whose load balancer does not exist. Other targets are accepted."""
    target = given.get("AliasTarget")
    if not target or not target["DNSName"].rstrip(".").lower().endswith(".amazonaws.com"):
        return []
    name, zone = target["DNSName"].rstrip(".").lower(), target["HostedZoneId"]
    plain = name.removeprefix("dualstack.")
    balancers = backends.elbv2().load_balancers.values()
    if (plain, zone) in [(b.dns_name.lower(), b.canonical_hosted_zone_id) for b in balancers]:
        return []
    return [
        f"Tried to create an alias that targets {name}., type {given['Type']} in zone {zone}, but "
        "that target was not found"
    ]


def _differs(record: Any, given: dict[str, Any]) -> bool:
    return (
        sorted(record.records) != sorted(given["ResourceRecords"])
        or record.ttl != given.get("TTL")
        or record.alias_target != given.get("AliasTarget")
        or record.health_check_id != given.get("HealthCheckId")
    )


def _group(sets: Sets, given: dict[str, Any]) -> list[Any]:
    """The record sets of a name and type."""
    same = given["Name"], given["Type"]
    return [record for (name, kind, _), record in sets.items() if (name, kind) == same]


def _beside(sets: Sets, given: dict[str, Any]) -> list[str]:
    """Record sets of a name and type have one routing policy, and multivalue answers their rules.

    The texts are AWS's own, from reports; only the one about a second value is not known.
    """
    multivalue, kind = bool(given["MultiValueAnswer"]), given["Type"]
    where = f"RRSet with DNS name {given['Name']}, type {kind}"
    mixed = any(bool(r.multi_value_answer) != multivalue for r in _group(sets, given))
    if not multivalue:
        exist = f"{where} cannot be created as other RRSets exist with the same name and type."
        return [exist] if mixed else []
    where += f", SetIdentifier {given['SetIdentifier']}"
    problems: list[str] = []
    if mixed:
        other = "a non multivalue answer rrset exists with the same name and type."
        problems.append(f"{where} cannot be created because {other}")
    if kind in ("CNAME", "NS", "SOA"):
        problems.append(f"{where}: this type of RRSet is not supported")
    if given.get("AliasTarget"):
        problems.append("Multivalue answer rrset should not be an alias rrset")
    elif len(given["ResourceRecords"]) != 1:
        problems.append(f"{where}: each multivalue answer record can only have one value")
    return problems


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


def _alias_rules(sets: Sets, apex: str) -> list[str]:
    """RFC 1034, 3.6.2: a CNAME stands alone, so never at the apex."""
    problems: list[str] = []
    for name, kind, _ in sets:
        if kind == "CNAME" and (name == apex or sum(n == name for n, *_ in sets) > 1):
            problems.append(
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with "
                f"other records with the same DNS name in zone {apex}"
            )
    return problems
