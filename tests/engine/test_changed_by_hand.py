"""What somebody changed beside Pulumi is found by a refresh, and mended by the next `up`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from stacks import Stack
from test_program import config

HOST = "mail.relay.example"
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def held(stack: Stack) -> dict[str, Any]:
    """What is compared, as the API tells it: rules without their ids, addresses, policies."""
    ec2, iam = stack.region.client("ec2"), stack.region.client("iam")
    return {
        "rules": sorted(
            (r["IsEgress"], r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in rules(stack)
        ),
        "addresses": sorted(
            (a["PublicIp"], a.get("NetworkInterfaceId", "")) for a in addresses(stack)
        ),
        "reverse names": sorted(
            found.get("PtrRecord", "")
            for address in addresses(stack)
            for found in ec2.describe_addresses_attribute(
                AllocationIds=[address["AllocationId"]], Attribute="domain-name"
            )["Addresses"]
        ),
        "objects": objects(stack),
        "policies": {
            role["RoleName"]: [
                iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            ]
            for role in iam.list_roles()["Roles"]
        },
    }


def group(stack: Stack) -> str:
    """The gateway's security group."""
    (gateway,) = stack.outputs().gateways
    found = stack.region.client("ec2").describe_instances(InstanceIds=[gateway.instance_id])
    return found["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]["Groups"][0]["GroupId"]


def objects(stack: Stack) -> dict[str, str]:
    """The ETag of each object in the stack's bucket."""
    s3 = stack.region.client("s3")
    (bucket,) = s3.list_buckets()["Buckets"]
    found = s3.list_objects_v2(Bucket=bucket["Name"])["Contents"]
    return {each["Key"]: each["ETag"].strip('"') for each in found}


def addresses(stack: Stack) -> list[dict[str, Any]]:
    return stack.region.client("ec2").describe_addresses()["Addresses"]


def rules(stack: Stack) -> list[dict[str, Any]]:
    """Those of the gateway's security group."""
    of_the_group = [{"Name": "group-id", "Values": [group(stack)]}]
    found = stack.region.client("ec2").describe_security_group_rules(Filters=of_the_group)
    return found["SecurityGroupRules"]


def into_25(stack: Stack) -> str:
    """The id of the rule that lets mail in."""
    (rule,) = [r for r in rules(stack) if r["FromPort"] == 25 and not r["IsEgress"]]
    return rule["SecurityGroupRuleId"]


def opens_ssh(stack: Stack) -> None:
    ec2 = stack.region.client("ec2")
    ec2.authorize_security_group_ingress(GroupId=group(stack), IpPermissions=[SSH])


def opens_every_way_out(stack: Stack) -> None:
    ec2 = stack.region.client("ec2")
    ec2.authorize_security_group_egress(GroupId=group(stack), IpPermissions=[EVERYTHING])


def closes_25(stack: Stack) -> None:
    rule = into_25(stack)
    ec2 = stack.region.client("ec2")
    ec2.revoke_security_group_ingress(GroupId=group(stack), SecurityGroupRuleIds=[rule])


def widens_25(stack: Stack) -> None:
    rule = into_25(stack)
    wide = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}
    stack.region.client("ec2").modify_security_group_rules(
        GroupId=group(stack),
        SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": wide}],
    )


def takes_the_address_away(stack: Stack) -> None:
    ours = stack.outputs().host(HOST).address
    (address,) = [a for a in addresses(stack) if a["PublicIp"] == ours]
    stack.region.client("ec2").disassociate_address(AssociationId=address["AssociationId"])


def gives_it_another_reverse_name(stack: Stack) -> None:
    ours = stack.outputs().host(HOST).address
    (address,) = [a for a in addresses(stack) if a["PublicIp"] == ours]
    stack.region.client("ec2").reset_address_attribute(
        AllocationId=address["AllocationId"], Attribute="domain-name"
    )


def puts_other_tables(stack: Stack) -> None:
    s3, etag = stack.region.client("s3"), stack.outputs().host(HOST).tables
    (bucket,) = s3.list_buckets()["Buckets"]
    (key,) = [key for key, found in objects(stack).items() if found == etag]
    s3.put_object(Bucket=bucket["Name"], Key=key, Body=b"{}")


def lets_the_host_do_anything(stack: Stack) -> None:
    iam = stack.region.client("iam")
    (role,) = [r["RoleName"] for r in iam.list_roles()["Roles"] if HOST in r["RoleName"]]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)


@pytest.fixture(scope="module")
def right(stack: Stack) -> dict[str, Any]:
    """What the stack made."""
    stack.write(config())
    stack.up()
    return held(stack)


@pytest.mark.parametrize(
    "somebody",
    [
        opens_ssh,
        opens_every_way_out,
        closes_25,
        widens_25,
        takes_the_address_away,
        gives_it_another_reverse_name,
        puts_other_tables,
        lets_the_host_do_anything,
    ],
)
def test_it_is_found_and_mended(
    stack: Stack, right: dict[str, Any], somebody: Callable[[Stack], None]
) -> None:
    somebody(stack)
    assert held(stack) != right
    code, said = stack.pulumi("preview", "--refresh", "--expect-no-changes", "--stack=test")
    assert code != 0, said
    stack.up("--refresh")
    assert held(stack) == right
    stack.up("--refresh", "--expect-no-changes")


def test_a_rule_of_the_stack_comes_and_goes(stack: Stack, right: dict[str, Any]) -> None:
    """The list of rules follows the stack's own changes, in one `up` each."""
    stack.write({**config(), "mail-relay:ssh": {"allowFrom": ["192.0.2.0/24"]}})
    stack.up()
    assert (False, "tcp", 22, 22) in held(stack)["rules"]
    stack.up("--refresh", "--expect-no-changes")
    stack.write(config())
    stack.up()
    assert held(stack)["rules"] == right["rules"]
    stack.up("--refresh", "--expect-no-changes")
