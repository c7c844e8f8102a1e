"""The whole program with the real engine: a story, in the order of the tests."""

import copy
import gzip
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from stacks import PRIVATE_KEY, Region, Stack

from mail import dkim, txt


def records(stack: Stack, zone: str) -> dict[tuple[str, str], list[str]]:
    route53 = stack.region.client("route53")
    zones = {z["Name"]: z["Id"] for z in route53.list_hosted_zones()["HostedZones"]}
    sets = route53.list_resource_record_sets(HostedZoneId=zones[f"{zone}."])["ResourceRecordSets"]
    return {
        (s["Name"], s["Type"]): [r["Value"] for r in s.get("ResourceRecords", [])] for s in sets
    }


def instances(stack: Stack) -> set[str]:
    state = stack.region.control.get("state")
    return {i["id"] for i in state["instances"] if i["state"] == "running"}


def state_files(stack: Stack) -> list[bytes]:
    """What the backend keeps: the state and its history."""
    files = [p for p in (stack.directory / "home" / "state").rglob("*") if p.is_file()]
    contents = [file.read_bytes() for file in files]
    return [gzip.decompress(c) if c[:2] == b"\x1f\x8b" else c for c in contents]


def config() -> dict[str, Any]:
    with open("Pulumi.dev.yaml") as file:  # noqa: PTH123
        return copy.deepcopy(yaml.safe_load(file)["config"])


def test_01_a_preview_needs_nothing_that_is_not_there_yet(stack: Stack) -> None:
    code, said = stack.pulumi("preview", "--stack=test")
    assert code == 0, said
    assert re.search(r"\+ [78]\d to create", said)
    assert instances(stack) == set()


def test_02_up_makes_hosts_and_records(stack: Stack) -> None:
    stack.up()
    outputs = stack.outputs()
    assert len(instances(stack)) == 2
    (gateway,) = outputs.gateways
    address = gateway.address
    relay, shop = records(stack, "relay.example"), records(stack, "shop.example")
    assert relay[("mail.relay.example.", "A")] == [address]
    assert relay[("_spf.relay.example.", "TXT")] == [f'"v=spf1 ip4:{address} -all"']
    assert shop[("shop.example.", "TXT")] == ['"v=spf1 include:_spf.relay.example ~all"']
    assert len(outputs.passwords["me@shop.example"]) >= 24
    (state,) = [
        i for i in stack.region.control.get("state")["instances"] if i["id"] == gateway.instance_id
    ]
    assert state["publicAddress"] == address
    assert [v["sizeGiB"] for v in state["volumes"]] == [8]


def test_03_a_second_up_changes_nothing(stack: Stack) -> None:
    said = stack.up("--expect-no-changes")
    assert "unchanged" in said
    code, said = stack.pulumi("refresh", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    stack.up("--expect-no-changes")


def test_04_the_state_holds_no_secret_in_plain(stack: Stack) -> None:
    outputs = stack.outputs()
    states = state_files(stack)
    assert b"mail.relay.example" in b"".join(states)
    for state in states:
        assert not PRIVATE_KEY.search(state.decode())
        assert outputs.passwords["me@shop.example"].encode() not in state


def test_05_a_domain_is_added_without_touching_a_host(stack: Stack) -> None:
    before, relay = instances(stack), records(stack, "relay.example")
    stack.region.client("route53").create_hosted_zone(Name="new.example", CallerReference="n")
    wanted = config()
    wanted["mail-relay:domains"].append({"name": "new.example", "dmarc": {"policy": "reject"}})
    stack.write(wanted)
    stack.up()
    assert instances(stack) == before
    assert records(stack, "relay.example") == relay
    new = records(stack, "new.example")
    assert new[("_dmarc.new.example.", "TXT")][0].startswith('"v=DMARC1; p=reject')
    assert "p=" in new[("s1._domainkey.new.example.", "TXT")][0]


def test_06_a_domain_is_removed_with_its_records(stack: Stack) -> None:
    before = instances(stack)
    stack.write(config())
    stack.up()
    assert instances(stack) == before
    assert {kind for _, kind in records(stack, "new.example")} == {"NS", "SOA"}


def test_07_drift_is_seen(stack: Stack) -> None:
    route53 = stack.region.client("route53")
    zones = {z["Name"]: z["Id"] for z in route53.list_hosted_zones()["HostedZones"]}
    record = {
        "Name": "_dmarc.shop.example",
        "Type": "TXT",
        "TTL": 300,
        "ResourceRecords": [{"Value": '"v=DMARC1; p=none; by=hand"'}],
    }
    changes = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zones["shop.example."], ChangeBatch=changes)
    code, said = stack.pulumi("preview", "--refresh", "--diff", "--stack=test")
    assert code == 0, said
    assert "by=hand" in said
    stack.up("--refresh")
    restored = records(stack, "shop.example")[("_dmarc.shop.example.", "TXT")]
    assert restored == ['"v=DMARC1; p=none; rua=mailto:ops@inbox.example"']


