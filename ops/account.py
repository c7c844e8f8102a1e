"""What commands have in common that ask the AWS account of a stack."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import AwsError

# Makes boto3's client of a service, by its name.
Clients = Callable[[str], Any]


@contextmanager
def aws_errors() -> Iterator[None]:
    """What AWS refuses meanwhile, and nobody expects, is an AwsError."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise AwsError(str(error)) from error
