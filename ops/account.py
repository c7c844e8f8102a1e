"""The AWS account that a stack is in, as the stack's own provider gets into it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from components.account import Account
from lab.access import entered
from ops import lab_stack
from ops.edit.stack_file import StackFile
from ops.target import Target

Clients = Callable[[str], Any]
PROVIDER = ("region", "profile", "accessKey", "secretKey", "token", "assumeRoles")


@contextmanager
def clients(target: Target, provider: Mapping[str, Any] | None = None) -> Iterator[Clients]:
    """What makes boto3's clients by the name of the service; in a lab, on its internet meanwhile.

    `provider` has the provider's settings as the state keeps them, instead of the stack's file.
    """
    if lab := target.lab:
        with entered(lab.namespace):
            yield lambda service: lab_stack.client(lab, service)
        return
    if provider is None:
        file = StackFile(target)
        provider = {key: file.value(f"aws:{key}") for key in PROVIDER}
    yield Account.by(provider).client
