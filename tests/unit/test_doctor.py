"""`relay doctor`: broken accounts, each with the finding and the remedy that its user sees."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from doctor_account import (
    HEALTHY,
    IMAGE,
    Aws,
    Refusal,
    account,
    held,
    instances,
    offers,
    quotas,
    zone,
)
from recorder import declare

from mail import zonefile
from ops.doctor.records import planned
from ops.doctor.run import examine
from ops.verify.result import Result
from settings import read

DENIED = Refusal("UnauthorizedOperation", 403, "You are not authorized to do that.")
SES = {"smarthost": {"ses": True}, "forwards": [], "mailboxes": [], "operator": "me@shop.example"}
SES |= {"mailboxes": [{"address": "me@shop.example"}], "logins": [{"address": "me@shop.example"}]}
STACKS = [Path("Pulumi.dev.yaml"), *sorted(Path("examples").glob("Pulumi.*.yaml"))]


def found(answers: Mapping[str, Any] | None = None, **changes: Any) -> list[Result]:
    aws = Aws({**HEALTHY, **(answers or {})})
    return list(examine(account(aws, **changes)))


def codes(results: list[Result]) -> list[str]:
    return [problem.code for r in results for problem in [*r.errors, *r.warnings]]


def in_days(days: int) -> dict[str, Any]:
    end = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    newer = {**IMAGE, "Name": "debian-13-arm64-20270101-1", "CreationDate": "2027-01-01T00:00:00Z"}
    return {"Images": [{**IMAGE, "DeprecationTime": end}, newer]}


def zones(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"HostedZones": list(listed), "IsTruncated": False}


def test_a_healthy_account_has_no_finding_but_port_25_which_nobody_can_tell() -> None:
    results = found()
    assert codes(results) == []
    assert [r.check for r in results if r.skipped] == ["port-25"]
    assert {r.check for r in results} >= {"identity", "region", "zone", "names", "caa", "quota"}
    assert {r.check for r in results} >= {"types", "image", "bucket"}


def test_nothing_is_asked_that_changes_anything() -> None:
    aws = Aws(HEALTHY)
    list(examine(account(aws, settings=SES)))
    assert set(aws.asked) == set(HEALTHY) - {
        "GetAllowedImagesSettings",
        "GetAWSDefaultServiceQuota",
    }
    assert all(re.match(r"(Get|List|Describe|Head)[A-Z]", name) for name in aws.asked)


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
        {"DescribeRegions": {"Regions": []}},
    ),
    Broken(
        "a region that is turned off",
        "region-off",
        "aws account enable-region --region-name eu-central-1",
        {"DescribeRegions": {"Regions": [{"RegionName": "x", "OptInStatus": "not-opted-in"}]}},
    ),
    Broken(
        "a zone that is not there",
        "zone-missing",
        "create-hosted-zone --name shop.example",
        {"ListHostedZones": zones(zone("relay.example", "ZRELAY"))},
        text="shop.example",
    ),
    Broken(
        "a zone that is only private",
        "zone-missing",
        "create-hosted-zone",
        {
            "ListHostedZones": zones(
                zone("relay.example", "Z1"), zone("shop.example", "Z2", private=True)
            )
        },
        text="private zone",
    ),
    Broken(
        "two zones of one name",
        "zone-several",
        "{name: shop.example, id: ZSHOP}. Or delete",
        {
            "ListHostedZones": zones(
                zone("relay.example", "ZRELAY"),
                zone("shop.example", "ZOLD"),
                zone("shop.example", "ZSHOP"),
            ),
            "GetHostedZone": lambda given: {
                "DelegationSet": {
                    "NameServers": ["ns-9.awsdns.example"]
                    if given["Id"].endswith("ZOLD")
                    else ["ns-1.awsdns.example", "ns-2.awsdns.example"]
                }
            },
        },
        text="ZOLD (seen by nobody), ZSHOP (the one that the world sees)",
    ),
    Broken(
        "a zone's id that is not one of its name",
        "zone-id",
        "Put the id right",
        changes={"settings": {"zones": ["relay.example", {"name": "shop.example", "id": "ZX"}]}},
        text="it has ZSHOP",
    ),
    Broken(
        "a zone that no registrar leads to",
        "zone-not-delegated",
        "ns-1.awsdns.example, ns-2.awsdns.example",
        changes={"names": {"shop.example NS": []}},
    ),
    Broken(
        "a zone that is elsewhere in truth",
        "zone-delegation",
        "ns-1.awsdns.example",
        changes={"names": {"shop.example NS": ["ns.other.example."]}},
    ),
    Broken(
        "a record that somebody has",
        "name-in-use",
        "pulumi import --stack prod --protect=false --generate-code=false "
        "aws:route53/record:Record _dmarc.shop.example-TXT ZSHOP__dmarc.shop.example_TXT",
        {
            "ListResourceRecordSets": lambda given: (
                held(("_dmarc.shop.example", "TXT", '"v=DMARC1; p=none"'))
                if given["HostedZoneId"] == "ZSHOP"
                else held()
            )
        },
        text="v=DMARC1; p=none",
    ),
    Broken(
        "strings of others at a domain",
        "name-in-use",
        "List its other strings in the `txt` of the domain shop.example",
        {
            "ListResourceRecordSets": lambda given: (
                held(("shop.example", "TXT", '"google-site-verification=1"'))
                if given["HostedZoneId"] == "ZSHOP"
                else held()
            )
        },
    ),
    Broken(
        "an alias at a host's name",
        "name-in-use",
        "Choose another name",
        {
            "ListResourceRecordSets": {
                "IsTruncated": False,
                "ResourceRecordSets": [
                    {
                        "Name": "mail.relay.example.",
                        "Type": "A",
                        "AliasTarget": {
                            "DNSName": "d1.cloudfront.net.",
                            "HostedZoneId": "Z",
                            "EvaluateTargetHealth": False,
                        },
                    }
                ],
            }
        },
        changes={"settings": {"zones": ["relay.example", "shop.example"]}},
        text="an alias of d1.cloudfront.net",
    ),
    Broken(
        "a CNAME at a host's name",
        "name-alias",
        "Choose another name",
        {"ListResourceRecordSets": held(("mail.relay.example", "CNAME", "elsewhere.example."))},
        text="elsewhere.example",
    ),
    Broken(
        "a part of the zone that is delegated",
        "name-delegated",
        "Add app.shop.example to `zones`",
        {"ListResourceRecordSets": held(("app.shop.example", "NS", "ns.other.example."))},
        text="ns.other.example",
    ),
    Broken(
        "a CNAME for the challenge",
        "challenge-alias",
        "Delete the record _acme-challenge.mail.relay.example CNAME",
        {
            "ListResourceRecordSets": held(
                ("_acme-challenge.mail.relay.example", "CNAME", "x.acme.example.")
            )
        },
    ),
    Broken(
        "an IPv6 address at a host's name",
        "name-ipv6",
        "Delete the record app.shop.example AAAA",
        {"ListResourceRecordSets": held(("app.shop.example", "AAAA", "2001:db8::1"))},
    ),
    Broken(
        "CAA for another authority",
        "caa-forbids",
        '0 issue "letsencrypt.org"',
        {"ListResourceRecordSets": held(("relay.example", "CAA", '0 issue "amazon.com"'))},
        text="amazon.com",
    ),
    Broken(
        "CAA for nobody",
        "caa-forbids",
        "letsencrypt.org",
        {"ListResourceRecordSets": held(("mail.relay.example", "CAA", '0 issue ";"'))},
        text="letsencrypt.org may not issue",
    ),
    Broken(
        "CAA for another way of validation",
        "caa-forbids",
        "letsencrypt.org",
        {
            "ListResourceRecordSets": held(
                ("relay.example", "CAA", '0 issue "letsencrypt.org; validationmethods=http-01"')
            )
        },
        text="dns-01",
    ),
    Broken(
        "CAA of the domain above the zone",
        "caa-forbids",
        "letsencrypt.org",
        changes={
            "settings": {
                "gateway": {"name": "mail.eu.relay.example"},
                "zones": ["eu.relay.example", "shop.example"],
            },
            "names": {
                "relay.example CAA": ['0 issue "amazon.com"'],
                "eu.relay.example NS": ["ns-1.awsdns.example.", "ns-2.awsdns.example."],
                "eu.relay.example SOA": ["ns-1. x. 1 1 1 1 1"],
            },
        },
        answers={
            "ListHostedZones": zones(zone("eu.relay.example", "Z1"), zone("shop.example", "Z2"))
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


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_of_a_broken_account_the_one_cause_is_told_with_its_remedy(broken: Broken) -> None:
    results = found(broken.answers, **broken.changes)
    assert codes(results) == [broken.code]
    (result,) = [r for r in results if r.errors or r.warnings]
    assert broken.remedy in "\n".join(result.instructions)
    assert broken.text in [*result.errors, *result.warnings][0].text


@pytest.mark.parametrize(
    ("operation", "action", "check"),
    [
        ("GetServiceQuota", "servicequotas:GetServiceQuota", "quota"),
        ("DescribeAddresses", "ec2:DescribeAddresses", "quota"),
        ("DescribeRegions", "ec2:DescribeRegions", "region"),
    ],
)
def test_what_may_not_be_read_and_up_does_not_need_is_skipped_with_the_action_to_allow(
    operation: str, action: str, check: str
) -> None:
    results = found({operation: DENIED})
    assert codes(results) == []
    skipped = [r for r in results if r.skipped and r.check == check]
    assert skipped
    assert f"{action} is denied" in skipped[0].skipped
    assert any(action in text for text in skipped[0].instructions)


def test_one_of_several_zones_is_chosen_by_its_id() -> None:
    both = zones(
        zone("relay.example", "ZRELAY"), zone("shop.example", "ZOLD"), zone("shop.example", "ZSHOP")
    )
    chosen = {"zones": ["relay.example", {"name": "shop.example", "id": "ZSHOP"}]}
    results = found({"ListHostedZones": both}, settings=chosen)
    assert codes(results) == []
    assert [r.seen[-1] for r in results if r.check == "zone"] == ["ZRELAY", "ZSHOP"]


def test_without_credentials_nothing_else_is_asked() -> None:
    aws = Aws({**HEALTHY, "GetCallerIdentity": Refusal("ExpiredToken", 403)})
    results = list(examine(account(aws)))
    assert aws.asked == ["GetCallerIdentity"]
    assert results[-1].skipped == "the credentials come first"


def test_of_a_stack_that_is_up_nothing_is_counted_twice() -> None:
    """Its own instances, addresses, VPC, bucket and records are not in its way."""
    state = {"i-0", "i-1", "e-1", "e-2", "vpc-ours", "mail-relay-prod-123456789012"}
    state |= {"ZSHOP__dmarc.shop.example_TXT"}
    results = found(
        {
            "DescribeInstances": instances("t4g.small", "t4g.micro"),
            "DescribeAddresses": {"Addresses": [{"AllocationId": f"e-{n}"} for n in range(5)]},
            "DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-ours"}, *({"VpcId": "v"} for _ in range(4))]},
            "HeadBucket": {},
            "ListResourceRecordSets": lambda given: (
                held(("_dmarc.shop.example", "TXT", '"v=DMARC1; p=none"'))
                if given["HostedZoneId"] == "ZSHOP"
                else held()
            ),
        },
        state=frozenset(state),
    )
    assert codes(results) == []


def test_with_a_smarthost_port_25_is_not_needed() -> None:
    (result,) = [r for r in found(settings=SES) if r.check == "port-25"]
    assert result.status == "ok"
    assert result.seen == ["not needed: all mail leaves by Amazon SES, port 587"]


@pytest.mark.parametrize(
    ("open_ports", "seen", "told"),
    [((25,), ["this network reaches port 25 of mx.inbox.example"], ""), ((), [], "another one")],
)
def test_whether_port_25_can_be_looked_at_from_here_is_told(
    open_ports: tuple[int, ...], seen: list[str], told: str
) -> None:
    (result,) = [r for r in found(open_ports=open_ports) if r.check == "port-25"]
    assert result.status == "skipped"
    assert result.seen == seen
    assert told in result.instructions[-1]
    assert (len(result.instructions) == 3) == bool(told)


def test_an_authority_of_the_stacks_own_choice_is_not_judged_by_lets_encrypts_name() -> None:
    foreign = held(("relay.example", "CAA", '0 issue "ca.example"'))
    acme = {"acme": {"directory": "https://ca.example/directory"}}
    results = found({"ListResourceRecordSets": foreign}, settings=acme)
    assert codes(results) == []
    assert "ca.example" in next(r.skipped for r in results if r.check == "caa")


def test_a_zone_that_the_stack_makes_itself_need_not_be_there() -> None:
    try_out: dict[str, Any] = {
        "gateway": {"name": "mail.try.relay.example"},
        "domains": [{"name": "try.relay.example"}],
        "clients": [],
        "forwards": [],
        "zones": ["try.relay.example"],
        "delegation": {"zone": "try.relay.example", "parent": "relay.example"},
    }
    offered = {"DescribeInstanceTypeOfferings": offers("t4g.small eu-central-1b")}
    assert codes(found(offered, settings=try_out)) == []
    there = {"ListResourceRecordSets": held(("try.relay.example", "NS", "ns.other.example."))}
    assert codes(found({**offered, **there}, settings=try_out)) == ["name-in-use"]


def test_the_page_lists_exactly_the_codes_that_there_are() -> None:
    page = re.findall(r"^\| `([a-z0-9-]+)`", Path("docs/doctor.md").read_text(), re.MULTILINE)
    # what `verify` finds of a zone as well has its broken worlds there
    shared = {"zone-unresolved", "zone-server-lame", "zone-server-silent"}
    assert set(page) == {broken.code for broken in BROKEN} | shared
    assert len(page) == len(set(page))
    source = "".join(file.read_text() for file in Path("ops/doctor").glob("*.py"))
    said = set(re.findall(r'(?:error|warn)\(\s*"([a-z0-9-]+)"', source))
    assert said <= set(page)


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.stem)
def test_the_names_that_are_looked_for_are_those_that_the_program_makes(file: Path) -> None:
    config = yaml.safe_load(file.read_text())["config"]
    for entry in config.get("mail-relay:smarthost", {}).get("accounts", []):
        entry["password"] = "not-a-secret"
    graph = declare({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})
    prefix = "mail-relay:"
    ours = {k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)}
    made = {(r.name, r.kind) for r in zonefile.read(graph.outputs["records"])}
    assert {(name, kind) for name, kind in made if kind != "CNAME"} == planned(read(ours))
