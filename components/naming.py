"""Tags and names, decided once."""

import hashlib
import re
from collections.abc import Mapping

import pulumi

BUCKET = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")
BUCKET_LENGTH = 63
# "Names are limited to 64 characters" (IAM User Guide, "IAM and AWS STS quotas"); pulumi-aws keeps
# generated names within that limit (AutoName of aws_iam_role); they end in "-" and 7 characters.
ROLE_LENGTH, RANDOM_END = 64, 8


def owner_tags(project: str, stack: str) -> dict[str, str]:
    """The tags that name the stack that a resource belongs to."""
    return {"Project": project, "Stack": stack}


def bucket_name(project: str, stack: str, account: str) -> str:
    """The bucket of the tables: 3 to 63 of a-z, 0-9 and '-', the account always whole.

    S3 names are global (S3 User Guide, "Bucket naming rules"; it takes dots, but TLS and CDNs do
    not go well with them). An altered name gets a hash, so that no two stacks share one.
    """
    whole = f"{project}-{stack}-{account}".lower()
    if len(whole) <= BUCKET_LENGTH and BUCKET.fullmatch(whole):
        return whole
    end = f"-{_hash(project, stack)}-{account}"
    plain = re.sub("[^a-z0-9]+", "-", f"{project}-{stack}".lower()).strip("-")
    return plain[: BUCKET_LENGTH - len(end)].rstrip("-") + end


def dashboard_name(project: str, stack: str) -> str:
    """The dashboard of a stack, which has no tags: 1 to 255 of A-Z, a-z, 0-9, '-' and '_'."""
    return f"{project}-{stack}".replace(".", "-")


def log_group_name(project: str, stack: str) -> str:
    """The group of the stack's mail logs: 1 to 512 of A-Z, a-z, 0-9, '_', '-', '/', '.' and '#'."""
    return f"{project}/{stack}/mail"


def tables_key(client: str) -> str:
    """The key in the bucket of a client host's tables, or of the gateway's for ""."""
    return f"clients/{client}.json" if client else "gateway.json"


def role_name(project: str, stack: str, host: str) -> str | None:
    """A name for a host's role if Pulumi's own (host and suffix) would be too long, or None."""
    if len(host) + RANDOM_END <= ROLE_LENGTH:
        return None
    end = f"-{_hash(project, stack, host)}"
    return host[: ROLE_LENGTH - len(end)] + end


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


class Tags:
    """The tags of every resource of the stack, and a `Name` for each."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._common = {**owner_tags(pulumi.get_project(), pulumi.get_stack()), **extra}

    def named(self, name: str) -> dict[str, str]:
        """The tags of one resource."""
        return {**self._common, "Name": name}


def eip_name(host: str, number: int) -> str:
    """The name of an Elastic IP's resource: the first one has the host's."""
    return host if number == 1 else f"{host}-{number}"
