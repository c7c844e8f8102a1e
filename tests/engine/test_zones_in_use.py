"""Zones that hold more than the stack's own records, as most zones on AWS do."""

from typing import Any

from stacks import Region, Stack

CLOUDFRONT = {
    "HostedZoneId": "Z2FDTNDATAQYW2",  # CloudFront's, the same for every distribution
    "DNSName": "d111111abcdef8.cloudfront.net.",
    "EvaluateTargetHealth": False,
}


def change(region: Region, zone: str, action: str, record_set: dict[str, Any]) -> None:
    route53 = region.client("route53")
    (identity,) = [
        held["Id"]
        for held in route53.list_hosted_zones()["HostedZones"]
        if held["Name"] == f"{zone}."
    ]
    changes = {"Changes": [{"Action": action, "ResourceRecordSet": record_set}]}
    route53.change_resource_record_sets(HostedZoneId=identity, ChangeBatch=changes)


def alias(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "A", "AliasTarget": CLOUDFRONT}


def test_01_an_alias_beside_the_stacks_names_disturbs_nobody(stack: Stack) -> None:
    change(stack.region, "shop.example", "CREATE", alias("shop.example"))
    change(stack.region, "shop.example", "CREATE", alias("www.shop.example"))
    code, said = stack.pulumi("preview", "--stack=test")
    assert code == 0, said
    assert "Traceback" not in said


def test_02_an_alias_at_one_of_the_stacks_names_is_shown(stack: Stack) -> None:
    change(stack.region, "relay.example", "CREATE", alias("mail.relay.example"))
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0
    assert (
        "mail.relay.example has a record of type A that this stack did not make: an alias of "
        "d111111abcdef8.cloudfront.net"
    ) in said
    assert "Traceback" not in said
    change(stack.region, "relay.example", "DELETE", alias("mail.relay.example"))
