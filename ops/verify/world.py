"""The stack's names in DNS: at the servers of its zones, and at a resolver."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mail import spf
from mail.zonefile import RecordSet
from ops.outputs import Outputs
from ops.verify.cuts import lame, without_delegation
from ops.verify.names import Answer, Names
from ops.verify.result import Result

# The longest value that is shown as a whole: a DKIM key of 1024 bits is longer.
SHOWN = 160

Part = Callable[[Sequence[str]], list[str]]


@dataclass
class World:
    """DNS, and the stack's expected state; `option` names the stack to our commands."""

    names: Names
    expected: Outputs
    option: str = ""
    _servers: dict[str, list[str]] = field(default_factory=dict, init=False)

    def servers_of(self, zone: str) -> list[str]:
        """The zone's own name servers that are delegated and answer, looked up at the first use."""
        if zone not in self._servers:
            if without_delegation(self.names, zone):
                return self._servers.setdefault(zone, [])
            delegated = {s.rstrip(".") for s in self.names.resolve(zone, "NS").values}
            own = {server.rstrip(".").lower() for server in self.expected.zones[zone]}
            self._servers[zone] = [
                server for server in sorted(delegated & own) if not lame(self.names, server, zone)
            ]
        return self._servers[zone]

    def at_servers(self, name: str, kind: str) -> dict[str, Answer]:
        """The answer of each server of the name's zone."""
        servers = self.servers_of(self.expected.zone_of(name))
        return {server: self.names.ask(server, name, kind) for server in servers}

    def look_up(self, name: str, kind: str) -> Sequence[str] | None:
        """The values that a receiver's resolver returns, for SPF; None without an answer."""
        answer = self.names.resolve(name, kind)
        return None if answer.problem else answer.values

    def policies_at(self, name: str) -> Sequence[str]:
        """The texts at a name, for DMARC's tree walk; none without an answer."""
        return self.look_up(name, "TXT") or ()

    def evaluate(self, address: str, sender: str, helo: str) -> spf.Evaluation:
        """The result of SPF as a receiver evaluates it."""
        return spf.evaluate(address, sender, helo, self.look_up)

    def compare(
        self,
        result: Result,
        wanted: RecordSet,
        code: str,
        part: Part = sorted,
        fault: Callable[[str], str] = lambda _: "differs",
    ) -> bool:
        """Whether all servers and the resolver have the record set; if not, add the problem.

        Its code begins with `code`. `part` selects and normalizes the values that are compared;
        `fault` returns the code's ending for a value that is found instead.
        """
        zone = self.expected.zone_of(wanted.name)
        found = self.at_servers(wanted.name, wanted.kind)
        answered = {server: part(a.values) for server, a in found.items() if not a.problem}
        if not answered:
            result.skipped = f"the name servers of {zone} come first"
            return False
        where = f"{wanted.name} {wanted.kind}"
        remedy = f"In the zone {zone}: " + "\n".join(wanted.lines())
        right = part(wanted.values)
        wrong = {server: values for server, values in answered.items() if values != right}
        if len(wrong) == len(answered):
            values = next((v for v in wrong.values() if v), [])
            if not values:
                result.error(f"{code}-missing", f"there is no {where}", remedy)
            else:
                several = len(right) == 1 < len(values)
                ending = "several" if several else fault(values[0])
                result.error(f"{code}-{ending}", f"{where}: {shown(values)}", remedy)
            return False
        if wrong:
            listed = "; ".join(f"{server} has {shown(v)}" for server, v in sorted(wrong.items()))
            text = f"{where} is not at every server: {listed}"
            result.error(f"{code}-not-everywhere", text, f"Route53 takes up to a minute. {remedy}")
            return False
        return self._compare_resolver(result, wanted, code, part)

    def _compare_resolver(self, result: Result, wanted: RecordSet, code: str, part: Part) -> bool:
        answer = self.names.resolve(wanted.name, wanted.kind)
        who = f"the zone's servers are right, the resolver {self.names.resolver}"
        text = f"{wanted.name} {wanted.kind}: {who}"
        if answer.problem:
            result.error(
                f"{code}-unresolved",
                f"{text} does not answer: {answer.problem}",
                "Ask another resolver. If it is the same there, look at the zone's DNSSEC: with a "
                "DS record at the registrar and no signatures in the zone, no answer is valid.",
            )
        elif part(answer.values) != part(wanted.values):
            result.warn(
                f"{code}-cached",
                f"{text} still says {shown(part(answer.values))}",
                f"It forgets that by itself, after {wanted.ttl} s or what the TTL was before.",
            )
        else:
            return True
        return False


def shown(values: Sequence[str]) -> str:
    """Values as text for people."""
    return " and ".join(repr(short(value)) for value in values) or "nothing"


def short(value: str) -> str:
    """A value for people; a long one, such as a key, is cut to its beginning."""
    return value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
