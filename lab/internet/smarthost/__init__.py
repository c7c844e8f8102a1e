"""A provider that relays for its customers: SASL on 587 and 465, own senders only.

Its accounts are those that the stack's file names, as if the user had ordered them there. It is
started only for such stacks (lab/daemon.py watches for the file of accounts).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.shell import run
from lab import access
from lab.internet.authority import Authority
from lab.internet.files import certify, lay
from lab.lab import Lab
from lab.machines.machine import Machine
from lab.machines.network import RESOLVER, SMARTHOST, other
from lab.wait import until

DOMAIN = "provider.example"
HOST = f"smtp.{DOMAIN}"
NAME = "smarthost"
FILES = Path(__file__).parent / "files"
START_SECONDS = 60

RECORDS = [
    [DOMAIN, "A", 300, SMARTHOST],
    [HOST, "A", 300, SMARTHOST],
    [f"_spf.{DOMAIN}", "TXT", 300, f'"v=spf1 ip4:{SMARTHOST} -all"'],
    [SMARTHOST, "PTR", 300, f"{HOST}."],
]


def machine(lab: Lab, image: Path, authority: Authority, trust: str) -> Machine:
    """The provider's machine, with its configuration, not booted yet."""
    made = Machine(NAME, lab.directory / "machines" / NAME, image, other(lab, NAME))
    made.create(trust)
    lay(made.root, FILES, {"host": HOST, "domain": DOMAIN, "resolver": RESOLVER, "role": NAME})
    certify(made.root, authority, HOST)
    run("chroot", str(made.root), "sh", "-e", "/usr/local/lib/smarthost/setup")
    return made


@dataclass(frozen=True)
class Smarthost:
    """The provider as its owner and its customers see it."""

    lab: Lab

    @property
    def file(self) -> Path:
        """The file of passwords by user; the provider is started once it exists."""
        return self.lab.directory / "smarthost.json"

    def passwords(self) -> dict[str, str]:
        """The password of each account."""
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def open_accounts(self, passwords: dict[str, str], senders: dict[str, Sequence[str]]) -> None:
        """Set the accounts, and remove all others; `senders` are addresses or @domains by user."""
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps(passwords))
        self._wait()
        owners: dict[str, list[str]] = {}
        for user, items in senders.items():
            for item in items:
                owners.setdefault(item, []).append("@".join(_parts(user)))
        lines = [f"{item} {','.join(users)}\n" for item, users in sorted(owners.items())]
        self.run("tee", "/etc/postfix/senders", text="".join(lines))
        for user, password in passwords.items():
            self._set_password(user, password)
        self.run("postfix", "reload")

    def change_password(self, user: str, password: str) -> None:
        """Change a password at the provider, without a change in the stack's settings."""
        self.file.write_text(json.dumps({**self.passwords(), user: password}))
        self._set_password(user, password)

    def _set_password(self, user: str, password: str) -> None:
        name, realm = _parts(user)
        arguments = ("-p", "-c", "-f", "/etc/postfix/accounts", "-u", realm, "--", name)
        self.run("saslpasswd2", *arguments, text=password)

    def _wait(self) -> None:
        leader = self.lab.directory / "machines" / NAME / "leader"
        until(
            f"{HOST} serves (see {self.lab.directory}/daemon.log)",
            lambda: leader.exists() and leader.read_text() and self._serves(),
            START_SECONDS,
        )

    def _serves(self) -> bool:
        return access.run(self.lab, NAME, "postfix", "status", check=False).returncode == 0

    def serve(self, on: bool) -> None:
        """Start or stop the provider's Postfix."""
        self.run("systemctl", "start" if on else "stop", "postfix.service")

    @contextmanager
    def impostor(self) -> Iterator[None]:
        """Have a server with an untrusted certificate answer in the provider's place."""
        folder = "/etc/postfix"
        self.run("cp", "-a", f"{folder}/key.pem", f"{folder}/chain.pem", "/root")
        subject = ("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")
        kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
        target = ("-keyout", f"{folder}/key.pem", "-out", f"{folder}/chain.pem")
        self.run("openssl", "req", *kind, *subject, *target)
        self.run("postfix", "reload")
        try:
            yield
        finally:
            self.run("cp", "-a", "/root/key.pem", "/root/chain.pem", folder)
            self.run("postfix", "reload")

    def run(self, *command: str, text: str = "") -> str:
        """Run a command on the provider's machine, as its owner."""
        return access.run(self.lab, NAME, *command, stdin=text).stdout

    def log(self) -> str:
        """The provider's mail log."""
        return (self.lab.directory / "machines" / NAME / "root/var/log/mail.log").read_text()


def _parts(user: str) -> tuple[str, str]:
    """An account's name and realm; a bare name is in the provider's domain."""
    name, _, realm = user.partition("@")
    return name, realm or DOMAIN
