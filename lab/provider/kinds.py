"""The plug-in's description of a resource type, and the clients that its functions use."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Properties = dict[str, Any]
RETRY_SECONDS = 60.0


@dataclass
class Clients:
    """boto3 clients with the provider's settings; endpoint and keys come from the environment."""

    region: str = "us-east-1"
    default_tags: dict[str, str] = field(default_factory=dict)

    def _client(self, name: str) -> Any:
        config = Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"})
        return boto3.client(name, region_name=self.region, config=config)

    @cached_property
    def cloudwatch(self) -> Any:
        """CloudWatch."""
        return self._client("cloudwatch")

    @cached_property
    def dlm(self) -> Any:
        """Data Lifecycle Manager."""
        return self._client("dlm")

    @cached_property
    def ec2(self) -> Any:
        """EC2."""
        return self._client("ec2")

    @cached_property
    def elbv2(self) -> Any:
        """Elastic Load Balancing, version 2."""
        return self._client("elbv2")

    @cached_property
    def iam(self) -> Any:
        """IAM."""
        return self._client("iam")

    @cached_property
    def logs(self) -> Any:
        """CloudWatch Logs."""
        return self._client("logs")

    @cached_property
    def route53(self) -> Any:
        """Route53."""
        return self._client("route53")

    @cached_property
    def s3(self) -> Any:
        """S3."""
        return self._client("s3")

    @cached_property
    def sesv2(self) -> Any:
        """SES, API version 2."""
        return self._client("sesv2")

    @cached_property
    def sns(self) -> Any:
        """SNS."""
        return self._client("sns")

    @cached_property
    def sts(self) -> Any:
        """STS."""
        return self._client("sts")

    def tags(self, properties: Mapping[str, Any]) -> dict[str, str]:
        """The resource's tags over the default ones."""
        return {**self.default_tags, **(properties.get("tags") or {})}

    def tag_list(self, properties: Mapping[str, Any]) -> list[dict[str, str]]:
        """Tags in the API's form."""
        return [{"Key": k, "Value": v} for k, v in sorted(self.tags(properties).items())]

    def tag_specification(self, kind: str, properties: Mapping[str, Any]) -> list[dict[str, Any]]:
        """EC2's TagSpecifications for one kind of resource."""
        tags = self.tag_list(properties)
        return [{"ResourceType": kind, "Tags": tags}] if tags else []


Create = Callable[[Clients, Properties], str]
Read = Callable[[Clients, str, Properties], Properties | None]
Update = Callable[[Clients, str, Properties, Properties], None]
Delete = Callable[[Clients, str, Properties], None]
# Turns an id in the form of `pulumi import` into the resource's id and the properties in it.
Imported = tuple[str, Properties]
Importer = Callable[[Clients, str], Imported]


@dataclass(frozen=True)
class Kind:
    """One resource type.

    `create` returns the id, and adds properties that the API returns only at that time. `read`
    returns the properties that the API has, or None if the resource is gone; other properties stay
    as they were. A change of an input in `replaces`, or without `update` of any input, replaces the
    resource.
    """

    inputs: frozenset[str]
    create: Create
    read: Read
    delete: Delete
    update: Update | None = None
    replaces: frozenset[str] = frozenset()
    auto_named: str | None = None
    # pulumi-aws, provider/autonaming.go, unless its resources.go says otherwise
    longest_name: int = 255
    delete_before_replace: bool = False
    # returns a preview's error about the inputs; unknown names are checked elsewhere
    problem: Callable[[Properties], str | None] = lambda _: None
    # returns, from the old and the new inputs, those whose change replaces it in this case
    forces: Callable[[Properties, Properties], frozenset[str]] = lambda _, __: frozenset()
    # inputs that AWS's answers fill in as well: taken away from a program, they stay as they are
    computed: frozenset[str] = frozenset()
    # inputs that the provider's schema sets where the program says nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    importer: Importer = lambda _, identity: (identity, {})


def names(text: str) -> frozenset[str]:
    """A set of property names from words."""
    return frozenset(text.split())


def code(error: ClientError) -> str:
    """AWS's error code."""
    return error.response.get("Error", {}).get("Code", "")


def gone(error: ClientError) -> bool:
    """Whether the error says that the resource does not exist."""
    others = ("NoSuchEntity", "404", "NoSuchBucket", "NoSuchHostedZone", "NoSuchHealthCheck")
    return "NotFound" in code(error) or code(error) in others


def retried(call: Callable[[], Any], *codes: str) -> Any:
    """Repeat a call while AWS answers one of the codes, as the real provider does."""
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return call()
        except ClientError as error:
            if code(error) not in codes or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def forgiving(call: Callable[[], Any]) -> None:
    """Delete a resource that may not exist any more."""
    try:
        call()
    except ClientError as error:
        if not gone(error):
            raise
