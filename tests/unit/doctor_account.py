"""An AWS account as literals: what it answers to each operation, by botocore's own clients."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from verify_world import Literal

from ops.doctor.account import Account
from ops.doctor.run import examine
from ops.verify.result import Result
from settings import read

SERVERS = ["ns-1.awsdns.example", "ns-2.awsdns.example"]
SETTINGS: dict[str, Any] = {
    "operator": "ops@inbox.example",
    "gateway": {"name": "mail.relay.example"},
    "domains": [{"name": "shop.example"}],
    "clients": [{"name": "app.shop.example"}],
    "forwards": [{"address": "me@shop.example", "to": ["me@inbox.example"]}],
}
NAMES: dict[str, list[str] | str] = {
    f"{zone} {kind}": values
    for zone in ("relay.example", "shop.example")
    for kind, values in (("NS", [f"{s}." for s in SERVERS]), ("SOA", ["ns-1. x. 1 1 1 1 1"]))
}
NAMES |= {"inbox.example MX": ["10 mx.inbox.example."], "mx.inbox.example A": ["198.51.100.10"]}
IMAGE = {
    "Name": "debian-13-arm64-20251117-2299",
    "ImageId": "ami-1",
    "State": "available",
    "Architecture": "arm64",
    "CreationDate": "2025-11-17T00:00:00.000Z",
    "DeprecationTime": "2099-11-17T00:00:00.000Z",
}


@dataclass(frozen=True)
class Refusal:
    """An error of AWS's."""

    code: str
    status: int = 400
    message: str = "so it is"


def zone(name: str, identity: str, *, private: bool = False) -> dict[str, Any]:
    return {
        "Id": f"/hostedzone/{identity}",
        "Name": f"{name}.",
        "CallerReference": "x",
        "Config": {"PrivateZone": private},
    }


def zones(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"HostedZones": list(listed), "IsTruncated": False}


def held(*sets: tuple[str, str, str]) -> dict[str, Any]:
    """Record sets by name, type and value."""
    listed = [
        {"Name": f"{name}.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        for name, kind, value in sets
    ]
    return {"ResourceRecordSets": listed, "IsTruncated": False}


def quotas(**values: int) -> Callable[[Mapping[str, Any]], Any]:
    known = {"L-0263D0A3": 5, "L-1216C47A": 5, "L-F678F1CE": 5}
    known |= {f"L-{code}": value for code, value in values.items()}
    return lambda given: {"Quota": {"Value": float(known[given["QuotaCode"]])}}


def offers(*pairs: str) -> dict[str, Any]:
    """`TYPE ZONE` each."""
    listed = [dict(zip(("InstanceType", "Location"), pair.split(), strict=True)) for pair in pairs]
    return {"InstanceTypeOfferings": listed}


def instances(*kinds: str, **more: Any) -> dict[str, Any]:
    listed = [{"InstanceId": f"i-{n}", "InstanceType": k, **more} for n, k in enumerate(kinds)]
    return {"Reservations": [{"Instances": listed}]}


HEALTHY: dict[str, Any] = {
    "GetCallerIdentity": {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"},
    "DescribeRegions": {
        "Regions": [{"RegionName": "eu-central-1", "OptInStatus": "opt-in-not-required"}]
    },
    "ListHostedZones": {
        "HostedZones": [zone("relay.example", "ZRELAY"), zone("shop.example", "ZSHOP")],
        "IsTruncated": False,
    },
    "GetHostedZone": {"DelegationSet": {"NameServers": SERVERS}},
    "ListResourceRecordSets": held(),
    "DescribeAddresses": {"Addresses": []},
    "DescribeInstances": instances(),
    "DescribeInstanceTypes": {
        "InstanceTypes": [
            {"InstanceType": kind, "VCpuInfo": {"DefaultVCpus": size}}
            for kind, size in (("t4g.small", 2), ("t4g.micro", 2), ("m5.xlarge", 4))
        ]
    },
    "DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-default"}]},
    "DescribeInstanceConnectEndpoints": {"InstanceConnectEndpoints": []},
    "GetServiceQuota": quotas(),
    "GetAWSDefaultServiceQuota": quotas(),
    "DescribeAvailabilityZones": {
        "AvailabilityZones": [
            {"ZoneName": name, "ZoneType": "availability-zone", "State": "available"}
            for name in ("eu-central-1a", "eu-central-1b")
        ]
        + [
            {
                "ZoneName": "eu-central-1-ham-1a",
                "ZoneType": "local-zone",
                "State": "available",
            }
        ]
    },
    "DescribeInstanceTypeOfferings": offers(
        "t4g.small eu-central-1b", "t4g.micro eu-central-1a", "t4g.micro eu-central-1b"
    ),
    "DescribeImages": {"Images": [IMAGE]},
    "GetAllowedImagesSettings": {"State": "disabled"},
    "HeadBucket": Refusal("404", 404),
    "GetAccount": {
        "ProductionAccessEnabled": True,
        "SendingEnabled": True,
        "EnforcementStatus": "HEALTHY",
    },
    "GetEmailIdentity": Refusal("NotFoundException", 404),
}


@dataclass
class Aws:
    """What makes clients; `asked` has the operations that they were called with."""

    answers: Mapping[str, Any]
    asked: list[str] = field(default_factory=list)

    def client(self, service: str, region: str) -> Any:
        made, served = _client(service, region)
        served[:] = [self]
        return made

    def answer(self, operation: str, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        self.asked.append(operation)
        found: Any = self.answers[operation]
        found = found(given) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Refusal):
            error = {"Code": found.code, "Message": found.message}
            meta = {"HTTPStatusCode": found.status}
            http = SimpleNamespace(status_code=found.status)
            return http, {"Error": error, "ResponseMetadata": meta}
        return SimpleNamespace(status_code=200), dict(found)


@cache
def _client(service: str, region: str) -> tuple[Any, list[Aws]]:
    """A client, which takes a third of a second to make, and the account that answers it."""
    made: Any = boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    served: list[Aws] = []
    given: dict[str, Any] = {}

    def note(params: Mapping[str, Any], **_: Any) -> None:
        given.clear()
        given.update(params)

    def answer(model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        return served[0].answer(model.name, dict(given))

    made.meta.events.register("before-parameter-build", note)
    made.meta.events.register("before-call", answer)
    return made, served


def closed(open_ports: tuple[int, ...], port: int) -> socket.socket:
    if port not in open_ports:
        raise TimeoutError("timed out")
    return socket.socket()


def account(
    aws: Aws,
    *,
    settings: Mapping[str, Any] | None = None,
    names: Mapping[str, list[str] | str] | None = None,
    region: str = "eu-central-1",
    state: frozenset[str] = frozenset(),
    state_problem: str = "",
    provider: Mapping[str, Any] | None = None,
    open_ports: tuple[int, ...] = (25,),
) -> Account:
    """A stack `prod` that has never been up, with changes."""
    return Account(
        project="mail-relay",
        stack="prod",
        settings=read({**SETTINGS, **(settings or {})}),
        region=region,
        client=aws.client,
        option="--stack prod",
        typed=lambda words: f"pulumi {words} --stack prod",
        connect=lambda _, port: closed(open_ports, port),
        names=Literal({**NAMES, **(names or {})}),
        state=state,
        state_problem=state_problem,
        provider=provider or {},
    )


def found(answers: Mapping[str, Any] | None = None, **changes: Any) -> list[Result]:
    aws = Aws({**HEALTHY, **(answers or {})})
    return list(examine(account(aws, **changes)))


def codes(results: list[Result]) -> list[str]:
    return [problem.code for r in results for problem in [*r.errors, *r.warnings]]
