"""The account's quotas: the APIs that list them, which moto lacks, and checks of calls."""

import json
import re
from collections.abc import Callable, Mapping

from moto.ec2.models.instance_types import INSTANCE_TYPES
from werkzeug.wrappers import Request

from lab.region import backends
from lab.region.errors import REQUEST_ID, ApiError
from lab.region.memory import Memory

Parameters = dict[str, str]
ADDRESSES, STANDARD_VCPUS, VPCS = "L-0263D0A3", "L-1216C47A", "L-F678F1CE"
NAMES = {
    ("ec2", ADDRESSES): "EC2-VPC Elastic IPs",
    ("ec2", STANDARD_VCPUS): (
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"  # in vCPUs
    ),
    ("vpc", VPCS): "VPCs per Region",
}
STANDARD = re.compile(r"(?!inf|trn|hpc|mac|dl)[acdhimrtz]")
# AWS gives a new account 5 of each; several stacks of the lab may run at once, so 32 vCPUs here.
QUOTAS: Mapping[str, float] = {ADDRESSES: 5, STANDARD_VCPUS: 32, VPCS: 5}


def hold(memory: Memory, action: str, parameters: Parameters) -> None:
    """Raise AWS's error if a call would exceed a quota."""
    if action in _HELD:
        _HELD[action](memory, parameters)


def quota(memory: Memory, code: str) -> float:
    """The account's quota by its code."""
    return memory.quotas.get(code, QUOTAS[code])


def _allocate_address(memory: Memory, _: Parameters) -> None:
    if len(backends.ec2().addresses) >= quota(memory, ADDRESSES):
        raise ApiError("AddressLimitExceeded", "The maximum number of addresses has been reached.")


def _create_vpc(memory: Memory, _: Parameters) -> None:
    if len(backends.ec2().vpcs) >= quota(memory, VPCS):
        raise ApiError("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


def _run_instances(memory: Memory, parameters: Parameters) -> None:
    """The error's text is AWS's: https://github.com/StreisandEffect/streisand/issues/1715."""
    running = [i for i in backends.instances() if i._state.name in ("pending", "running")]
    kinds = [instance.instance_type for instance in running] + [parameters.get("InstanceType", "")]
    used = sum(
        INSTANCE_TYPES[kind]["VCpuInfo"]["DefaultVCpus"]
        for kind in kinds
        if STANDARD.match(kind) and kind in INSTANCE_TYPES
    )
    allowed = quota(memory, STANDARD_VCPUS)
    if STANDARD.match(kinds[-1]) and used > allowed:
        raise ApiError(
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity than your current vCPU limit of "
            f"{allowed:g} allows for the instance bucket that the specified instance "
            "type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request "
            "an adjustment to this limit.",
        )


_HELD: Mapping[str, Callable[[Memory, Parameters], None]] = {
    "AllocateAddress": _allocate_address,
    "CreateVpc": _create_vpc,
    "RunInstances": _run_instances,
}


def allowed_images(_: Memory, __: Parameters) -> str:
    """GetAllowedImagesSettings, for an account that has it disabled."""
    name = "GetAllowedImagesSettingsResponse"
    return (
        f'<{name} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId><state>disabled</state>"
        f"<managedBy>account</managedBy></{name}>"
    )


def answer(memory: Memory, service: str, request: Request, body: bytes) -> str | None:
    """The JSON answer of Service Quotas, or of SES about the account; None for other calls."""
    if service == "servicequotas":
        return _quota(memory, json.loads(body or b"{}"))
    if service == "ses" and (request.method, request.path) == ("GET", "/v2/email/account"):
        return _ses(memory.ses_production)
    return None


def _quota(memory: Memory, given: Mapping[str, str]) -> str:
    """GetServiceQuota and GetAWSDefaultServiceQuota, for the quotas that the lab enforces."""
    service, code = given.get("ServiceCode", ""), given.get("QuotaCode", "")
    if (service, code) not in NAMES:
        raise ApiError(
            "NoSuchResourceException",
            "The request failed because the specified service quota does not exist.",
        )
    arn = f"arn:aws:servicequotas:{backends.REGION}:{backends.ACCOUNT}:{service}/{code}"
    found = {
        "ServiceCode": service,
        "QuotaArn": arn,
        "QuotaCode": code,
        "QuotaName": NAMES[service, code],
        "Value": float(quota(memory, code)),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    return json.dumps({"Quota": found})


def _ses(production: bool) -> str:
    """GetAccount, for an account that sends nothing."""
    return json.dumps(
        {
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": production,
            "SendingEnabled": True,
            "SendQuota": {
                "Max24HourSend": 50_000.0 if production else 200.0,
                "MaxSendRate": 14.0 if production else 1.0,
                "SentLast24Hours": 0.0,
            },
        }
    )
