"""A plan that was reviewed is what is carried out, as the workflow `deploy` relies on."""

from typing import Any

import yaml
from stacks import PRIVATE_KEY, PROJECT, Stack


def config(**changed: Any) -> dict[str, Any]:
    found = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    return {**found, **{f"mail-relay:{key}": value for key, value in changed.items()}}


def plan(stack: Stack) -> str:
    file = str(stack.directory / "plan.json")
    code, said = stack.pulumi("preview", "--stack=test", f"--save-plan={file}")
    assert code == 0, said
    return file


def test_01_a_new_stack_is_made_by_its_plan(stack: Stack) -> None:
    stack.up(f"--plan={plan(stack)}")
    assert len(stack.outputs().passwords) == 1


def test_02_a_plan_holds_no_secret_in_plain(stack: Stack) -> None:
    file = plan(stack)
    with open(file) as text:  # noqa: PTH123
        content = text.read()
    assert "mail.relay.example" in content
    assert not PRIVATE_KEY.search(content)
    assert stack.outputs().passwords["me@shop.example"] not in content


def test_03_a_change_is_made_by_its_plan(stack: Stack) -> None:
    before = stack.outputs().passwords["me@shop.example"]
    logins = [{"address": "me@shop.example"}, {"address": "you@shop.example"}]
    stack.write(config(logins=logins))
    stack.up(f"--plan={plan(stack)}", f"--policy-pack={PROJECT / 'policy'}")
    passwords = stack.outputs().passwords
    assert passwords["me@shop.example"] == before
    s3 = stack.region.client("s3")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    etag = s3.head_object(Bucket=bucket, Key="gateway.json")["ETag"].strip('"')
    assert stack.outputs().gateways[0].tables == etag
    assert len(passwords["you@shop.example"]) >= 24


def test_03_tables_that_somebody_changed_are_put_back(stack: Stack) -> None:
    s3 = stack.region.client("s3")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    good = s3.get_object(Bucket=bucket, Key="gateway.json")["Body"].read()
    s3.put_object(Bucket=bucket, Key="gateway.json", Body=b"{}")
    stack.up("--refresh")
    assert s3.get_object(Bucket=bucket, Key="gateway.json")["Body"].read() == good
    assert "unchanged" in stack.up("--refresh")


def test_04_what_the_plan_does_not_say_is_not_done(stack: Stack) -> None:
    file = plan(stack)
    stack.write(config(ssh={"allowFrom": ["198.51.100.0/24"]}))
    arguments = ("up", "--yes", "--skip-preview", "--stack=test", f"--plan={file}")
    code, said = stack.pulumi(*arguments)
    assert code != 0
    assert "is not allowed by the plan" in said
    groups = stack.region.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    assert 22 not in [rule.get("FromPort") for rule in groups]