def test_08_another_image_replaces_the_host_and_keeps_its_identity(stack: Stack) -> None:
    before, outputs = instances(stack), stack.outputs()
    wanted = config()
    wanted["mail-relay:operator"] = "other@inbox.example"  # in the hosts' user data
    stack.write(wanted)
    stack.up()
    after = stack.outputs()
    assert instances(stack).isdisjoint(before)
    (old,), (new,) = outputs.gateways, after.gateways
    assert (new.address, new.private_address) == (old.address, old.private_address)
    assert after.passwords == outputs.passwords


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("mail-relay:operator", "ops", "mail-relay:operator: 'ops': give a whole address"),
        ("mail-relay:domains", [{"nam": "x.example"}], "did you mean name?"),
    ],
)
def test_09_wrong_settings_are_one_clear_error(
    stack: Stack, key: str, value: Any, said: str
) -> None:
    before = instances(stack)
    stack.write({**config(), key: value})
    code, output = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert said in output
    assert "Traceback" not in output
    assert instances(stack) == before


def test_10_a_zone_that_is_not_there_is_named(stack: Stack) -> None:
    wanted = config()
    wanted["mail-relay:domains"].append({"name": "nowhere.example"})
    stack.write(wanted)
    code, output = stack.pulumi("preview", "--stack=test")
    assert code != 0
    assert "nowhere.example" in output
    assert "Hosted Zone" in output


def test_11_a_record_that_exists_is_found_first_and_can_be_taken_over(stack: Stack) -> None:
    stack.write(config())
    stack.up()
    before, route53 = instances(stack), stack.region.client("route53")
    zone = route53.create_hosted_zone(Name="old.example", CallerReference="o")["HostedZone"]["Id"]
    for name, value in (
        ("old.example", "verification=1"),
        ("_dmarc.old.example", "v=DMARC1; p=none"),
    ):
        record = {
            "Name": name,
            "Type": "TXT",
            "TTL": 60,
            "ResourceRecords": [{"Value": f'"{value}"'}],
        }
        changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)
    kept = records(stack, "old.example")
    wanted = config()
    wanted["mail-relay:domains"].append({"name": "old.example", "txt": ["verification=1"]})
    stack.write(wanted)

    found: set[str] = set()
    for _ in kept:  # the engine stops at the first error, though it may have asked about more
        code, said = stack.pulumi("up", "--yes", "--stack=test")
        if code == 0:
            break
        assert "that the state of this stack does not have" in said
        assert "Traceback" not in said
        assert instances(stack) == before
        assert records(stack, "old.example") == kept
        for command in set(re.findall(r"pulumi (import .*_TXT)$", said, re.MULTILINE)):
            code, imported = stack.pulumi(*command.split(), "--yes", "--stack=test")
            assert code == 0, imported
            found.add(command.split()[4])
    assert found == {"old.example-TXT", "_dmarc.old.example-TXT"}
    stack.up()
    taken = records(stack, "old.example")
    include = '"v=spf1 include:_spf.relay.example ~all"'
    assert taken[("old.example.", "TXT")] == [include, '"verification=1"']
    assert "rua=" in taken[("_dmarc.old.example.", "TXT")][0]
    stack.up("--expect-no-changes")


def test_12_a_dkim_key_made_elsewhere_is_kept_as_a_secret(stack: Stack) -> None:
    stack.write(config())
    key, path = dkim.generate(), "mail-relay:domains[0].keys.s1"
    arguments = ("--secret", "--path", path, "--stack=test")
    code, said = stack.pulumi("config", "set", *arguments, "--", key)
    assert code == 0, said
    assert key[30:60] not in (stack.directory / "Pulumi.test.yaml").read_text()
    said = stack.up("--diff")
    assert key[30:60] not in said
    held = records(stack, "shop.example")[("s1._domainkey.shop.example.", "TXT")]
    assert held == [f'"{txt.route53_value(dkim.record(key))}"']
    for state in state_files(stack):
        assert key[30:60].encode() not in state


def test_13_destroy_leaves_nothing(stack: Stack) -> None:
    stack.write(config())
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert stack.region.control.get("leftovers") == []


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        (
            "ec2.Vpc('v', cidr_block='10.0.0.0/16', instance_tenancy='default')",
            "has no property 'instanceTenancy'; it has cidrBlock",
        ),
        (
            "s3.BucketLifecycleConfiguration('l', bucket='b', rules=[{'id': '', 'status': ''}])",
            "one (and only one) of [rule[0].filter,rule[0].prefix] is required",
        ),
        ("sqs.Queue('q')", "does not have the resource type aws:sqs/queue:Queue"),
    ],
)
def test_14_an_unknown_type_or_property_is_a_clear_error(
    region: Region, tmp_path: Path, resource: str, error: str
) -> None:
    small = Stack(region, tmp_path, tmp_path)
    small.write({"aws:region": "us-east-1"}, '{"name": "small", "runtime": "python"}')
    (tmp_path / "__main__.py").write_text(f"import pulumi_aws as aws\naws.{resource}\n")
    assert small.pulumi("stack", "init", "test")[0] == 0
    code, said = small.pulumi("preview", "--stack=test")
    assert code != 0
    assert error in said


def test_15_what_a_program_warns_of_is_shown(region: Region, tmp_path: Path) -> None:
    small = Stack(region, tmp_path, tmp_path)
    small.write({}, '{"name": "small", "runtime": "python"}')
    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.log.warn('look out')\n")
    assert small.pulumi("stack", "init", "test")[0] == 0
    code, said = small.pulumi("preview", "--stack=test")
    assert code == 0, said
    assert "warning: look out" in said
