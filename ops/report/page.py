"""The page of a report: one HTML file that loads nothing, in light and dark, also on phones."""

import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mail.postfix_log import Traced
from ops.report import series
from ops.report.facts import Facts
from ops.report.flow import flow
from ops.status import Written
from ops.terminal import several
from ops.verify.result import Result

MESSAGES = 50
# The checks of a domain that have a column of their own.
VERDICTS = ("mx", "spf", "dkim", "dmarc", "signing")
# A line of a chart is drawn in a box of this width and height.
WIDTH, HEIGHT = 100.0, 40.0
_OF_KEY = re.compile(r"^.*\._domainkey\.")
_RANK = {"ok": 0, "skipped": 1, "warning": 2, "error": 3}
_JINJA = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Line:
    """A line of a chart: its name and the points of its pieces, between which nothing is known."""

    name: str
    pieces: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """A chart: its lines, and the value at its top."""

    title: str
    top: str
    lines: Sequence[Line]
    now: str


class _Worst:
    """The worst status of what was checked, by what it is about; "" if nothing was."""

    def __init__(self, checks: Iterable[Result]) -> None:
        found = dict[tuple[str, ...], list[str]]()
        for one in checks:
            host = one.subject.partition(":")[0]
            domain = _OF_KEY.sub("", one.subject)
            for about in (one.subject,), ("host", host), ("domain", domain, one.check):
                found.setdefault(about, []).append(one.status)
        self._of = {about: _worst(statuses) for about, statuses in found.items()}

    def of_host(self, name: str) -> str:
        """Of all that was asked at a host."""
        return self._of.get(("host", name), "")

    def of_domain(self, name: str, check: str) -> str:
        """Of one check of a domain, at all its names."""
        return self._of.get(("domain", name, check), "")

    def of_record(self, name: str, kind: str) -> str:
        """Of a record set."""
        return self._of.get((f"{name} {kind}",), "")


def page(facts: Facts) -> str:
    """The HTML of the report."""
    worst = _Worst(facts.checks)
    seen = series.buckets(facts.messages, facts.begin, facts.made, _waiting(facts))
    return _JINJA.get_template("page.html.j2").render(
        facts=facts,
        count={s: sum(c.status == s for c in facts.checks) for s in _RANK},
        troubles=[c for c in facts.checks if c.problems],
        charts=[*_charts(seen)],
        flow=flow(facts.outputs, facts.messages),
        fates=series.FATES,
        domains=[_domain(worst, domain.name) for domain in facts.outputs.domains],
        verdicts=VERDICTS,
        hosts=[_host(facts, host.name, worst.of_host(host.name)) for host in facts.outputs.hosts],
        records=[
            (record.name, record.kind, record.values, worst.of_record(record.name, record.kind))
            for record in facts.outputs.records
        ],
        messages=[_message(message) for message in reversed(facts.messages[-MESSAGES:])],
        several=several,
        clean=clean,
    )


def clean(text: object) -> str:
    """A text of others without control characters and marks that turn a line's direction."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def _waiting(facts: Facts) -> int | None:
    """The messages that wait on the gateways, by their status."""
    written = [facts.statuses[gateway.name] for gateway in facts.outputs.gateways]
    known = [w.status.queue.messages for w in written if isinstance(w, Written)]
    return sum(known) if known else None


def _charts(seen: Sequence[series.Bucket]) -> Iterable[Chart]:
    sent = [float(b.fates[series.SENT]) for b in seen]
    bad = [float(b.fates[series.FAILED] + b.fates[series.REFUSED]) for b in seen]
    later = [float(b.fates[series.WAITING]) for b in seen]
    yield _chart(
        "Recipients",
        {"delivered": sent, "put off": later, "refused or bounced": bad},
        f"{sum(sent):.0f} delivered",
        "{:.0f}",
    )
    waiting = [float(b.waiting) for b in seen]
    yield _chart("Queue", {"messages that wait": waiting}, f"{waiting[-1]:.0f} wait now", "{:.0f}")
    times: dict[str, list[float | None]] = {
        "median": [b.typical for b in seen],
        "95th percentile": [b.slow for b in seen],
    }
    last = next((t for t in reversed(times["median"]) if t is not None), None)
    now = "nothing was delivered" if last is None else f"{last:.1f} s at last"
    yield _chart("Seconds from arrival to delivery", times, now, "{:.1f} s")


def _chart(title: str, values: dict[str, list[Any]], now: str, shown: str) -> Chart:
    top = max((v for line in values.values() for v in line if v is not None), default=0.0) or 1.0
    lines = [Line(name, _pieces(line, top)) for name, line in values.items()]
    return Chart(title, shown.format(top), lines, now)


def _pieces(values: Sequence[float | None], top: float) -> list[str]:
    """The points of each piece of a line, for SVG; a lone value is a piece of some width."""
    step = WIDTH / len(values)
    pieces, present = list[str](), list[str]()
    for number, value in enumerate([*values, None]):
        if value is not None:
            y = HEIGHT * (1 - value / top)
            present += [f"{number * step:.2f},{y:.2f}", f"{(number + 1) * step:.2f},{y:.2f}"]
        elif present:
            pieces.append(" ".join(present))
            present = []
    return pieces


def _worst(statuses: Iterable[str]) -> str:
    """The worst status, "" if nothing was checked."""
    return max(statuses, key=_RANK.__getitem__, default="")


def _domain(worst: _Worst, name: str) -> dict[str, Any]:
    verdicts = {check: worst.of_domain(name, check) for check in VERDICTS}
    return {"name": name, "verdicts": verdicts, "worst": _worst(filter(None, verdicts.values()))}


def _host(facts: Facts, name: str, worst: str) -> dict[str, Any]:
    written = facts.statuses[name]
    if not isinstance(written, Written):
        return {"name": name, "worst": worst, "why": written, "status": None}
    status = written.status
    days = None
    if status.certificate:
        days = (datetime.datetime.fromisoformat(status.certificate) - facts.made).days
    return {
        "name": name,
        "worst": worst,
        "why": "it is silent" if written.is_silent else "",
        "status": status,
        "days": days,
        "oldest": datetime.timedelta(seconds=round(status.queue.seconds)),
        "seconds": round(written.seconds),
    }


def _message(message: Traced) -> dict[str, Any]:
    return {
        "time": message.time,
        "host": message.host,
        "id": message.id,
        "sender": message.sender or "<>",
        "by": message.login or message.client or "the host itself",
        "fate": series.of_message(message),
        "attempts": message.attempts,
        "signed": bool(message.signatures),
    }
