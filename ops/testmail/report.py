"""The final report on a test message, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ops.plain_words import plain
from ops.testmail.fate import Fate
from ops.testmail.message import Outgoing
from ops.testmail.verdicts import METHODS, Verdicts

NOTHING = Fate("unknown")
FAILED = {
    "refused": "refused",
    "unsent": "not sent, for no gateway has taken it",
    "deferred": "it still waits in the gateway's queue",
}
# The places where large providers show their verdicts, by domain or mail exchanger.
SHOWN = (
    (("gmail.com", "googlemail.com", "google.com"), 'in Gmail: "Show original"'),
    (("outlook.com", "hotmail.com", "live.com"), 'in Outlook: "View message source"'),
    (("yahoo.com", "yahoodns.net"), 'in Yahoo: "View raw message"'),
)


@dataclass(frozen=True)
class Report:
    """The final report; `smarthost` is the host that relays the stack's mail, if it has one.

    `gateway` accepted or refused the message, `unreached` are earlier gateways without answer.
    """

    test: Outgoing
    port: int
    smarthost: str = ""
    gateway: str = ""
    unreached: tuple[str, ...] = ()
    tls: str = ""
    queue_id: str = ""
    fate: Fate = NOTHING
    verdicts: Verdicts | None = None
    hint: str = ""

    @property
    def cause(self) -> str:
        """The reason that the test failed, in one line; "" if it did not."""
        if self.verdicts and self.verdicts.bad and self.fate.kind not in FAILED:
            return f"{', '.join(self.verdicts.bad)}, says {self.verdicts.by}"
        words = FAILED.get(self.fate.kind, "")
        if self.fate.kind == "unknown":
            words = "" if self.verdicts else "not known"
        return f"{words}: {self.fate.why}" if words else ""

    @property
    def result(self) -> str:
        """The result for people, who have read the answers: a reason from them is not repeated."""
        if not self.cause:
            if self.verdicts:
                return "accepted, and judged well"
            by = f" by {self.smarthost}, which delivers it" if self.smarthost else ""
            return f"accepted{by}"
        said = next((a.said for a in self.fate.answers if a.said and a.said in self.cause), "")
        if not said:
            return self.cause
        meaning = plain(said)
        return self.cause.partition(f": {said}")[0] + (f": {meaning}" if meaning else "")


def where(report: Report) -> str:
    """A sentence that tells a person where to find the verdicts."""
    hosts = [attempt.relay.partition("[")[0] for attempt in report.fate.answers]
    hosts.append(report.test.recipient.rpartition("@")[2])
    for domains, place in SHOWN:
        if any(f".{host.lower()}".endswith(f".{domain}") for host in hosts for domain in domains):
            return f"the verdicts are {place}"
    return (
        f"the verdicts are in the message that {report.test.recipient} gets, in its field "
        "Authentication-Results"
    )


def as_dict(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    test = report.test
    return {
        "from": test.sender,
        "to": test.recipient,
        "login": test.login,
        "gateway": report.gateway,
        "unreached": list(report.unreached),
        "port": report.port,
        "tls": report.tls,
        "subject": test.subject,
        "messageId": test.message_id,
        "queueId": report.queue_id,
        "result": report.fate.kind,
        "answers": [
            {**asdict(attempt), "means": plain(attempt.said)} for attempt in report.fate.answers
        ],
        "verdicts": asdict(report.verdicts) if report.verdicts else None,
        "hint": report.hint,
        "cause": report.cause,
    }


def rows(report: Report) -> Sequence[tuple[str, str]]:
    """The report for people: labels and texts."""
    test, said = report.test, report.verdicts
    told = [("message", f"{test.subject!r} from {test.sender} to {test.recipient}")]
    if report.queue_id:
        way = f"port {report.port} of {report.gateway}, {report.tls} verified"
        told.append(("by", f"{test.login}, {way}"))
        told.append(("queued", f"{report.queue_id}, message-id {test.message_id}"))
    for attempt in report.fate.answers:
        told.append(("answer", f"{attempt.to}: {attempt.status}{attempt.by}"))
        told.append(("", attempt.said))
    if said:
        told += [(m, f"{getattr(said, m) or 'not said'}, by {said.by}") for m in METHODS]
        if said.tls:
            told.append(("tls", ", ".join([report.tls, *said.tls])))
    elif report.hint:
        told.append(("verdicts", report.hint))
    return [*told, ("result", report.result)]
