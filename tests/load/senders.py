"""Who sends: programs on the client hosts, and people with a login from the internet."""

import itertools
import queue
import smtplib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.exception
import dns.resolver
from elsewhere import addresses

from lab.access import entered
from lab.internet import send
from lab.internet.smtp import Internet
from lab.lab import Lab
from lab.machines.network import PROBE, RESOLVER
from ops.outputs import Host, Outputs

CONNECT_SECONDS = 30  # of one attempt, as the client hosts' Postfix
AGAIN_SECONDS = 5.0  # a program whose every address has failed tries the name anew
ROUNDS = 4
WORKERS, SOURCES = 40, 20  # fewer than `limits.strangers.connections` each
BODY = "A short letter's text, one line after another.\n" * 60  # 2.8 KB


@dataclass
class Message:
    """A message on its way: by whom, when it was to go (time.time()), and what became of it."""

    identity: str
    by: str
    due: float
    taken: float = 0.0  # when a server said that it has it; 0: never
    tries: list[str] = field(default_factory=list)  # what each attempt that failed ended with
    longest: float = 0.0  # seconds of the longest attempt that failed
    unsure: bool = False  # an attempt was lost after the content was sent: it may come twice

    @property
    def waited(self) -> float:
        """Seconds until it was taken."""
        return self.taken - self.due if self.taken else float("inf")


class Load:
    """A steady load: half by the client hosts' programs, half by logins; `sent` is all of it."""

    def __init__(self, lab: Lab, outputs: Outputs, domain: str, rate: float) -> None:
        self.lab, self.outputs, self.domain, self.rate = lab, outputs, domain, rate
        self.sent: list[Message] = []
        self._over = threading.Event()
        self._work: dict[str, queue.SimpleQueue[Message | None]] = {}
        self._threads: list[threading.Thread] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send until the block ends; then what is due is still handed in, with all its attempts."""
        with addresses(self.lab, SOURCES) as sources:
            self._start(sources)
            try:
                yield
            finally:
                self._over.set()
                for thread in self._threads:
                    thread.join()

    def _start(self, sources: Sequence[str]) -> None:
        # two threads hand in at each client host: one alone would wait for its disk
        own = [(client.name, Program(self, client)) for client in self.outputs.clients]
        people = [("login", Person(self, sources[n % SOURCES])) for n in range(WORKERS)]
        workers = [*own, *own, *people]
        for name, worker in workers:
            made = self._work.setdefault(name, queue.SimpleQueue())
            self._threads.append(threading.Thread(target=self._serve, args=(made, worker)))
        pace = threading.Thread(target=self._pace, args=([name for name, _ in workers],))
        self._threads.append(pace)
        for thread in self._threads:
            thread.start()

    def _pace(self, names: Sequence[str]) -> None:
        clients = [client.name for client in self.outputs.clients]
        turns = [by for client in clients for by in (client, "login")]
        begun = time.time()
        number = 0
        while not self._over.wait(max(0.0, begun + number / self.rate - time.time())):
            by = turns[number % len(turns)]
            message = Message(f"m{number:06}", by, begun + number / self.rate)
            self.sent.append(message)
            self._work[by].put(message)
            number += 1
        for name in names:
            self._work[name].put(None)

    def _serve(self, work: "queue.SimpleQueue[Message | None]", worker: "Program | Person") -> None:
        while (message := work.get()) is not None:
            worker.hand_in(message)

    def compose(self, message: Message, sender: str) -> bytes:
        """Its text; the far side knows it by its recipient."""
        recipient = f"{message.identity}@{self.domain}"
        letter = send.compose(sender, recipient, f"load {message.identity}", BODY)
        return letter.as_bytes().replace(b"\n", b"\r\n")


class Program:
    """A program on a client host: it hands in to the host's own Postfix, which does the rest."""

    def __init__(self, load: Load, client: Host) -> None:
        self._load, self._sender = load, f"app@{client.name.partition('.')[2]}"
        short = client.instance_id.removeprefix("i-")[:8]
        self._namespace = f"{load.lab.namespace}-{short}"

    def hand_in(self, message: Message) -> None:
        """Once: what the host's own Postfix does not take counts as failed."""
        recipient = f"{message.identity}@{self._load.domain}"
        began = time.time()
        try:
            with entered(self._namespace):
                session = smtplib.SMTP("127.0.0.1", 25, "localhost", timeout=CONNECT_SECONDS)
            with session:
                session.sendmail(self._sender, recipient, self._load.compose(message, self._sender))
        except (OSError, smtplib.SMTPException) as error:
            message.tries.append(f"127.0.0.1: {error!r}")
            message.longest = time.time() - began
            return
        message.taken = time.time()


