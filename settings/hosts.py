"""The hosts of a stack, as its settings have them."""

from typing import Annotated

from pydantic import Field

from settings.base import Model as _Model
from settings.limits import LoginLimits
from settings.marks import Mark
from settings.words import AvailabilityZone, Host, InstanceType, SendAs


class BaseHost(_Model):
    """What every kind of host has."""

    name: Host
    instance_type: InstanceType

    @property
    def public(self) -> bool:
        """Whether it has a public address, and its name in DNS."""
        return True

    @property
    def own_zone(self) -> str | None:
        """The availability zone that it names, in place of the stack's."""
        return None


class Gateway(BaseHost):
    """The gateway: its host name, which is its HELO, its PTR and its certificate's name."""

    instance_type: InstanceType = "t4g.small"
    data_volume_gib: int = Field(8, alias="dataVolumeGiB", ge=1, le=16384)

    @property
    def drains(self) -> bool:
        """Whether it takes no mail any more, and only sends what it has."""
        return False


class ListedGateway(Gateway):
    """One of several. It is in the stack's own availability zone unless it names another one.

    One that is to `drain` can be taken away once its queue is empty.
    """

    name: Annotated[Host, Mark.ITEM]
    zone: AvailabilityZone | None = None
    drain: bool = False

    @property
    def own_zone(self) -> str | None:
        """As the settings have it."""
        return self.zone

    @property
    def drains(self) -> bool:
        """As the settings have it."""
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
        """Not a private one."""
        return not self.private
