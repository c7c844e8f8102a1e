"""Rules that need the whole stack: buckets, production, secrets in the wrong place."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mail import dmarc, txt
from policy.rules.hosts import INSTANCE, OBJECT, set_up
from policy.rules.records import texts
from policy.rules.rule import UNKNOWN, Resource

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
CLOSED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
STASH = "pulumi:index:Stash"
SECRET_KEY = re.compile("(?i)password|secret|key")
SHORTEST = 8  # characters of a secret: shorter strings are found by chance
# Types that a rebuilt stack could not restore: addresses with their names, queues, keys.
TO_PROTECT = ("aws:ec2/eip:Eip", "aws:ebs/volume:Volume", STASH)
PRODUCTION = re.compile("prod(uction)?(-.*)?")

Found = Iterator[tuple[Resource, str]]


def closed_buckets(resources: Iterable[Resource]) -> Found:
    """Each bucket has its public access block, with all four parts."""
    all_ = list(resources)
    for bucket in (r for r in all_ if r.type == BUCKET):
        blocks = [r for r in all_ if r.type == BLOCK and _is_of(r, bucket)]
        if not blocks:
            yield bucket, "it has no public access block"
        for block in blocks:
            if open_ := [k for k in CLOSED if block.props.get(k) not in (True, UNKNOWN)]:
                yield block, f"it leaves out {', '.join(open_)}"
    for policy in (r for r in all_ if r.type == "aws:s3/bucketPolicy:BucketPolicy"):
        if _lets_everybody(policy.props.get("policy")):
            yield policy, "it allows everybody"


def _is_of(resource: Resource, bucket: Resource) -> bool:
    named = resource.props.get("bucket")
    return bucket.urn in resource.needs or named == bucket.props.get("bucket", UNKNOWN)


def _lets_everybody(policy: Any) -> bool:
    if not isinstance(policy, str):
        return False
    statements = json.loads(policy)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        who = statement.get("Principal")
        who = who.get("AWS") if isinstance(who, dict) else who
        everybody = "*" in (who if isinstance(who, list) else [who])
        if statement["Effect"] == "Allow" and everybody and not statement.get("Condition"):
            return True
    return False


def encrypted_buckets(resources: Iterable[Resource]) -> Found:
    """Each bucket has an encryption configuration."""
    all_ = list(resources)
    for bucket in (r for r in all_ if r.type == BUCKET):
        if not any(r.type == ENCRYPTION and _is_of(r, bucket) for r in all_):
            yield bucket, "nothing says how it is encrypted"


def strayed_secrets(resources: Iterable[Resource]) -> Found:
    """No key or password of the state or of the tables is in user data or a set-up object."""
    all_ = list(resources)
    kept = {secret: r.name for r in all_ for secret in _secrets(r) if len(secret) >= SHORTEST}
    for resource in all_:
        text = set_up(resource)
        for name in sorted({name for secret, name in kept.items() if secret in text}):
            what = "user data" if resource.type == INSTANCE else "content"
            yield resource, f"its {what} holds a secret of {name}"


def _secrets(resource: Resource) -> Iterator[str]:
    if resource.type == STASH and isinstance(output := resource.props.get("output"), str):
        yield output
    if (
        resource.type == OBJECT
        and not set_up(resource)
        and isinstance(content := resource.props.get("content"), str)
    ):
        try:
            yield from _leaves(json.loads(content), "")
        except ValueError:  # some other object
            return


def _leaves(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    elif isinstance(value, str) and SECRET_KEY.search(key):
        yield value


def is_production(resources: Iterable[Resource]) -> bool:
    """The stack is named prod, production or prod-..., or something in it is protected."""
    return any(r.protect or PRODUCTION.fullmatch(r.stack) for r in resources)


def unprotected(resources: Iterable[Resource]) -> Found:
    """In production, resources that cannot be restored are protected."""
    all_ = list(resources)
    for resource in all_ if is_production(all_) else ():
        # HOST-serving is a stash as well, and its input is no secret
        waits = resource.type == STASH and isinstance(resource.props.get("input"), Mapping)
        if resource.type in TO_PROTECT and not resource.protect and not waits:
            yield resource, "it is not protected"


def lax_dmarc(resources: Iterable[Resource]) -> Found:
    """In production, DMARC policies are quarantine or reject."""
    all_ = list(resources)
    for resource in all_ if is_production(all_) else ():
        if not str(resource.props.get("name")).startswith("_dmarc."):
            continue
        for value in texts(resource):
            try:
                policy = dmarc.read("".join(txt.strings(value))).applied
            except ValueError as error:
                yield resource, f"receivers ignore it: {error}"
                continue
            if policy == "none":
                yield resource, "its policy is none"
