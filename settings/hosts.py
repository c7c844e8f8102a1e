"""The models of a stack's hosts."""

from typing import Annotated

from pydantic import Field

from settings.backup import DataVolume
from settings.base import Model as _Model
from settings.limits import LoginLimits
from settings.marks import Mark
from settings.words import AvailabilityZone, Host, InstanceType, SendAs

# What a number is written with, such as in address-2.mail.example.com.
MOST_ADDRESSES = 999


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
    """The gateway: its host name, which is its HELO, its PTR and its certificate's name.

    While its Elastic IP is replaced (`relay address replace` sets both), `address` is the number of
    the one in use, 1 if it was never replaced, and `spare_address` of the one that is to follow, or
    was in use before.
    """

    instance_type: InstanceType = "t4g.small"
    data_volume_gib: int = Field(8, alias="dataVolumeGiB", ge=1, le=16384)
    data_volume: DataVolume = DataVolume()
    address: int | None = Field(None, ge=1, le=MOST_ADDRESSES)
    spare_address: int | None = Field(None, ge=1, le=MOST_ADDRESSES)

    @property
    def address_in_use(self) -> int:
        """The number of the Elastic IP in use."""
        return self.address or 1

    @property
    def addresses(self) -> tuple[int, ...]:
        """The numbers of its Elastic IPs: the one in use, and the spare one if there is one."""
        return (self.address_in_use, *filter(None, [self.spare_address]))

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
