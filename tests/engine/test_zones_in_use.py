"""Zones that hold more than the stack's own records, as most zones on AWS do."""

from typing import Any

from stacks import PROJECT, Region, Stack
from test_program import config, records

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
        "mail.relay.example has a record of type A that the state of this stack does not have: "
        "an alias of d111111abcdef8.cloudfront.net"
    ) in said
    assert "Traceback" not in said
    change(stack.region, "relay.example", "DELETE", alias("mail.relay.example"))


def refused(stack: Stack, settings: dict[str, Any]) -> str:
    """The preview must fail, clearly; without line breaks."""
    stack.write(settings)
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0, said
    assert "Traceback" not in said
    return " ".join(said.split())


def values(name: str, kind: str, *found: str) -> dict[str, Any]:
    records = [{"Value": value} for value in found]
    return {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": records}


def test_03_a_name_below_a_delegation_is_refused(stack: Stack) -> None:
    lead = values("shop.relay.example", "NS", "ns-9.dns.example.", "ns-8.dns.example.")
    change(stack.region, "relay.example", "CREATE", lead)
    wanted = config()
    wanted["mail-relay:domains"].append({"name": "eu.shop.relay.example"})
    said = refused(stack, wanted)
    assert (
        "eu.shop.relay.example would be seen by nobody: shop.relay.example is delegated to other "
        "servers (ns-9.dns.example. ns-8.dns.example.)"
    ) in said
    change(stack.region, "relay.example", "DELETE", lead)


def test_04_so_is_a_gateway_whose_own_name_is_delegated(stack: Stack) -> None:
    lead = values("mail.relay.example", "NS", "ns-9.dns.example.")
    change(stack.region, "relay.example", "CREATE", lead)
    said = refused(stack, config())
    assert "mail.relay.example would be seen by nobody: mail.relay.example is delegated" in said
    change(stack.region, "relay.example", "DELETE", lead)


AMAZON = '0 issue "amazon.com"'


def test_05_a_caa_record_that_keeps_the_authority_out_is_told_first(stack: Stack) -> None:
    record = values("relay.example", "CAA", AMAZON)
    change(stack.region, "relay.example", "CREATE", record)
    said = refused(stack, config())
    assert f"relay.example has the CAA record {AMAZON}. Add 0 issue" in said
    other = {"directory": "https://acme.example.net/directory"}
    stack.write({**config(), "mail-relay:acme": other})
    code, said = stack.pulumi("preview", "--stack=test")
    assert code == 0, said
    change(stack.region, "relay.example", "DELETE", record)


def test_06_a_stack_that_stands_is_warned_of_such_a_record_and_goes_on(stack: Stack) -> None:
    stack.write(config())
    stack.up()
    record = values("relay.example", "CAA", AMAZON)
    change(stack.region, "relay.example", "CREATE", record)
    code, said = stack.pulumi("preview", "--expect-no-changes", "--stack=test")
    assert code == 0, said
    assert "warning: mail.relay.example would get no certificate" in said
    change(stack.region, "relay.example", "DELETE", record)


def test_07_a_text_beyond_ascii_is_published_as_route53_wants_it(stack: Stack) -> None:
    wanted = config()
    wanted["mail-relay:domains"] = [{"name": "shop.example", "txt": ["Straße 1"]}]
    stack.write(wanted)
    stack.up()
    held = records(stack, "shop.example")[("shop.example.", "TXT")]
    assert '"Stra\\303\\237e 1"' in held
    told = stack.outputs().record("shop.example", "TXT")
    assert told is not None
    assert "Straße 1" in told.values
    code, said = stack.pulumi("refresh", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    stack.up("--expect-no-changes")
    stack.write(config())
    stack.up()


def test_08_a_zone_that_is_not_there_is_named_with_what_to_do(stack: Stack) -> None:
    wanted = config()
    wanted["mail-relay:domains"].append({"name": "nowhere.example"})
    said = refused(stack, wanted)
    assert "nowhere.example: Route53 has no public Hosted Zone of this name" in said


def test_09_of_two_zones_of_one_name_the_right_one_is_asked_for(stack: Stack) -> None:
    route53 = stack.region.client("route53")
    (first,) = [
        zone["Id"].rpartition("/")[2]
        for zone in route53.list_hosted_zones()["HostedZones"]
        if zone["Name"] == "shop.example."
    ]
    made = route53.create_hosted_zone(Name="shop.example", CallerReference="again")["HostedZone"]
    second = made["Id"].rpartition("/")[2]
    said = refused(stack, config())
    assert "shop.example: Route53 has 2 public Hosted Zones of this name" in said
    assert first in said
    assert second in said

    def with_zones(*zones: Any) -> dict[str, Any]:
        return {**config(), "mail-relay:zones": list(zones)}

    stack.write(with_zones("relay.example", {"name": "shop.example", "id": first}))
    code, said = stack.pulumi("preview", "--expect-no-changes", "--stack=test")
    assert code == 0, said
    said = refused(stack, with_zones("relay.example", {"name": "shop.example", "id": "Z0"}))
    text = "mail-relay:zones: {name: shop.example, id: Z0}: Route53 has no zone of this id; it has "
    assert text in said
    assert second in said.partition(text)[2]
    names = ("relay.example", "shop.example")
    said = refused(stack, with_zones(*({"name": name, "id": first} for name in names)))
    assert "it is the public zone shop.example; give the id of a public zone relay.example" in said


def test_10_an_engine_that_is_too_old_is_refused(stack: Stack) -> None:
    text = (PROJECT / "Pulumi.yaml").read_text()
    stack.write(config(), text.replace(">=3.259.0", ">=99.0.0"))
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0
    assert "3.259.0" in said
    assert ">=99.0.0" in said
