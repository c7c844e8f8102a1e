"""The AWS account of the stack, for API calls that Pulumi's provider has no resource for."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3


def region_advice(name: str) -> str:
    """What to say of a region that AWS did not have when this program was made, or ""."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    known = {region for p in partitions for region in session.get_available_regions("ec2", p)}
    if name in known:
        return ""
    near = " or ".join(sorted(difflib.get_close_matches(name, known, 2)))
    meant = f"; did you mean {near}?" if near else ""
    return f"aws:region: {name!r}: no region of AWS that this program knows{meant}"


@dataclass(frozen=True)
class Account:
    """A region, and the credentials that the provider's settings (`aws:...`) name.

    Without such settings AWS's usual chain applies: environment, shared files, instance role.
    """

    region: str | None
    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
    roles: tuple[dict[str, str], ...] = ()

    @classmethod
    def by(cls, provider: Mapping[str, Any]) -> "Account":
        """The account by the AWS provider's settings, whose keys are without `aws:`."""
        roles = provider.get("assumeRoles") or ()
        return cls(
            provider.get("region"),
            provider.get("profile"),
            provider.get("accessKey"),
            provider.get("secretKey"),
            provider.get("token"),
            # in a state file the value is a JSON string
            tuple(json.loads(roles) if isinstance(roles, str) else roles),
        )

    def client(self, service: str) -> Any:
        """boto3's client of a service."""
        return self.session().client(service)

    def session(self) -> boto3.Session:
        """boto3's session, one role assumed after another."""
        session = boto3.Session(
            region_name=self.region,
            profile_name=self.profile,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.token,
        )
        for role in self.roles:
            arguments = {"RoleArn": role["roleArn"]}
            arguments["RoleSessionName"] = role.get("sessionName", "mail-relay")
            if "externalId" in role:
                arguments["ExternalId"] = role["externalId"]
            given = session.client("sts").assume_role(**arguments)["Credentials"]
            session = boto3.Session(
                region_name=self.region,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )
        return session
