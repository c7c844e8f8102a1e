"""The way of mail as a picture: who hands it in, the gateways, and where it goes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mail.postfix_log import Traced
from ops.outputs import Outputs
from ops.report import series

# The most boxes of a column; the rest share one.
MOST = 8
OTHERS = "others"
ELSEWHERE, ITSELF = "senders elsewhere", "the hosts themselves"


@dataclass
class Box:
    """A box: its name, what it is, and the messages or recipients by their fate."""

    name: str
    kind: str = ""
    fates: Counter[str] = field(default_factory=Counter[str])

    @property
    def count(self) -> int:
        """All of them."""
        return self.fates.total()


@dataclass(frozen=True)
class Way:
    """A line between two boxes, by their numbers in their columns, from 0 to 100 in height."""

    begin: float
    end: float
    share: float
    is_bad: bool


@dataclass(frozen=True)
class Flow:
    """Three columns of boxes, and the lines between two of them."""

    sources: Sequence[Box]
    gateways: Sequence[Box]
    targets: Sequence[Box]
    comes: Sequence[Way]
    goes: Sequence[Way]


def flow(outputs: Outputs, messages: Iterable[Traced]) -> Flow:
    """The picture of what the gateways' logs tell; hosts without mail are in it too."""
    clients = {f"relay@{client.name}": client.name for client in outputs.clients}
    gateways = {gateway.name: Box(gateway.name, "gateway") for gateway in outputs.gateways}
    comes, goes = dict[tuple[str, str], Counter[str]](), dict[tuple[str, str], Counter[str]]()
    for message in messages:
        if message.host not in gateways or not message.attempts:
            continue
        fate = series.of_message(message)
        gateways[message.host].fates[fate] += 1
        by = clients.get(message.login, message.login) or _stranger(message)
        comes.setdefault((by, message.host), Counter())[fate] += 1
        if fate != series.REFUSED:
            last = {a.to: series.fate(a) for a in message.attempts}
            for to, one in last.items():
                where = to.rpartition("@")[2].lower() or OTHERS
                goes.setdefault((message.host, where), Counter())[one] += 1
    known = dict.fromkeys(clients.values(), "client host") | dict.fromkeys(outputs.logins, "login")
    sources, comes = _column(known, comes, 0)
    targets, goes = _column({}, goes, 1)
    names = [*gateways]
    return Flow(
        sources,
        [*gateways.values()],
        targets,
        _ways(comes, [box.name for box in sources], names),
        _ways(goes, names, [box.name for box in targets]),
    )


def _stranger(message: Traced) -> str:
    """Who handed in a message without a login."""
    return ELSEWHERE if "[" in message.client else ITSELF


Counts = dict[tuple[str, str], Counter[str]]


def _column(known: Mapping[str, str], counts: Counts, end: int) -> tuple[list[Box], Counts]:
    """The boxes at one end of the lines, the busiest first, and the lines with OTHERS as one."""
    found = {name: Box(name, kind) for name, kind in known.items()}
    for ends, fates in counts.items():
        found.setdefault(ends[end], Box(ends[end])).fates += fates
    order = sorted(found.values(), key=lambda box: (box.name == OTHERS, -box.count, box.name))
    if len(order) <= MOST:
        return order, counts
    shown, rest = order[: MOST - 1], order[MOST - 1 :]
    kept = {box.name for box in shown}
    others = Box(OTHERS, f"{len(rest)} more")
    merged: Counts = {}
    for ends, fates in counts.items():
        name = ends[end] if ends[end] in kept else OTHERS
        key = (name, ends[1]) if end == 0 else (ends[0], name)
        merged.setdefault(key, Counter()).update(fates)
        if name == OTHERS:
            others.fates += fates
    return [*shown, others], merged


def _ways(counts: Counts, left: Sequence[str], right: Sequence[str]) -> list[Way]:
    """Lines between the middles of boxes that share a height of 100."""
    most = max((fates.total() for fates in counts.values()), default=1)
    return [
        Way(
            (left.index(ends[0]) + 0.5) / len(left) * 100,
            (right.index(ends[1]) + 0.5) / len(right) * 100,
            fates.total() / most,
            fates.total() > 0 and fates[series.SENT] == 0,
        )
        for ends, fates in counts.items()
    ]
