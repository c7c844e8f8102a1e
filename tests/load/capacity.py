"""What a message costs gateways, for one, two and three of them: `python -m load.capacity LAB`.

The lab runs examples/Pulumi.resilient.yaml. Both client hosts hand over a burst; the gateways
check, sign and queue it, and discard it in place of sending, so no receiver's work is measured. All
hosts share this computer's processors: what several gateways do in a second says little. What a
message costs each of them in processor time (control groups' accounting) says how many a processor
of theirs could do.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.lab import Lab
from lab.wait import until
from load.place import Place
from ops.lab.target import named
from ops.outputs import Host
from ops.terminal import notes, print_table

RECIPIENT = "capacity@inbox.example"
SIZE = 4000  # octets, a short letter's
# The units whose share of a gateway's processor time is told.
UNITS = ("postfix", "opendkim", "mail-relay-guard", "dovecot", "policyd")
USAGE = "grep -H usage_usec /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/system.slice/*/cpu.stat"
NESTED = "/sys/fs/cgroup/system.slice/*/*/cpu.stat"  # units of a template


@dataclass
class Run:
    """One burst: messages a second, and processor time in ms a message, by what used it."""

    gateways: int
    messages: int
    seconds: float
    gateway: dict[str, float] = field(default_factory=dict)
    clients: float = 0.0
    computer: float = 0.0  # all of its processors, whoever used them
    split: list[float] = field(default_factory=list)  # each gateway's part of the work


def measure(here: Place, number: int, messages: int) -> Run:
    """One burst by the first gateways, so many."""
    used, clients = here.outputs.gateways[:number], here.outputs.clients
    share = messages // len(clients)
    with _leading_to(here, used):
        for client in clients:
            _hold(here, client, share)
        before, ours = [_cpu(here, host) for host in used], [_cpu(here, c) for c in clients]
        busy, began = _busy(), time.monotonic()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda client: here.run(client, "postqueue", "-f"), clients))
        for host in (*clients, *used):
            empty = f"the queue of {host.name} is empty"
            until(empty, lambda at=host: not here.queued(at), 900, 0.5)
        run = Run(number, share * len(clients), time.monotonic() - began)
        run.computer = _each(_busy() - busy, run)
        after = [_cpu(here, host) for host in used]
        run.clients = _each(sum(_cpu(here, c)["all"] for c in clients) - _total(ours), run)
        parts = [now["all"] - then["all"] for now, then in zip(after, before, strict=True)]
        run.split = [part / sum(parts) for part in parts]
        for unit in ("all", *UNITS):
            spent = sum(n.get(unit, 0) - t.get(unit, 0) for n, t in zip(after, before, strict=True))
            run.gateway[unit] = _each(spent, run)
    return run


def _each(seconds: float, run: Run) -> float:
    """Seconds of a burst as milliseconds of a message."""
    return 1000 * seconds / run.messages


def _total(found: Sequence[dict[str, float]]) -> float:
    return sum(each["all"] for each in found)


def _cpu(here: Place, host: Host) -> dict[str, float]:
    """Seconds of processor time that a host has used, `all` and by unit."""
    found: dict[str, float] = {}
    for line in here.run(host, "sh", "-c", f"{USAGE} {NESTED} || true").splitlines():
        file, _, text = line.partition(":usage_usec ")
        place = file.removeprefix("/sys/fs/cgroup").removesuffix("cpu.stat").strip("/")
        unit = place.removeprefix("system.slice/").replace("mail-relay-limit", "policyd")
        name = next((each for each in UNITS if unit.split("/")[-1].startswith(each)), "")
        if not place:
            found["all"] = int(text) / 1e6
        elif name:
            found[name] = found.get(name, 0) + int(text) / 1e6
    return found


def _busy() -> float:
    """Seconds that this computer's processors have worked (proc_stat(5))."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def _hold(here: Place, client: Host, messages: int) -> None:
    """Have so many messages wait on a client host."""
    here.run(client, "postconf", "-e", "defer_transports=smtp")
    here.run(client, "postfix", "reload")
    sender = f"app@{client.name.partition('.')[2]}"
    addresses = ("-f", sender, "-t", RECIPIENT, "-l", str(SIZE))
    here.run(client, "smtp-source", "-s10", f"-m{messages}", *addresses, "127.0.0.1:25")
    here.run(client, "postconf", "-X", "defer_transports")
    here.run(client, "postfix", "reload")


@contextmanager
def _leading_to(here: Place, gateways: Sequence[Host]) -> Iterator[None]:
    """Have the submission name lead the client hosts to these gateways alone."""
    name, clients = here.outputs.submission.host, here.outputs.clients
    lines = "".join(f"{gateway.address} {name}\\n" for gateway in gateways)
    for client in clients:
        here.run(client, "cp", "/etc/hosts", "/etc/hosts.before")
        here.run(client, "sh", "-c", f"printf '{lines}' >>/etc/hosts")
        here.run(client, "postconf", "-e", "smtp_host_lookup=native")
    try:
        yield
    finally:
        for client in clients:
            here.run(client, "mv", "/etc/hosts.before", "/etc/hosts")
            here.run(client, "postconf", "-X", "smtp_host_lookup")
            here.run(client, "postfix", "reload")


@contextmanager
def _discarding(here: Place) -> Iterator[None]:
    """Have the gateways discard what is measured in place of sending it."""
    kept: dict[str, str] = {}
    try:
        for host in here.outputs.gateways:
            kept[host.name] = here.run(host, "postconf", "-h", "transport_maps").strip()
            away = f"inline:{{ {{ {RECIPIENT} = discard: }} }}, {kept[host.name]}"
            here.run(host, "postconf", "-e", f"transport_maps = {away}")
            here.run(host, "postfix", "reload")
        yield
    finally:
        for name, before in kept.items():
            here.run(here.outputs.host(name), "postconf", "-e", f"transport_maps = {before}")
            here.run(here.outputs.host(name), "postfix", "reload")


def main() -> int:
    """A line for each number of gateways: the round with the least processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lab", help="a lab with the stack")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    here = Place(Lab(options.lab))
    here.outputs = named(options.lab).outputs()
    runs: list[Run] = []
    with _discarding(here):
        for turn in range(options.rounds):
            for number in range(1, len(here.outputs.gateways) + 1):
                notes.print(f"round {turn + 1} of {options.rounds}: {number} gateways")
                runs.append(measure(here, number, options.messages))
    best = [
        min((r for r in runs if r.gateways == number), key=lambda r: r.gateway["all"])
        for number in sorted({run.gateways for run in runs})
    ]
    print_table("signed and queued; processor time in ms a message", [_row(run) for run in best])
    return 0


def _row(run: Run) -> dict[str, str]:
    return {
        "gateways": str(run.gateways),
        "messages/s here": f"{run.messages / run.seconds:.0f}",
        "of the work": " ".join(f"{100 * part:.0f}%" for part in run.split),
        "gateway": f"{run.gateway['all']:.1f}",
        **{unit: f"{run.gateway[unit]:.1f}" for unit in UNITS},
        "clients": f"{run.clients:.1f}",
        "this computer": f"{run.computer:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main())
