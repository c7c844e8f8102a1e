"""Record sets: one resource for each name and type."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from mail.txt import route53_value

TTL = 300


class Zones:
    """The hosted zones of the stack, looked up by name; they exist before it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._ids = {name: aws.route53.get_zone(name=name).zone_id for name in names}

    def id(self, zone: str) -> str:
        """The zone's id."""
        return self._ids[zone]


def text(
    name: str, zone_id: str, values: Sequence[pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> aws.route53.Record:
    """A TXT record set."""
    quoted = [pulumi.Output.from_input(value).apply(route53_value) for value in values]
    return record(name, "TXT", zone_id, quoted, opts)


def record(
    name: str,
    kind: str,
    zone_id: str,
    values: Sequence[pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> aws.route53.Record:
    """A record set. One that exists already is an error of AWS's, never overwritten."""
    return aws.route53.Record(
        f"{name}-{kind}", name=name, type=kind, zone_id=zone_id, ttl=TTL, records=values, opts=opts
    )
