"""Changes for a review to tell: steps of a preview, and settings before and after."""

from typing import Any

from mail import txt
from ops.review.change import Change
from ops.review.preview import UNKNOWN, Preview, Step
from ops.review.snapshots import Snapshot
from settings import read

BASE: dict[str, Any] = {
    "gateway": {"name": "mail.relay.example"},
    "domains": [{"name": "shop.example"}],
    "operator": "ops@inbox.example",
    "logins": [{"address": "me@shop.example"}],
}


EIP, INSTANCE, VOLUME = (
    "mail-relay:index:Identity$aws:ec2/eip:Eip",
    "mail-relay:index:Host$aws:ec2/instance:Instance",
    "mail-relay:index:Identity$aws:ebs/volume:Volume",
)


RECORD = "mail-relay:index:MailDomain$aws:route53/record:Record"


DOMAIN = "mail-relay:index:MailDomain"


def reading(changed: dict[str, Any] | None = None, secret: str = "") -> Snapshot:
    given = {**BASE, **(changed or {})}
    return Snapshot(read(given), frozenset(secret.split()))


def step(kind: str, name: str, op: str = "same", **more: Any) -> Step:
    old, new = more.pop("before", {}), more.pop("after", {})
    return Step(
        op,
        f"urn:pulumi:test::mail-relay::{kind}::{name}",
        None if op == "create" else old,
        None if op == "delete" else new,
        cloud=kind != DOMAIN,
        **more,
    )


def record(name: str, kind: str, *values: str) -> dict[str, Any]:
    written = [txt.route53_value(v) if kind == "TXT" and v != UNKNOWN else v for v in values]
    return {"name": name, "type": kind, "ttl": 300, "records": written}


def key(
    selector: str, op: str = "same", before: str = "v=DKIM1; p=AA", after: str = "v=DKIM1; p=AA"
) -> Step:
    name = f"{selector}._domainkey.shop.example"
    return step(
        RECORD,
        f"{name}-TXT",
        op,
        before=record(name, "TXT", before),
        after=record(name, "TXT", after),
    )


def change(
    *steps: Step,
    after: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    secret: str = "",
    known: bool = True,
) -> Change:
    domain = step(DOMAIN, "shop.example")
    found = Preview((domain, *steps), (), ())
    start = reading(before, secret) if known else None
    return Change(found, start, reading(after, secret))
