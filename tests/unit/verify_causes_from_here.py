"""Worlds in which the gateway, or what is before it, treats our own address in another way."""

from typing import Literal

from verify_causes import AT, World, _ports
from verify_world import GATEWAY, PORTS, REFUSED, Port

from ops.guessing import Limit

ADDRESS = "198.51.100.20"
CUT_OFF = Port(after=("AUTH PLAIN LOGIN",), breaks=True)


def _limit(kind: Literal["banned", "slowed"]) -> Limit:
    return Limit(GATEWAY, ADDRESS, kind, 1_600)


FROM_HERE = [
    World(
        "our address is banned for failed logins",
        {f"client-limited {GATEWAY}": _ports("port-closed", 587, 465)},
        ports={**PORTS, 587: REFUSED, 465: REFUSED},
        limit=_limit("banned"),
    ),
    World(
        "our address is slowed down for failed logins",
        {f"client-limited {GATEWAY}": {*_ports("port-broken", 587), *_ports("port-filtered", 465)}},
        ports={**PORTS, 587: CUT_OFF, 465: None},
        limit=_limit("slowed"),
    ),
    World(
        "a port is closed to us alone, and the host does not say why",
        {f"port-closed {AT}587": set()},
        ports={**PORTS, 587: REFUSED},
        limit="it may have banned this address",
    ),
]
