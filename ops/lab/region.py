"""A lab's region, as the administrator of its account and as the region's owner use it."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError

import boto3

from lab.access import NotRunning, entered
from lab.control import LabError
from lab.internet import laptop
from lab.lab import Lab
from lab.machines import throwaway
from lab.machines.image import host_image
from lab.region_client import RegionClient
from ops.account import Clients, aws_errors
from ops.errors import StackError

NAME = "us-east-1"


def client(lab: Lab, service: str) -> Any:
    """A boto3 client of the lab's region, as the administrator; use it inside `entered`."""
    return boto3.client(
        service,
        region_name=NAME,
        endpoint_url=lab.api_url,
        aws_access_key_id="lab",
        aws_secret_access_key="lab",  # noqa: S106 (the region takes any)
    )


def session() -> boto3.Session:
    """The administrator's session, for requests that are signed without a client."""
    return boto3.Session(
        region_name=NAME,
        aws_access_key_id="lab",
        aws_secret_access_key="lab",  # noqa: S106 (the region takes any)
    )


def shell(lab: Lab) -> list[str]:
    """The prefix of a command line that runs it where `aws`, of Debian's image, uses the region."""
    given = {**lab.administrator, "AWS_DEFAULT_REGION": NAME, "AWS_PAGER": ""}
    settings = [f"--setenv={key}={value}" for key, value in given.items()] + laptop.internet(lab)
    image = host_image(lambda _: None)
    return throwaway.system(image, f"{lab.namespace}-aws", lab.namespace, *settings)


@contextmanager
def clients(lab: Lab) -> Iterator[Clients]:
    """A maker of clients; the block is on the lab's internet. StackError if the lab is not up."""
    try:
        with entered(lab.namespace), aws_errors():
            yield lambda service: client(lab, service)
    except NotRunning as error:
        raise StackError(str(error)) from None


@contextmanager
def _owner(lab: Lab) -> Iterator[RegionClient]:
    """The client of the region's owner, which controls it; LabError if it does not answer."""
    try:
        with entered(lab.namespace):
            yield RegionClient(lab.api_url)
    except (NotRunning, URLError):
        log = f"{lab.directory}/daemon.log"
        raise LabError(f"the region of the lab {lab.name} does not answer; see {log}") from None


def block_port_25(lab: Lab, blocked: bool) -> None:
    """Block outbound port 25 for the lab's account, as AWS does for each new one, or open it."""
    with _owner(lab) as owner:
        owner.put("account/port-25", {"blocked": blocked})


def port_25_is_blocked(lab: Lab) -> bool:
    """Whether outbound port 25 is blocked for the lab's account."""
    with _owner(lab) as owner:
        return owner.get("state")["port25Blocked"]


def without_power(lab: Lab) -> tuple[set[str], set[str]]:
    """Ids of instances, and names of zones, whose power is cut."""
    with _owner(lab) as owner:
        found = owner.get("power")
    return set(found["instances"]), set(found["zones"])


def switch(lab: Lab, kind: str, name: str, *, on: bool) -> None:
    """Cut or restore the power of one of the `instances` (by id) or `zones`."""
    with _owner(lab) as owner:
        owner.put(f"power/{kind}/{name}", {"on": on})


def zones(lab: Lab) -> list[str]:
    """The availability zones of the region."""
    with clients(lab) as make:
        found = make("ec2").describe_availability_zones()["AvailabilityZones"]
    return sorted(zone["ZoneName"] for zone in found)


def leftovers(lab: Lab) -> list[str]:
    """The resources of users that are still in the region's account."""
    with _owner(lab) as owner:
        return owner.get("leftovers")


@dataclass(frozen=True)
class Instance:
    """A running instance, as the region's API describes it; `stack` is its tag's."""

    id: str
    zone: str
    stack: str = ""


def instances(lab: Lab) -> dict[str, Instance]:
    """The instances that run in the lab's region, by the names of their hosts."""
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    with clients(lab) as make:
        found = make("ec2").describe_instances(Filters=running)["Reservations"]
    named: dict[str, Instance] = {}
    for instance in [i for reservation in found for i in reservation["Instances"]]:
        tags = {t["Key"]: t["Value"] for t in instance.get("Tags", [])}
        identity, zone = instance["InstanceId"], instance["Placement"]["AvailabilityZone"]
        named[tags.get("Name", identity)] = Instance(identity, zone, tags.get("Stack", ""))
    return named


def make_zones(lab: Lab, zones: Sequence[str]) -> None:
    """Make the public hosted zones that a user has before an `up`, unless they exist."""
    with clients(lab) as make:
        route53 = make("route53")
        listed = route53.list_hosted_zones()["HostedZones"]
        held = {zone["Name"] for zone in listed if not zone["Config"]["PrivateZone"]}
        for zone in zones:
            if f"{zone}." not in held:
                route53.create_hosted_zone(Name=zone, CallerReference=secrets.token_hex(8))
