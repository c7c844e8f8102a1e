"""What became of each message, by the lines of mail.log: text in, values out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

# Short queue ids are hexadecimal; long ones (enable_long_queue_ids) have no vowels.
_ID = r"[0-9A-Za-z]{6,}"
_LINE = re.compile(
    rf"(?P<time>\S+) \S+ (?P<program>[\w/.-]+)\[\d+\]: (?P<id>{_ID}|NOQUEUE): (?P<text>.*)"
)
_DELIVERY = re.compile(
    r"to=<(?P<to>[^>]*)>,(?: orig_to=<(?P<original>[^>]*)>,)? relay=(?P<relay>[^,]+),.* "
    r"dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<said>.*)\)"
)
_REFUSED = re.compile(
    r"(?:milter-)?reject: [\w-]+ from (?P<client>\S+): (?P<said>.*?); (?P<rest>.*)"
)
_VALUE = re.compile(r"(\w+)=<?([^\s>]*)")


@dataclass
class Attempt:
    """One delivery of one message to one recipient, or its refusal."""

    time: str
    to: str
    status: str
    relay: str
    said: str


@dataclass
class Traced:
    """A message on one host; one that was refused before it was queued has the id NOQUEUE.

    `notes` are OpenDKIM's, such as why it refused the message.
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
    return {match["id"] for line in lines if (match := _LINE.match(line))} - {"NOQUEUE"}


def read(host: str, lines: Iterable[str]) -> list[Traced]:
    """The messages of one host's lines, which are in the order of time."""
    found: dict[str, Traced] = {}
    refused: list[Traced] = []
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        time, text = match["time"], match["text"]
        if match["id"] == "NOQUEUE":
            entry = Traced(host, "NOQUEUE", time)
            refused.append(entry)
        else:
            entry = found.setdefault(match["id"], Traced(host, match["id"], time))
        _note(entry, time, match["program"], text)
    return sorted([*found.values(), *(r for r in refused if r.attempts)], key=lambda m: m.time)


def _note(entry: Traced, time: str, program: str, text: str) -> None:
    if delivery := _DELIVERY.match(text):
        to = delivery["original"] or delivery["to"]
        arrow = f" -> {delivery['to']}" if delivery["original"] else ""
        status = f"{delivery['status']} {delivery['dsn']}"
        entry.attempts.append(
            Attempt(time, f"{to}{arrow}", status, delivery["relay"], delivery["said"])
        )
    elif refusal := _REFUSED.match(text):
        values = dict(_VALUE.findall(refusal["rest"]))
        entry.sender, entry.client = values.get("from", ""), refusal["client"]
        entry.login = values.get("sasl_username", entry.login)
        entry.attempts.append(Attempt(time, values.get("to", ""), "refused", "", refusal["said"]))
    elif text.startswith("client="):
        values = dict(_pairs(text))
        entry.client, entry.login = values["client"], values.get("sasl_username", "")
    elif text.startswith("message-id=<"):
        entry.message_id = text.removeprefix("message-id=<").removesuffix(">")
    elif program.endswith("/qmgr") and text.startswith("from=<"):
        entry.sender = text.removeprefix("from=<").partition(">")[0]
    elif text.startswith("DKIM-Signature field added"):
        entry.signatures.append(text.partition("(")[2].rstrip(")"))
    elif program == "opendkim":
        entry.notes.append(text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(", "):
        key, _, value = part.partition("=")
        yield key, value
