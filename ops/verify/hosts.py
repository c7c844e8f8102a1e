"""Checks of a host's status: services, tables, selectors, queue, disks, outbound port 25."""

from collections.abc import Callable

from agent.host_status import (
    CLOCK_SECONDS,
    SILENT_SECONDS,
    STALE_SECONDS,
    Disk,
    Egress,
    Queue,
    Status,
    Tables,
)
from common.errors import RelayError
from ops.instances import Down
from ops.outputs import Domain, Host, Outputs
from ops.status import Written
from ops.terminal import several
from ops.verify import listed, spf
from ops.verify.result import Result

AGENT = "mail-relay-tables.service"
# Reads the last status of a host; raises NoAccess.
Ask = Callable[[Host], Written]
# Servers usually notify senders of a delay after four hours.
WAITING_SECONDS = 4 * 3600
# The free share of a file system, of bytes or of inodes.
LOW, FULL = 0.1, 0.02
VOLUME = "/srv/mail"
ANEW = "rm /var/lib/mail-relay/set-up; systemctl start mail-relay-setup.service"
FORM = (
    "https://repost.aws/knowledge-center/ec2-port-25-throttle: ask for AWS's form 'Request to "
    "remove reverse DNS and email sending limitations'"
)


class NoAccess(RelayError):
    """A host's status, or its security group, cannot be read; the text says why."""


def unasked(expected: Outputs, host: Host, reason: str) -> list[Result]:
    """All checks of a host as skipped, with the reason."""
    checks = ["status", "services", "tables", "clock", "queue", "disk"]
    if host in expected.gateways:
        checks += ["certificate", "signing", "egress", listed.CHECK]
    return [Result(check, host.name, skipped=reason) for check in checks]


def check_down(expected: Outputs, host: Host, down: Down) -> list[Result]:
    """All checks of a host that is known to be down: one error, the others skipped."""
    first, *others = unasked(expected, host, f"because of host-down {host.name}")
    first.skipped = ""
    first.error("host-down", down.why, down.remedy)
    return [first, *others]


def check(expected: Outputs, host: Host, written: Written, opens_port_25: str = "") -> list[Result]:
    """All checks of a host; if it is silent or not set up, all but the first are skipped.

    `opens_port_25` is the command that opens outbound port 25, if there is one.
    """
    first, status = _status(host, written), written.status
    if first.errors:
        others = unasked(expected, host, f"because of {first.key(first.errors[0])}")
        return [first, *others[1:]]
    for text in status.unread:
        what = f"the host cannot tell all of itself: {text}"
        first.error("status-unread", what, f"Its files are laid anew, on the host, by: {ANEW}")
    results = [
        first,
        _services(host, status),
        _tables(host, status.tables, written.tables),
        _clock(host, status.clock_off),
        _queue(host, status.queue, drains=host.name in expected.draining),
        _disk(host, status, needed=(VOLUME,) if host in expected.gateways else ()),
    ]
    if host in expected.gateways:
        results.append(_certificate(host, status))
        sending = [domain for domain in expected.domains if not spf.parked(expected, domain)]
        where = f" at {host.name}" if len(expected.gateways) > 1 else ""
        results += [_signing(domain, status.signing, where) for domain in sending]
        results.append(_egress(expected, host, status.egress, opens_port_25))
        results += listed.check(host, expected.domains, status)
    return results


def _status(host: Host, written: Written) -> Result:
    result = Result("status", host.name)
    seconds, setup = written.seconds, written.status.setup
    again = "Its last words are in EC2's console output too: aws ec2 get-console-output --latest "
    console = f"{again}--instance-id {host.instance_id}"
    if seconds > SILENT_SECONDS:
        text = f"the host has written nothing of itself for {seconds / 60:.0f} minutes"
        remedy = f"Is it running? It writes every minute. {console}"
        result.error("host-silent", text, remedy)
    elif setup.state == "failed":
        said = "; ".join(setup.said)
        result.error("setup-failed", f"its set-up cannot go on: {said}", console)
    elif setup.state != "done":
        said = f", tried again {setup.failures} times: {'; '.join(setup.said)}"
        text = f"its set-up is at: {setup.step}{said if setup.failures else ''}"
        result.error("setup-unfinished", text, f"It goes on by itself. {console}")
    else:
        made = f"; set up by release {written.status.release}" if written.status.release else ""
        result.seen.append(f"written {max(seconds, 0):.0f} s ago{made}")
    return result


def _disk(host: Host, status: Status, needed: tuple[str, ...]) -> Result:
    """`needed` are the file systems that must be mounted."""
    result = Result("disk", host.name)
    for path in set(needed) - {disk.path for disk in status.disks}:
        remedy = "Is it attached? The host mounts it again. There: journalctl -u mail-relay-volume"
        result.error("volume-missing", f"{path} is not mounted: mail waits for its volume", remedy)
    for disk in status.disks:
        left, of = _least(disk)
        text = f"{disk.path}: {left:.0%} of its {of} are left"
        remedy = f"On the host: du -xh -d 2 {disk.path} | sort -h | tail"
        if left < FULL:
            result.error("disk-full", f"{text}; mail is refused, or will be soon", remedy)
        elif left < LOW:
            result.warn("disk-low", text, remedy)
        else:
            result.seen.append(text)
    return result


def _least(disk: Disk) -> tuple[float, str]:
    """The free share of bytes or of inodes, whichever is less, with its name."""
    return min((disk.free / max(disk.size, 1), "bytes"), (disk.inodes_free, "inodes"))


