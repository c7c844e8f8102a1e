"""The stack's private bucket: hosts read tables and set-up objects, and write their status."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cloudinit import SetupObject
from common.release import release
from components.naming import bucket_name
from components.tags import Tags

OLD_VERSIONS_DAYS = 7
RELEASE = "release"  # in a set-up object's metadata; a host keeps it (templates/boot/fetch.j2)
# From this size the provider uploads in parts: the size that the SDK has (manager.Uploader,
# DefaultUploadPartSize; terraform-provider-aws, internal/service/s3/object.go).
PART = 5 * 1024**2
STATUS = "status/"  # prefix of the keys of status objects, which hosts write every minute


class Tables(pulumi.ComponentResource):
    """The bucket. Its name is computed, not generated, so a preview knows user data."""

    def __init__(
        self,
        name: str,
        *,
        account: str,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:Tables", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self.bucket_name = bucket_name(pulumi.get_project(), pulumi.get_stack(), account)
        self.bucket = aws.s3.Bucket(
            name,
            bucket=self.bucket_name,
            force_destroy=True,
            tags=tags.named(self.bucket_name),
            opts=self._child,
        )
        inside = pulumi.ResourceOptions(parent=self.bucket)
        self._versioning = aws.s3.BucketVersioning(
            name,
            bucket=self.bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=inside,
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=self.bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=inside,
        )
        closed = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=self.bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside,
        )
        policy = aws.s3.BucketPolicy(
            name, bucket=self.bucket.bucket, policy=_tls_only(self.bucket_name), opts=inside
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=self.bucket.bucket,
            rules=[
                _expiry("old-versions", "", OLD_VERSIONS_DAYS),
                _expiry("old-status", STATUS, 1),
            ],
            opts=inside,
        )
        # objects are put only once the bucket is private
        self._ready = [self._versioning, encryption, closed, policy]
        self.register_outputs({"bucket": self.bucket.bucket})

    def url(self, key: str) -> str:
        """The object's s3:// URL."""
        return f"s3://{self.bucket_name}/{key}"

    def arn(self, key: str) -> str:
        """The object's ARN."""
        return f"arn:aws:s3:::{self.bucket_name}/{key}"

    def status_key(self, host: str) -> str:
        """The key of a host's status object."""
        return f"{STATUS}{host}.json"

    def setup_key(self, host: str, sha256: str) -> str:
        """The key of a host's set-up object with this SHA-256; "*" matches any."""
        return f"setup/{host}/{sha256}.json"

    def put_setup(self, host: str, files: SetupObject) -> aws.s3.BucketObjectv2:
        """Declare a host's set-up object. New content gets a new key; the old object stays.

        The release is beside the content: a release that changes no file of a host rebuilds none.
        """
        return aws.s3.BucketObjectv2(
            f"setup-{host}",
            bucket=self.bucket.bucket,
            key=self.setup_key(host, files.sha256),
            content=files.content,
            content_type="application/json",
            metadata={RELEASE: release()},
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._ready),
        )

    def put(
        self,
        key: str,
        content: pulumi.Input[dict[str, object]],
        after: Sequence[pulumi.Resource] = (),
    ) -> "TablesObject":
        """Declare the tables object at this key; its content is secret.

        The ETag is an input as well: without it a refresh would not see content that somebody else
        has put there.
        """
        text = pulumi.Output.secret(content).apply(lambda c: in_one_part(key, c))
        needs = [*self._ready, *after]
        made = aws.s3.BucketObjectv2(
            f"tables-{key}",
            bucket=self.bucket.bucket,
            key=key,
            content=text,
            content_type="application/json",
            etag=_etag(text),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=needs, additional_secret_outputs=["content"]
            ),
        )
        return TablesObject(key, made)


@dataclass(frozen=True)
class TablesObject:
    """The tables of one kind of reader, by their key in the bucket."""

    key: str
    resource: aws.s3.BucketObjectv2

    @property
    def etag(self) -> pulumi.Output[str]:
        """The object's ETag: the MD5 of its content, as S3 makes it for a single put with SSE-S3.

        The resource's own `etag` would not do: a preview gives the old value for it, and an `up`
        with that preview's plan then fails at its end.
        """
        return pulumi.Output.unsecret(_etag(self.resource.content))


def in_one_part(key: str, content: Mapping[str, object]) -> str:
    """The text of an object's content; RunError if it is uploaded in parts.

    The ETag of such an object is no MD5, by which hosts and `up` tell which tables are in use.
    """
    text = json.dumps(content, sort_keys=True)
    if (size := len(text.encode())) >= PART:
        raise pulumi.RunError(
            f"the tables {key} take {size / 1024**2:.1f} MiB, and less than {PART // 1024**2} are "
            "needed: have fewer domains, or fewer keys of a domain, in one stack"
        )
    return text


def _etag(content: pulumi.Output[str | None] | pulumi.Output[str]) -> pulumi.Output[str]:
    """The MD5; secret if the content is, so that no diff shows it."""
    return content.apply(
        lambda text: hashlib.md5((text or "").encode(), usedforsecurity=False).hexdigest()
    )


def _expiry(name: str, prefix: str, days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    """A lifecycle rule that deletes replaced versions after some days."""
    return {
        "id": name,
        "status": "Enabled",
        "filter": {"prefix": prefix},
        "noncurrent_version_expiration": {"noncurrent_days": days},
    }


def _tls_only(bucket: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    )
