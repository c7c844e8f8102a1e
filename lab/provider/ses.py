"""Resource types of Amazon SES: identities of domains."""

from botocore.exceptions import ClientError

from lab.provider.kinds import Clients, Kind, Properties, forgiving, gone, names


def create_identity(c: Clients, p: Properties) -> str:
    c.sesv2.create_email_identity(EmailIdentity=p["emailIdentity"], Tags=c.tag_list(p))
    return p["emailIdentity"]


def read_identity(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        found = c.sesv2.get_email_identity(EmailIdentity=i)
    except ClientError as error:
        if gone(error):
            return None
        raise
    held = found["DkimAttributes"]
    return {
        "emailIdentity": i,
        "arn": f"arn:aws:ses:{c.region}:123456789012:identity/{i}",
        "identityType": found["IdentityType"],
        "dkimSigningAttributes": {"tokens": held.get("Tokens", []), "status": held["Status"]},
    }


KINDS = {
    "aws:sesv2/emailIdentity:EmailIdentity": Kind(
        names("emailIdentity tags"),
        create_identity,
        read_identity,
        lambda c, i, _: forgiving(lambda: c.sesv2.delete_email_identity(EmailIdentity=i)),
        replaces=names("emailIdentity"),
    ),
}
