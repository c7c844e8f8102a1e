"""The stack that a command is about, and where it is: on AWS here, in a lab in `ops/lab/target.py`.

Pulumi is called in the same way for both, so that is the protocol's own.
"""

import http.client
import json
import os
import socket
import ssl
import subprocess
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from smtplib import SMTP
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ProfileNotFound

from components.account import Account
from ops import engine, instances, ssh, stack_yaml, submission
from ops.account import Clients, aws_errors
from ops.errors import AwsError, StackError
from ops.instances import Down
from ops.on_host import NoAnswer
from ops.outputs import Host, Outputs, read
from ops.terminal import notes
from ops.testmail.verdicts import Receiver
from ops.verify.names import Dns, Names
from ops.verify.talk import Connect

# Linux asks for a connection again after 1, 3 and 7 s; a slowed address may be let in by the last.
CONNECT_SECONDS = 8
# Settings of the AWS provider, without `aws:`.
PROVIDER = ("region", "profile", "accessKey", "secretKey", "token", "assumeRoles")
# Calls fail within a minute, not ten, if the network lets nothing through.
PATIENCE = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard"})
# Pulumi's messages if the last `pulumi` of a stack was killed, or another one is running.
_KILLED = (
    "stack is currently locked",
    "Another update is currently in progress",
    "pending operations from previous deployment",
)
# Pulumi's message if nobody has said where states are kept, and what a user then types.
_LOGGED_OUT = "PULUMI_ACCESS_TOKEN must be set"
LOG_IN = (
    "Pulumi does not know yet where states are kept: `pulumi login s3://BUCKET`, or `pulumi login` "
    "for Pulumi's own service, or `pulumi login --local`; for a lab's stack: --lab NAME"
)


@dataclass(frozen=True)
class Internet:
    """The internet as a computer outside the stack sees it: names, connections, whom it trusts."""

    names: Names
    connect: Connect
    trust: ssl.SSLContext