def _certificate(host: Host, status: Status) -> Result:
    result = Result("certificate", host.name)
    if status.certificate:
        result.seen.append(f"until {status.certificate}")
        return result
    lines = status.missing.get("certificate", ())
    why = f": {lines[-1]}" if lines else ""
    text = f"the host has no certificate, so nobody can log in{why}"
    remedy = "It tries again by itself. On the host: journalctl -u mail-relay-certificate"
    result.error("certificate-missing", text, remedy)
    return result


def _services(host: Host, status: Status) -> Result:
    result = Result("services", host.name)
    # the check of the tables reports the agent's problems
    for unit in (unit for unit in status.stopped if unit != AGENT):
        remedy = f"On the host: journalctl -u {unit} says why; systemctl restart {unit}"
        result.error("service-stopped", f"{unit} does not run", remedy, parts=(unit,))
    for unit in status.silent:
        text = f"{unit} runs and does not answer"
        remedy = f"On the host: systemctl restart {unit}; before that, journalctl -u {unit}"
        result.error("service-silent", text, remedy, parts=(unit,))
    if not status.stopped and not status.silent:
        result.seen.append("all run")
    return result


def _tables(host: Host, tables: Tables, in_bucket: str | None) -> Result:
    """`in_bucket` is the ETag that the bucket has now, "" if it has no tables, None if unknown."""
    result = Result("tables", host.name)
    journal = "On the host: journalctl -u mail-relay-tables.service"
    if in_bucket is not None and in_bucket != host.tables:
        what = "holds other tables than the stack's" if in_bucket else "has no tables object"
        since = f", which the host has since {tables.taken}" if in_bucket == tables.etag else ""
        if tables.problem and not since:  # it may have refused them
            since = f". The host: {tables.problem}"
        remedy = "Somebody changed or removed the object: pulumi up --refresh puts it back"
        result.error("tables-changed", f"the bucket {what}{since}", remedy)
    elif tables.unanswered > STALE_SECONDS:
        text = f"the host does not get its tables: {tables.problem or 'no answer'}"
        remedy = f"Its role and the bucket: pulumi up --refresh puts both right. {journal}"
        result.error("tables-unread", text, remedy)
    elif tables.result != "success":
        text = tables.problem or "the last look for tables failed; the last good ones keep serving"
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


def _clock(host: Host, clock_off: float | None) -> Result:
    result = Result("clock", host.name)
    if clock_off is None:
        result.skipped = "the host has had no answer from the bucket yet"
    elif clock_off > CLOCK_SECONDS:
        text = f"its clock is {clock_off:.0f} s off: receivers refuse signatures from the future"
        remedy = "On the host: timedatectl; systemctl restart systemd-timesyncd"
        result.error("clock-off", text, remedy)
    else:
        result.seen.append(f"{clock_off:.0f} s from the bucket's")
    return result


def _signing(domain: Domain, signing: dict[str, str], where: str) -> Result:
    """`where` names the gateway, if there are several."""
    result = Result("signing", domain.name)
    selector, newest = signing.get(domain.name), domain.selectors[-1]
    journal = "On the host: journalctl -u mail-relay-tables.service"
    if not selector:
        text = f"no selector of {domain.name} is in use{where}: mail is answered with 451 and waits"
        result.error("signing-none", text, f"See the check dkim of its selectors. {journal}")
    elif selector not in domain.selectors:
        text = f"{domain.name} is signed with {selector}{where}, which the stack does not know"
        result.error("signing-unknown", text, journal)
    elif selector != newest:
        result.warn(
            "signing-older",
            f"{domain.name} is signed with {selector}{where}, {newest} is newer",
            f"The host takes {newest} once every name server shows it: see the check dkim",
        )
    else:
        result.seen.append(f"by {selector}{where}")
    return result


def _queue(host: Host, queue: Queue, *, drains: bool) -> Result:
    result = Result("queue", host.name)
    waiting = several(queue.messages, "message", "messages")
    result.seen.append(waiting)
    if drains:
        result.seen.append("it drains, and takes no mail any more")
    if queue.held:
        held = several(queue.held, "message is on hold and does", "messages are on hold and do")
        text = f"{held} not leave"
        result.warn("queue-held", text, "On the host: postsuper -H ALL releases them")
    elif queue.seconds > WAITING_SECONDS:
        hours = queue.seconds / 3600
        reason = queue.reasons[0].text if queue.reasons else "no reason is known"
        text = f"the oldest of {waiting} waits for {hours:.0f} h; mostly: {reason}"
        result.warn("queue-waiting", text, "On the host: postqueue -p")
    return result


def _egress(expected: Outputs, host: Host, egress: Egress | None, opens: str) -> Result:
    result = Result("egress", host.name)
    if egress is None:
        result.skipped = "the host has not tried yet"
        return result
    where = f"port 25 of {egress.exchange}"
    remedy = f"If the lab blocks it: {opens}" if opens else f"On a new AWS account: {FORM}"
    if expected.smarthost:
        where = f"the smarthost {egress.exchange}"
        remedy = "Are smarthost.host and smarthost.port right? Ask the provider whether it is up"
    if egress.problem:
        result.error("egress-blocked", f"{where} cannot be reached: {egress.problem}", remedy)
    else:
        result.seen.append(f"{where} answers")
    return result
