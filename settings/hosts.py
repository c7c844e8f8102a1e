"""The models of a stack's hosts."""

from typing import Annotated

from pydantic import Field

from settings.base import Model as _Model
from settings.limits import LoginLimits
from settings.marks import Mark
from settings.words import AvailabilityZone, Host, InstanceType, SendAs


class BaseHost(_Model):
    """The fields of every kind of host."""

    name: Host
    instance_type: InstanceType

    @property
    def public(self) -> bool:
        """Whether the host has a public address, and its name a record in DNS."""
        return True

    @property
    def own_zone(self) -> str | None:
        """The availability zone that the host sets in place of the stack's, or None."""
        return None


class Gateway(BaseHost):
    """The gateway: its host name, which is its HELO, its PTR and its certificate's name."""

    instance_type: InstanceType = "t4g.small"
    data_volume_gib: int = Field(8, alias="dataVolumeGiB", ge=1, le=16384)

    @property
    def drains(self) -> bool:
        """Whether the gateway takes no new mail, and only sends what is in its queue."""
        return False


class ListedGateway(Gateway):
    """A gateway of several, in the stack's own availability zone unless it sets another one.

    A gateway with `drain` can be removed once its queue is empty.
    """

    name: Annotated[Host, Mark.ITEM]
    zone: AvailabilityZone | None = None
    drain: bool = False

    @property
    def own_zone(self) -> str | None:
        """The setting `zone`."""
        return self.zone

    @property
    def drains(self) -> bool:
        """The setting `drain`."""
        return self.drain


class Client(BaseHost):
    """A client host. It logs in as `relay@NAME` and may send as `send_as`.

    A private client has no public address: its traffic goes through the gateway in both directions.
    """

    name: Annotated[Host, Mark.ITEM]
    instance_type: InstanceType = "t4g.micro"
    send_as: tuple[SendAs, ...] | None = None
    private: bool = False
    limits: LoginLimits | None = None

    @property
    def login(self) -> str:
        """The host's own login."""
        return f"relay@{self.name}"

    @property
    def public(self) -> bool:
        """Whether the client is not private."""
        return not self.private
