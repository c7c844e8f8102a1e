"""What is seen of the gateways from the internet: who serves, and where the name leads."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import dns.exception
import dns.resolver

from lab.access import entered
from lab.lab import Lab
from lab.machines.network import RESOLVER
from lab.wait import within
from ops.outputs import Outputs

EVERY_SECONDS = 1.0
GREETING_SECONDS = 3.0


@dataclass
class Gap:
    """A time in which something was not there; `until` is 0 while it lasts."""

    what: str
    since: float
    until: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it lasted, or has lasted so far."""
        return (self.until or time.time()) - self.since


@dataclass
class Watch:
    """Asks each gateway's 587 for its greeting, and the resolver for the name, every second."""

    lab: Lab
    outputs: Outputs
    least: int = 0  # how many gateways served when the fewest did
    silent: list[Gap] = field(default_factory=list)  # gateways that did not greet
    absent: list[Gap] = field(default_factory=list)  # addresses that the name did not lead to

    def __post_init__(self) -> None:
        self._address = {host.name: host.address for host in self.outputs.taking}
        self.least = len(self._address)
        self._over = threading.Event()

    def follow(self, outputs: Outputs) -> None:
        """Look at the gateways of the stack as it is now: a new one is missing until it is seen."""
        self.outputs = outputs
        now = {host.name: host.address for host in outputs.taking}
        for gaps in (self.silent, self.absent):
            gaps += [Gap(name, time.time()) for name in now.keys() - self._address.keys()]
        self._address = now

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look until the block ends."""
        threads = [threading.Thread(target=self._look), threading.Thread(target=self._ask)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            answers: dict[str, bool] = {}
            threads = [
                threading.Thread(target=self._greets, args=(name, answers))
                for name in self._address
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.least = min(self.least, sum(answers.values()))
            _note(self.silent, answers)

    def _greets(self, name: str, answers: dict[str, bool]) -> None:
        answers[name] = False
        with suppress(OSError), entered(f"{self.lab.namespace}-probe"):
            address = (self._address[name], 587)
            with socket.create_connection(address, GREETING_SECONDS) as connection:
                answers[name] = connection.recv(200).startswith(b"220 ")
                connection.sendall(b"QUIT\r\n")

    def _ask(self) -> None:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVER]
        while not self._over.wait(EVERY_SECONDS):
            try:
                with entered(f"{self.lab.namespace}-probe"):
                    found = resolver.resolve(self.outputs.submission.host, "A")
                answered = {record.to_text() for record in found}
            except dns.exception.DNSException:
                answered = set[str]()
            known = self._address
            _note(self.absent, {name: known[name] in answered for name in known})

    def gone(self, name: str, seconds: float) -> bool:
        """Whether the name stops leading to a gateway in time."""
        return within(seconds, lambda: _open(self.absent, name) is not None, 0.5)

    def back(self, name: str, seconds: float) -> bool:
        """Whether a gateway greets in time, and the name leads to it."""
        return within(
            seconds,
            lambda: not (_open(self.absent, name) or _open(self.silent, name)),
            0.5,
        )


def _open(gaps: list[Gap], name: str) -> Gap | None:
    return next((gap for gap in gaps if gap.what == name and not gap.until), None)


def _note(gaps: list[Gap], there: dict[str, bool]) -> None:
    """Begin a gap for each that is not there, and end those of the others."""
    now = time.time()
    for name, is_there in there.items():
        gap = _open(gaps, name)
        if gap is None and not is_there:
            gaps.append(Gap(name, now))
        elif gap is not None and is_there:
            gap.until = now
