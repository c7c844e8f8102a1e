"""The shared lab as tests see it: hosts, mail and settings."""

import copy
import os
import smtplib
import subprocess
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import yaml

from lab import access, control
from lab.access import entered
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from lab.internet.smtp import Internet
from lab.lab import Lab
from lab.machines import network
from lab.region_client import RegionClient
from lab.wait import until
from ops.lab import region, up
from ops.outputs import Host, Outputs

PROJECT = Path(__file__).resolve().parents[2]
# the lab that a process's tests share; another name lets two runs stand side by side
SHARED = os.environ.get("MAIL_RELAY_TEST_LAB", "shared") + os.environ.get(
    "PYTEST_XDIST_WORKER", ""
).removeprefix("gw")
GATEWAY, CLIENT = "mail.relay.example", "app.shop.example"
LOGIN, OTHER_LOGIN = "me@shop.example", "you@relay.example"
LIMITS = ("messagesPerHour", "messagesPerDay", "recipientsPerHour", "recipientsPerDay")
UNITS = {
    GATEWAY: ("postfix.service", "opendkim.service", "mail-relay-tables.timer"),
    CLIENT: ("postfix.service", "mail-relay-tables.timer"),
}


@dataclass
class World:
    """A running lab with the example stack and one login more."""

    lab: Lab
    outputs: Outputs = field(init=False)
    operator: str = "ops@inbox.example"
    command_seconds: float = 120
    # of the gateway's address, once a test has replaced it
    numbers: dict[str, int] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """The stack's settings, to change."""
        config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
        config["mail-relay:operator"] = self.operator
        config["mail-relay:gateway"] |= self.numbers
        # tests send more in an hour than a person does, and more wrong passwords
        config["mail-relay:limits"] = {
            "login": dict.fromkeys(LIMITS, 0),
            "guessing": {"exempt": [f"{network.PROBE}/32"]},
        }
        config["mail-relay:logs"] = {"ship": "cloudwatch"}
        config["mail-relay:logins"].append(
            {"address": OTHER_LOGIN, "sendAs": [OTHER_LOGIN, "info@shop.example"]}
        )
        config["mail-relay:forwards"] = [
            {"address": "me@shop.example", "to": ["me@inbox.example"]},
            {"address": "info@shop.example", "to": ["me@inbox.example"]},
            {"address": "team@shop.example", "to": ["me@inbox.example", "you@inbox.example"]},
            {"address": "gone@shop.example", "to": ["me@nowhere.inbox.example"]},
            {"address": "@relay.example", "to": ["all@inbox.example"]},
        ]
        return copy.deepcopy(config)

    def start(self) -> None:
        """Up, and every host serves."""
        control.start(self.lab, print)
        self.apply(self.settings())

    def apply(self, config: dict[str, Any]) -> None:
        """`pulumi up` with these settings."""
        file = self.lab.directory / "Pulumi.test.yaml"
        file.write_text(yaml.safe_dump({"config": config}))
        self.outputs = up.apply(self.lab, file)

    def pull_tables(self) -> None:
        """Have the hosts fetch their tables now, and wait until these serve."""
        with self.network():
            s3 = self.client("s3")
            (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"]]
            keys = {GATEWAY: "gateway.json", CLIENT: f"clients/{CLIENT}.json"}
            wanted = {
                host: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                for host, key in keys.items()
            }
        kept = {GATEWAY: "/srv/mail/tables", CLIENT: "/var/lib/mail-relay/tables"}
        for host, content in wanted.items():
            self.run(host, "systemctl", "start", "mail-relay-tables.service")
            assert self.run(host, "cat", f"{kept[host]}/bundle.json").encode() == content
            self.run(host, "systemctl", "reload", "postfix.service")

    @property
    def region(self) -> "ControlApi":
        """The region's control API."""
        return ControlApi(self.lab)

    @property
    def inbox(self) -> Inbox:
        """The receiving provider."""
        return Inbox(self.lab)

    def client(self, service: str) -> Any:
        """boto3, as the administrator; use it inside `self.network()`."""
        return region.client(self.lab, service)

    def network(self) -> Any:
        """The lab's internet, for this thread's sockets."""
        return entered(self.lab.namespace)

    @property
    def gateway(self) -> Host:
        """The gateway, as the stack exports it."""
        return self.outputs.gateways[0]

    def machine(self, host: str) -> str:
        """The instance of a host."""
        return self.outputs.host(host).instance_id

    def leader(self, host: str) -> str:
        """A machine's first process, another one at each boot; empty while it is down."""
        file = self.lab.directory / "machines" / self.machine(host) / "leader"
        return file.read_text() if file.exists() else ""

    def root(self, host: str) -> Path:
        """A host's root file system."""
        return self.lab.directory / "machines" / self.machine(host) / "root"

    def run(self, host: str, *command: str, check: bool = True) -> str:
        """A command on a host as its root; its output."""
        machine, seconds = self.machine(host), self.command_seconds
        result = access.run(self.lab, machine, *command, seconds=seconds, check=check)
        return result.stdout + ("" if check else result.stderr)

    def log(self, host: str) -> str:
        """A host's mail log."""
        return self.run(host, "cat", "/var/log/mail.log")

    def serves(self, host: str) -> bool:
        """Whether a host has come up whole."""
        if not self.leader(host):
            return False
        state = self.run(host, "systemctl", "is-system-running", check=False).strip()
        active = self.run(host, "systemctl", "is-active", *UNITS[host], check=False).split()
        return state in ("running", "degraded") and set(active) == {"active"}

    def failed_units(self, host: str) -> str:
        """`systemctl --failed` and what each of them said last; empty when all is well."""
        failed = self.run(host, "systemctl", "--failed", "--plain", "--no-legend").strip()
        units = [line.split()[0] for line in failed.splitlines()]
        last = [self.run(host, "journalctl", "-q", "-n", "20", "-u", unit) for unit in units]
        return "\n".join((failed, *last))

    def password(self, login: str = LOGIN) -> str:
        """A login's password."""
        return self.outputs.passwords[login]

    def session(self, port: int, *, tls: bool = True, login: str | None = None) -> Any:
        """SMTP with the gateway from the internet, logged in if asked."""
        session = Internet(self.lab).connect(GATEWAY, self.gateway.address, port, tls=tls)
        if login:
            assert self.authenticates(session, login, self.password(login)), login
        return session

    def authenticates(self, session: Any, login: str, password: str) -> bool:
        """Whether the gateway takes this login; its limit of AUTH commands a minute is waited for.

        The suite has one address on the internet, so its tests count together.
        """

        def answer() -> str:
            try:
                session.login(login, password)
            except smtplib.SMTPAuthenticationError as error:
                return "" if error.smtp_code == 450 else "no"
            return "yes"

        return until("the gateway answers AUTH", answer, every=5) == "yes"

    def submit(self, message: EmailMessage, login: str = LOGIN, sender: str | None = None) -> None:
        """Hand a message in by 587."""
        with self.session(587, login=login) as session:
            session.send_message(message, from_addr=sender or login)

    def arrived(self, subject: str, seconds: float = 120) -> Message:
        """The message with this subject, in the inbox."""
        return self.inbox.wait_for(lambda m: m.subject == subject, seconds=seconds)[0]

    def all_left(self, recipient: str) -> None:
        """Wait until all that the gateway has for somebody elsewhere is in the inbox."""
        until("it has left the gateway", lambda: recipient not in self.queue())
        until("the inbox has it", lambda: recipient not in self.inbox.run("postqueue", "-p"))

    def flush_resolver(self) -> None:
        """What a test changed of somebody else's zone counts at once."""
        control_ = ["unbound-control", "-c", str(self.lab.directory / "unbound.conf")]
        command = self.lab.inside(*control_, "flush_zone", ".")
        subprocess.run(command, check=True, capture_output=True)

    def queue(self, host: str = GATEWAY) -> str:
        """Postfix's queue, empty when it is."""
        said = self.run(host, "postqueue", "-p").strip()
        return "" if said == "Mail queue is empty" else said


@dataclass(frozen=True)
class ControlApi:
    """RegionClient, called from inside the lab's namespace."""

    lab: Lab

    def call(self, method: str, path: str, body: Any = None) -> Any:
        with entered(self.lab.namespace):
            return RegionClient(self.lab.api_url).call(method, path, body)
