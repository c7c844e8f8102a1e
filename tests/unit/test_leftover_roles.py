"""What `leftovers` finds in IAM and S3, and that its commands take it away."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from region_service import serving

from components.naming import ROLE_LENGTH, role_name
from lab.region import backends
from lab.region.memory import Memory
from ops.leftovers import roles

BUCKET = "mail-relay-prod-123456789012"
TAGS = {"Project": "mail-relay", "Stack": "prod"}
# AWS's command line, as far as the commands use it: an operation with its options, and --query.
AWS = """#!{python}
import json, re, sys
import boto3, jmespath
service, operation, *rest = sys.argv[1:]
given = {{name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2])}}
query, most = given.pop("query", "@"), int(given.pop("max-items", 1000))
given.pop("output", None)
operation = operation.replace("-", "_")
keys = {{"delete": "Delete", "bucket": "Bucket"}}
call = {{keys[name]: value for name, value in given.items()}}
if "Delete" in call:
    call["Delete"] = json.loads(call["Delete"])
client = boto3.client("s3", region_name="{region}", endpoint_url="{url}",
    aws_access_key_id="test", aws_secret_access_key="test")
if operation == "list_object_versions":
    call["MaxKeys"] = most
print(json.dumps(jmespath.search(query, getattr(client, operation)(**call)), default=str))
"""


@pytest.fixture
def clients() -> Iterator[Any]:
    with serving(Memory()) as (client, _):
        yield client


def test_a_bucket_of_any_number_of_versions_is_emptied(clients: Any, tmp_path: Path) -> None:
    """A host writes its status every minute; a call deletes 1,000 at most, the command 500."""
    s3 = clients("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="gateway.json", Body=b"{}")
    for _ in range(520):
        s3.put_object(Bucket=BUCKET, Key="status/mail.json", Body=b"{}")
    s3.delete_object(Bucket=BUCKET, Key="gateway.json")
    (found,) = roles.bucket(s3, BUCKET)
    url = s3.meta.endpoint_url
    text = AWS.format(python=sys.executable, url=url, region=backends.REGION)
    (tmp_path / "aws").write_text(text)
    (tmp_path / "aws").chmod(0o755)
    shell = shutil.which("sh")
    assert shell
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run([shell, "-c", found.remove], env={"PATH": path}, check=False)
    assert done.returncode == 0
    assert [*roles.bucket(s3, BUCKET)] == []


@pytest.mark.parametrize("length", [20, 56, 57, 64])
def test_roles_of_hosts_with_long_names_are_found(clients: Any, length: int) -> None:
    iam = clients("iam")
    host = f"mail.{'x' * (length - 13)}.example"
    name = role_name("mail-relay", "prod", host) or f"{host}-0123abc"
    assert len(name) <= ROLE_LENGTH
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags)
    assert [left.name for left in roles.roles(iam, TAGS)] == [name]
    iam.delete_role(RoleName=name)
