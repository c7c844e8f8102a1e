"""Resources that an interrupted create left in the account.

The state has the pending operation, with the inputs; only the account shows whether the resource
was created, and its id.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.leftovers import begun, network
from ops.leftovers.aws_types import TYPES
from ops.leftovers.begun import Client, Inputs

ACCESS_KEY = "aws:iam/accessKey:AccessKey"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
_GONE = ("NoSuchEntity", "NoSuchHostedZone", "NoSuchBucket", "NotFoundException", "404", "403")


def find(client: Client, resource: Mapping[str, Any]) -> list[str]:
    """The ids that a resource may have in the account, from its type and inputs.

    Only of resources that are certainly the stack's: they have its tags, a name that Pulumi chose,
    or all the values, or are a part of another resource of the stack. A bucket's settings and
    objects are not looked up: their creation can be repeated.
    """
    row, inputs = TYPES.get(resource["type"]), resource.get("inputs", {})
    try:
        if row and row.prefix:
            return list(_by_tags(client, inputs, row.prefix))
        return list(row.begun(client, inputs)) if row and row.begun else []
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if "NotFound" in code or code in _GONE:
            return []
        raise


def delete_key(client: Client, user: str, key: str) -> bool:
    """Delete an access key that was never used; False if it was used."""
    iam = client("iam")
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    if used.get("LastUsedDate"):
        return False
    iam.delete_access_key(UserName=user, AccessKeyId=key)
    return True


def close_group(client: Client, group: str) -> None:
    """Remove the default rule of a new security group, which lets everything out.

    The provider removes it in a second call (vpc_security_group.go), which may not have been made.
    """
    for rule in begun.group_rules(client, {"securityGroupId": group}):
        if rule["IsEgress"] and rule["IpProtocol"] == "-1" and rule.get("CidrIpv4") == "0.0.0.0/0":
            identity = rule["SecurityGroupRuleId"]
            client("ec2").revoke_security_group_egress(
                GroupId=group, SecurityGroupRuleIds=[identity]
            )


def start(client: Client, instance: str) -> bool:
    """Start an instance that was stopped for a change; True if it was."""
    ec2 = client("ec2")
    filters = [
        {"Name": "instance-id", "Values": [instance]},
        {"Name": "instance-state-name", "Values": ["stopped", "stopping"]},
    ]
    if not ec2.describe_instances(Filters=filters)["Reservations"]:
        return False
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance], WaiterConfig={"Delay": 2})
    ec2.start_instances(InstanceIds=[instance])
    return True


def _by_tags(client: Client, inputs: Inputs, prefix: str) -> Iterator[str]:
    """The ids of resources with the stack's tags and the name, if they begin with `prefix`."""
    wanted = {key: inputs["tags"][key] for key in ("Project", "Stack", "Name")}
    items = network.find(client("ec2"), wanted, ())
    return (item.id for item in items if item.id.startswith(prefix))
