"""Route53's rules for health checks, which get a request before moto or answer it."""

import ipaddress
import re
from typing import Any
from xml.sax.saxutils import escape

import xmltodict

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory

PATH = re.compile(r"/2013-04-01/healthcheck(?:/([^/]+))?(?:/status)?/?$")
NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
INTERVALS = (10, 30)
THRESHOLDS = range(1, 11)
FEWEST_REGIONS = 3
# These documentation ranges (RFC 5737) are public addresses on the lab's internet.
PUBLIC = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def before(memory: Memory, method: str, path: str, body: bytes) -> bytes:
    """Check a request by the rules; return the body for moto."""
    identity = _identity(path)
    if method == "DELETE" and identity:
        memory.health.forget(identity)
    if method != "POST":
        return body
    document = xmltodict.parse(body, force_list=("Region",))
    (given,) = document.values()
    if identity is None:
        _create(memory, given["HealthCheckConfig"])
        return body
    _update(memory, given)
    check = backends.route53().health_checks[identity]
    check.health_check_version += 1
    if "Regions" not in given and check.regions:
        given["Regions"] = {"Region": check.regions}  # moto forgets what an update does not name
    return xmltodict.unparse(document).encode()


def status(memory: Memory, path: str) -> str | None:
    """GetHealthCheckStatus: each checker's last report. None if it is another request."""
    identity = _identity(path)
    if identity is None or not path.rstrip("/").endswith("/status"):
        return None
    check = backends.route53().health_checks[identity]
    items = "".join(
        f"<HealthCheckObservation><Region>{view.region}</Region><IPAddress>{address}</IPAddress>"
        f"<StatusReport><Status>{escape(view.report)}</Status>"
        f"<CheckedTime>{view.time:%Y-%m-%dT%H:%M:%S.000Z}</CheckedTime></StatusReport>"
        "</HealthCheckObservation>"
        for address, view in memory.health.observations(check)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<GetHealthCheckStatusResponse xmlns="{NAMESPACE}"><HealthCheckObservations>{items}'
        "</HealthCheckObservations></GetHealthCheckStatusResponse>"
    )


def require(identity: str) -> None:
    """NoSuchHealthCheck unless the health check exists."""
    if identity not in backends.route53().health_checks:
        text = f"A health check with id {identity} does not exist."
        raise ApiError("NoSuchHealthCheck", text, 404)


def _identity(path: str) -> str | None:
    """The health check in a path, which must exist."""
    found = PATH.match(path)
    identity = found and found[1]
    if identity:
        require(identity)
    return identity


def _create(memory: Memory, config: dict[str, Any]) -> None:
    if config.get("Type") != "TCP":
        raise _invalid(f"the lab has health checks of type TCP only, not {config.get('Type')}")
    for name, text in (("IPAddress", "an IP address"), ("Port", "a port")):
        if name not in config:
            raise _invalid(f"TCP health checks must have {text} specified; the lab has no others.")
    if int(config.get("RequestInterval", INTERVALS[0])) not in INTERVALS:
        raise _invalid("Invalid parameter : Request interval must be 10 or 30 seconds.")
    _update(memory, config)


def _update(memory: Memory, given: dict[str, Any]) -> None:
    """Rules for values that may change."""
    if "FullyQualifiedDomainName" in given:
        raise _invalid(
            "TCP health checks that have IP address must not have a fully qualified domain name "
            "specified."
        )
    if "ResourcePath" in given:
        raise _invalid("TCP health checks must not have a resource path specified.")
    if "IPAddress" in given:
        _address(given["IPAddress"])
    if not 1 <= int(given.get("Port", 1)) <= 65535:
        raise _invalid("Invalid parameter : Port must be between 1 and 65535.")
    if int(given.get("FailureThreshold", 1)) not in THRESHOLDS:
        raise _invalid("Invalid parameter : Failure threshold must be between 1 and 10.")
    if "Regions" in given:
        regions = set((given["Regions"] or {}).get("Region", []))
        if len(regions) < FEWEST_REGIONS or regions - set(memory.health.checkers):
            raise _invalid(
                f"Invalid parameter : Regions must be at least {FEWEST_REGIONS} of "
                f"{', '.join(memory.health.checkers)}."
            )


def _address(text: str) -> None:
    """Route53 checks no local, private, non-routable or multicast address."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise _invalid(f"Invalid parameter : {text} is not an IPv4 address.") from None
    public = any(address in network for network in PUBLIC)
    if not public and (not address.is_global or address.is_multicast):
        raise _invalid(f"Invalid parameter : {text} is a forbidden IP address.")


def _invalid(text: str) -> ApiError:
    return ApiError("InvalidInput", text)