class Target(Protocol):
    """A stack, its file, its account, and the ways to its hosts."""

    stack: str

    @property
    @abstractmethod
    def file(self) -> Path:
        """The stack's settings."""

    @property
    @abstractmethod
    def command(self) -> str:
        """How people call Pulumi where the stack is."""

    @property
    @abstractmethod
    def option(self) -> str:
        """The options that name it to our own commands."""

    @property
    @abstractmethod
    def exports(self) -> Path:
        """The folder for copies of its state."""

    @property
    @abstractmethod
    def region(self) -> str:
        """The AWS region that it is in; "" if nobody says which."""

    @property
    @abstractmethod
    def aws_environment(self) -> str:
        """What to type first so that AWS's own commands are about its account and region."""

    @abstractmethod
    def argv(self, *arguments: str) -> list[str]:
        """The command line of `pulumi ARGUMENTS` where the stack is."""

    @abstractmethod
    def beside(self, stack: str) -> "Target":
        """Another stack in the same place."""

    @abstractmethod
    def account(self, provider: Mapping[str, Any] | None = None) -> AbstractContextManager[Clients]:
        """The stack's account as its provider gets into it; AwsError for what AWS refuses.

        `provider` has the provider's settings as the state keeps them, instead of the stack's file.
        """

    @abstractmethod
    def regions(self) -> AbstractContextManager[Callable[[str, str], Any]]:
        """Clients by service and region, by the profile alone; what AWS refuses is botocore's."""

    @abstractmethod
    def internet(self, root: str | None = None) -> Internet:
        """`root` (PEM) is trusted instead of what computers trust by themselves."""

    @abstractmethod
    def https(self, host: str, seconds: float) -> http.client.HTTPSConnection:
        """A connection with a web server of the internet, verified; not open yet."""

    def connect(self, host: Host, port: int, root: str | None = None) -> SMTP:
        """SMTP inside TLS that is verified for the host's name; OSError."""
        internet = self.internet(root)
        if not host.address:  # a name before several hosts
            answer = internet.names.resolve(host.name, "A")
            if not answer.values:
                raise OSError(answer.problem or f"{host.name} has no address")
            host = host.model_copy(update={"address": answer.values[0]})
        return submission.connect(internet.connect, internet.trust, host, port)

    def down(self, host: Host) -> Down | None:
        """Why a host answers nothing, if its place knows; None too if nobody can be asked."""
        if not host.address:  # a name before several hosts
            return None
        try:
            with self.account() as client:
                found = instances.down(client, host, f"{self.apply_command} --refresh")
                if found and found.gone and (works := self.under_way()):
                    return Down(found.why, works, gone=True)
                return found
        except (AwsError, StackError):
            return None

    @property
    @abstractmethod
    def receiver(self) -> Receiver | None:
        """Who tells its verdicts on a test here, if somebody does."""

    @abstractmethod
    def has_shell(self, outputs: Outputs) -> bool:
        """Whether commands can be run on its hosts."""

    @abstractmethod
    def run_on(
        self,
        host: Host,
        *command: str,
        text: str = "",
        fine: tuple[int, ...] = (0,),
        seconds: float | None = None,
    ) -> str:
        """The output of a command as the host's root, with `text` as its standard input.

        StackError unless it ends as is fine, in time; of a host that is down, with why.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Have the place there for a first stack."""

    @abstractmethod
    def adapted(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The `config` of a stack file, as a stack in this place can have it."""

    @abstractmethod
    def reviewed(self, given: Path | None) -> AbstractContextManager[Path]:
        """The stack's file, or one that is given as it would be here."""

    def typed(self, words: str) -> str:
        """A command of Pulumi's on this stack, as people type it."""
        return f"{self.command} {words} --stack {self.stack}"

    @property
    def apply_command(self) -> str:
        """What puts a change in force."""
        return self.typed("up")

    @property
    def opens_port_25(self) -> str:
        """What people type to open port 25 out; "" where only a form opens it."""
        return ""

    @property
    def settle_command(self) -> str:
        """What a stack needs whose `pulumi` was killed."""
        return f"./relay settle {self.option}"

    def pulumi(self, *arguments: str, text: str = "") -> str:
        """The output of `pulumi ARGUMENTS` on this stack; StackError with what it said."""
        try:
            return self.pulumi_here(*arguments, "--stack", self.stack, text=text)
        except StackError as error:
            raise self._hinted(str(error)) from None

    def pulumi_here(self, *arguments: str, text: str = "") -> str:
        """The same of what is not about one stack that there is."""
        result = self._captured(*arguments, text=text)
        if result.returncode != 0:
            said = (result.stderr or result.stdout).strip()
            raise StackError(LOG_IN if _LOGGED_OUT in said else said)
        return result.stdout

    def _captured(
        self, *arguments: str, text: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments),
            cwd=engine.PROJECT,
            env={**os.environ, **(env or {})},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def operate(self, *arguments: str, shown: Callable[[str], str] = lambda line: line) -> None:
        """Run `pulumi ARGUMENTS` on this stack with what it shows on our standard error.

        `shown` is what is shown of a line. StackError with what it said if it fails.
        """
        said = []
        with subprocess.Popen(
            self.argv(*arguments, "--stack", self.stack),
            cwd=engine.PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                notes.print(shown(line), end="", soft_wrap=True)
                said.append(line)
        if process.returncode != 0:
            text = "".join(said)  # all was shown already: the error has only the diagnostics
            end = text[max(text.find("Diagnostics:"), 0) :]
            # the outputs are not part of the error
            raise self._hinted(end.partition("\nOutputs:")[0].strip(), text)

    def _hinted(self, said: str, whole: str = "") -> StackError:
        """The error; if a killed `pulumi` is the cause, with the command that repairs the stack."""
        if any(sign in (whole or said) for sign in _KILLED):
            said += f"\nIf the last `pulumi` was killed: {self.settle_command}"
        return StackError(said)

    def under_way(self, state: str = "") -> str:
        """What to do about a `pulumi` that works on the stack, or was cut off; "" without one."""
        exported = json.loads(state or self.pulumi("stack", "export"))
        words = f"a `pulumi` works on the stack {self.stack}, or was cut off: wait for it, or "
        pending = exported["deployment"].get("pending_operations")
        return f"{words}{self.settle_command}" if pending else ""

    def preview(self, *arguments: str) -> str:
        """The engine's events of a preview, one a line; StackError if there are none."""
        command = ("preview", "--json", *arguments, "--stack", self.stack)
        result = self._captured(*command, env={engine.EVENTS: "true"})
        if not result.stdout.startswith("{"):
            raise StackError((result.stderr or result.stdout).strip())
        return result.stdout

    def outputs(self) -> Outputs:
        """The stack's outputs, secret ones too; StackError if it was never brought up."""
        found = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        if not found:
            raise StackError(f"the stack {self.stack} has no outputs yet: {self.apply_command}")
        return read(found)

    def stacks(self) -> dict[str, str | None]:
        """When each of the project's stacks here last changed, by name without its owner's."""
        listed = json.loads(self.pulumi_here("stack", "ls", "--json"))
        return {stack["name"].rpartition("/")[2]: stack.get("lastUpdate") for stack in listed}


@dataclass(frozen=True)
class AwsTarget(Target):
    """A stack of the user's own, by the user's Pulumi, credentials and ssh."""

    stack: str

    @property
    def file(self) -> Path:
        return engine.PROJECT / f"Pulumi.{self.stack}.yaml"

    @property
    def command(self) -> str:
        return "pulumi"

    @property
    def option(self) -> str:
        return f"--stack {self.stack}"

    @property
    def exports(self) -> Path:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return home / "mail-relay" / "exports"

    @property
    def region(self) -> str:
        """As the provider finds it: the stack's file, the environment, the profile."""
        given = self._config("region") or os.environ.get("AWS_REGION")
        if not given:
            try:
                given = boto3.Session(profile_name=self._config("profile")).region_name
            except ProfileNotFound:  # the doctor's first check says so
                given = None
        return given or ""

    @property
    def aws_environment(self) -> str:
        return f"export AWS_DEFAULT_REGION={self.region}"

    def _config(self, key: str) -> Any:
        """A setting of the AWS provider in the stack's file, or None."""
        return stack_yaml.config(self.file).get(f"aws:{key}")

    def argv(self, *arguments: str) -> list[str]:
        return [str(engine.engine()), *arguments]

    def beside(self, stack: str) -> "AwsTarget":
        return AwsTarget(stack)

    @contextmanager
    def account(self, provider: Mapping[str, Any] | None = None) -> Iterator[Clients]:
        if provider is None:
            provider = {key: self._config(key) for key in PROVIDER}
        with aws_errors():
            yield Account.by(provider).client

    @contextmanager
    def regions(self) -> Iterator[Callable[[str, str], Any]]:
        """Made at the first call, so that credentials that are not there are a finding."""

        @cache
        def session() -> boto3.Session:
            return boto3.Session(profile_name=self._config("profile"))

        def client(service: str, region: str) -> Any:
            made: Any = session().client
            return made(service, region_name=region, config=PATIENCE)

        yield client

    def internet(self, root: str | None = None) -> Internet:
        return Internet(Dns(), connect, ssl.create_default_context(cadata=root))

    def https(self, host: str, seconds: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(host, timeout=seconds)

    @property
    def receiver(self) -> None:
        """Nobody: providers show their verdicts to the reader of the message alone."""

    def has_shell(self, outputs: Outputs) -> bool:
        return bool(outputs.ssh.allow_from)

    def run_on(
        self,
        host: Host,
        *command: str,
        text: str = "",
        fine: tuple[int, ...] = (0,),
        seconds: float | None = None,
    ) -> str:
        try:
            return ssh.run(host, *command, text=text, fine=fine, seconds=seconds)
        except NoAnswer as error:
            raise StackError(str(self.down(host) or error)) from None

    def prepare(self) -> None:
        """It is there."""

    def adapted(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return dict(config)

    @contextmanager
    def reviewed(self, given: Path | None) -> Iterator[Path]:
        yield given or self.file


def connect(address: str, port: int) -> socket.socket:
    """From this computer, or from the network namespace that this thread is in."""
    return socket.create_connection((address, port), CONNECT_SECONDS)
