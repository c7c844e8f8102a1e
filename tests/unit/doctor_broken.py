"""Accounts with something wrong, each with the one code that is told and words of its remedy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from doctor_account import IMAGE, Refusal, instances, offers, quotas

DENIED = Refusal("UnauthorizedOperation", 403, "You are not authorized to do that.")
SES = {"smarthost": {"ses": True}, "forwards": [], "mailboxes": [], "operator": "me@shop.example"}
SES |= {"mailboxes": [{"address": "me@shop.example"}], "logins": [{"address": "me@shop.example"}]}


def in_days(days: int) -> dict[str, Any]:
    end = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    newer = {**IMAGE, "Name": "debian-13-arm64-20270101-1", "CreationDate": "2027-01-01T00:00:00Z"}
    return {"Images": [{**IMAGE, "DeprecationTime": end}, newer]}


@dataclass(frozen=True)
class Broken:
    """An account with something wrong: the one code that is told, and words of its remedy."""

    name: str
    code: str
    remedy: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


BROKEN = [
    Broken(
        "no credentials",
        "credentials-missing",
        "aws configure",
        {"GetCallerIdentity": NoCredentialsError()},
    ),
    Broken(
        "no such profile",
        "credentials-missing",
        "aws:profile",
        {"GetCallerIdentity": ProfileNotFound(profile="prod")},
        text="prod",
    ),
    Broken(
        "keys that have run out",
        "credentials-expired",
        "aws sso login",
        {"GetCallerIdentity": Refusal("ExpiredToken", 403)},
    ),
    Broken(
        "single sign-on has run out",
        "credentials-expired",
        "aws sso login",
        {"GetCallerIdentity": UnauthorizedSSOTokenError()},
    ),
    Broken(
        "keys that AWS does not know",
        "credentials-refused",
        "aws sts get-caller-identity",
        {"GetCallerIdentity": Refusal("InvalidClientTokenId", 403)},
    ),
    Broken(
        "no network",
        "aws-unreachable",
        "network",
        {"GetCallerIdentity": EndpointConnectionError(endpoint_url="https://sts")},
    ),
    Broken(
        "another account than the file allows",
        "account-other",
        "account that is meant",
        changes={"provider": {"allowedAccountIds": ["999999999999"]}},
        text="123456789012",
    ),
    Broken(
        "another account, as `pulumi config set` writes the list",
        "account-other",
        "account that is meant",
        changes={"provider": {"allowedAccountIds": '["999999999999"]'}},
        text="999999999999",
    ),
    Broken(
        "an account that the file forbids",
        "account-other",
        "account that is meant",
        changes={"provider": {"forbiddenAccountIds": ["123456789012"]}},
    ),
    Broken(
        "an account in China",
        "partition-other",
        "commercial",
        {"GetCallerIdentity": {"Account": "1", "Arn": "arn:aws-cn:iam::1:user/me"}},
    ),
    Broken(
        "a role that only the provider takes",
        "credentials-other",
        "role's credentials",
        changes={"provider": {"assumeRoles": [{"roleArn": "arn:aws:iam::1:role/x"}]}},
    ),
    Broken(
        "a state that cannot be read",
        "state-unread",
        "pulumi stack export --stack prod",
        changes={"state_problem": "error: passphrase must be set"},
        text="passphrase must be set",
    ),
    Broken("no region", "region-missing", "config set aws:region", changes={"region": ""}),
    Broken(
        "a region that is not one",
        "region-unknown",
        "config set aws:region",
        {
            "DescribeRegions": {
                "Regions": [{"RegionName": "us-east-1", "OptInStatus": "opt-in-not-required"}]
            }
        },
    ),
    Broken(
        "a region that is turned off",
        "region-off",
        "aws account enable-region --region-name eu-central-1",
        {
            "DescribeRegions": {
                "Regions": [{"RegionName": "eu-central-1", "OptInStatus": "not-opted-in"}]
            }
        },
    ),
    Broken(
        "four addresses are somebody's",
        "addresses-quota",
        "--quota-code L-0263D0A3 --desired-value 6",
        {"DescribeAddresses": {"Addresses": [{"AllocationId": f"e-{n}"} for n in range(4)]}},
        text="4 are in use, and the stack needs 2 more",
    ),
    Broken(
        "a new account's one vCPU",
        "vcpus-quota",
        "--quota-code L-1216C47A --desired-value 4",
        {"GetServiceQuota": quotas(**{"1216C47A": 1})},
        text="the account may have 1 vCPUs in eu-central-1",
    ),
    Broken(
        "vCPUs that others use",
        "vcpus-quota",
        "--desired-value 8",
        {"DescribeInstances": instances("m5.xlarge")},
        text="4 are in use, and the stack needs 4 more",
    ),
    Broken(
        "five VPCs are there",
        "vpcs-quota",
        "--service-code vpc --quota-code L-F678F1CE --desired-value 6",
        {"DescribeVpcs": {"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(5)]}},
    ),
    Broken(
        "five Instance Connect Endpoints are there",
        "endpoints-quota",
        "leave ssh.endpoint out",
        {
            "DescribeInstanceConnectEndpoints": {
                "InstanceConnectEndpoints": [
                    {"InstanceConnectEndpointId": f"eice-{n}"} for n in range(5)
                ]
            }
        },
        {"settings": {"ssh": {"endpoint": True}}},
    ),
    Broken(
        "a default quota, where nobody asked for another",
        "vpcs-quota",
        "--desired-value 2",
        {
            "GetServiceQuota": lambda given: (
                Refusal("NoSuchResourceException")
                if given["ServiceCode"] == "vpc"
                else quotas()(given)
            ),
            "GetAWSDefaultServiceQuota": quotas(F678F1CE=1),
        },
    ),
    Broken(
        "an instance type that the region lacks",
        "type-missing",
        "describe-instance-type-offerings --region eu-central-1",
        {"DescribeInstanceTypeOfferings": offers("t4g.micro eu-central-1a")},
        text="t4g.small",
    ),
    Broken(
        "an instance type of a Local Zone only",
        "type-missing",
        "instanceType",
        {
            "DescribeInstanceTypeOfferings": offers(
                "t4g.micro eu-central-1a", "t4g.small eu-central-1-ham-1a"
            )
        },
    ),
    Broken(
        "instance types that no zone has together",
        "types-apart",
        "one zone has",
        {
            "DescribeInstanceTypeOfferings": offers(
                "t4g.micro eu-central-1a", "t4g.small eu-central-1b"
            )
        },
        text="t4g.small is in eu-central-1b",
    ),
    Broken(
        "an availability zone of the user's that lacks a type",
        "zone-unfit",
        "network.zone ZONE",
        changes={"settings": {"network": {"zone": "eu-central-1a"}}},
        text="eu-central-1b",
    ),
    Broken(
        "a gateway's own zone that lacks its type",
        "zone-unfit",
        "another `zone` for mail.relay.example",
        changes={
            "settings": {
                "gateway": {},
                "gateways": [{"name": "mail.relay.example", "zone": "eu-central-1c"}],
            }
        },
        text="gateways[0].zone is eu-central-1c, and t4g.small is in eu-central-1",
    ),
    Broken(
        "an image that is not there",
        "image-missing",
        "https://wiki.debian.org/Cloud/AmazonEC2Image",
        {"DescribeImages": {"Images": []}},
    ),
    Broken(
        "images that the account hides",
        "image-not-allowed",
        "136693071363",
        {"DescribeImages": {"Images": []}, "GetAllowedImagesSettings": {"State": "enabled"}},
    ),
    Broken(
        "an image that the account is about to hide",
        "image-audited",
        "136693071363",
        {"DescribeImages": {"Images": [{**IMAGE, "ImageAllowed": False}]}},
    ),
    Broken(
        "an image that is deprecated",
        "image-deprecated",
        "config set mail-relay:image debian-13-arm64-20270101-1",
        {"DescribeImages": in_days(-1)},
    ),
    Broken(
        "an image that is soon deprecated",
        "image-ends",
        "config set mail-relay:image debian-13-arm64-20270101-1",
        {"DescribeImages": in_days(30)},
    ),
    Broken(
        "an image that is turned off",
        "image-off",
        "config set mail-relay:image",
        {"DescribeImages": {"Images": [{**IMAGE, "State": "disabled"}]}},
    ),
    Broken(
        "an image of another architecture than its name says",
        "image-architecture",
        "config set mail-relay:image",
        {"DescribeImages": {"Images": [{**IMAGE, "Architecture": "x86_64"}]}},
    ),
    Broken(
        "a bucket that was left",
        "bucket-exists",
        "./relay leftovers --stack prod",
        {"HeadBucket": {}},
    ),
    Broken(
        "a bucket in another region",
        "bucket-exists",
        "./relay leftovers",
        {"HeadBucket": Refusal("301", 301)},
    ),
    Broken(
        "a bucket of somebody else's",
        "bucket-taken",
        "pulumi stack rename",
        {"HeadBucket": Refusal("403", 403)},
    ),
    Broken(
        "SES in its sandbox",
        "ses-sandbox",
        "production access",
        {"GetAccount": {"ProductionAccessEnabled": False, "SendingEnabled": True}},
        {"settings": SES},
    ),
    Broken(
        "SES that sends nothing",
        "ses-paused",
        "Account dashboard",
        {"GetAccount": {"ProductionAccessEnabled": True, "SendingEnabled": False}},
        {"settings": SES},
    ),
    Broken(
        "an SES identity that is somebody's",
        "ses-identity-exists",
        "delete-email-identity --region eu-central-1 --email-identity shop.example",
        {
            "GetEmailIdentity": lambda given: (
                {}
                if given["EmailIdentity"] == "shop.example"
                else Refusal("NotFoundException", 404)
            )
        },
        {"settings": SES},
    ),
    Broken(
        "images may not be read",
        "denied",
        "ec2:DescribeImages",
        {"DescribeImages": DENIED},
        text="You are not authorized",
    ),
    Broken(
        "zones may not be read",
        "denied",
        "route53:ListHostedZones",
        {"ListHostedZones": Refusal("AccessDenied", 403)},
    ),
]
