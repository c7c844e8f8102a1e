"""The AWS account that a stack is in, as the stack's own provider gets into it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from components.account import Account
from lab.access import entered
from ops import lab_stack
from ops.stack_file import StackFile
from ops.target import Target

Clients = Callable[[str], Any]


@contextmanager
def clients(target: Target) -> Iterator[Clients]:
    """What makes boto3's clients; for a lab, this thread is on its internet meanwhile."""
    if lab := target.lab:
        with entered(lab.namespace):
            yield lambda service: lab_stack.client(lab, service)
        return
    file = StackFile(target)
    account = Account(str(file.value("aws:region")), file.value("aws:profile"))
    yield account.client
