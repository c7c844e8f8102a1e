"""What rows are tried with: each function here makes a probe, from text with a set-up's names."""

import re
from collections.abc import Callable
from email import message_from_string
from email.utils import formatdate

from abuse.place import Place, token
from abuse.row import Probe
from abuse.talk import CLOSED, Talk, is_refusal
from lab.internet.inbox.message import Message

HELLO = "Hello.\r\n"


def say(*lines: str, port: int = 25, tls: bool = False, helo: str = "") -> Probe:
    """A stranger's session: these commands after EHLO; the first refusal, or the last reply."""

    def probe(place: Place) -> str:
        with place.greeted(port, tls=tls) as talk:
            if helo:
                talk.say(place.fill(helo))
            return _spoken(place, talk, lines)

    return _connected(probe)


def logged_in(*lines: str, port: int = 587) -> Probe:
    """The same in the session of a login."""
    return _connected(lambda place: _spoken(place, place.session(port), lines))


def _spoken(place: Place, talk: Talk, lines: tuple[str, ...]) -> str:
    said = ""
    for line in lines:
        said = talk.say(place.fill(line))
        if is_refusal(said):
            break
    return said


def _connected(probe: Probe) -> Probe:
    """A connection that cannot be had is an answer too."""

    def tried(place: Place) -> str:
        try:
            return probe(place)
        except (ConnectionError, TimeoutError) as error:
            return str(error) or CLOSED

    return tried


def first(*lines: str, port: int = 25) -> Probe:
    """These commands as the first of a session, before any EHLO."""

    def probe(place: Place) -> str:
        with place.talk(port) as talk:
            talk.reply()
            return _spoken(place, talk, lines)

    return _connected(probe)


