"""The relay host for all outgoing mail: a provider's, or Amazon SES, which is declared here."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cloudinit.hosts import Smarthost
from components.lookup import LookUpError, looked_up
from components.ports import Service
from components.tags import Tags
from components.zones import Zones
from settings import Settings

DKIM_TOKENS = 3
# Regions whose Easy DKIM records lead to a domain of their own (AWS General Reference, Amazon SES).
OWN_DKIM_DOMAIN = (
    "af-south-1",
    "ap-northeast-3",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "il-central-1",
    "me-central-1",
    "us-gov-east-1",
)


@dataclass(frozen=True)
class RelayHost:
    """The host that takes all outgoing mail, and the accounts there in the tables' form."""

    host: Smarthost
    accounts: list[dict[str, Any]]

    @property
    def service(self) -> Service:
        """The port that gateways must be able to reach."""
        return Service("tcp", self.host.port)

    @property
    def table(self) -> dict[str, Any]:
        """The entry `smarthost` of the gateway's tables."""
        destination = f"[{self.host.host}]:{self.host.port}"
        return {"destination": destination, "accounts": self.accounts}


def relay_host(settings: Settings, region: str, zones: Zones, tags: Tags) -> RelayHost | None:
    """The relay host of the settings, or None if the gateway delivers to receivers itself."""
    given = settings.smarthost
    if given is None:
        return None
    if given.ses:
        domains = [domain.name for domain in settings.mail_domains]
        ses = Ses("ses", domains=domains, region=region, zones=zones, tags=tags)
        host = Smarthost(f"email-smtp.{region}.amazonaws.com", 587, given.mechanisms, rewrites=True)
        account = {"sender": None, "user": ses.user, "password": ses.password}
        return RelayHost(host, [account])
    host = Smarthost(str(given.host), given.port, given.mechanisms, rewrites=False)
    accounts = [
        {**account.model_dump(), "password": account.password.get_secret_value()}
        for account in given.accounts
    ]
    return RelayHost(host, accounts)


class Ses(pulumi.ComponentResource):
    """An Amazon SES identity with DKIM records for each domain, and one SMTP login for all of them.

    `user` and `password` log in at the region's SMTP endpoint and can send as these domains only.
    """

    def __init__(
        self,
        name: str,
        *,
        domains: list[str],
        region: str,
        zones: Zones,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:Ses", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        target = (
            f"dkim.{region}.amazonses.com" if region in OWN_DKIM_DOMAIN else "dkim.amazonses.com"
        )
        held = [domain for domain in domains if _is_identity(domain)]
        new = pulumi.ResourceHook(
            "identity-is-new",
            lambda args: _refuse_existing(args, held),
            pulumi.ResourceHookOptions(on_dry_run=True),
        )
        for domain in domains:
            identity = aws.sesv2.EmailIdentity(
                domain,
                email_identity=domain,
                tags=tags.named(domain),
                opts=pulumi.ResourceOptions(
                    parent=self,
                    hooks=pulumi.ResourceHookBinding(before_create=[new]),
                    # `pulumi import` puts an identity that the stack takes over below the root
                    aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
                ),
            )
            tokens = identity.dkim_signing_attributes.tokens
            for number in range(DKIM_TOKENS):
                zones.publish_alias(
                    f"{domain}-ses-{number}",
                    domain,
                    pulumi.Output.concat(tokens[number], "._domainkey.", domain),
                    pulumi.Output.concat(tokens[number], ".", target),
                    pulumi.ResourceOptions(parent=identity),
                )
        login = aws.iam.User(name, tags=tags.named(name), opts=child)
        inside = pulumi.ResourceOptions(parent=login)
        policy = aws.iam.UserPolicy(name, user=login.name, policy=_may_send(domains), opts=inside)
        key = aws.iam.AccessKey(
            name, user=login.name, opts=pulumi.ResourceOptions(parent=login, depends_on=[policy])
        )
        self.user, self.password = key.id, pulumi.Output.secret(key.ses_smtp_password_v4)
        self.register_outputs({"user": self.user})


class IdentityExists(Exception):
    """The account already has an SES identity that the stack would create."""


def _is_identity(domain: str) -> bool:
    try:
        looked_up(lambda: aws.sesv2.get_email_identity(email_identity=domain))
    except LookUpError as error:
        if "find resource" in str(error) or "NotFound" in str(error):
            return False
        raise pulumi.RunError(f"{domain}: SES could not be asked: {error}") from None
    return True


def _refuse_existing(args: pulumi.ResourceHookArgs, held: list[str]) -> None:
    """Stop the preview; AWS would refuse an existing identity only in the middle of an update."""
    if args.name in held:
        raise IdentityExists(
            f"{args.name} is an identity of Amazon SES that this stack did not make. Delete it, or "
            "let the stack take it over: pulumi import --protect=false --generate-code=false "
            f"aws:sesv2/emailIdentity:EmailIdentity {args.name} {args.name}"
        )


def _may_send(domains: list[str]) -> str:
    """An IAM policy that allows sending with a From address in one of these domains.

    Its condition is the From address and not the identity, because in its sandbox SES checks the
    recipient's identity by the same statement.
    """
    statement = {
        "Effect": "Allow",
        "Action": "ses:SendRawEmail",
        "Resource": "*",
        "Condition": {"StringLike": {"ses:FromAddress": [f"*@{domain}" for domain in domains]}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
