"""The fate of each message, from the lines of mail.log: text in, values out.

A line has words of strangers: addresses, HELO names, headers, replies of other servers. So a field
is read only where Postfix itself writes it: at the line's beginning (its subject), with addresses
parsed by their quotes (info_log_address_format), or at its end, after all words of strangers. A
HELO name has no spaces, brackets or quotes (smtpd(8) replaces them with "?"), and the login follows
it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

# enable_long_queue_ids: seconds and microseconds in base 52, "z", the inode in base 51; no vowels
_DIGIT = "0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y"
_ID = rf"[{_DIGIT}z]{{10,12}}z[{_DIGIT}]{{1,13}}"
# smtpd logs it as a warning: after "warning:" an id counts only if this text alone follows
_TOO_LARGE = "queue file size limit exceeded"
_LINE = re.compile(
    rf"(?P<time>\d[\dT:.+-]+Z?) \S+ (?P<program>[\w/.-]+)\[\d+\]: "
    rf"(?:(?:warning: (?=\w+: {_TOO_LARGE}$))?(?P<id>{_ID}|NOQUEUE): )?(?P<text>.*)"
)


def _address(name: str) -> str:
    """The pattern of an address in brackets, which a quoted local part may contain too."""
    return rf'<(?P<{name}>(?:"(?:[^"\\]|\\.)*"|[^">])*)>'


_CLIENT = r"(?P<client>[\w.:-]+\[[\w.:]+\]|local|unknown)"
_DELIVERY = re.compile(
    rf"to={_address('to')}, (?:orig_to={_address('original')}, )?relay=(?P<relay>[^\s,]+), "
    r"(?:conn_use=\d+, )?delay=[\d.]+, delays=[\d./]+, dsn=(?P<dsn>[\d.]+), "
    r"status=(?P<status>\w+) \((?P<said>.*)\)"
)
# the line's end by smtpd's log_whatsup, and by cleanup for a milter's reply and header_checks
_TAIL = (
    rf";(?: from={_address('sender')})?(?: to={_address('to')})?(?: proto=\w+)?"
    r"(?: helo=<[^\s<>;]*>)?(?: sasl_method=\S+)?(?: sasl_username=(?P<login>[^\s<>]+))?"
    r"(?: sasl_sender=\S+)?"
)
_BEGUN = rf"(?:milter-)?reject: [A-Z][A-Z -]+ from {_CLIENT}: (?P<said>.*)"
_REFUSED = re.compile(f"{_BEGUN}{_TAIL}$")
_CROWDED = re.compile(_BEGUN)
_CHECKED = re.compile(
    rf"(?P<what>reject|hold|discard): (?:header|body|content) (?P<line>.*) from {_CLIENT}"
    rf"{_TAIL}(?:: (?P<said>.*))?$"
)
# Each text that could be the beginning of the end is tried, so of a line with more of them, which
# only somebody makes who wants that to take long, the end is not looked for.
_ENDS, _MOST_ENDS = re.compile(" (?:from|to)=<"), 8
_LOGIN_FAILED = re.compile(
    r"warning: (?P<client>\S+\[[\w.:]+\]): SASL \S+ authentication failed: (?P<said>.*), "
    r"sasl_username=(?P<login>.*)"
)
_LIMITED = re.compile(
    rf"warning: (?P<said>[\w ]+ (?:rate|concurrency) limit exceeded: \d+) from {_CLIENT} "
    r"for service \S+"
)
_QUEUED = re.compile(r"from=<(.*)>, size=\d+, nrcpt=\d+ \(queue active\)")
_EXPIRED = re.compile(r"from=<(.*)>, status=(?:force-)?expired, returned to sender")
_LOCAL = re.compile(r"uid=(\d+) from=<.*>")
_NOTICE = re.compile(r"(sender|postmaster) ([\w-]+) notification: (\w+)")
_SRS = re.compile(r"SRS0[=+-][^=@]+=[^=@]+=([^=@]+)=([^@]+)@[^@]+", re.IGNORECASE)
# what the operator does to a message (postsuper(1))
_BY_HAND = {
    "removed": "deleted by hand",
    "placed on hold": "held by hand",
    "released from hold": "released by hand",
    "requeued": "queued anew by hand",
}
# The ends of a message before it is queued: the session breaks off, all of it is refused, or its
# queue file is removed, which a refusal does too (smtpd(8), cleanup(8))
_BROKEN_OFF = re.compile(
    r"(?P<how>[a-z][a-z ]* after [A-Z-]+(?: \(\d+ bytes\))?) from \S+\[[\w.:]+\]"
)
_WHOLE = re.compile(rf"(?:milter-)?reject: (?!RCPT )|{_TOO_LARGE}$")
CANCELED = "removed (canceled)"
_JUDGES = ("opendkim", "opendmarc", "mail-relay-guard")


@dataclass
class Attempt:
    """One delivery of one message to one recipient, or its refusal."""

    time: str
    to: str
    status: str
    relay: str
    said: str

    @property
    def by(self) -> str:
        """The server, as text to follow the status; "" if none was reached."""
        return f" by {self.relay}" if self.relay not in ("", "none") else ""


@dataclass
class Traced:
    """A message on one host; one that was refused before it was queued has the id NOQUEUE.

    The sender is the original one, also of mail that is forwarded with an SRS address. `notes` are
    messages of the milters, and what the operator did to it.
    """

    host: str
    id: str
    time: str
    sender: str = ""
    login: str = ""
    client: str = ""
    message_id: str = ""
    signatures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


def ids(lines: Iterable[str]) -> set[str]:
    """The queue ids that the lines are about."""
    found = (match["id"] for line in lines if (match := _LINE.match(line)))
    return {identity for identity in found if identity} - {"NOQUEUE"}


def read(host: str, lines: Iterable[str]) -> list[Traced]:
    """The messages and failed logins in one host's lines, which are in the order of time."""
    found: dict[str, Traced] = {}
    refused: list[Traced] = []
    over = set[str]()  # messages that were refused as a whole
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        time, program, text = match["time"], match["program"], match["text"]
        if match["id"] in (None, "NOQUEUE"):
            entry = Traced(host, "NOQUEUE", time)
            refused.append(entry)
        else:
            entry = found.setdefault(match["id"], Traced(host, match["id"], time))
        if program in _JUDGES:
            _judged(entry, text)
        elif program.startswith("postfix/"):
            _note(entry, time, program.rpartition("/")[2], text)
            if _WHOLE.match(text):
                over.add(entry.id)
            elif text == CANCELED and entry.id not in over:
                entry.attempts.append(Attempt(time, "", "given up", "", text))
    return sorted([*found.values(), *(r for r in refused if r.attempts)], key=lambda m: m.time)


