"""The final report on a test message, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ops.plain_words import plain
from ops.testmail.fate import Fate
from ops.testmail.message import Outgoing
from ops.testmail.verdicts import METHODS, Verdicts

NOTHING = Fate("unknown")
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
        if self.fate.kind == "refused":
            return f"refused: {self.fate.why}"
        if self.fate.kind == "unsent":
            return f"not sent, for no gateway has taken it: {self.fate.why}"
        if self.fate.kind == "deferred":
            return f"it still waits in the gateway's queue: {self.fate.why}"
        if self.verdicts and self.verdicts.bad:
            return f"{', '.join(self.verdicts.bad)}, says {self.verdicts.by}"
        if self.fate.kind == "unknown" and not self.verdicts:
            return f"not known: {self.fate.why}"
        return ""


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
    if report.cause:
        told.append(("result", report.cause))
    else:
        by = f" by {report.smarthost}, which delivers it" if report.smarthost and not said else ""
        told.append(("result", f"accepted{by}{', and judged well' if said else ''}"))
    return told
