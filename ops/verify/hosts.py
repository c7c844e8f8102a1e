"""What only a host can say: its services, tables, selectors, queue, and its way out for mail."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ops.verify.expected import Domain, Expected, Host
from ops.verify.result import Result

FACTS = Path(__file__).with_name("facts.py")
# A program for Python on a host, and its arguments; gives its output, or raises NoAccess.
Ask = Callable[[Host, str, Sequence[str]], str]
# The tables are looked for twice a minute.
STALE_SECONDS = 300
# When senders are usually told that their mail is delayed.
WAITING_SECONDS = 4 * 3600
FORM = (
    "https://repost.aws/knowledge-center/ec2-port-25-throttle: ask for AWS's form 'Request to "
    "remove reverse DNS and email sending limitations'"
)


class NoAccess(Exception):
    """A host cannot be asked; the text says why."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tables(_Model):
    """The tables in use by their ETag; the result and the age of the last look for others."""

    etag: str
    result: str
    seconds: float | None


class Queue(_Model):
    """Postfix's queue; `seconds` and `reason` are the oldest message's."""

    messages: int
    held: int
    seconds: float
    reason: str


class Egress(_Model):
    """Whether port 25 of somebody else, or the smarthost (HOST:PORT), could be reached."""

    exchange: str
    problem: str


class Facts(_Model):
    """What facts.py prints."""

    stopped: tuple[str, ...]
    tables: Tables
    signing: dict[str, str]
    queue: Queue
    egress: Egress | None


def ask(ask_host: Ask, host: Host, ways: Sequence[str]) -> Facts:
    """The facts of a host; NoAccess if it cannot be asked or answers nonsense."""
    said = ask_host(host, FACTS.read_text(), ways)
    try:
        return Facts.model_validate_json(said)
    except ValidationError:
        raise NoAccess(f"{host.name} answered {said[:200]!r}") from None


def unasked(expected: Expected, host: Host, reason: str) -> list[Result]:
    """What could not be looked at, and how to look."""
    checks = ["services", "tables", "queue"]
    if host == expected.gateway:
        checks += ["signing", "egress"]
    return [Result(check, host.name, skipped=reason) for check in checks]


def check(expected: Expected, host: Host, facts: Facts) -> list[Result]:
    """Every check of a host."""
    results = [_services(host, facts), _tables(host, facts.tables), _queue(host, facts.queue)]
    if host == expected.gateway:
        results += [_signing(domain, facts.signing) for domain in expected.domains]
        results.append(_egress(expected, host, facts.egress))
    return results


def _services(host: Host, facts: Facts) -> Result:
    result = Result("services", host.name)
    for unit in facts.stopped:
        remedy = f"On the host: journalctl -u {unit} says why; systemctl restart {unit}"
        result.error("service-stopped", f"{unit} does not run", remedy)
    if not facts.stopped:
        result.seen.append("all run")
    return result


def _tables(host: Host, tables: Tables) -> Result:
    result = Result("tables", host.name)
    journal = "On the host: journalctl -u mail-relay-tables.service"
    if tables.result != "success":
        text = "the host cannot use the tables that it found; the last good ones keep serving"
        result.error("tables-refused", text, journal)
    elif tables.seconds is None or tables.seconds > STALE_SECONDS:
        age = "never" if tables.seconds is None else f"{tables.seconds:.0f} s ago for the last time"
        remedy = "On the host: systemctl restart mail-relay-tables.timer"
        result.error("tables-stale", f"the host looked for new tables {age}", remedy)
    elif tables.etag != host.tables:
        text = "the host has not fetched the stack's last tables; it looks twice a minute"
        result.warn("tables-old", text, f"If it stays: {journal}")
    else:
        result.seen.append(f"the stack's; looked for others {tables.seconds:.0f} s ago")
    return result


def _signing(domain: Domain, signing: dict[str, str]) -> Result:
    result = Result("signing", domain.name)
    selector, newest = signing.get(domain.name), domain.selectors[-1]
    journal = "On the host: journalctl -u mail-relay-tables.service"
    if selector is None:
        text = f"no selector of {domain.name} is in use: its mail is answered with 451 and waits"
        result.error("signing-none", text, f"See the check dkim of its selectors. {journal}")
    elif selector not in domain.selectors:
        text = f"{domain.name} is signed with {selector}, which the stack does not know"
        result.error("signing-unknown", text, journal)
    elif selector != newest:
        result.warn(
            "signing-older",
            f"{domain.name} is signed with {selector}, {newest} is newer",
            f"The host takes {newest} once every name server shows it: see the check dkim",
        )
    else:
        result.seen.append(f"by {selector}")
    return result


def _queue(host: Host, queue: Queue) -> Result:
    result = Result("queue", host.name)
    result.seen.append(f"{queue.messages} messages")
    if queue.held:
        text = f"{queue.held} messages are on hold and do not leave"
        result.warn("queue-held", text, "On the host: postsuper -H ALL releases them")
    elif queue.seconds > WAITING_SECONDS:
        hours = queue.seconds / 3600
        text = f"the oldest of {queue.messages} messages waits for {hours:.0f} h: {queue.reason}"
        result.warn("queue-waiting", text, "On the host: postqueue -p")
    return result


def _egress(expected: Expected, host: Host, egress: Egress | None) -> Result:
    result = Result("egress", host.name)
    if egress is None:
        result.skipped = "no mail exchanger elsewhere is known to try"
        return result
    where, remedy = f"port 25 of {egress.exchange}", f"On a new AWS account: {FORM}"
    if expected.smarthost:
        where = f"the smarthost {egress.exchange}"
        remedy = "Are smarthost.host and smarthost.port right? Ask the provider whether it is up"
    if egress.problem:
        result.error("egress-blocked", f"{where} cannot be reached: {egress.problem}", remedy)
    else:
        result.seen.append(f"{where} answers")
    return result
