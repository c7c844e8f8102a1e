"""DNS, at a resolver and at single name servers."""

from dataclasses import dataclass
from typing import Protocol

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from mail import zonefile

SECONDS, TRIES = 3.0, 3
RESOLVER_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """Values as mail.zonefile gives them, none where there are none; or why there is no answer."""

    values: tuple[str, ...] = ()
    problem: str = ""


class Names(Protocol):
    """How names are looked up; tests have a literal map instead."""

    @property
    def resolver(self) -> str:
        """Which resolver that is, for people."""
        ...

    def resolve(self, name: str, kind: str) -> Answer:
        """What the resolver says."""
        ...

    def ask(self, server: str, name: str, kind: str) -> Answer:
        """What a name server says of its own zone."""
        ...


class Dns:
    """The real one. Each question is asked once."""

    def __init__(self, nameserver: str | None = None, port: int = 53) -> None:
        """`nameserver` is an address; without one, the computer's own resolver is asked."""
        self._resolver, self._port = dns.resolver.Resolver(configure=nameserver is None), port
        self._resolver.port = port
        if nameserver:
            self._resolver.nameservers = [nameserver]
        self._resolver.lifetime = RESOLVER_SECONDS
        self._known: dict[tuple[str, str, str], Answer] = {}

    @property
    def resolver(self) -> str:
        return ", ".join(str(server) for server in self._resolver.nameservers)

    def resolve(self, name: str, kind: str) -> Answer:
        key = ("", name, kind)
        if key not in self._known:
            self._known[key] = self._resolve(name, kind)
        return self._known[key]

    def _resolve(self, name: str, kind: str) -> Answer:
        try:
            found = self._resolver.resolve(f"{name.rstrip('.')}.", kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Answer()
        except dns.exception.DNSException as error:
            return Answer(problem=str(error))
        return Answer(tuple(sorted(zonefile.value(record) for record in found)))

    def ask(self, server: str, name: str, kind: str) -> Answer:
        key = (server, name, kind)
        if key not in self._known:
            addresses = self.resolve(server, "A")
            self._known[key] = (
                self._ask(addresses.values[0], name, kind)
                if addresses.values
                else Answer(problem=addresses.problem or "its name has no address")
            )
        return self._known[key]

    def _ask(self, address: str, name: str, kind: str) -> Answer:
        query = dns.message.make_query(f"{name}.", kind)
        query.flags &= ~dns.flags.RD
        problem = ""
        for _ in range(TRIES):
            try:
                said, _tcp = dns.query.udp_with_fallback(
                    query, address, timeout=SECONDS, port=self._port
                )
            except (dns.exception.DNSException, OSError) as error:
                problem = f"no answer ({type(error).__name__})"
                continue
            if said.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return Answer(problem=dns.rcode.to_text(said.rcode()))
            if not said.flags & dns.flags.AA:
                return Answer(problem="not authoritative")
            wanted = dns.rdatatype.from_text(kind)
            values = [zonefile.value(r) for s in said.answer if s.rdtype == wanted for r in s]
            return Answer(tuple(sorted(values)))
        return Answer(problem=problem)
