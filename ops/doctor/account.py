"""The account that a stack is to be in, and what the stack brings with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.verify.names import Names
from ops.verify.talk import Connect
from settings import Settings

# The region that no account can turn off; it answers for the whole account.
HOME = "us-east-1"


@dataclass(frozen=True)
class Account:
    """A stack as its file describes it, and what the checks need to query AWS and DNS.

    `client` makes a boto3 client from a service and a region, `names` asks DNS, `connect` opens a
    connection from here, `option` names the stack to our other commands, `typed` gives a command of
    Pulumi's as people type it for this stack. `state` has the ids of what the stack has made
    already, unless `state_problem` says why it cannot be read; `provider` is the AWS provider's
    configuration without `aws:`.
    """

    project: str
    stack: str
    settings: Settings
    region: str
    client: Callable[[str, str], Any]
    names: Names
    connect: Connect
    option: str
    typed: Callable[[str], str]
    state: frozenset[str] = frozenset()
    state_problem: str = ""
    provider: Mapping[str, Any] = field(default_factory=dict)

    def here(self, service: str) -> Any:
        """A client in the stack's region."""
        return self.client(service, self.region)
