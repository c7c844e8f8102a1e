"""`relay doctor` before and after the first `up`, against the region's API and DNS: a story."""

import json
import shlex
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from examined import codes, config, found, out_of_reach
from stacks import Stack, credentials, quota
from typer.testing import CliRunner

from ops import cli
from ops.doctor import command
from ops.errors import StackError
from ops.target import AwsTarget, Internet
from ops.verify.names import Dns


def zone_id(stack: Stack, name: str) -> str:
    listed = stack.region.client("route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]
    return listed[0]["Id"].rpartition("/")[2]


def change(stack: Stack, action: str, name: str, kind: str, value: str) -> None:
    """A record by hand, in the zone of the name's last two labels."""
    record_set = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    stack.region.client("route53").change_resource_record_sets(
        HostedZoneId=zone_id(stack, ".".join(name.split(".")[-2:])),
        ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record_set}]},
    )


@contextmanager
def record(stack: Stack, *of: str) -> Iterator[None]:
    """Name, type and value of one that is there for a while."""
    change(stack, "CREATE", *of)
    yield
    change(stack, "DELETE", *of)


def test_01_an_account_with_its_zones_is_ready(stack: Stack) -> None:
    before = stack.region.control.get("leftovers")
    results = found(stack)
    assert codes(results) == []
    assert [r.check for r in results if r.skipped] == ["port-25"]
    assert stack.region.control.get("leftovers") == before
    assert next(r.seen for r in results if r.subject == "vCPUs") == [
        "0 in use, 4 more for the stack",
        "32 allowed",
    ]


def test_02_a_quota_that_is_too_small_is_told_and_the_region_holds_it(stack: Stack) -> None:
    ec2 = stack.region.client("ec2")
    with quota(stack, "L-1216C47A", 2, 32):
        assert codes(found(stack)) == ["vcpus-quota"]
        image = ec2.describe_images(Owners=["136693071363"])["Images"][0]
        kind = {"arm64": "t4g.xlarge", "x86_64": "t3.xlarge"}[image["Architecture"]]
        with pytest.raises(ClientError, match=r"VcpuLimitExceeded.*vCPU limit of 2 "):
            ec2.run_instances(ImageId=image["ImageId"], InstanceType=kind, MinCount=1, MaxCount=1)
    with quota(stack, "L-F678F1CE", 1, 5):
        assert codes(found(stack)) == ["vpcs-quota"]
        with pytest.raises(ClientError, match="VpcLimitExceeded"):
            ec2.create_vpc(CidrBlock="10.0.0.0/16")
    others = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(4)]
    assert codes(found(stack)) == ["addresses-quota"]
    ec2.allocate_address(Domain="vpc")
    with pytest.raises(ClientError, match="AddressLimitExceeded"):
        ec2.allocate_address(Domain="vpc")
    for address in ec2.describe_addresses()["Addresses"]:
        ec2.release_address(AllocationId=address["AllocationId"])
    assert len(others) == 4
    assert codes(found(stack)) == []


def test_03_a_second_zone_of_the_same_name_is_told_with_the_one_to_delete(stack: Stack) -> None:
    route53 = stack.region.client("route53")
    first = zone_id(stack, "shop.example")
    made = route53.create_hosted_zone(Name="shop.example", CallerReference="again")["HostedZone"]
    (result,) = [r for r in found(stack) if r.errors]
    assert (result.check, codes([result])) == ("zone", ["zone-several"])
    second = made["Id"].rpartition("/")[2]
    assert first in result.errors[0].text
    assert second in result.errors[0].text
    chosen = [{"name": "shop.example", "id": second}, "relay.example"]
    (result,) = [r for r in found(stack, zones=chosen) if r.subject == "shop.example"][:1]
    assert result.seen[-1] == second
    route53.delete_hosted_zone(Id=made["Id"])
    assert codes(found(stack)) == []


def test_04_zones_that_are_not_there_are_told_with_the_command_that_makes_them(
    stack: Stack,
) -> None:
    results = found(stack, zones=["relay.example", "shop.example", "new.example"])
    assert codes(results) == ["zone-missing"]
    (result,) = [r for r in results if r.errors]
    assert "aws route53 create-hosted-zone --name new.example" in result.instructions[0]


def test_05_names_that_are_taken_are_told(stack: Stack) -> None:
    with record(stack, "mail.relay.example", "CNAME", "elsewhere.example."):
        assert codes(found(stack)) == ["name-alias"]
    with record(stack, "app.shop.example", "NS", "ns.other.example."):
        assert codes(found(stack)) == ["name-delegated"]
    with record(stack, "relay.example", "CAA", '0 issue "amazon.com"'):
        assert codes(found(stack)) == ["caa-forbids"]
    s3 = stack.region.client("s3")
    s3.create_bucket(Bucket="mail-relay-test-123456789012")
    assert codes(found(stack)) == ["bucket-exists"]
    s3.delete_bucket(Bucket="mail-relay-test-123456789012")
    assert codes(found(stack)) == []


