"""The secrets that a stack would not have any more without its state, and where they are read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from components import naming
from components.naming import bucket_name, tables_key
from ops import stack_yaml
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.review.snapshots import of_file
from ops.settle import state
from ops.target import Target
from settings import Settings

_STASH = "pulumi:index:Stash"
# The key that marks a secret in an exported state.
_MARK = "4dabf18193072939515e22adb298388d"


@dataclass
class Secrets:
    """Private keys (PEM) by domain and selector, passwords by login, the key of SRS addresses."""

    dkim: dict[str, dict[str, str]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    srs: str = ""

    def as_json(self) -> dict[str, Any]:
        """The content of a sealed file."""
        return asdict(self)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Secrets":
        """From the content of a sealed file."""
        return cls(dict(content["dkim"]), dict(content["passwords"]), str(content["srs"]))

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Each secret with its name: (key, DOMAIN, SELECTOR), (password, LOGIN), (srs,)."""
        for domain, held in self.dkim.items():
            for selector, key in held.items():
                yield ("key", domain, selector), key
        for login, password in self.passwords.items():
            yield ("password", login), password
        if self.srs:
            yield ("srs",), self.srs


def wanted(settings: Settings) -> list[tuple[str, ...]]:
    """The names of the secrets that the settings need."""
    names: list[tuple[str, ...]] = [
        ("key", domain.name, selector)
        for domain in settings.mail_domains
        for selector in domain.selectors
    ]
    return [*names, *(("password", login.address) for login in settings.logins), ("srs",)]


def given(settings: Settings) -> Secrets:
    """The secrets that are set in settings whose values can be read."""
    keys = {
        domain.name: {s: key.get_secret_value() for s, key in domain.keys.items()}
        for domain in settings.mail_domains
        if domain.keys
    }
    passwords = {
        login.address: login.password.get_secret_value()
        for login in settings.logins
        if login.password
    }
    srs = settings.inbound.srs_secret
    return Secrets(keys, passwords, srs.get_secret_value() if srs else "")


def in_file(chosen: Target) -> tuple[Settings, Secrets, bool]:
    """The settings of the stack's file, the secrets in them, and whether these can be read."""
    try:
        settings = of_file(chosen.pulumi, chosen.file).settings
    except StackError:  # encrypted for a stack that is gone, or there is no stack yet
        return StackFile(chosen).settings(), Secrets(), False
    return settings, given(settings), True


def in_state(chosen: Target, settings: Settings) -> Secrets:
    """The generated secrets in the state; none if the stack is gone or was never up."""
    try:
        export = json.loads(chosen.pulumi("stack", "export", "--show-secrets"))
    except StackError as error:
        if "no stack named" not in str(error):
            raise
        return Secrets()
    stashes = {
        resource["urn"].rpartition("::")[2]: _plain(resource.get("outputs", {}).get("output"))
        for resource in state.resources(export["deployment"])
        if resource["type"] == _STASH
    }
    found = Secrets()
    for name in wanted(settings):
        match name:
            case ("key", domain, selector):
                if value := stashes.get(naming.key_name(domain, selector)):
                    found.dkim.setdefault(domain, {})[selector] = value
            case ("password", login):
                if value := stashes.get(naming.password_name(login)):
                    found.passwords[login] = value
            case _:
                found.srs = stashes.get(naming.SRS_SECRET) or ""
    return found


def _plain(value: Any) -> str:
    """A secret output in clear, "" for anything else."""
    if isinstance(value, Mapping) and _MARK in value:
        value = json.loads(value.get("plaintext", '""'))
    return value if isinstance(value, str) else ""


def in_tables(chosen: Target, settings: Settings) -> Secrets:
    """The secrets in the gateways' tables in S3, which outlive the state; StackError without."""
    project = stack_yaml.project_name()
    key = tables_key("")
    with chosen.account() as client:
        account = client("sts").get_caller_identity()["Account"]
        bucket = bucket_name(project, chosen.name, account)
        try:
            body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in ("NoSuchBucket", "NoSuchKey", "404"):
                raise
            raise StackError(
                f"s3://{bucket}/{key}: there is no such object ({code}), so there is nothing to "
                "export; an earlier export is what is left"
            ) from None
    tables = json.loads(body)
    logins = {login.address for login in settings.logins}
    return Secrets(
        {
            domain: {s["name"]: s["privateKey"] for s in held["selectors"]}
            for domain, held in tables["domains"].items()
        },
        {who: held["password"] for who, held in tables["logins"].items() if who in logins},
        tables["srsSecret"],
    )


def together(*several: Secrets) -> Secrets:
    """All of several; of two with one name the later one."""
    found = Secrets()
    for each in several:
        for domain, held in each.dkim.items():
            found.dkim.setdefault(domain, {}).update(held)
        found.passwords.update(each.passwords)
        found.srs = each.srs or found.srs
    return found
