"""How fast gateways sign and relay, side by side: `python tests/throughput.py LAB [LAB ...]`.

Each lab runs the dev stack, of any commit. In turn, each client host hands its gateway a burst on
few connections. The gateway checks, signs and queues it, and discards it in place of sending, so no
receiver's work is measured. What counts is a figure's ratio to the first lab's in the same run.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field

from lab import access
from lab.lab import Lab
from lab.wait import until
from ops.errors import StackError
from ops.lab import region
from ops.terminal import notes, print_table

GATEWAY = "mail.relay.example"
RECIPIENT = "throughput@inbox.example"
SIZE = 4000  # octets, a short letter's


@dataclass
class Relay:
    """A lab with its gateway, its client, and what was measured."""

    lab: Lab
    seconds: list[float] = field(default_factory=list)
    gateway_cpu: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # not by the stack's outputs, which another commit may have in another form
        found = region.instances(self.lab)
        if GATEWAY not in found:
            raise StackError(f"the lab {self.lab.name} has no stack with {GATEWAY}")
        self.gateway = found.pop(GATEWAY).id
        name, client = found.popitem()
        self.client, self.sender = client.id, f"app@{name.partition('.')[2]}"

    def run(self, machine: str, *command: str) -> str:
        """A command on one of the two; its output."""
        return access.run(self.lab, machine, *command, seconds=900).stdout

    def set_up(self) -> str:
        """Discard what is measured; the transport maps as they were."""
        before = self.run(self.gateway, "postconf", "-h", "transport_maps").strip()
        away = f"inline:{{ {{ {RECIPIENT} = discard: }} }}"
        self.run(self.gateway, "postconf", "-e", f"transport_maps = {away}, {before}")
        self.run(self.gateway, "postfix", "reload")
        return before

    def restore(self, before: str) -> None:
        """The gateway as it was."""
        self.run(self.gateway, "postconf", "-e", f"transport_maps = {before}")
        self.run(self.gateway, "postfix", "reload")

    def burst(self, messages: int) -> None:
        """Have the client hand over a queue, and measure until both queues are empty."""
        self.run(self.client, "postconf", "-e", "defer_transports=smtp")
        self.run(self.client, "postfix", "reload")
        addresses = ("-f", self.sender, "-t", RECIPIENT, "-l", str(SIZE))
        self.run(self.client, "smtp-source", "-s10", f"-m{messages}", *addresses, "127.0.0.1:25")
        self.run(self.client, "postconf", "-X", "defer_transports")
        self.run(self.client, "postfix", "reload")
        cpu, begun = self.cpu(), time.monotonic()
        self.run(self.client, "postqueue", "-f")
        for machine in (self.client, self.gateway):
            empty = f"the queue of {machine} is empty"
            until(empty, lambda at=machine: not self.run(at, "postqueue", "-j"), 900, 0.2)
        self.seconds.append((time.monotonic() - begun) / messages)
        self.gateway_cpu.append((self.cpu() - cpu) / messages)

    def cpu(self) -> float:
        """Seconds of processor time that the gateway's processes have used, dead ones too."""
        ticks = int(self.run(self.gateway, "getconf", "CLK_TCK"))
        stats = self.run(self.gateway, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true")
        # utime, stime, and both of the children that were waited for (proc_pid_stat(5))
        used = (line.rpartition(")")[2].split()[11:15] for line in stats.splitlines())
        return sum(int(field) for fields in used for field in fields) / ticks


def main() -> int:
    """A line for each lab: the median of the rounds, and its ratio to the first lab's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labs", nargs="+", metavar="LAB")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    relays = [Relay(Lab(name)) for name in options.labs]
    before = [relay.set_up() for relay in relays]
    try:
        for number in range(options.rounds):
            for relay in relays if number % 2 else reversed(relays):
                notes.print(f"round {number + 1} of {options.rounds}: {relay.lab.name}")
                relay.burst(options.messages)
    finally:
        for relay, maps in zip(relays, before, strict=True):
            relay.restore(maps)
    rate = [statistics.median(relay.seconds) for relay in relays]
    cpu = [statistics.median(relay.gateway_cpu) for relay in relays]
    print_table(
        "signed and relayed",
        [
            {
                "lab": relay.lab.name,
                "messages/s": f"{1 / seconds:.1f}",
                "slowest": f"{1 / max(relay.seconds):.1f}",
                "fastest": f"{1 / min(relay.seconds):.1f}",
                "of the first": f"{rate[0] / seconds:.2f}",
                "gateway's CPU, ms each": f"{1000 * used:.1f}",
                "times the first's": f"{used / cpu[0]:.2f}",
            }
            for relay, seconds, used in zip(relays, rate, cpu, strict=True)
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
