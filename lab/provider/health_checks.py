"""Route53's health checks (terraform-provider-aws, route53/health_check.go)."""

import uuid
from typing import Any

from botocore.exceptions import ClientError

from lab.provider.kinds import Clients, Kind, Properties, forgiving, gone, names
from lab.provider.zones import retag, tags_of

TAGGED = "healthcheck"
INTERVALS = (10, 30)
# properties that can be changed in place: our names and the API's
CHANGEABLE = {
    "ipAddress": "IPAddress",
    "port": "Port",
    "failureThreshold": "FailureThreshold",
    "regions": "Regions",
}


def _wanted(p: Properties) -> dict[str, Any]:
    return {theirs: p[ours] for ours, theirs in CHANGEABLE.items() if ours in p}


def create(c: Clients, p: Properties) -> str:
    config = {"Type": p["type"], **_wanted(p)}
    if "requestInterval" in p:
        config["RequestInterval"] = p["requestInterval"]
    made = c.route53.create_health_check(
        CallerReference=str(uuid.uuid4()), HealthCheckConfig=config
    )
    identity = made["HealthCheck"]["Id"]
    retag(c, TAGGED, identity, {}, p)
    return identity


def read(c: Clients, i: str, p: Properties) -> Properties | None:
    try:
        config = c.route53.get_health_check(HealthCheckId=i)["HealthCheck"]["HealthCheckConfig"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    found: Properties = {
        "arn": f"arn:aws:route53:::healthcheck/{i}",
        "type": config["Type"],
        "ipAddress": config["IPAddress"],
        "port": config["Port"],
        "requestInterval": config["RequestInterval"],
        "failureThreshold": config["FailureThreshold"],
        "tagsAll": tags_of(c, TAGGED, i),
    }
    held, known = config.get("Regions", []), p.get("regions", [])
    if held or known:  # a set, in the program's order
        found["regions"] = known if sorted(held) == sorted(known) else held
    return found


def update(c: Clients, i: str, old: Properties, new: Properties) -> None:
    before, now = _wanted(old), _wanted(new)
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    if changed:
        c.route53.update_health_check(HealthCheckId=i, **changed)
    retag(c, TAGGED, i, old, new)


def problem(p: Properties) -> str | None:
    """The limits of the provider's schema, which it checks in a preview."""
    interval, threshold, port = (
        p.get(name) for name in ("requestInterval", "failureThreshold", "port")
    )
    if isinstance(interval, int) and interval not in INTERVALS:
        return f"expected request_interval to be one of [10 30], got {interval}"
    if isinstance(threshold, int) and not 1 <= threshold <= 10:
        return f"expected failure_threshold to be in the range (1 - 10), got {threshold}"
    if isinstance(port, int) and not 1 <= port <= 65535:
        return f'expected "port" to be a valid port number, got: {port}'
    if "regions" in p and len(p["regions"]) < 3:
        return f"Attribute regions requires 3 item minimum, but config has only {len(p['regions'])}"
    return None


KINDS = {
    "aws:route53/healthCheck:HealthCheck": Kind(
        names("type ipAddress port requestInterval failureThreshold regions tags"),
        create,
        read,
        lambda c, i, _: forgiving(lambda: c.route53.delete_health_check(HealthCheckId=i)),
        update,
        names("type requestInterval"),
        problem=problem,
    ),
}
