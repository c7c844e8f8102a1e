"""A receiving provider that judges mail as a large one does, by two independent implementations.

Postfix asks for forward-confirmed reverse DNS and a HELO that resolves, as Gmail does
(550 5.7.25); OpenDKIM and OpenDMARC (with libspf2) judge at SMTP time and refuse by DMARC; the
program `judge` (dkimpy, pyspf, authheaders) judges again at delivery and keeps both opinions.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.shell import ToolError, run
from lab import access
from lab.internet.authority import Authority
from lab.internet.files import certify, lay
from lab.internet.inbox.message import Message
from lab.lab import Lab
from lab.machines.machine import Machine
from lab.machines.network import INBOX, RESOLVER, other
from lab.wait import until, within

DOMAIN = "inbox.example"
# This address answers each message with its verdicts.
VERIFIER = f"check-auth@{DOMAIN}"
HOST = "mx.inbox.example"
MESSAGES = "var/lib/inbox"
FILES = Path(__file__).parent / "files"
# What its own SMTP server says to a recipient.
ASK = """\
import smtplib
session = smtplib.SMTP("127.0.0.1")
session.ehlo()
session.mail("")
print(session.rcpt("postmaster@inbox.example")[0])
"""

# Sends as the provider's own host, so that SPF passes for its domain.
HAND_IN = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1], local_hostname=sys.argv[2]) as session:
    session.sendmail(sys.argv[3], sys.argv[4:], sys.stdin.read())
"""

# A page, as a browser on the provider's machine gets it.
VISIT = """
import sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=30) as answer:
        print(answer.read().decode())
except (OSError, ValueError) as error:
    sys.exit(str(error))
"""

# The records of the provider's own zone; its address has a matching PTR.
RECORDS = [
    [DOMAIN, "MX", 300, f"10 {HOST}."],
    [DOMAIN, "TXT", 300, '"v=spf1 mx -all"'],
    # it takes DMARC reports about anybody's domain (RFC 7489, 7.1)
    [f"*._report._dmarc.{DOMAIN}", "TXT", 300, '"v=DMARC1"'],
    [HOST, "A", 300, INBOX],
    [INBOX, "PTR", 300, f"{HOST}."],
]


def machine(lab: Lab, image: Path) -> Machine:
    """The provider's machine; its root file system exists as long as the lab."""
    return Machine("inbox", lab.directory / "machines" / "inbox", image, other(lab, "inbox"))


def write_files(root: Path, authority: Authority) -> None:
    """Write the provider's configuration, each file at its path."""
    lay(root, FILES, {"host": HOST, "domain": DOMAIN, "resolver": RESOLVER})
    certify(root, authority, HOST)
    run("chroot", str(root), "sh", "-e", "/usr/local/lib/inbox/setup")


@dataclass(frozen=True)
class Inbox:
    """The provider as its users and its operator see it."""

    lab: Lab

    @property
    def directory(self) -> Path:
        """The directory of the judged messages, one JSON file each."""
        return self.lab.directory / "machines/inbox/root" / MESSAGES

    def messages(self) -> list[Message]:
        """Every message that arrived, oldest first."""
        found = [
            Message.model_validate(json.loads(file.read_text()))
            for file in self.directory.glob("*.json")
        ]
        return sorted(found, key=lambda message: message.arrived)

    def wait_for(
        self,
        wanted: Callable[[Message], bool],
        *,
        count: int = 1,
        seconds: float = 120,
    ) -> list[Message]:
        """The first `count` messages that match; TimeoutError lists the last others."""

        def found() -> list[Message]:
            return [message for message in self.messages() if wanted(message)]

        if within(seconds, lambda: len(found()) >= count):
            return found()
        others = [f"{m.sender} -> {m.recipient}: {m.subject}" for m in self.messages()[-3:]]
        raise TimeoutError(
            f"{len(found())} of {count} came in {seconds:.0f} s; the last that did come: "
            f"{', '.join(others) or 'none'}"
        )

    def run(self, *command: str) -> str:
        """Run a command on the provider's machine, as its operator."""
        return access.run(self.lab, "inbox", *command).stdout

    def write(self, gateway: str, sender: str, recipient: str, content: bytes) -> None:
        """Send a message of one of the provider's users to the gateway at this address."""
        program = ["python3", "-c", HAND_IN, gateway, HOST, sender, recipient]
        access.run(self.lab, "inbox", *program, stdin=content.decode("ascii"))

    def visit(self, link: str) -> str:
        """Follow a link, as the reader of a message does; the text of the page.

        ToolError if there is no such page.
        """
        found = access.run(self.lab, "inbox", "python3", "-c", VISIT, link, check=False)
        if found.returncode:
            raise ToolError(f"{link} does not open: {found.stderr.strip()}")
        return found.stdout

    def defer_everything(self, on: bool) -> None:
        """Answer 450 to every recipient, as a provider that is overloaded or does not trust yet."""
        value = "defer" if on else ""
        self.run("postconf", "-e", f"smtpd_recipient_restrictions={value}")
        self.run("postfix", "reload")
        # which has told nobody yet when it returns
        wanted = "450" if on else "250"
        until("the inbox answers so", lambda: self.run("python3", "-c", ASK).strip() == wanted)
