"""IAM: roles, their inline policies, instance profiles."""

import json
from urllib.parse import unquote

from botocore.exceptions import ClientError

from lab.provider.kinds import Clients, Kind, Properties, forgiving, gone, names


def _text(policy: object) -> str:
    return unquote(policy) if isinstance(policy, str) else json.dumps(policy)


def create_role(c: Clients, p: Properties) -> str:
    c.iam.create_role(
        RoleName=p["name"],
        AssumeRolePolicyDocument=p["assumeRolePolicy"],
        Description=p.get("description", ""),
        Tags=c.tag_list(p),
    )
    return p["name"]


def read_role(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        found = c.iam.get_role(RoleName=i)["Role"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    return {"name": i, "arn": found["Arn"], "tagsAll": tags}


def update_role(c: Clients, i: str, old: Properties, new: Properties) -> None:
    c.iam.update_assume_role_policy(RoleName=i, PolicyDocument=new["assumeRolePolicy"])
    removed = sorted(set(c.tags(old)) - set(c.tags(new)))
    if removed:
        c.iam.untag_role(RoleName=i, TagKeys=removed)
    c.iam.tag_role(RoleName=i, Tags=c.tag_list(new))


def put_policy(c: Clients, p: Properties) -> str:
    c.iam.put_role_policy(RoleName=p["role"], PolicyName=p["name"], PolicyDocument=p["policy"])
    return f"{p['role']}:{p['name']}"


def update_policy(c: Clients, _id: str, _old: Properties, new: Properties) -> None:
    put_policy(c, new)


def read_policy(c: Clients, i: str, p: Properties) -> Properties | None:
    role, _colon, name = i.partition(":")
    try:
        found = c.iam.get_role_policy(RoleName=role, PolicyName=name)
    except ClientError as error:
        if gone(error):
            return None
        raise
    held = _text(found["PolicyDocument"])
    same = json.loads(held) == json.loads(p.get("policy", "null"))
    return {"policy": p["policy"] if same else held}


def delete_policy(c: Clients, i: str, _: Properties) -> None:
    role, _colon, name = i.partition(":")
    forgiving(lambda: c.iam.delete_role_policy(RoleName=role, PolicyName=name))


def create_profile(c: Clients, p: Properties) -> str:
    c.iam.create_instance_profile(InstanceProfileName=p["name"], Tags=c.tag_list(p))
    c.iam.add_role_to_instance_profile(InstanceProfileName=p["name"], RoleName=p["role"])
    return p["name"]


def read_profile(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        found = c.iam.get_instance_profile(InstanceProfileName=i)["InstanceProfile"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    roles = [role["RoleName"] for role in found["Roles"]]
    return {"name": i, "arn": found["Arn"], "role": roles[0] if roles else ""}


def delete_profile(c: Clients, i: str, p: Properties) -> None:
    role = p["role"]
    forgiving(lambda: c.iam.remove_role_from_instance_profile(InstanceProfileName=i, RoleName=role))
    forgiving(lambda: c.iam.delete_instance_profile(InstanceProfileName=i))


KINDS = {
    "aws:iam/role:Role": Kind(
        names("name assumeRolePolicy description tags"),
        create_role,
        read_role,
        lambda c, i, _: forgiving(lambda: c.iam.delete_role(RoleName=i)),
        update_role,
        names("name"),
        auto_named="name",
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        names("name role policy"),
        put_policy,
        read_policy,
        delete_policy,
        update_policy,
        names("name role"),
        auto_named="name",
    ),
    "aws:iam/instanceProfile:InstanceProfile": Kind(
        names("name role tags"),
        create_profile,
        read_profile,
        delete_profile,
        replaces=names("name role"),
        auto_named="name",
    ),
}
