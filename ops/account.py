"""Helpers of the commands that query the AWS account of a stack."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import AwsError

# Makes the boto3 client of a service from the service's name.
Clients = Callable[[str], Any]
# Calls fail within a minute, not ten, if the network lets nothing through.
PATIENCE = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard"})
# Whose values boto3 does not check before it makes a client.
SETTINGS = ("AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS")


def clearly(make: Callable[..., Any]) -> Callable[..., Any]:
    """A maker of clients whose errors about its settings are AwsErrors that say where they are.

    boto3 raises them as ValueError, without the name of the variable or of the key.
    """

    def client(*arguments: str, **options: Any) -> Any:
        try:
            return make(*arguments, **options)
        except ValueError as error:
            known = [name for name in sorted(os.environ) if name.startswith(SETTINGS)]
            where = " and ".join(
                [*(f"{name}={os.environ[name]}" for name in known), "~/.aws/config"]
            )
            raise AwsError(f"{error}: look at {where}") from None

    return client


def by_profile(profile: str | None) -> Callable[[str, str], Any]:
    """A maker of clients for a service in a region; its session is made at the first call."""

    @cache
    def session() -> Any:
        return boto3.Session(profile_name=profile)

    def client(service: str, region: str) -> Any:
        return session().client(service, region_name=region, config=PATIENCE)

    return clearly(client)


@contextmanager
def aws_errors() -> Iterator[None]:
    """Raise errors of boto3 in the block as AwsError."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise AwsError(str(error)) from error