def rcpt(recipient: str, sender: str = "{friend}", **options: str) -> Probe:
    """A stranger's envelope on 25, up to its recipient."""
    return say(f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", **options)  # type: ignore[arg-type]


def content(place: Place, head: str | bytes, body: str | bytes, word: str, to: str) -> bytes:
    """A message with this head, and besides what every program writes unless the head has it."""
    if isinstance(head, str):
        head = place.fill(head).encode()
    else:
        head = place.fill(head.decode("latin-1")).encode("latin-1")
    if isinstance(body, str):
        body = body.encode()
    rest = {
        "To": to,
        "Subject": word,
        "Date": formatdate(),
        "Message-ID": f"<{word}@{place.names['helo']}>",
    }
    has = {name.lower() for name in re.findall(rb"(?m)^([\w-]+)[ \t]*:", head)}
    has |= {name.lower() for name in re.findall(rb"(?m)^X-Without: (\w+)", head)}
    lines = [f"{name}: {value}" for name, value in rest.items() if name.lower().encode() not in has]
    parts = [part for part in (head.rstrip(b"\r\n"), "\r\n".join(lines).encode()) if part]
    return b"\r\n".join(parts) + f"\r\nX-Word: {word}\r\n\r\n".encode() + body


def hand_over(
    talk: Talk, sender: str, to: str, message: bytes, mail: str = "", rcpt: str = ""
) -> str:
    """One transaction; the first refusal, or the reply to the end of the message."""
    for line in (f"MAIL FROM:<{sender}>{mail}", f"RCPT TO:<{to}>{rcpt}", "DATA"):
        if is_refusal(said := talk.say(line)):
            return said
    message = re.sub(rb"(?m)^\.", b"..", message)
    talk.send(message if message.endswith(b"\r\n") else message + b"\r\n")
    return talk.say(".")


def submit(
    head: str | bytes = "From: {login}",
    body: str | bytes = HELLO,
    *,
    sender: str = "{login}",
    to: str = "{inbox}",
    port: int = 587,
    mail: str = "",
) -> Probe:
    """A login hands a message in; the refusal, or the reply to its end."""

    def probe(place: Place) -> str:
        envelope, reader = place.fill(sender), place.fill(to)
        message = content(place, head, body, token(), reader)
        return hand_over(place.session(port), envelope, reader, message, mail)

    return _connected(probe)


def sent(
    head: str | bytes = "From: {login}",
    body: str | bytes = HELLO,
    *,
    to: str = "{inbox}",
    port: int = 587,
    mail: str = "",
    look: Callable[[Place, Message], str] | None = None,
) -> Probe:
    """A login hands a message in; the refusal, or what the receiver found of it.

    `look` tells more about what arrived.
    """

    def probe(place: Place) -> str:
        word, reader = token(), place.fill(to)
        message = content(place, head, body, word, reader)
        said = hand_over(place.session(port), place.names["login"], reader, message, mail)
        if is_refusal(said):
            return said
        return arrival(place, word, look)

    return _connected(probe)


def arrival(place: Place, word: str, look: Callable[[Place, Message], str] | None = None) -> str:
    """What became of a message that was taken."""
    found = place.arrived(word)
    if found is None:
        return "it never arrived"
    if isinstance(found, str):
        signed = "DKIM-Signature" in message_from_string(found)
        return f"arrived in its mailbox, {'signed' if signed else 'unsigned'}"
    verdict = found.verdict
    said = f"arrived spf={verdict.spf} dkim={verdict.dkim} dmarc={verdict.dmarc}"
    return f"{said}; {look(place, found)}" if look else said


def deliver(
    head: str | bytes,
    body: str | bytes = HELLO,
    *,
    sender: str = "bounce@{evil}",
    to: str = "{taken}",
    signed: bool = False,
    mail: str = "",
    arrives: bool = False,
    look: Callable[[Place, str], str] | None = None,
) -> Probe:
    """A stranger's server hands a message over on 25; the refusal, or what became of it."""

    def probe(place: Place) -> str:
        word, reader = token(), place.fill(to)
        message = content(place, head, body, word, reader)
        if signed:
            message = place.signed(message)
        with place.greeted(25) as talk:
            said = hand_over(talk, place.fill(sender), reader, message, mail)
        if is_refusal(said) or not (arrives or look):
            return said
        found = place.arrived(word)
        if found is None:
            return "it never arrived"
        text = found.raw if isinstance(found, Message) else found
        return f"arrived {look(place, text) if look else ''}"

    return _connected(probe)


def keywords(port: int, *, tls: bool = False) -> Probe:
    """What EHLO offers."""

    def probe(place: Place) -> str:
        with place.greeted(port, tls=tls) as talk:
            return talk.say(place.fill("EHLO {helo}"))

    return _connected(probe)


def login(
    user: str = "{login}",
    password: str | None = None,
    *,
    port: int = 587,
    authorize: str = "",
    of: str = "",
) -> Probe:
    """AUTH, from an address of its own; by default with the right password, that of `of`."""

    def probe(place: Place) -> str:
        right = place.password(place.fill(of or "{login}"))
        word = right if password is None else place.fill(password.replace("RIGHT", right))
        with place.greeted(port, tls=True, source=place.attacker()) as talk:
            return talk.authenticate(place.fill(user), word, place.fill(authorize))

    return _connected(probe)


def on_host(script: str, host: str = "gateway") -> Probe:
    """What a shell on a host says."""
    return lambda place: place.shell(place.fill(script), host)


def early(*octets: bytes, port: int = 25, wait: bool = False) -> Probe:
    """All of it at once, before the greeting (or after it); the last of all replies."""

    def probe(place: Place) -> str:
        with place.talk(port) as talk:
            if wait:
                talk.reply()
            talk.send(place.fill(b"\r\n".join(octets).decode("latin-1")).encode("latin-1"))
            said = "no reply"
            while (more := talk.reply(8)) not in ("", CLOSED):
                said = more
            return said

    return _connected(probe)


def smuggle(ending: bytes, port: int = 25, chunked: bool = False) -> Probe:
    """A second message behind something that only some read as the end of the first."""

    def probe(place: Place) -> str:
        if port == 25:
            talk = place.greeted(25)
            sender, to = place.names["friend"], place.names["taken"]
        else:
            talk = place.session(port)
            sender, to = place.names["login"], place.names["inbox"]
        envelope = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode()
        head = f"From: {sender}\r\nTo: {to}\r\nSubject: x\r\n\r\n".encode()
        message = head + b"first" + ending + envelope + head + b"second"
        talk.say(f"MAIL FROM:<{sender}>")
        talk.say(f"RCPT TO:<{to}>")
        if chunked:
            talk.send(f"BDAT {len(message)} LAST\r\n".encode() + message)
        else:
            if is_refusal(said := talk.say("DATA")):
                return said
            talk.send(message + b"\r\n.\r\n")
        said = talk.reply(15)
        more = talk.reply(1.5)
        talk.close()
        if said.startswith("250"):
            return f"250 and more: {more}" if more not in ("", CLOSED) else "250 one message"
        return said

    return _connected(probe)


def reaches(port: int, host: str = "gateway") -> Probe:
    """Whether a stranger gets a TCP connection."""

    def probe(place: Place) -> str:
        machine = place.host(host)
        address = machine.address or machine.private_address
        try:
            place.dial(address, port, place.attacker(), 0.7).close()
        except OSError:
            return CLOSED
        return "open"

    return probe
