"""The stack that a command acts on, and its place: on AWS here, in a lab in `ops/lab/target.py`."""

import http.client
import json
import os
import ssl
import subprocess
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from smtplib import SMTP
from typing import Any, Protocol

import boto3
from botocore.exceptions import ProfileNotFound

from components.account import Account
from ops import engine, instances, stack_yaml, submission, tunnel
from ops.account import Clients, aws_errors, by_profile, clearly
from ops.errors import AwsError, StackError
from ops.instances import Down
from ops.internet import Internet, connect
from ops.outputs import Host, Outputs, read
from ops.pulumi_errors import hinted
from ops.ssh import Ssh
from ops.terminal import notes, shown_path, slow
from ops.testmail.verdicts import Receiver
from ops.verify.names import Dns

# Settings of the AWS provider, without `aws:`.
PROVIDER = ("region", "profile", "accessKey", "secretKey", "token", "assumeRoles")
# Pulumi's message if no backend is selected, and our remedy.
_LOGGED_OUT = "PULUMI_ACCESS_TOKEN must be set"
LOG_IN = (
    "Pulumi does not know yet where states are kept: `pulumi login s3://BUCKET`, or `pulumi login` "
    "for Pulumi's own service, or `pulumi login --local`; for a lab's stack: --lab NAME"
)


