"""Health checks and multivalue answers with the real engine: a story, in the order of the tests."""

import json
from typing import Any

import pytest
from stacks import Region, Stack

PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_aws as aws

wanted = json.loads(Path("wanted.json").read_text())
zone = aws.route53.get_zone(name="relay.example")
for name, value in wanted["gateways"].items():
    check = aws.route53.HealthCheck(
        name, type="TCP", ip_address=value, port=465, tags={"Name": name}, **wanted["check"]
    )
    own = {} if wanted["simple"] else {
        "set_identifier": name + wanted["suffix"],
        "multivalue_answer_routing_policy": True,
        "health_check_id": check.id,
    }
    aws.route53.Record(
        name, zone_id=zone.zone_id, name="submission.relay.example", type="A", ttl=60,
        records=[value], **own,
    )
"""
TWO = {"mail1": "203.0.113.1", "mail2": "203.0.113.2"}
SLOW, FAST = {"request_interval": 30}, {"request_interval": 10, "failure_threshold": 2}
NAME = "submission.relay.example."


def write(
    stack: Stack,
    gateways: dict[str, str],
    check: dict[str, Any],
    suffix: str = "",
    *,
    simple: bool = False,
) -> None:
    wanted = {"gateways": gateways, "check": check, "suffix": suffix, "simple": simple}
    (stack.directory / "wanted.json").write_text(json.dumps(wanted))


@pytest.fixture(scope="module")
def submission(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    directory = tmp_path_factory.mktemp("submission")
    made = Stack(region, directory, directory)
    made.write({"aws:region": "us-east-1"}, '{"name": "submission", "runtime": "python"}')
    (directory / "__main__.py").write_text(PROGRAM)
    region.client("route53").create_hosted_zone(Name="relay.example", CallerReference="s")
    assert made.pulumi("stack", "init", "test")[0] == 0
    return made


def zone(stack: Stack) -> str:
    (found,) = stack.region.client("route53").list_hosted_zones()["HostedZones"]
    return found["Id"].rpartition("/")[2]


def listed(stack: Stack) -> list[dict[str, Any]]:
    route53 = stack.region.client("route53")
    found = route53.list_resource_record_sets(HostedZoneId=zone(stack))["ResourceRecordSets"]
    return [record for record in found if record["Name"] == NAME]


def checks(stack: Stack) -> dict[str, dict[str, Any]]:
    """Id and configuration of the health checks by the endpoint's address."""
    found = stack.region.client("route53").list_health_checks()["HealthChecks"]
    return {
        c["HealthCheckConfig"]["IPAddress"]: {"id": c["Id"], **c["HealthCheckConfig"]}
        for c in found
    }


def state(stack: Stack, kind: str) -> dict[str, dict[str, Any]]:
    """Id and outputs of the resources of a type, by name."""
    held = stack.export()["resources"]
    return {
        r["urn"].rpartition("::")[2]: {**r["outputs"], "id": r["id"]}
        for r in held
        if r["type"] == kind
    }


RECORD, CHECK = "aws:route53/record:Record", "aws:route53/healthCheck:HealthCheck"


def test_01_each_gateway_has_its_record_and_its_check(submission: Stack) -> None:
    write(submission, TWO, SLOW)
    submission.up()
    made = checks(submission)
    assert [(r["SetIdentifier"], r["HealthCheckId"]) for r in listed(submission)] == [
        (name, made[address]["id"]) for name, address in TWO.items()
    ]
    assert {(c["Port"], c["RequestInterval"], c["FailureThreshold"]) for c in made.values()} == {
        (465, 30, 3)
    }
    identity = f"{zone(submission)}_submission.relay.example_A_mail1"
    assert state(submission, RECORD)["mail1"]["id"] == identity
    tags = submission.region.client("route53").list_tags_for_resource(
        ResourceType="healthcheck", ResourceId=made["203.0.113.1"]["id"]
    )
    assert tags["ResourceTagSet"]["Tags"] == [{"Key": "Name", "Value": "mail1"}]


def test_02_a_second_up_changes_nothing(submission: Stack) -> None:
    submission.up("--refresh", "--expect-no-changes")


def test_03_a_threshold_changes_in_place_and_an_interval_replaces(submission: Stack) -> None:
    before = checks(submission)
    write(submission, TWO, {**SLOW, "failure_threshold": 2})
    said = submission.up()
    assert "2 updated" in said
    after = checks(submission)
    assert {a: c["id"] for a, c in after.items()} == {a: c["id"] for a, c in before.items()}
    assert {c["FailureThreshold"] for c in after.values()} == {2}
    write(submission, TWO, FAST)
    submission.up()
    new = checks(submission)
    assert not {c["id"] for c in new.values()} & {c["id"] for c in before.values()}
    assert {r["HealthCheckId"] for r in listed(submission)} == {c["id"] for c in new.values()}


