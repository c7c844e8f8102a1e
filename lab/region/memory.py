"""The state of a region that moto does not keep."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lab.region.balancers import Balancers
from lab.region.cloudwatch.state import CloudWatch
from lab.region.health import Health
from lab.region.instance_connect import CREATE_SECONDS, Endpoint
from lab.region.lifecycle import Policy
from lab.region.sns.notices import Notices


@dataclass
class OtherNames:
    """Names outside Route53, in lower case and with the final dot (`services`: without it).

    `zones` are zones that others host: (name, type, TTL in seconds, value) of each record. Names in
    `services` and Amazon's own names resolve to `service_address`, name servers to `own_address`.
    `withheld` names do not exist, whatever a zone has; `failing` ones are answered with SERVFAIL.
    """

    zones: dict[str, list[tuple[str, str, int, str]]] = field(default_factory=dict)
    services: list[str] = field(default_factory=list)
    service_address: str | None = None
    own_address: str = "127.0.0.1"
    withheld: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)


@dataclass
class ZoneDifferences:
    """Differences of availability zones from moto's data.

    `local` are Local Zones that the account has opted in to, `gone` are zones that AWS no longer
    lists, `states` and `offers` (instance types) are by zone.
    """

    local: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    offers: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Snapshots:
    """Ids of snapshots of volumes, and when each volume had its last one (monotonic)."""

    known: set[str] = field(default_factory=set)
    times: dict[str, float] = field(default_factory=dict)


@dataclass
class Memory:
    """One region's state, which its API, DNS server and metadata service share.

    `consoles` is a directory with a directory for each instance, which has its console.log.
    `boots` counts the starts of each instance by its id, `pointers` are reverse names without the
    final dot by the allocation id of the Elastic IP. `sessions` are roles by access key of the
    metadata service, `credentials` are its answers by role, `tokens` are (instance id, end by the
    monotonic clock) by token. `quotas`, by code, are those that differ from the lab's defaults.
    `images_day` is the date for the deprecation of images, if it is not today. `attachments_held`:
    attached volumes do not appear in the machine yet, as on AWS, where it takes seconds or longer;
    `changes_held`: changes of record sets are not on all of Route53's servers yet.
    `policies` are those of Data Lifecycle Manager by id, `endpoints` those of EC2 Instance Connect,
    `endpoint_seconds` the time that a new one takes. `cut_instances` (by id) and `cut_zones` have
    the time since which there is no power.
    Who changes or reads moto's backends holds `lock`, because they have none.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    consoles: Path | None = None
    names: OtherNames = field(default_factory=OtherNames)
    health: Health = field(default_factory=Health)
    balancers: Balancers = field(default_factory=Balancers)
    cloudwatch: CloudWatch = field(default_factory=CloudWatch)
    notices: Notices = field(default_factory=Notices)
    snapshots: Snapshots = field(default_factory=Snapshots)
    policies: dict[str, Policy] = field(default_factory=dict)
    zones: ZoneDifferences = field(default_factory=ZoneDifferences)
    boots: dict[str, int] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    quotas: dict[str, float] = field(default_factory=dict)
    ses_production: bool = False
    images_day: datetime | None = None
    port_25_blocked: bool = False
    attachments_held: bool = False
    changes_held: bool = False
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    endpoint_seconds: float = CREATE_SECONDS
    cut_instances: dict[str, datetime] = field(default_factory=dict)
    cut_zones: dict[str, datetime] = field(default_factory=dict)
