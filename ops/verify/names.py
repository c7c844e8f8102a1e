"""DNS queries to a resolver and to single name servers."""

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
from ops.errors import StackError

SECONDS, TRIES = 3.0, 3
RESOLVER_SECONDS = 15.0
CONFIGURATION = "/etc/resolv.conf"


@dataclass(frozen=True)
class Answer:
    """The values, as mail.zonefile has them, or none; `problem` says why there is no answer."""

    values: tuple[str, ...] = ()
    problem: str = ""


class Names(Protocol):
    """Look-ups in DNS; tests have a literal map instead."""

    @property
    def resolver(self) -> str:
        """The resolver's address, for people."""
        ...

    def resolve(self, name: str, kind: str) -> Answer:
        """The resolver's answer."""
        ...

    def ask(self, server: str, name: str, kind: str) -> Answer:
        """A name server's answer about its own zone."""
        ...


class Dns:
    """Real DNS. Each query is sent once, and its answer cached."""

    def __init__(self, nameserver: str | None = None, port: int = 53) -> None:
        """`nameserver` is the resolver's address; without it, the computer's own is used."""
        try:
            self._resolver = dns.resolver.Resolver(configure=nameserver is None)
        except (dns.resolver.NoResolverConfiguration, ValueError) as error:
            raise StackError(
                f"this computer has no name server that can be asked: {CONFIGURATION}: {error}"
            ) from None
        self._port = port
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
