"""The only access to moto's objects. Importing it configures moto, so it is imported first."""

import os
from pathlib import Path
from typing import Any

os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "1"
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "1"
os.environ["MOTO_AMIS_PATH"] = str(Path(__file__).with_name("images.json"))

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

REGION = "us-east-1"
# moto ignores the conditions of bucket policies, so a Deny of requests without TLS would refuse
# everything. rules/permissions.py judges roles; bucket policies are stored and not enforced.
setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)  # noqa: B010


def ec2() -> Any:
    """moto's EC2 of the account in the lab's region."""
    return get_backend("ec2")[ACCOUNT][REGION]


def route53() -> Any:
    """moto's Route53 of the account."""
    return get_backend("route53")[ACCOUNT]["aws"]


def elbv2() -> Any:
    """moto's load balancers of the account in the lab's region."""
    return get_backend("elbv2")[ACCOUNT][REGION]


def iam() -> Any:
    """moto's IAM of the account."""
    return get_backend("iam")[ACCOUNT]["aws"]


def logs() -> Any:
    """moto's CloudWatch Logs of the account in the lab's region."""
    return get_backend("logs")[ACCOUNT][REGION]


def s3() -> Any:
    """moto's S3 of the account."""
    return get_backend("s3")[ACCOUNT]["aws"]


def ses() -> Any:
    """moto's SES of the account in the lab's region."""
    return get_backend("ses")[ACCOUNT][REGION]


def sns() -> Any:
    """moto's SNS of the account in the lab's region."""
    return get_backend("sns")[ACCOUNT][REGION]


def instances() -> list[Any]:
    """Every instance, terminated ones too."""
    return [i for r in ec2().reservations.values() for i in r.instances]


def primary_interface(instance: Any) -> Any:
    """The instance's first network interface, or None once it is terminated."""
    return None if instance._state.name == "terminated" else instance.nics.get(0)


def public_address(interface: Any) -> str | None:
    """The Elastic IP on a network interface."""
    for address in ec2().addresses:
        if address.eni is not None and address.eni.id == interface.id:
            return address.public_ip
    return None


def has_internet_route(subnet: Any) -> bool:
    """Whether the subnet's default route has an internet gateway as its target."""
    route = _default_route(subnet)
    return str(getattr(route and route.gateway, "id", "")).startswith("igw-")


def next_interface(subnet: Any) -> Any:
    """The network interface that is the target of the subnet's default route, or None."""
    route = _default_route(subnet)
    return route and route.interface


def _default_route(subnet: Any) -> Any:
    tables = list(ec2().route_tables.values())
    own = [t for t in tables if subnet.id in _subnets(t)]
    main = [t for t in tables if t.vpc_id == subnet.vpc_id and t.main_association_id]
    routes = [route for table in (own or main)[:1] for route in table.routes]
    # (a route, no address to listen on)
    return next((r for r in routes if r.destination_cidr_block == "0.0.0.0/0"), None)


def _subnets(table: Any) -> list[str]:
    return list(table._associations.values())