def sender_words(what: str) -> list[str]:
    """The part of SRS addresses that has a sender, to search the log; none if it is no address."""
    local, at, domain = what.rpartition("@")
    return [f"={domain}={local}@"] if local and at else []


def _judged(entry: Traced, text: str) -> None:
    if text.startswith("DKIM-Signature field added"):
        entry.signatures.append(text.partition("(")[2].rstrip(")"))
    else:
        entry.notes.append(text)


def _note(entry: Traced, time: str, program: str, text: str) -> None:
    """Add a line of Postfix to the entry; each kind of line counts only from the right program."""
    match program:
        case "smtpd" if text.startswith("client="):
            _client(entry, text)
        case "smtpd" | "cleanup" if refusal := _refusal(text):
            _refused(entry, time, refusal)
        case "smtpd" if entry.id == "NOQUEUE":
            _shut_out(entry, time, text)
        case "smtpd" if text == _TOO_LARGE:
            entry.attempts.append(Attempt(time, "", "refused", "", text))
        case "smtpd" if end := _BROKEN_OFF.fullmatch(text):
            entry.notes.append(end["how"])
        case "cleanup" if text.startswith("message-id="):
            entry.message_id = text.removeprefix("message-id=").removeprefix("<").removesuffix(">")
        case "qmgr" if sender := _QUEUED.fullmatch(text) or _EXPIRED.fullmatch(text):
            _sender(entry, sender[1])
            if "expired" in text[-40:]:
                entry.notes.append("it waited too long and went back to its sender")
        case "pickup" if user := _LOCAL.fullmatch(text):
            entry.client = f"user {user[1]} of the host"
        case "bounce" if notice := _NOTICE.fullmatch(text):
            entry.notes.append(f"the {notice[1]} got a notice ({notice[2]}): {notice[3]}")
        case "postsuper" if text in _BY_HAND:
            entry.notes.append(f"{_BY_HAND[text]} at {time}")
        case _ if delivery := _DELIVERY.match(text):
            to, original = delivery["to"], delivery["original"]
            way = f"{original} -> {to}" if original else to
            status = f"{delivery['status']} {delivery['dsn']}"
            entry.attempts.append(Attempt(time, way, status, delivery["relay"], delivery["said"]))
        case _:
            pass


def _client(entry: Traced, text: str) -> None:
    values = [part.partition("=") for part in text.split(", ")]
    found = {key: value for key, _, value in values}
    entry.client, entry.login = found["client"], found.get("sasl_username", "")


def _sender(entry: Traced, sender: str) -> None:
    entry.sender = true_sender(sender)
    note = f"forwarded as {sender}"
    if entry.sender != sender and note not in entry.notes:
        entry.notes.append(note)


def true_sender(sender: str) -> str:
    """The original sender in an SRS address; another address as it is."""
    forwarded = _SRS.fullmatch(sender)
    return f"{forwarded[2]}@{forwarded[1]}" if forwarded else sender


def _refusal(text: str) -> re.Match[str] | None:
    if len(_ENDS.findall(text)) > _MOST_ENDS:
        return _CROWDED.match(text)
    return _REFUSED.match(text) or _CHECKED.match(text)


def _refused(entry: Traced, time: str, refusal: re.Match[str]) -> None:
    """Add an action of smtpd, a milter or a header check: a refusal, a hold or a discard."""
    found = refusal.groupdict()
    entry.client = found["client"]
    if (sender := found.get("sender")) is not None:
        entry.sender = true_sender(sender)
    entry.login = found.get("login") or entry.login
    status = {"hold": "held", "discard": "thrown away"}.get(found.get("what", ""), "refused")
    entry.attempts.append(Attempt(time, found.get("to") or "", status, "", found["said"] or ""))


def _shut_out(entry: Traced, time: str, text: str) -> None:
    """Add a failed login, or a client over a limit: neither is about a message."""
    if failed := _LOGIN_FAILED.match(text):
        entry.client, entry.login = failed["client"], failed["login"]
        entry.attempts.append(Attempt(time, "", "login failed", "", failed["said"]))
    elif limited := _LIMITED.match(text):
        entry.client = limited["client"]
        entry.attempts.append(Attempt(time, "", "shut out", "", limited["said"]))
