"""The account that a stack is in, by the settings of its provider."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3

from lab.access import entered
from ops import lab_stack
from ops.target import Target


@contextmanager
def account(target: Target, provider: Mapping[str, Any]) -> Iterator[Callable[[str], Any]]:
    """What makes boto3's clients of the account, by the name of the service."""
    lab = target.lab
    if lab:
        with entered(lab.namespace):
            yield lambda service: lab_stack.client(lab, service)
        return
    session = boto3.Session(
        region_name=provider.get("region"), profile_name=provider.get("profile")
    )
    yield session.client
