"""The AWS account for a stack, and the stack's settings and state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.verify.names import Names
from ops.verify.talk import Connect
from settings import Settings

# The region that no account can disable; calls about the whole account go there.
HOME = "us-east-1"


@dataclass(frozen=True)
class Account:
    """A stack as its file describes it, and the clients with which checks query AWS and DNS.

    `client` makes a boto3 client from a service and a region, `names` asks DNS, `connect` opens a
    connection from this computer, `option` names the stack to our other commands, `typed` gives a
    Pulumi command as people type it for this stack. `state` has the ids of the stack's existing
    resources, unless `state_problem` is the reason that the state cannot be read; `provider` is the
    AWS provider's configuration without `aws:`.
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