def queue_up(load: Load, address: str, number: int) -> list[Message]:
    """Hand in so many messages at one gateway, which the far side puts off; they are in `sent`."""
    host = address.replace(".", "x")
    made = [Message(f"q{host}n{n:04}", "login", time.time()) for n in range(number)]
    load.sent += made
    with ThreadPoolExecutor(8) as pool:
        people = [Person(load, PROBE) for _ in made[:8]]
        turns = itertools.cycle(people)
        done = [pool.submit(next(turns).hand_in_at, message, address) for message in made]
    if failed := [message for message, one in zip(made, done, strict=True) if not one.result()]:
        raise TimeoutError(f"{address} did not take {len(failed)}: {failed[0].tries}")
    return made


class Person:
    """A mail program on the internet: the name's addresses in turn, then the name anew."""

    def __init__(self, load: Load, source: str) -> None:
        self._load, self._source = load, source
        self._login = load.outputs.logins[0]
        self._password = load.outputs.passwords[self._login]
        self._trust = Internet(load.lab).context()

    def hand_in(self, message: Message) -> None:
        """With all the attempts that a patient program makes."""
        for number in range(ROUNDS):
            if number:
                time.sleep(AGAIN_SECONDS)
            for address in self._resolve(message):
                if self._attempt(message, address):
                    return

    def _resolve(self, message: Message) -> list[str]:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVER]
        try:
            with entered(f"{self._load.lab.namespace}-probe"):
                found = resolver.resolve(self._load.outputs.submission.host, "A")
        except dns.exception.DNSException as error:
            message.tries.append(f"DNS: {error!r}")
            return []
        return [record.to_text() for record in found]

    def hand_in_at(self, message: Message, address: str) -> bool:
        """At one gateway; whether it took the message."""
        message.due = time.time()
        return self._attempt(message, address)

    def _attempt(self, message: Message, address: str) -> bool:
        began, sent = time.time(), False
        try:
            with self._session(address) as session:
                session.login(self._login, self._password)
                session.mail(self._login)
                code, said = session.rcpt(f"{message.identity}@{self._load.domain}")
                if code != 250:
                    raise smtplib.SMTPResponseException(code, said)
                content = self._load.compose(message, self._login)
                sent = True
                code, said = session.data(content)
                if code != 250:
                    sent = False
                    raise smtplib.SMTPResponseException(code, said)
                message.taken = time.time()
                return True
        except (OSError, smtplib.SMTPException) as error:
            if message.taken:  # only the farewell failed
                return True
            message.tries.append(f"{address}: {error!r}"[:200])
            message.longest = max(message.longest, time.time() - began)
            message.unsure = message.unsure or sent
            return False

    def _session(self, address: str) -> smtplib.SMTP:
        """587 with STARTTLS; the certificate has to be for the submission name."""
        name, source = self._load.outputs.submission.host, (self._source, 0)
        with entered(f"{self._load.lab.namespace}-probe"):
            session = _Smtp(name, address, source)
        session.starttls(context=self._trust)
        return session


class _Smtp(smtplib.SMTP):
    """smtplib, connecting to one of a name's addresses."""

    def __init__(self, name: str, address: str, source: tuple[str, int]) -> None:
        self._address = address
        super().__init__(
            name, 587, "laptop.isp.example", timeout=CONNECT_SECONDS, source_address=source
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._address, port), timeout, self.source_address)