def test_04_a_gateway_more_and_a_gateway_less(submission: Stack) -> None:
    write(submission, {**TWO, "mail3": "203.0.113.3"}, FAST)
    submission.up()
    assert [r["SetIdentifier"] for r in listed(submission)] == ["mail1", "mail2", "mail3"]
    write(submission, {"mail2": "203.0.113.22"}, FAST)
    submission.up()
    assert [r["ResourceRecords"] for r in listed(submission)] == [[{"Value": "203.0.113.22"}]]
    assert list(checks(submission)) == ["203.0.113.22"]


def test_05_a_refresh_sees_what_others_did(submission: Stack) -> None:
    route53 = submission.region.client("route53")
    (record,), (check,) = listed(submission), checks(submission).values()
    route53.update_health_check(HealthCheckId=check["id"], Port=25)
    record = {k: v for k, v in {**record, "TTL": 5}.items() if k != "HealthCheckId"}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone(submission), ChangeBatch=batch)
    code, said = submission.pulumi("refresh", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert state(submission, CHECK)["mail2"]["port"] == 25
    held = state(submission, RECORD)["mail2"]
    assert (held["ttl"], held["healthCheckId"]) == (5, "")
    submission.up()
    assert checks(submission)["203.0.113.22"]["Port"] == 465
    assert [(r["TTL"], r["HealthCheckId"]) for r in listed(submission)] == [(60, check["id"])]


def test_06_another_identifier_and_a_simple_record_are_updates(submission: Stack) -> None:
    write(submission, {"mail2": "203.0.113.22"}, FAST, "-new")
    assert "1 updated" in submission.up()
    assert [r["SetIdentifier"] for r in listed(submission)] == ["mail2-new"]
    submission.up("--refresh", "--expect-no-changes")
    write(submission, {"mail2": "203.0.113.22"}, FAST, simple=True)
    assert "1 updated" in submission.up()
    assert "SetIdentifier" not in listed(submission)[0]
    submission.up("--refresh", "--expect-no-changes")
    write(submission, {"mail2": "203.0.113.22"}, FAST)
    submission.up()


def test_07_a_record_is_imported_by_its_four_parts(submission: Stack) -> None:
    held = submission.export()["resources"]
    (urn,) = [r["urn"] for r in held if r["type"] == RECORD]
    code, said = submission.pulumi("state", "delete", urn, "--yes", "--stack=test")
    assert code == 0, said
    identity = f"{zone(submission)}_submission.relay.example_A_mail2"
    arguments = ("import", RECORD, "mail2", identity, "--yes", "--protect=false")
    code, said = submission.pulumi(*arguments, "--generate-code=false", "--stack=test")
    assert code == 0, said
    submission.up("--refresh", "--expect-no-changes")
    wrong = ("import", RECORD, "x", f"{zone(submission)}_x", "--yes", "--stack=test")
    code, said = submission.pulumi(*wrong)
    assert code != 0
    assert "expected ZONEID_RECORDNAME_TYPE_SET-IDENTIFIER" in said


def test_08_a_health_check_that_is_gone_is_made_again(submission: Stack) -> None:
    (check,) = checks(submission).values()
    submission.region.client("route53").delete_health_check(HealthCheckId=check["id"])
    submission.up("--refresh")
    (again,) = checks(submission).values()
    assert again["id"] != check["id"]
    assert listed(submission)[0]["HealthCheckId"] == again["id"]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"request_interval": 20}, "expected request_interval to be one of [10 30], got 20"),
        ({"failure_threshold": 11}, "expected failure_threshold to be in the range (1 - 10)"),
        ({"regions": ["us-east-1"]}, "Attribute regions requires 3 item minimum"),
    ],
)
def test_09_a_preview_refuses_what_the_provider_does(
    submission: Stack, check: dict[str, Any], said: str
) -> None:
    write(submission, TWO, check)
    code, told = submission.pulumi("preview", "--stack=test")
    assert code != 0
    assert said in told


def test_10_destroy_leaves_nothing(submission: Stack) -> None:
    write(submission, TWO, {**FAST, "regions": ["eu-west-1", "us-west-1", "us-east-1"]})
    submission.up()
    submission.up("--refresh", "--expect-no-changes")
    code, said = submission.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert submission.region.control.get("leftovers") == []
