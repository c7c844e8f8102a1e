"""Names, decided once; the command line has them from here too, so Pulumi is not loaded."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from mail import dkim

BUCKET = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")
BUCKET_LENGTH = 63
# "Names are limited to 64 characters" (IAM User Guide, "IAM and AWS STS quotas"); pulumi-aws keeps
# generated names within that limit (AutoName of aws_iam_role); they end in "-" and 7 characters.
ROLE_LENGTH, RANDOM_END = 64, 8
DEBIAN = "136693071363"  # Debian's account: https://wiki.debian.org/Cloud/AmazonEC2Image
# Resources' names: the load balancer's and the endpoint's, which begin those of their parts, and
# that of the secret of SRS addresses. AWS limits names of load balancers and target groups to 32
# characters, so the first one is short, for Pulumi's random characters at the end.
LOAD_BALANCER, ENDPOINT, SRS_SECRET = "submission", "endpoint", "srs-secret"


def owner_tags(project: str, stack: str) -> dict[str, str]:
    """The tags that name the stack that a resource belongs to."""
    return {"Project": project, "Stack": stack}


def tag_filters(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """EC2's filters for what has all of these tags."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]


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


def eip_name(host: str, number: int) -> str:
    """The name of an Elastic IP's resource: the first one has the host's."""
    return host if number == 1 else f"{host}-{number}"


def eip_tag(host: str, number: int) -> str:
    """The Name tag of an Elastic IP."""
    return host if number == 1 else f"{host} {number}"


def key_name(domain: str, selector: str) -> str:
    """The name of a private key's resource."""
    # a selector with dots could otherwise get the name of a selector of a subdomain
    joined = f"{selector}.{domain}" if "." not in selector else dkim.name(selector, domain)
    return f"{joined}-key"


def password_name(login: str) -> str:
    """The name of a password's resource."""
    return f"{login}-password"
