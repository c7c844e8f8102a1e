"""The typed state of the region for the reconciler: `GET /_lab/state`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, populate_by_name=True)


class Rule(_Model):
    """One rule of a security group; protocol "-1" is everything and has no ports."""

    protocol: str
    from_: int | None = None
    to: int | None = None
    cidr: str

    model_config = ConfigDict(
        alias_generator=lambda name: "from" if name == "from_" else to_camel(name), frozen=True
    )


class AttachedVolume(_Model):
    """A data volume that is attached."""

    id: str
    size_gib: int = Field(alias="sizeGiB")


class Instance(_Model):
    """An instance as the API has it; `boots` rises with each start and reboot request.

    `name` is its tag `Name`, which is the host's name. `via` is the private address of the
    interface that is the target of its subnet's default route. With `forwards` it has no
    source/destination check. Without power it runs in the API's answers only.
    """

    id: str
    name: str
    state: Literal["pending", "running", "shutting-down", "stopping", "stopped", "terminated"]
    boots: int
    powered: bool
    private_address: str
    public_address: str | None
    mac: str
    subnet_cidr: str
    vpc_cidr: str
    internet: bool
    via: str | None
    forwards: bool
    volumes: tuple[AttachedVolume, ...]
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


class Listener(_Model):
    """A port of a load balancer's node, with targets by their private addresses.

    `targets` get new connections, and connections of those in `kept` go on.
    """

    port: int
    targets: tuple[str, ...]
    kept: tuple[str, ...]


class Amazons(_Model):
    """A network interface of Amazon's own in a VPC, such as an Instance Connect Endpoint's."""

    id: str
    address: str
    subnet_cidr: str
    vpc_cidr: str
    powered: bool
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


class Node(Amazons):
    """A load balancer in one zone."""

    public: str
    listeners: tuple[Listener, ...]


class Volume(_Model):
    """A data volume that exists, attached or not; `snapshot` is what it was made from."""

    id: str
    size_gib: int = Field(alias="sizeGiB")
    snapshot: str | None = None


class Snapshot(_Model):
    """A snapshot of a data volume, which may be gone by now."""

    id: str
    volume: str
    size_gib: int = Field(alias="sizeGiB")


class PrivateZone(_Model):
    """A private hosted zone: networks that see it, and (name, type, TTL, value) of each record."""

    name: str
    networks: tuple[str, ...]
    records: tuple[tuple[str, str, int, str], ...]


class RegionState(_Model):
    """Everything that the reconciler follows."""

    instances: tuple[Instance, ...]
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...] = ()
    nodes: tuple[Node, ...] = ()
    endpoints: tuple[Amazons, ...] = ()
    private_zones: tuple[PrivateZone, ...]
    port_25_blocked: bool = False
