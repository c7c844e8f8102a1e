"""Calls that AWS refuses or does not answer: findings, with a remedy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from ops.verify.result import Result

SHOWN = 300
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedOperation",
}
# Actions that `pulumi preview` needs itself: without them no stack can be brought up.
NEEDED = {
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypeOfferings",
    "route53:GetHostedZone",
    "route53:ListHostedZones",
    "route53:ListResourceRecordSets",
}


@contextmanager
def answers(result: Result, service: str) -> Iterator[None]:
    """Make calls of a service, by its name in IAM; the first that fails ends them, as a finding."""
    try:
        yield
    except ClientError as error:
        code, said = error.response["Error"]["Code"], _line(error.response["Error"])
        action = f"{service}:{error.operation_name}"
        if code in DENIED:
            _denied(result, action, said)
        else:
            result.skipped = f"AWS does not answer {action}: {code} {said}".strip()
    except BotoCoreError as error:
        result.skipped = f"AWS does not answer: {error}"


def _line(error: Mapping[str, str]) -> str:
    """The message of AWS, or of a proxy, in one line."""
    said = " ".join(error.get("Message", "").split())
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."


def _denied(result: Result, action: str, said: str) -> None:
    remedy = f"Let your user or role do {action}, which only reads: an IAM policy with this action"
    if action in NEEDED:
        result.error("denied", f"{action} is denied, and pulumi needs it: {said}", remedy)
    else:
        result.skipped = f"{action} is denied: {said}"
        result.advice.append(remedy)
