"""What `verify` finds in a world of literals."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verify_broken_alarms import SUBSCRIPTIONS
from verify_world import FACTS, GROUP, RIGHT, WANTED, Hosts, Literal, Port, serving

from ops.guessing import Limit, Unknown
from ops.instances import Down
from ops.outputs import Host, Outputs
from ops.verify.group import Group
from ops.verify.hosts import NoAccess
from ops.verify.probes import Probes
from ops.verify.result import Result
from ops.verify.run import verify

GATEWAY_ADDRESS, OTHERS_ADDRESS = "203.0.113.9", "198.51.100.10"


@dataclass
class Loopback:
    """The gateway's ports; those that a world breaks are served instead of the right ones."""

    trust: ssl.SSLContext
    contexts: dict[str, ssl.SSLContext]
    ports: dict[int, int]

    def look(
        self,
        names: Mapping[str, Any] = RIGHT,
        outputs: Outputs = WANTED,
        facts: Mapping[str, Any] = FACTS,
        ports: Mapping[int, Port | str | None] | None = None,
        others_answer: bool = True,
        group: Group | None = GROUP,
        down: Mapping[str, Down] | None = None,
        limit: Limit | str | None = None,
    ) -> list[Result]:
        """Every result for a world; a text as `limit` is why nobody knows of one."""
        changed = ports or {}
        with serving(changed, self.contexts) as instead:
            there = {**{n: p for n, p in self.ports.items() if n not in changed}, **instead}

            def connect(address: str, port: int) -> socket.socket:
                if address == OTHERS_ADDRESS and others_answer:
                    return socket.create_connection(("127.0.0.1", self.ports[25]), 5)
                if address != GATEWAY_ADDRESS or port not in there:
                    raise TimeoutError("timed out")
                return socket.create_connection(("127.0.0.1", there[port]), 5)

            def group_of(host: Host) -> Group:
                if group is None:
                    raise NoAccess("no credentials")
                return group

            def limit_of(host: Host) -> Limit | None:
                if isinstance(limit, str):
                    raise Unknown(limit)
                return limit

            probes = Probes(
                Literal(names),
                connect,
                self.trust,
                Hosts(facts),
                group_of,
                lambda host: (down or {}).get(host.name),
                limit_of,
                option="--stack prod",
                subscriptions_of=lambda _: SUBSCRIPTIONS,
            )
            return verify(outputs, probes)


def wrong(results: list[Result]) -> set[tuple[str, str]]:
    """(code, subject) of all that is wrong."""
    return {(p.code, r.subject) for r in results for p in [*r.errors, *r.warnings]}


def skipped(results: list[Result]) -> set[tuple[str, str]]:
    """(check, subject) of all that was not looked at to its end."""
    return {(r.check, r.subject) for r in results if r.skipped}
