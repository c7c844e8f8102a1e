"""What became of a load: a row of the report."""

from dataclasses import dataclass, field

from load.far import Copy, Far
from load.senders import Message
from load.watch import Watch


@dataclass
class Cut:
    """A gateway without power: its address, from when until when (seconds since 1970)."""

    address: str
    since: float
    until: float = 0.0


@dataclass
class Count:
    """Messages by their identities, and how long people and receivers waited, in seconds.

    `own` are those that came twice as SMTP has it (RFC 5321, 4.5.3.2.6; RFC 1047): a session was
    lost between the content and its answer, because a gateway lost its power or was rebuilt.
    """

    sent: int
    arrived: int
    lost: list[str]
    twice: list[str]
    own: list[str]
    failing: dict[str, str]
    refused: list[str]  # handed in by all attempts of its sender, and taken by nobody
    retried: list[str]  # taken at a later attempt than the first
    longest_attempt: float
    longest_wait: float
    longest_way: float
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing lost, refused or unsigned, and nothing twice but as SMTP has it."""
        return not (self.lost or self.refused or self.failing or self.twice)


def count(sent: list[Message], far: Far, watch: Watch, cuts: list[Cut], unsure: set[str]) -> Count:
    """Count what was sent and what arrived; `unsure` are those that a host's log names so."""
    copies = far.arrived()
    taken = [message for message in sent if message.taken]
    several = {identity for identity, found in copies.items() if len(found) > 1}
    own = {
        m.identity
        for m in sent
        if m.identity in several
        and (m.unsure or m.identity in unsure or _at_a_cut(copies[m.identity], cuts))
    }
    addresses = {host.address for host in watch.outputs.gateways}
    errors: dict[str, int] = {}
    for message in sent:
        for tried in message.tries:
            kind = tried.partition(": ")[2][:90]
            errors[kind] = errors.get(kind, 0) + 1
    ways = [copies[m.identity][0].at - m.due for m in taken if m.identity in copies]
    return Count(
        sent=len(sent),
        arrived=len(copies),
        lost=[m.identity for m in taken if m.identity not in copies],
        twice=sorted(several - own),
        own=sorted(own),
        failing=far.failing(addresses),
        refused=[m.identity for m in sent if not m.taken],
        retried=[m.identity for m in taken if m.tries],
        longest_attempt=max((m.longest for m in sent), default=0.0),
        longest_wait=max((m.waited for m in taken), default=0.0),
        longest_way=max(ways, default=0.0),
        errors=errors,
    )


def _at_a_cut(copies: list[Copy], cuts: list[Cut]) -> bool:
    """Whether a copy came by a gateway that lost its power, from a minute before that on."""
    return any(
        copy.client == cut.address and (copy.at > cut.since - 60) for copy in copies for cut in cuts
    )
