"""Names that S3 and Amazon SES give to one owner only: whether they are free."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from components.naming import bucket_name
from ops.doctor.account import Account
from ops.doctor.answers import answers
from ops.verify.result import Result


def bucket(account: Account, number: str) -> Result:
    """Check that the tables' bucket is free or the stack's own. `number` is the account's id."""
    name = bucket_name(account.project, account.stack, number)
    result = Result("bucket", name)
    if name in account.state:
        result.seen.append("the stack's own")
        return result
    with answers(result, "s3"):
        try:
            account.here("s3").head_bucket(Bucket=name)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                result.seen.append("the name is free")
            elif status in (301, 400):
                _ours(account, result, "in another region")
            elif status == 403:
                result.error(
                    "bucket-taken",
                    "the bucket is there, and these credentials may not look at it: it is somebody "
                    "else's, or s3:ListBucket is denied",
                    f"aws s3api get-bucket-location --bucket {name}. If it is not yours, rename "
                    f"the stack: {account.typed('stack rename NAME')}",
                )
            else:
                raise
        else:
            _ours(account, result, "in this account")
    return result


def _ours(account: Account, result: Result, where: str) -> None:
    result.error(
        "bucket-exists",
        f"the bucket is there already, {where}, and is not in the stack's state",
        f"What was left of an earlier stack, and how it goes: ./relay leftovers {account.option}",
    )


def ses(account: Account) -> Iterator[Result]:
    """If Amazon SES is the smarthost: whether it sends for the account, and its identities."""
    given = account.settings.smarthost
    if given is None or not given.ses:
        return
    yield _sending(account)
    for domain in account.settings.mail_domains:
        result = Result("ses", domain.name)
        with answers(result, "ses"):
            sesv2 = account.here("sesv2")
            try:
                sesv2.get_email_identity(EmailIdentity=domain.name)
            except sesv2.exceptions.NotFoundException:
                result.seen.append("the name is free")
            else:
                _identity(account, result, domain.name)
        yield result


def _sending(account: Account) -> Result:
    result = Result("ses", account.region)
    with answers(result, "ses"):
        said = account.here("sesv2").get_account()
        result.seen.append(f"{said.get('SendQuota', {}).get('Max24HourSend', 0):.0f} a day")
        if not said.get("SendingEnabled", True) or said.get("EnforcementStatus") == "SHUTDOWN":
            result.error(
                "ses-paused",
                f"Amazon SES sends nothing for this account in {account.region}",
                "See why: the Amazon SES console, Account dashboard; or choose another smarthost",
            )
        elif not said["ProductionAccessEnabled"]:
            result.warn(
                "ses-sandbox",
                f"Amazon SES has this account in its sandbox in {account.region}: it sends to "
                "verified addresses only, 200 a day",
                "Ask for production access: the Amazon SES console, Get set up",
            )
    return result


def _identity(account: Account, result: Result, domain: str) -> None:
    if domain in account.state:
        result.seen.append("the stack's own")
        return
    take = account.typed(
        "import --protect=false --generate-code=false aws:sesv2/emailIdentity:EmailIdentity "
        f"{domain} {domain}"
    )
    result.error(
        "ses-identity-exists",
        f"{domain} is an identity of Amazon SES already, and is not in the stack's state",
        f"If nothing else sends by it: aws sesv2 delete-email-identity --region {account.region} "
        f"--email-identity {domain}; or let the stack take it over: {take}",
    )
