"""The credentials, their account, and whether the account has the region enabled."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from ops.doctor.account import HOME, Account
from ops.doctor.answers import answers
from ops.verify.result import Result

PARTITION = "aws"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
# Settings of the provider for other credentials, which this command does not use.
OTHER_WAYS = ("accessKey", "assumeRole", "assumeRoles", "assumeRoleWithWebIdentity")
LOG_IN = (
    "Give credentials: `aws configure`, `aws sso login --profile NAME` with `pulumi config set "
    "aws:profile NAME`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. See them: "
    "aws sts get-caller-identity"
)
OPTED_IN = ("opt-in-not-required", "opted-in")


@dataclass(frozen=True)
class Who:
    """The check of the credentials; `account` is the account's id, "" if they cannot be used."""

    result: Result
    account: str = ""


def check(account: Account) -> Who:
    """Check that the credentials work, for an account that the stack's file allows."""
    result = Result("identity", "credentials")
    try:
        # in a region that always answers: in a wrong one the credentials would look wrong
        said = account.client("sts", HOME).get_caller_identity()
    except ClientError as error:
        _refused(result, error)
        return Who(result)
    except (EndpointConnectionError, HTTPClientError) as error:
        text = f"AWS cannot be reached: {error}"
        result.error("aws-unreachable", text, "Look at this computer's network and its proxy")
        return Who(result)
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        result.error("credentials-missing", str(error), LOG_IN)
        return Who(result)
    except BotoCoreError as error:  # mostly of single sign-on: its token has expired
        result.error("credentials-expired", str(error), LOG_IN)
        return Who(result)
    number, arn = said["Account"], said["Arn"]
    result.subject = number
    result.seen.append(arn)
    _allowed(account, result, number)
    partition = arn.split(":")[1]
    if partition != PARTITION:
        result.error(
            "partition-other",
            f"the account is of the partition {partition}; Debian's images and the program's ARNs "
            f"are of {PARTITION}",
            "Use an account of AWS's commercial regions",
        )
    if found := [key for key in OTHER_WAYS if account.provider.get(key) is not None]:
        result.warn(
            "credentials-other",
            f"the stack's file has aws:{found[0]}: `up` goes by that, this command does not",
            f"Take that role's credentials first, so that both look at one account ({LOG_IN})",
        )
    return Who(result, "" if result.errors else number)


def _refused(result: Result, error: ClientError) -> None:
    code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    kind = "credentials-expired" if code in EXPIRED else "credentials-refused"
    result.error(kind, f"AWS refuses the credentials: {code} {text}".strip(), LOG_IN)


def _allowed(account: Account, result: Result, number: str) -> None:
    """Check the account as the provider does, by `aws:allowedAccountIds`, `forbiddenAccountIds`."""
    allowed = _ids(account.provider.get("allowedAccountIds"))
    forbidden = _ids(account.provider.get("forbiddenAccountIds"))
    remedy = "Take credentials of the account that is meant, or change the stack's file"
    if allowed and number not in allowed:
        text = f"these are of the account {number}; aws:allowedAccountIds has {', '.join(allowed)}"
        result.error("account-other", text, remedy)
    if number in forbidden:
        text = f"aws:forbiddenAccountIds has the account of the credentials, {number}"
        result.error("account-other", text, remedy)


def _ids(given: Any) -> list[str]:
    """The ids of a list, or of a list's text as `pulumi config set` writes it."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = [given]
    return [str(item) for item in (given if isinstance(given, list) else [given]) if item]


def region(account: Account) -> Result:
    """Check that the stack's region exists, and that the account has it enabled."""
    name = account.region
    result = Result("region", name or "none")
    choose = account.typed("config set aws:region REGION")
    if not name:
        result.error("region-missing", "the stack's file has no aws:region", choose)
        return result
    with answers(result, "ec2"):
        found = account.client("ec2", HOME).describe_regions(AllRegions=True)["Regions"]
        states = {each["RegionName"]: each["OptInStatus"] for each in found}
        if name not in states:
            result.error("region-unknown", f"AWS has no region {name}", choose)
            return result
        status = states[name]
        if status not in OPTED_IN:
            result.error(
                "region-off",
                f"the account has not turned {name} on ({status})",
                f"aws account enable-region --region-name {name}   (takes minutes to hours), or: "
                f"{choose}",
            )
        result.seen.append(status)
    return result
