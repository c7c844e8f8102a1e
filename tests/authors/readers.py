"""Independent readers of a message's author: whom one of them names is the author for somebody."""

import base64
import email
import email.policy
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path

HERE = Path(__file__).parent
_LOOKS = re.compile(r"[^\s<>()\[\]\\,;:\"'@]+@[^\s<>()\[\]\\,;:\"'@]+\.[\w-]+")
Reader = Callable[[list[bytes]], list[set[str]]]


def from_values(message: bytes) -> list[bytes]:
    """The From fields of a message's own header, unfolded, by nothing but the lines."""
    head = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    lines = re.sub(rb"\r?\n(?=[ \t])", b"", head).splitlines()
    fields = [re.match(rb"(?i)from[ \t]*:(.*)", line, re.DOTALL) for line in lines]
    return [field[1].strip() for field in fields if field]


def all_readers() -> dict[str, Reader]:
    """Each by its name; messages in, for each the addresses of its authors in lower case."""
    return {
        "Python email, legacy": _each(_python_legacy),
        "Python email": _each(_python),
        "whatever looks like one": _each(_looks),
        "Go net/mail": _go,
        "Perl Mail::Address, Email::Address": _perl,
    }


def _each(reader: Callable[[bytes], Iterable[str]]) -> Reader:
    return lambda messages: [_addresses(reader(message)) for message in messages]


def _addresses(found: Iterable[str]) -> set[str]:
    return {address.strip(" <>").lower() for address in found if "@" in address.strip("@")}


def _python_legacy(message: bytes) -> Iterable[str]:
    parsed = email.message_from_bytes(message)
    values = [str(value) for value in parsed.get_all("From", [])]
    return [address for _, address in getaddresses(values)]


def _python(message: bytes) -> Iterable[str]:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    try:
        fields = parsed.get_all("From", [])
        return [a.addr_spec for field in fields for a in field.addresses if a.domain]
    except Exception:  # its parser has bugs of its own
        return []


def _looks(message: bytes) -> Iterable[str]:
    found: list[str] = []
    for value in from_values(message):
        text = value.decode("utf-8", "replace")
        found += _LOOKS.findall(text)
        try:
            found += _LOOKS.findall(str(make_header(decode_header(text))))
        except (MessageError, LookupError, ValueError):
            continue
    # "?" is what many programs show in place of what they cannot, and in no domain
    return [re.sub(r"(?<=@)[^@]+$", lambda domain: domain[0].replace("?", ""), a) for a in found]


def _go(messages: list[bytes]) -> list[set[str]]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "reader"
        build = ["go", "build", "-o", str(program), str(HERE / "reader.go")]
        subprocess.run(build, check=True, env=None)
        return _program([str(program)], messages)


def _perl(messages: list[bytes]) -> list[set[str]]:
    return _program(["perl", str(HERE / "reader.pl")], messages)


def _program(command: list[str], messages: list[bytes]) -> list[set[str]]:
    """By a program that reads one field a line; a message may have several."""
    fields = [from_values(message) for message in messages]
    lines = [base64.b64encode(value) for values in fields for value in values]
    said = subprocess.run(
        command, input=b"".join(line + b"\n" for line in lines), capture_output=True, check=True
    ).stdout.splitlines()
    assert len(said) == len(lines), f"{command}: {len(said)} answers to {len(lines)} fields"
    answers = iter(json.loads(line) for line in said)
    return [_addresses(a for _ in values for a in next(answers)) for values in fields]
