"""EC2 Instance Connect Endpoints: their states, and the addresses that they connect from."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from lab.region import backends

# On AWS both take minutes.
CREATE_SECONDS, DELETE_SECONDS = 3.0, 1.0
# The second label of real endpoints' DNS names is some number of AWS's own.
DNS_NAME = "{id}.0123abcd.ec2-instance-connect-endpoint.{region}.amazonaws.com"
# The states in which an endpoint opens tunnels (EC2 User Guide, "Connect to an Amazon EC2 instance
# using EC2 Instance Connect Endpoint"), without those of updates, which the lab has not.
READY = "create-complete"


@dataclass
class Endpoint:
    """An endpoint; `interface` is moto's, which AWS makes and deletes with the endpoint.

    It is ready `create_seconds` after it was made; `deleted` is the time of its deletion by the
    monotonic clock.
    """

    interface: Any
    groups: tuple[str, ...]
    preserve_client_ip: bool
    create_seconds: float
    id: str = field(default_factory=lambda: f"eice-{secrets.token_hex(9)[:17]}")
    made: float = field(default_factory=time.monotonic)
    made_at: float = field(default_factory=time.time)
    deleted: float | None = None
    tunnels: int = 0

    @property
    def state(self) -> str:
        """The state in the API's words."""
        if self.deleted is not None:
            return "delete-in-progress"
        ready = time.monotonic() - self.made >= self.create_seconds
        return READY if ready else "create-in-progress"

    @property
    def dns_name(self) -> str:
        """The name of the host that opens tunnels."""
        return DNS_NAME.format(id=self.id, region=backends.REGION)

    @property
    def arn(self) -> str:
        """The ARN, which policies name."""
        return (
            f"arn:aws:ec2:{backends.REGION}:{backends.ACCOUNT}:instance-connect-endpoint/{self.id}"
        )


def forget_deleted(endpoints: dict[str, Endpoint]) -> None:
    """Take away what was deleted long enough ago, with its network interface."""
    for identity, endpoint in list(endpoints.items()):
        if endpoint.deleted and time.monotonic() - endpoint.deleted >= DELETE_SECONDS:
            backends.ec2().enis.pop(endpoint.interface.id, None)
            del endpoints[identity]
