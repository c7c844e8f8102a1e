"""The lab's stack of several gateways, as trials change it and wait for it."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from lab import access
from lab.access import NotRunning
from lab.lab import Lab
from lab.machines import network
from lab.wait import until
from ops import engine, stack_yaml
from ops.lab import stack, up
from ops.outputs import Host, Outputs

EXAMPLE = engine.PROJECT / "examples" / "Pulumi.resilient.yaml"
LIMITS = ("messagesPerHour", "messagesPerDay", "recipientsPerHour", "recipientsPerDay")
GATEWAYS = "mail-relay:gateways"


def settings() -> dict[str, Any]:
    """The example's, without limits for its logins: one of them sends what many would."""
    config = yaml.safe_load(EXAMPLE.read_text())["config"]
    config["mail-relay:limits"] = {
        "login": dict.fromkeys(LIMITS, 0),
        "guessing": {"exempt": [network.OTHERS_CIDR]},
    }
    return copy.deepcopy(config)


@dataclass
class Place:
    """A lab that runs, and its stack."""

    lab: Lab
    outputs: Outputs = field(init=False)

    def apply(self, config: dict[str, Any]) -> None:
        """`pulumi up` with these settings; StackError with what it said if it fails."""
        file = self.lab.directory / "Pulumi.load.yaml"
        file.write_text(yaml.safe_dump({"config": config}, sort_keys=False))
        self.outputs = up.apply(self.lab, file)

    def config(self) -> dict[str, Any]:
        """The settings of the stack as it is."""
        return copy.deepcopy(stack_yaml.config(stack.own_file(self.lab)))

    def run(self, host: Host, *command: str, text: str = "") -> str:
        """A command on a host as its root; its output."""
        return access.run(self.lab, host.instance_id, *command, stdin=text, seconds=300).stdout

    def queued(self, host: Host) -> int:
        """How many messages wait on a host."""
        return len(self.run(host, "postqueue", "-j").splitlines())

    def empty(self, seconds: float) -> None:
        """Wait until no host has mail; what a gateway puts off is tried again meanwhile."""
        for host in self.outputs.hosts:
            until(f"{host.name} has no mail", lambda at=host: self._drained(at), seconds, 2)

    def _drained(self, host: Host) -> bool:
        try:
            if not self.queued(host):
                return True
            self.run(host, "postqueue", "-f")
        except NotRunning:
            pass
        return False

    def instances(self) -> dict[str, str]:
        """The gateways' instances."""
        return {host.name: host.instance_id for host in self.outputs.gateways}


def timed(act: Callable[[], object]) -> float:
    """How many seconds an act takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began