def test_06_with_amazon_ses_its_sandbox_and_its_identities_are_looked_at(stack: Stack) -> None:
    given = {
        "smarthost": {"ses": True},
        "operator": "me@shop.example",
        "forwards": [],
        "mailboxes": [{"address": "me@shop.example"}],
    }
    assert codes(found(stack, **given)) == ["ses-sandbox"]
    stack.region.control.put("account/ses", {"production": True})
    assert codes(found(stack, **given)) == []
    ses = stack.region.client("sesv2")
    ses.create_email_identity(EmailIdentity="shop.example")
    assert codes(found(stack, **given)) == ["ses-identity-exists"]
    ses.delete_email_identity(EmailIdentity="shop.example")


def test_07_zones_that_lack_an_instance_type_are_told(stack: Stack) -> None:
    control, ec2 = stack.region.control, stack.region.client("ec2")
    names = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]]
    offers: dict[str, list[str]] = {name: ["t4g.small"] for name in names}
    local = "us-east-1-atl-2a"
    both = ["t4g.small", "t4g.micro"]
    control.put("availability-zones", {"offers": {**offers, local: both}, "local": [local]})
    assert codes(found(stack)) == ["type-missing"]
    control.put("availability-zones", {"offers": {**offers, names[0]: ["t4g.micro"]}})
    assert codes(found(stack)) == ["types-apart"]
    control.put("availability-zones", {"offers": {**offers, names[0]: both}})
    assert codes(found(stack)) == []
    assert codes(found(stack, network={"zone": names[1]})) == ["zone-unfit"]
    control.put("availability-zones", {})


def test_08_the_command_that_is_told_hands_a_record_to_the_stack(stack: Stack) -> None:
    change(stack, "CREATE", "_dmarc.shop.example", "TXT", '"v=DMARC1; p=none; rua=mailto:x@y.org"')
    (result,) = [r for r in found(stack) if r.errors]
    assert codes([result]) == ["name-in-use"]
    _, _, told = result.instructions[0].partition("pulumi ")
    code, said = stack.pulumi(*shlex.split(told), "--yes")
    assert code == 0, said
    assert codes(found(stack)) == []


def test_09_what_the_stack_has_itself_is_not_in_its_way(stack: Stack) -> None:
    stack.up()
    with (
        quota(stack, "L-1216C47A", 4, 32),
        quota(stack, "L-0263D0A3", 2, 5),
        quota(stack, "L-F678F1CE", 2, 5),
    ):
        assert codes(found(stack)) == []


class Here(AwsTarget):
    """The test's stack as a user's own."""

    made: Stack

    @property
    def file(self) -> Path:
        return self.made.directory / "Pulumi.test.yaml"

    def internet(self, root: str | None = None) -> Internet:
        trust = ssl.create_default_context(cadata=root)
        return Internet(Dns("127.0.0.1", self.made.region.dns_port), out_of_reach, trust)

    def pulumi(self, *arguments: str, text: str = "") -> str:
        code, said = self.made.pulumi(*arguments, "--stack", self.stack)
        if code != 0:
            raise StackError(said + text)
        return said


@pytest.fixture
def relay(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    Here.made = stack
    monkeypatch.setattr(command, "target", lambda *_: Here("test"))
    for key, value in credentials(stack.region.url).items():
        monkeypatch.setenv(key, value)
    before = config(stack)
    yield CliRunner()
    stack.write(before)


def test_10_the_command_prints_what_programs_read_and_its_progress_beside(
    stack: Stack, relay: CliRunner
) -> None:
    result = relay.invoke(cli.app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["stack"], said["errors"], said["skipped"]) == ("test", 0, 1)
    assert {check["check"] for check in said["checks"]} >= {"identity", "zone", "quota", "image"}
    assert "... identity 123456789012" in result.stderr


def test_11_in_another_account_than_the_file_allows_the_command_looks_no_further(
    stack: Stack, relay: CliRunner
) -> None:
    stack.write({**config(stack), "aws:allowedAccountIds": ["999999999999"]})
    result = relay.invoke(cli.app, ["doctor"])
    assert result.exit_code == 1
    assert "account-other: these are of the account 123456789012" in result.stdout
    assert "quota" not in result.stdout
    assert "1 error, 0 warnings, 1 skipped" in result.stderr


def test_12_without_the_profile_that_the_file_names_the_command_says_how_to_get_one(
    stack: Stack, relay: CliRunner
) -> None:
    stack.write({**config(stack), "aws:profile": "nobodys"})
    result = relay.invoke(cli.app, ["doctor"])
    assert result.exit_code == 1
    assert "credentials-missing: The config profile (nobodys) could not be found" in result.stdout
    assert "aws configure" in result.stdout


def test_13_before_there_is_a_stack_in_the_backend_the_account_is_looked_at_all_the_same(
    stack: Stack, relay: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unborn(Here):
        def pulumi(self, *arguments: str, text: str = "") -> str:
            return Here("nobodys").pulumi(*arguments, text=text)

    monkeypatch.setattr(command, "target", lambda *_: Unborn("test"))
    result = relay.invoke(cli.app, ["doctor", "--json"])
    said = {check["check"]: check for check in json.loads(result.stdout)["checks"]}
    assert said["identity"]["status"] == "ok"
    assert "state" not in said
    # the records of the stack that is up are somebody's, for a stack that has none
    assert said["names"]["errors"][0]["code"] == "name-in-use"
