"""Helpers of the commands that query the AWS account of a stack."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import AwsError

# Makes the boto3 client of a service from the service's name.
Clients = Callable[[str], Any]


@contextmanager
def aws_errors() -> Iterator[None]:
    """Raise errors of boto3 in the block as AwsError."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise AwsError(str(error)) from error
