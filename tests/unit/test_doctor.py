"""`relay doctor`: broken accounts, each with the finding and the remedy that its user sees."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from doctor_account import (
    HEALTHY,
    Aws,
    Refusal,
    account,
    codes,
    found,
    held,
    instances,
    offers,
    zone,
    zones,
)
from doctor_broken import BROKEN as ACCOUNTS
from doctor_broken import DENIED, SES, Broken
from doctor_broken_names import BROKEN as NAMES
from recorder import declare

from ops import outputs
from ops.doctor.records import planned
from ops.doctor.run import examine
from settings import read

BROKEN = [*ACCOUNTS, *NAMES]
STACKS = [Path("Pulumi.dev.yaml"), *sorted(Path("examples").glob("Pulumi.*.yaml"))]


def test_a_healthy_account_has_no_finding_but_port_25_which_nobody_can_tell() -> None:
    results = found()
    assert codes(results) == []
    assert [r.check for r in results if r.skipped] == ["port-25"]
    assert {r.check for r in results} >= {"identity", "region", "zone", "names", "caa", "quota"}
    assert {r.check for r in results} >= {"types", "image", "bucket"}


def test_nothing_is_asked_that_changes_anything() -> None:
    aws = Aws(HEALTHY)
    list(examine(account(aws, settings={**SES, "ssh": {"endpoint": True}})))
    assert set(aws.asked) == set(HEALTHY) - {
        "GetAllowedImagesSettings",
        "GetAWSDefaultServiceQuota",
    }
    assert all(re.match(r"(Get|List|Describe|Head)[A-Z]", name) for name in aws.asked)


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


def addresses(*ours: str) -> dict[str, Any]:
    """Five Elastic IPs: of others e-0, e-4 and so on, from e-1 on those of these names."""
    held: list[dict[str, Any]] = [{"AllocationId": f"e-{n}"} for n in range(5)]
    for item, name in zip(held[1:], ours, strict=False):
        item["Tags"] = [{"Key": "Name", "Value": name}]
    return {"Addresses": held}


def test_an_address_is_asked_for_before_another_is_given_back() -> None:
    """A gateway gets another name."""
    there = addresses("mx1.relay.example", "app.shop.example")
    results = found({"DescribeAddresses": there}, state=frozenset({"e-1", "e-2"}))
    assert codes(results) == ["addresses-quota"]


def test_of_a_stack_that_is_up_nothing_is_counted_twice() -> None:
    """Its own instances, addresses, VPC, bucket and records are not in its way."""
    state = {"i-0", "i-1", "e-1", "e-2", "vpc-ours", "mail-relay-prod-123456789012"}
    state |= {"ZSHOP__dmarc.shop.example_TXT"}
    answer = "mail-relay/prod/mail.relay.example"
    state |= {f"ZSHOP_smtp.shop.example_A_{answer}"}
    theirs = held(
        ("_dmarc.shop.example", "TXT", '"v=DMARC1; p=none"'),
        ("smtp.shop.example", "A", "203.0.113.9"),
    )
    theirs["ResourceRecordSets"][1] |= {"SetIdentifier": answer, "MultiValueAnswer": True}
    results = found(
        {
            "DescribeInstances": instances("t4g.small", "t4g.micro"),
            "DescribeAddresses": addresses("mail.relay.example", "app.shop.example"),
            "DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-ours"}, *({"VpcId": "v"} for _ in range(4))]},
            "HeadBucket": {},
            "ListResourceRecordSets": lambda given: (
                theirs if given["HostedZoneId"] == "ZSHOP" else held()
            ),
        },
        state=frozenset(state),
        settings={"submission": {"name": "smtp.shop.example"}},
    )
    assert codes(results) == []
    (names,) = [r for r in results if (r.check, r.subject) == ("names", "shop.example")]
    assert names.seen == [
        "5 record sets to be made, 2 of the stack made already, 2 in the zone",
    ]


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
    made = {(r.name, r.kind) for r in outputs.read(graph.outputs).records}
    assert {(name, kind) for name, kind in made if kind != "CNAME"} == planned(read(ours))
