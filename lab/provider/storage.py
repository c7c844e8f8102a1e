"""Resource types of S3: buckets, their settings, objects."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from lab.provider.kinds import Clients, Create, Kind, Properties, Read, Update, code, gone, names


def create_bucket(c: Clients, p: Properties) -> str:
    c.s3.create_bucket(Bucket=p["bucket"])
    if c.tags(p):
        c.s3.put_bucket_tagging(Bucket=p["bucket"], Tagging={"TagSet": c.tag_list(p)})
    return p["bucket"]


def read_bucket(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        c.s3.head_bucket(Bucket=i)
    except ClientError as error:
        if gone(error):
            return None
        raise
    return {"bucket": i, "arn": f"arn:aws:s3:::{i}"}


def update_bucket(c: Clients, i: str, _: Properties, new: Properties) -> None:
    c.s3.put_bucket_tagging(Bucket=i, Tagging={"TagSet": c.tag_list(new)})


def delete_versions(c: Clients, bucket: str, prefix: str = "", exact: bool = False) -> None:
    """Delete every version of everything, or of one key."""
    for page in c.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if not exact or version["Key"] == prefix:
                c.s3.delete_object(
                    Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"]
                )


def delete_bucket(c: Clients, i: str, p: Properties) -> None:
    try:
        if p.get("forceDestroy"):
            delete_versions(c, i)
        c.s3.delete_bucket(Bucket=i)
    except ClientError as error:
        if not gone(error):
            raise


def _setting(
    put: Callable[[Clients, Properties], Any],
    get: Callable[[Clients, str], Any],
    remove: Callable[[Clients, str], Any],
) -> tuple[Create, Read, Callable[[Clients, str, Properties], None], Update]:
    """Functions for a bucket's setting: one call creates and updates it; its id is the bucket's."""

    def create(c: Clients, p: Properties) -> str:
        put(c, p)
        return p["bucket"]

    def read(c: Clients, i: str, _: Properties) -> Properties | None:
        try:
            get(c, i)
        except ClientError as error:
            if gone(error) or code(error).startswith("NoSuch"):
                return None
            raise
        return {"bucket": i}

    def delete(c: Clients, i: str, _: Properties) -> None:
        try:
            remove(c, i)
        except ClientError as error:
            if not gone(error):
                raise

    def update(c: Clients, _: str, __: Properties, new: Properties) -> None:
        put(c, new)

    return create, read, delete, update


def _put_versioning(c: Clients, p: Properties) -> None:
    status = p["versioningConfiguration"]["status"]
    c.s3.put_bucket_versioning(Bucket=p["bucket"], VersioningConfiguration={"Status": status})


def _put_encryption(c: Clients, p: Properties) -> None:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": {
                "SSEAlgorithm": rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"]
            }
        }
        for rule in p["rules"]
    ]
    c.s3.put_bucket_encryption(
        Bucket=p["bucket"], ServerSideEncryptionConfiguration={"Rules": rules}
    )


def _put_public_access(c: Clients, p: Properties) -> None:
    flags = {
        name[0].upper() + name[1:]: p.get(name, False)
        for name in (
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
        )
    }
    c.s3.put_public_access_block(Bucket=p["bucket"], PublicAccessBlockConfiguration=flags)


def _put_policy(c: Clients, p: Properties) -> None:
    policy = p["policy"] if isinstance(p["policy"], str) else json.dumps(p["policy"])
    c.s3.put_bucket_policy(Bucket=p["bucket"], Policy=policy)


def _put_lifecycle(c: Clients, p: Properties) -> None:
    rules = []
    for rule in p["rules"]:
        days = int(rule["noncurrentVersionExpiration"]["noncurrentDays"])
        rules.append(
            {
                "ID": rule["id"],
                "Status": rule["status"],
                "Filter": {"Prefix": rule.get("filter", rule)["prefix"]},
                "NoncurrentVersionExpiration": {"NoncurrentDays": days},
            }
        )
    c.s3.put_bucket_lifecycle_configuration(
        Bucket=p["bucket"], LifecycleConfiguration={"Rules": rules}
    )


def _without_filter(p: Properties) -> str | None:
    """A rule without a filter is an error here; the real provider warns of a future error.

    terraform-provider-aws, s3/bucket_lifecycle_configuration.go.
    """
    for number, rule in enumerate(p["rules"]):
        if len({"filter", "prefix"} & set(rule)) != 1:
            return (
                "No attribute specified when one (and only one) of "
                f"[rule[{number}].filter,rule[{number}].prefix] is required"
            )
    return None


_versioning = _setting(
    _put_versioning,
    lambda c, b: c.s3.get_bucket_versioning(Bucket=b),
    lambda c, b: c.s3.put_bucket_versioning(
        Bucket=b, VersioningConfiguration={"Status": "Suspended"}
    ),
)
_encryption = _setting(
    _put_encryption,
    lambda c, b: c.s3.get_bucket_encryption(Bucket=b),
    lambda c, b: c.s3.delete_bucket_encryption(Bucket=b),
)
_public_access = _setting(
    _put_public_access,
    lambda c, b: c.s3.get_public_access_block(Bucket=b),
    lambda c, b: c.s3.delete_public_access_block(Bucket=b),
)
_policy = _setting(
    _put_policy,
    lambda c, b: c.s3.get_bucket_policy(Bucket=b),
    lambda c, b: c.s3.delete_bucket_policy(Bucket=b),
)
_lifecycle = _setting(
    _put_lifecycle,
    lambda c, b: c.s3.get_bucket_lifecycle_configuration(Bucket=b),
    lambda c, b: c.s3.delete_bucket_lifecycle(Bucket=b),
)


def create_object(c: Clients, p: Properties) -> str:
    put_object(c, p)
    return f"{p['bucket']}/{p['key']}"


def put_object(c: Clients, p: Properties) -> None:
    c.s3.put_object(
        Bucket=p["bucket"],
        Key=p["key"],
        Body=p["content"].encode(),
        ContentType=p.get("contentType", "application/octet-stream"),
        Metadata=p.get("metadata") or {},
    )


def read_object(c: Clients, i: str, p: Properties) -> Properties | None:
    bucket, _, key = i.partition("/")
    try:
        found = c.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if gone(error):
            return None
        raise
    etag, metadata = found["ETag"].strip('"'), found["Metadata"]
    return {"bucket": bucket, "key": key, "etag": etag, "metadata": metadata}


def update_object(c: Clients, _: str, __: Properties, new: Properties) -> None:
    put_object(c, new)


def delete_object(c: Clients, i: str, _: Properties) -> None:
    bucket, _slash, key = i.partition("/")
    try:
        delete_versions(c, bucket, key, exact=True)
    except ClientError as error:
        if not gone(error):
            raise


KINDS = {
    "aws:s3/bucket:Bucket": Kind(
        names("bucket forceDestroy tags"),
        create_bucket,
        read_bucket,
        delete_bucket,
        update_bucket,
        names("bucket"),
        auto_named="bucket",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Kind(
        names("bucket versioningConfiguration"), *_versioning, names("bucket")
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Kind(
        names("bucket rules"), *_encryption, names("bucket")
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Kind(
        names("bucket blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets"),
        *_public_access,
        names("bucket"),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Kind(names("bucket policy"), *_policy, names("bucket")),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Kind(
        names("bucket rules"), *_lifecycle, names("bucket"), problem=_without_filter
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": Kind(
        names("bucket key content contentType etag metadata tags"),
        create_object,
        read_object,
        delete_object,
        update_object,
        names("bucket key"),
    ),
}
