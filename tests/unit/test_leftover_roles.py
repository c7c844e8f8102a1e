"""What `leftovers` finds in IAM and S3, and that its commands take it away."""

from collections.abc import Iterator
from typing import Any

import aws
import pytest
from region_service import serving

from components.naming import ROLE_LENGTH, role_name
from lab.region.memory import Memory
from ops.leftovers import roles

BUCKET = "mail-relay-prod-123456789012"
TAGS = {"Project": "mail-relay", "Stack": "prod"}


@pytest.fixture
def clients() -> Iterator[Any]:
    with serving(Memory()) as (client, _):
        yield client


def test_a_bucket_of_any_number_of_versions_is_emptied(clients: Any) -> None:
    """A host writes its status every minute; a call deletes 1,000 at most, the command 500."""
    s3 = clients("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="gateway.json", Body=b"{}")
    for _ in range(520):
        s3.put_object(Bucket=BUCKET, Key="status/mail.json", Body=b"{}")
    s3.delete_object(Bucket=BUCKET, Key="gateway.json")
    (found,) = roles.bucket(s3, BUCKET)
    aws.run(found.remove, s3.meta.endpoint_url)
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
