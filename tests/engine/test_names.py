"""Names that are long or odd, and what AWS takes."""

import re
import shutil

import pytest
from botocore.exceptions import ClientError
from stacks import Region, Stack
from test_program import config

LONGEST = f"{'a' * 51}.shop.example"  # 64 characters, as many as Linux takes


def test_01_s3_takes_no_underscore(region: Region) -> None:
    with pytest.raises(ClientError) as caught:
        region.client("s3").create_bucket(Bucket="mail-relay-prod_eu-123456789012")
    assert caught.value.response["Error"]["Code"] == "InvalidBucketName"


def test_02_a_stack_of_any_name_gets_a_bucket(stack: Stack) -> None:
    code, said = stack.pulumi("stack", "init", "prod_eu.2")
    assert code == 0, said
    settings = stack.directory / "Pulumi.test.yaml"
    shutil.copy(settings, stack.directory / "Pulumi.prod_eu.2.yaml")
    code, said = stack.pulumi("preview", "--diff", "--stack=prod_eu.2")
    assert code == 0, said
    (bucket,) = set(re.findall(r'^ +bucket +: "([^"]+)"$', said, re.M))
    assert bucket.startswith("mail-relay-prod-eu-2-")
    s3 = stack.region.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def test_03_the_longest_host_name_gets_a_role(stack: Stack) -> None:
    wanted = config()
    wanted["mail-relay:clients"] = [{"name": LONGEST}]
    stack.write(wanted)
    stack.up()
    iam = stack.region.client("iam")
    names = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    assert max(len(name) for name in names) == 64
    stack.up("--expect-no-changes")


def test_04_a_name_that_is_made_up_is_held_to_iams_length(stack: Stack) -> None:
    small = Stack(stack.region, stack.directory / "small", stack.directory / "small")
    small.directory.mkdir()
    small.write({"aws:region": "us-east-1"}, '{"name": "small", "runtime": "python"}')
    program = f"import pulumi_aws as aws\naws.iam.Role({'a' * 57!r}, assume_role_policy='{{}}')\n"
    (small.directory / "__main__.py").write_text(program)
    assert small.pulumi("stack", "init", "test")[0] == 0
    code, said = small.pulumi("preview", "--stack=test")
    assert code != 0
    assert "plus 7 random chars is longer than maximum length 64" in said
