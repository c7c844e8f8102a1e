"""IAM: roles, users, their inline policies and keys, instance profiles."""

import base64
import hmac
import json
from urllib.parse import unquote

from botocore.exceptions import ClientError

from lab.provider import imports
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


def inline_policy(owner: str) -> Kind:
    """The resource type of an inline policy of a role or a user."""
    named = f"{owner.capitalize()}Name"

    def put(c: Clients, p: Properties) -> str:
        arguments = {named: p[owner], "PolicyName": p["name"], "PolicyDocument": p["policy"]}
        getattr(c.iam, f"put_{owner}_policy")(**arguments)
        return f"{p[owner]}:{p['name']}"

    def update(c: Clients, _id: str, _old: Properties, new: Properties) -> None:
        put(c, new)

    def read(c: Clients, i: str, p: Properties) -> Properties | None:
        whose, _colon, name = i.partition(":")
        try:
            found = getattr(c.iam, f"get_{owner}_policy")(**{named: whose}, PolicyName=name)
        except ClientError as error:
            if gone(error):
                return None
            raise
        held = _text(found["PolicyDocument"])
        same = json.loads(held) == json.loads(p.get("policy", "null"))
        return {"policy": p["policy"] if same else held}

    def delete(c: Clients, i: str, _: Properties) -> None:
        whose, _colon, name = i.partition(":")
        call = getattr(c.iam, f"delete_{owner}_policy")
        forgiving(lambda: call(**{named: whose}, PolicyName=name))

    return Kind(
        names(f"name {owner} policy"),
        put,
        read,
        delete,
        update,
        names(f"name {owner}"),
        auto_named="name",
        importer=imports.policy(owner),
    )


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


def create_user(c: Clients, p: Properties) -> str:
    c.iam.create_user(UserName=p["name"], Tags=c.tag_list(p))
    return p["name"]


def read_user(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        found = c.iam.get_user(UserName=i)["User"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    return {"name": i, "arn": found["Arn"]}


def create_key(c: Clients, p: Properties) -> str:
    made = c.iam.create_access_key(UserName=p["user"])["AccessKey"]
    p["secret"] = made["SecretAccessKey"]
    p["sesSmtpPasswordV4"] = smtp_password(made["SecretAccessKey"], c.region)
    return made["AccessKeyId"]


def smtp_password(secret: str, region: str) -> str:
    """The SMTP password of an access key (Amazon SES guide, "SMTP credentials")."""
    signature = f"AWS4{secret}".encode()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.digest(signature, part.encode(), "sha256")
    return base64.b64encode(b"\x04" + signature).decode()


def read_key(c: Clients, i: str, p: Properties) -> Properties | None:
    try:
        held = c.iam.list_access_keys(UserName=p["user"])["AccessKeyMetadata"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    return {"user": p["user"]} if i in [key["AccessKeyId"] for key in held] else None


KINDS = {
    "aws:iam/role:Role": Kind(
        names("name assumeRolePolicy description tags"),
        create_role,
        read_role,
        lambda c, i, _: forgiving(lambda: c.iam.delete_role(RoleName=i)),
        update_role,
        names("name"),
        auto_named="name",
        longest_name=64,
    ),
    "aws:iam/rolePolicy:RolePolicy": inline_policy("role"),
    "aws:iam/userPolicy:UserPolicy": inline_policy("user"),
    "aws:iam/user:User": Kind(
        names("name tags"),
        create_user,
        read_user,
        lambda c, i, _: forgiving(lambda: c.iam.delete_user(UserName=i)),
        replaces=names("name"),
        auto_named="name",
    ),
    "aws:iam/accessKey:AccessKey": Kind(
        names("user"),
        create_key,
        read_key,
        lambda c, i, p: forgiving(
            lambda: c.iam.delete_access_key(UserName=p["user"], AccessKeyId=i)
        ),
        replaces=names("user"),
        importer=imports.key,
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
