"""The account's remaining quotas against the needs of the stack."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.naming import eip_tag
from ops.doctor.account import Account
from ops.doctor.answers import answers
from ops.verify.result import Result
from settings import Settings

# (service, quota): docs.aws.amazon.com/general/latest/gr/ec2-service.html and vpc-service.html
ADDRESSES = ("ec2", "L-0263D0A3")
STANDARD_VCPUS = ("ec2", "L-1216C47A")
VPCS = ("vpc", "L-F678F1CE")
# docs.aws.amazon.com/AWSEC2/latest/UserGuide/eice-quotas.html
ENDPOINTS = 5
# "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"; others have own quotas.
STANDARD = re.compile(r"(?!inf|trn|hpc|mac|dl)[acdhimrtz]")
RUNNING = {"Name": "instance-state-name", "Values": ["pending", "running"]}
TYPES_AT_ONCE = 100


def check(account: Account) -> Iterator[Result]:
    """Check the quotas of Elastic IPs, vCPUs and VPCs, and of endpoints for a stack with one."""
    yield _addresses(account)
    yield _vcpus(account)
    yield _vpcs(account)
    if account.settings.ssh.endpoint:
        yield _endpoints(account)


def _addresses(account: Account) -> Result:
    result = Result("quota", "Elastic IPs")
    with answers(result, "ec2"):
        held = account.here("ec2").describe_addresses()["Addresses"]
        ours = [item for item in held if item.get("AllocationId") in account.state]
        there = {
            tag["Value"] for item in ours for tag in item.get("Tags", ()) if tag["Key"] == "Name"
        }
        # an `up` gives those back that it needs no more, but only at its end
        new = len(_addresses_wanted(account.settings) - there)
        _compare(account, result, "addresses-quota", ADDRESSES, len(held), new)
    return result


def _addresses_wanted(settings: Settings) -> set[str]:
    """The Name tags of the stack's Elastic IPs, as its settings have it."""
    numbers = {gateway.name: gateway.addresses for gateway in settings.gateways}
    public = [host.name for host in settings.hosts.values() if host.public]
    return {eip_tag(name, number) for name in public for number in numbers.get(name, (1,))}


def _vpcs(account: Account) -> Result:
    result = Result("quota", "VPCs")
    with answers(result, "ec2"):
        ec2 = account.here("ec2")
        held = [v for page in ec2.get_paginator("describe_vpcs").paginate() for v in page["Vpcs"]]
        ours = sum(item["VpcId"] in account.state for item in held)
        _compare(account, result, "vpcs-quota", VPCS, len(held), 1 - ours)
    return result


def _endpoints(account: Account) -> Result:
    """The endpoints in the region against AWS's default, since their quota's code is not known."""
    result = Result("quota", "Instance Connect Endpoints")
    with answers(result, "ec2"):
        pages = account.here("ec2").get_paginator("describe_instance_connect_endpoints").paginate()
        held = [item for page in pages for item in page["InstanceConnectEndpoints"]]
        has_one = any(item["InstanceConnectEndpointId"] in account.state for item in held)
        result.seen.append(f"{len(held)} in use, {0 if has_one else 1} more for the stack")
        if len(held) >= ENDPOINTS and not has_one:
            result.warn(
                "endpoints-quota",
                f"{len(held)} Instance Connect Endpoints are in {account.region}, and AWS allows "
                f"{ENDPOINTS} unless it has raised that",
                "Have it raised (Service Quotas, Amazon EC2), take away what is not used "
                "(aws ec2 describe-instance-connect-endpoints), or leave ssh.endpoint out",
            )
    return result


def _vcpus(account: Account) -> Result:
    result = Result("quota", "vCPUs")
    wanted = [host.instance_type for host in account.settings.hosts.values()]
    with answers(result, "ec2"):
        ec2 = account.here("ec2")
        running = [
            instance
            for page in ec2.get_paginator("describe_instances").paginate(Filters=[RUNNING])
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
            if "InstanceLifecycle" not in instance  # spot instances have their own quota
        ]
        kinds = [instance["InstanceType"] for instance in running]
        ours = [i["InstanceType"] for i in running if i["InstanceId"] in account.state]
        sizes = _sizes(ec2, sorted({*wanted, *kinds}))
        used, needed = _sum(kinds, sizes), _sum(wanted, sizes) - _sum(ours, sizes)
        if others := [kind for kind in wanted if not STANDARD.match(kind)]:
            result.seen.append(f"{', '.join(others)} has a quota of its own, which is not compared")
        _compare(account, result, "vcpus-quota", STANDARD_VCPUS, used, needed)
    return result


def _sizes(ec2: Any, kinds: Sequence[str]) -> dict[str, int]:
    """vCPUs by instance type, without unknown types, which `machines.py` reports."""
    found: dict[str, int] = {}
    chosen = [kind for kind in kinds if STANDARD.match(kind)]
    for start in range(0, len(chosen), TYPES_AT_ONCE):
        filters = [{"Name": "instance-type", "Values": chosen[start : start + TYPES_AT_ONCE]}]
        for page in ec2.get_paginator("describe_instance_types").paginate(Filters=filters):
            for item in page["InstanceTypes"]:
                found[item["InstanceType"]] = item["VCpuInfo"]["DefaultVCpus"]
    return found


def _sum(kinds: Sequence[str], sizes: Mapping[str, int]) -> int:
    return sum(sizes.get(kind, 0) for kind in kinds)


def _compare(
    account: Account, result: Result, code: str, quota: tuple[str, str], used: int, needed: int
) -> None:
    needed = max(needed, 0)
    result.seen.append(f"{used} in use, {needed} more for the stack")
    with answers(result, "servicequotas"):
        allowed = _value(account.here("service-quotas"), *quota)
        result.seen.append(f"{allowed} allowed")
        if used + needed > allowed:
            service, identity = quota
            result.error(
                code,
                f"the account may have {allowed} {result.subject} in {account.region}, {used} are "
                f"in use, and the stack needs {needed} more",
                f"aws service-quotas request-service-quota-increase --region {account.region} "
                f"--service-code {service} --quota-code {identity} --desired-value "
                f"{used + needed}   (from minutes to days), or take away what is not used",
            )


def _value(client: Any, service: str, identity: str) -> int:
    """The account's quota, or AWS's default if none was ever requested."""
    given = {"ServiceCode": service, "QuotaCode": identity}
    try:
        return int(client.get_service_quota(**given)["Quota"]["Value"])
    except client.exceptions.NoSuchResourceException:
        return int(client.get_aws_default_service_quota(**given)["Quota"]["Value"])