class Target(Protocol):
    """A stack, its file, its account, and the ways to its hosts."""

    stack: str

    @property
    def name(self) -> str:
        """The stack's name as names and tags in AWS have it: without its organization."""
        return self.stack.rpartition("/")[2]

    @property
    @abstractmethod
    def file(self) -> Path:
        """The stack's settings file."""

    @property
    @abstractmethod
    def command(self) -> str:
        """The command by which people call Pulumi for the stack."""

    @property
    @abstractmethod
    def made_by(self) -> str:
        """The command that makes the stack."""

    @property
    @abstractmethod
    def option(self) -> str:
        """The options that name the stack to our own commands."""

    @property
    @abstractmethod
    def exports(self) -> Path:
        """The folder for exports of the stack's state."""

    @property
    @abstractmethod
    def region(self) -> str:
        """The stack's AWS region; "" if none is set."""

    @property
    @abstractmethod
    def aws_environment(self) -> str:
        """The command to type first so that AWS's own commands act on the stack's region."""

    @abstractmethod
    def argv(self, *arguments: str) -> list[str]:
        """The command line of `pulumi ARGUMENTS` in the stack's place."""

    @abstractmethod
    def beside(self, stack: str) -> "Target":
        """Another stack in the same place."""

    @abstractmethod
    def account(self, provider: Mapping[str, Any] | None = None) -> AbstractContextManager[Clients]:
        """Clients of the stack's account, with the provider's credentials; raises AwsError.

        `provider` has the provider's settings from the state, instead of those in the stack's file.
        """

    @abstractmethod
    def regions(self) -> AbstractContextManager[Callable[[str, str], Any]]:
        """A maker of clients by service and region, by profile alone; raises botocore's errors."""

    @abstractmethod
    def internet(self, root: str | None = None) -> Internet:
        """The internet; `root` (PEM) is trusted, if given, instead of the default trust store."""

    @abstractmethod
    def https(self, host: str, seconds: float) -> http.client.HTTPSConnection:
        """A connection with a web server on the internet, not open yet; TLS is verified."""

    def connect(self, host: Host, port: int, root: str | None = None) -> SMTP:
        """An SMTP session in TLS that is verified for the host's name; raises OSError."""
        internet = self.internet(root)
        if not host.address:  # the load balancer's name
            answer = internet.names.resolve(host.name, "A")
            if not answer.values:
                raise OSError(answer.problem or f"{host.name} has no address")
            host = host.model_copy(update={"address": answer.values[0]})
        return submission.connect(internet.connect, internet.trust, host, port)

    def down(self, host: Host) -> Down | None:
        """The reason that a host does not answer, or None if it is unknown or the host runs."""
        if not host.instance_id:  # the load balancer's name
            return None
        try:
            with self.account() as client:
                found = instances.down(client, host, f"{self.apply_command} --refresh")
                if found and found.gone and (works := self.under_way()):
                    return Down(found.why, works, gone=True)
                return found
        except (AwsError, StackError):
            return None

    def why_no_tunnel(self, host: Host) -> str:
        """Why the host's endpoint opens no tunnel, by its state; "" if that is unknown or fine."""
        try:
            with self.account() as client:
                return tunnel.why_not(client, host, f"{self.apply_command} --refresh")
        except (AwsError, StackError):
            return ""

    @property
    @abstractmethod
    def receiver(self) -> Receiver | None:
        """The provider that returns its verdicts on a test, or None."""

    @abstractmethod
    def has_shell(self, outputs: Outputs) -> bool:
        """Whether commands can be run on the stack's hosts."""

    @abstractmethod
    def run_on(
        self,
        host: Host,
        *command: str,
        text: str = "",
        fine: tuple[int, ...] = (0,),
        seconds: float | None = None,
    ) -> str:
        """The output of a command run as root on a host, with `text` as its standard input.

        StackError if its exit status is not `fine`, or late; for a host that is down, with why.
        """

    @abstractmethod
    def shell(self, host: Host, command: Sequence[str], *, terminal: bool) -> int:
        """The exit status of a command or a shell, as root; StackError if there is no way in."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the place ready for a first stack."""

    @abstractmethod
    def adapted(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The `config` of a stack file, changed where this place needs it."""

    @abstractmethod
    def reviewed(self, given: Path | None) -> AbstractContextManager[Path]:
        """The stack's file, or a given one, changed where this place needs it."""

    def typed(self, words: str) -> str:
        """A Pulumi command on this stack, as people type it."""
        return f"{self.command} {words} --stack {self.stack}"

    @property
    def apply_command(self) -> str:
        """The command that applies a change."""
        return self.typed("up")

    @property
    def opens_port_25(self) -> str:
        """The command that opens outbound port 25; "" on AWS, which has only a form for it."""
        return ""

    @property
    def settle_command(self) -> str:
        """The command for a stack whose `pulumi` was killed."""
        return f"./relay settle {self.option}"

    def pulumi(self, *arguments: str, text: str = "") -> str:
        """The output of `pulumi ARGUMENTS` on this stack; StackError with its message."""
        try:
            return self.pulumi_here(*arguments, "--stack", self.stack, text=text)
        except StackError as error:
            raise self._hinted(str(error)) from None

    def pulumi_here(self, *arguments: str, text: str = "") -> str:
        """The output of `pulumi ARGUMENTS`, without --stack; StackError with its message."""
        with slow(f"pulumi {' '.join(arguments[:2])}"):
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
        """Run `pulumi ARGUMENTS` on this stack, with its output on our standard error.

        `shown` maps a line to the text that is shown. StackError with its message if it fails.
        """
        command = self.argv(*arguments, "--stack", self.stack)
        code, text = engine.follow(
            command, lambda line: notes.print(shown(line), end="", soft_wrap=True)
        )
        if code != 0:
            # all was shown already: the error has only the diagnostics, and not the outputs
            end = text[max(text.find("Diagnostics:"), 0) :]
            raise self._hinted(end.partition("\nOutputs:")[0].strip(), text)

    def _hinted(self, said: str, whole: str = "") -> StackError:
        """An error of Pulumi's, with the file and the remedy that it does not name."""
        file, secret = shown_path(self.file), self.typed("config set --secret KEY")
        commands = {"settle": self.settle_command, "secret": secret, "init": self.made_by}
        doctor = f"./relay doctor {self.option}"
        return StackError(hinted(said, whole or said, file=file, doctor=doctor, **commands))

    def under_way(self, state: str = "") -> str:
        """The remedy for a `pulumi` that is running on the stack or was killed; "" without one."""
        exported = json.loads(state or self.pulumi("stack", "export"))
        words = f"a `pulumi` works on the stack {self.stack}, or was cut off: wait for it, or "
        pending = exported["deployment"].get("pending_operations")
        return f"{words}{self.settle_command}" if pending else ""

    def preview(self, *arguments: str) -> tuple[str, str]:
        """The engine's events of a preview, one a line, and its last words if it failed, or "".

        StackError if there are no events.
        """
        command = ("preview", "--json", *arguments, "--stack", self.stack)
        result = self._captured(*command, env={engine.EVENTS: "true"})
        if not result.stdout.startswith("{"):
            raise self._hinted((result.stderr or result.stdout).strip())
        if result.returncode == 0:
            return result.stdout, ""
        words = result.stderr.strip() or f"`pulumi preview` ended with {result.returncode}"
        return result.stdout, str(self._hinted(words))

    def outputs(self) -> Outputs:
        """The stack's outputs, secret ones too; StackError if there are none yet."""
        found = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        if not found:
            state = self.pulumi("stack", "export")
            none = f"the stack {self.stack} has no outputs yet: {self.apply_command}"
            if json.loads(state)["deployment"].get("resources"):  # a lock is not in the state
                none += f"; after one that was killed first {self.settle_command}"
            raise StackError(self.under_way(state) or none)
        return read(found)

    def stacks(self) -> dict[str, str | None]:
        """The time of each of the project's stacks' last change, by name without organization."""
        listed = json.loads(self.pulumi_here("stack", "ls", "--json"))
        return {stack["name"].rpartition("/")[2]: stack.get("lastUpdate") for stack in listed}


@dataclass(frozen=True)
class AwsTarget(Target):
    """A stack of the user's own, by the user's Pulumi, credentials and ssh."""

    stack: str

    @property
    def file(self) -> Path:
        return engine.PROJECT / f"Pulumi.{self.name}.yaml"

    @property
    def command(self) -> str:
        return "pulumi"

    @property
    def made_by(self) -> str:
        """The command, and what to do with a stack that another backend has."""
        init = f"pulumi stack init {self.stack}"
        return f"{init}; if it was made before, `pulumi login` to where its state is kept"

    @property
    def option(self) -> str:
        return f"--stack {self.stack}"

    @property
    def exports(self) -> Path:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return home / "mail-relay" / "exports"

    @property
    def region(self) -> str:
        """The region, looked up like the provider: stack file, environment, profile."""
        given = self._config("region") or os.environ.get("AWS_REGION")
        if not given:
            try:
                given = boto3.Session(profile_name=self._config("profile")).region_name
            except ProfileNotFound:  # the doctor's first check reports it
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
            yield clearly(Account.by(provider).client)

    @contextmanager
    def regions(self) -> Iterator[Callable[[str, str], Any]]:
        """A maker whose session is made at the first call: a missing profile is a finding there."""

        yield by_profile(self._config("profile"))

    def internet(self, root: str | None = None) -> Internet:
        return Internet(Dns(), connect, ssl.create_default_context(cadata=root))

    def https(self, host: str, seconds: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(host, timeout=seconds)

    @property
    def receiver(self) -> None:
        """None: providers show their verdicts only to the reader of the message."""

    def has_shell(self, outputs: Outputs) -> bool:
        return outputs.ssh.reaches

    def run_on(
        self,
        host: Host,
        *command: str,
        text: str = "",
        fine: tuple[int, ...] = (0,),
        seconds: float | None = None,
    ) -> str:
        return self._ssh.run(host, *command, text=text, fine=fine, seconds=seconds)

    def shell(self, host: Host, command: Sequence[str], *, terminal: bool) -> int:
        return self._ssh.shell(host, command, terminal=terminal)

    @property
    def _ssh(self) -> Ssh:
        return Ssh(self.down, lambda host: tunnel.opened(host, self._session, self.why_no_tunnel))

    def _session(self) -> boto3.Session:
        provider = {key: self._config(key) for key in PROVIDER}
        return Account.by({**provider, "region": self.region}).session()

    def prepare(self) -> None:
        """Nothing to do."""

    def adapted(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return dict(config)

    @contextmanager
    def reviewed(self, given: Path | None) -> Iterator[Path]:
        yield given or self.file
