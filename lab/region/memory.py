"""The state of a region that moto does not keep."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass
class OtherNames:
    """Names that Route53 does not hold, all in lower case with the final dot but for `services`.

    `zones` are those that others host: (name, type, TTL in seconds, value) of each record.
    `services` lead to `service_address`, as Amazon's own names do; name servers to `own_address`.
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
    """Availability zones that are not as moto has them.

    `local` are Local Zones that the account has opted in to, `gone` are zones that AWS no longer
    lists, `states` and `offers` (instance types) are by zone.
    """

    local: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    offers: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Memory:
    """One region's state; its API, DNS and metadata service share one.

    `consoles` is the directory in which each instance has one with its console.log. `boots` counts
    the starts of an instance by its id, `pointers` are reverse names without the final dot by the
    allocation id of the Elastic IP. `sessions` are roles by the access keys that the metadata
    service gave out, `credentials` what it answers by role, `tokens` (instance id, end by the
    monotonic clock) by token. `quotas` are those that differ from the lab's own, by code.
    `images_day` is the day that images are judged by, if it is not today. `attachments_held`: a
    volume that is attached does not show yet, as on AWS, which takes seconds for it or longer.
    """

    consoles: Path | None = None
    names: OtherNames = field(default_factory=OtherNames)
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
