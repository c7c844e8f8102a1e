"""IAM and S3: roles, users and instance profiles by their tags, the bucket by its name."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.leftovers.left import Left

# Roles cannot be listed by tag: only those with Pulumi's random suffix are asked for their tags,
# and those whose name would be too long with it (naming.role_name).
PULUMI_NAME = re.compile(r".+-[0-9a-f]{7,8}")


def roles(iam: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """Instance profiles, then roles: a role in a profile cannot be deleted."""
    for page in iam.get_paginator("list_instance_profiles").paginate():
        for name in _likely(page["InstanceProfiles"], "InstanceProfileName"):
            found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
            if _has(found, tags):
                option = f"--instance-profile-name {name}"
                steps = [
                    f"aws iam remove-role-from-instance-profile {option} "
                    f"--role-name {role['RoleName']}"
                    for role in found["Roles"]
                ]
                remove = "; ".join([*steps, f"aws iam delete-instance-profile {option}"])
                yield Left("instance profile", name, name, "nothing; it keeps its role", remove)
    for page in iam.get_paginator("list_roles").paginate():
        for name in _likely(page["Roles"], "RoleName"):
            if _has(iam.get_role(RoleName=name)["Role"], tags):
                option = f"--role-name {name}"
                steps = [
                    f"aws iam delete-role-policy {option} --policy-name {policy}"
                    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
                ]
                remove = "; ".join([*steps, f"aws iam delete-role {option}"])
                yield Left("role", name, name, "nothing; rights of a host that is gone", remove)


def users(iam: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The IAM user whose access key is the login for Amazon SES."""
    for page in iam.get_paginator("list_users").paginate():
        for name in _likely(page["Users"], "UserName"):
            if _has({"Tags": iam.list_user_tags(UserName=name)["Tags"]}, tags):
                option = f"--user-name {name}"
                steps = [
                    f"aws iam delete-access-key {option} --access-key-id {key['AccessKeyId']}"
                    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
                ]
                steps += [
                    f"aws iam delete-user-policy {option} --policy-name {policy}"
                    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]
                ]
                remove = "; ".join([*steps, f"aws iam delete-user {option}"])
                yield Left("user", name, name, "nothing; its key sends as your domains", remove)


def _likely(items: list[dict[str, Any]], key: str) -> list[str]:
    return [item[key] for item in items if PULUMI_NAME.fullmatch(item[key])]


def _has(item: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    held = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    return tags.items() <= held.items()


def bucket(s3: Any, name: str) -> Iterator[Left]:
    """The tables' bucket, if it exists."""
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return
        raise
    # A call takes 1,000 versions at most and a command line 128 KiB; a status is written a minute.
    query = "'{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}'"
    listed = f"aws s3api list-object-versions --bucket {name} --max-items 500 --output json"
    deleted = f"aws s3api delete-objects --bucket {name} --query 'length(Errors || `[]`)'"
    remove = (
        f'while some="$({listed} --query {query})"; case $some in *VersionId*) ;; *) false ;; esac '
        f'&& [ "$({deleted} --delete "$some")" = 0 ]; do :; done; '
        f"aws s3api delete-bucket --bucket {name}"
    )
    yield Left("bucket", name, name, "cents; its name, and logins and keys in it", remove)
