"""Private hosted zones in the lab's resolver: a view of names for each VPC's network."""

from collections.abc import Sequence

from common.shell import run
from lab.lab import Lab
from lab.machines.state import PrivateZone

FILE = "private-zones.conf"


def configuration(zones: Sequence[PrivateZone]) -> str:
    """unbound's views; a zone answers for every name below its own (NXDOMAIN for those it lacks).

    All other names are resolved as for other networks.
    """
    lines = ["server:"]
    networks = sorted({network for zone in zones for network in zone.networks})
    lines += [f'  access-control-view: {network} "{network}"' for network in networks]
    for network in networks:
        lines += ["view:", f'  name: "{network}"', "  view-first: yes"]
        for zone in zones:
            if network in zone.networks:
                lines.append(f'  local-zone: "{zone.name}" static')
                lines += [f"  local-data: '{n} {t} IN {k} {v}'" for n, k, t, v in zone.records]
    return "\n".join(lines) + "\n"


def apply(lab: Lab, zones: Sequence[PrivateZone]) -> None:
    """Configure these zones, unless they are configured already; a change empties the cache."""
    file, text = lab.directory / FILE, configuration(zones)
    if file.read_text() != text:
        file.write_text(text)
        run("unbound-control", "-c", str(lab.directory / "unbound.conf"), "reload")
