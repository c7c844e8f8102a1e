"""A stack in a lab: Pulumi, the account, the internet and the hosts are the lab's."""

import http.client
import os
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from websockets.sync.client import ClientConnection

from lab import control
from lab.access import NotRunning, entered, inside
from lab.internet import inbox, laptop
from lab.internet.smtp import Internet as LabInternet
from lab.lab import Lab, every
from lab.machines.network import RESOLVER, SERVICES
from ops import on_host, stack_yaml, tunnel
from ops.account import Clients
from ops.edit.encrypted import PREFIX, readable
from ops.errors import StackError
from ops.instances import Down
from ops.internet import Internet, connect
from ops.known import meant
from ops.lab import power, region, stack
from ops.outputs import Host, Outputs
from ops.ssh import Ssh
from ops.target import Target
from ops.terminal import shown_path
from ops.testmail.verdicts import Receiver, Verdicts
from ops.verify.names import Answer, Dns
from settings import read


@dataclass(frozen=True)
class LabTarget(Target):
    """A stack of a lab."""

    stack: str
    lab: Lab

    @property
    def file(self) -> Path:
        return stack.work_dir(self.lab) / f"Pulumi.{self.stack}.yaml"

    @property
    def command(self) -> str:
        return f"./relay pulumi --lab {self.lab.name}"

    @property
    def option(self) -> str:
        lab = f"--lab {self.lab.name}"
        return lab if self.stack == stack.STACK else f"--stack {self.stack} {lab}"

    def typed(self, words: str) -> str:
        """A Pulumi command; without --stack for the lab's own stack, `./relay pulumi`'s default."""
        if self.stack == stack.STACK:
            return f"{self.command} {words}"
        return super().typed(words)

    @property
    def made_by(self) -> str:
        if self.stack == stack.STACK:
            return f"./relay lab up --lab {self.lab.name}"
        return f"{self.command} stack init {self.stack}"

    @property
    def exports(self) -> Path:
        return self.lab.directory / "exports"

    @property
    def region(self) -> str:
        """The region in the stack's file; the lab has one region alone, which answers anyhow."""
        given = stack_yaml.config(self.file).get("aws:region") if self.file.exists() else None
        return str(given or region.NAME)

    @property
    def aws_environment(self) -> str:
        return f"./relay lab shell aws --lab {self.lab.name}"

    def argv(self, *arguments: str) -> list[str]:
        return stack.command(self.lab, *arguments)

    def beside(self, stack: str) -> "LabTarget":
        return LabTarget(stack, self.lab)

    def stacks(self) -> dict[str, str | None]:
        if not control.running(self.lab):
            name = self.lab.name
            raise StackError(not_up(name, f"./relay env up NAME --lab {name} starts it"))
        return super().stacks()

    @contextmanager
    def account(self, provider: Mapping[str, Any] | None = None) -> Iterator[Clients]:
        """The region takes any credentials; in the block this thread is on the lab's internet."""
        with region.clients(self.lab) as client:
            yield client

    @contextmanager
    def regions(self) -> Iterator[Callable[[str, str], Any]]:
        with entered(self.lab.namespace):
            yield lambda service, _: region.client(self.lab, service)

    def internet(self, root: str | None = None) -> Internet:
        """Each query and connection goes out from a computer on the lab's internet."""
        place = f"{self.lab.namespace}-probe"

        def from_there(address: str, port: int) -> socket.socket:
            with entered(place):
                return connect(address, port)

        trust = LabInternet(self.lab, root).context()
        return Internet(_LabNames(place, Dns(RESOLVER)), from_there, trust)

    def https(self, host: str, seconds: float) -> http.client.HTTPSConnection:
        return _Https(self.lab, host, seconds)

    def down(self, host: Host) -> Down | None:
        """The reason that a host is down; the lab knows a power cut before EC2's checks show it."""
        try:
            said = power.without(self.lab).get(host.name)
        except NotRunning:
            return None
        if said is None:
            return super().down(host)
        return Down(f"{host.name} is {said}", power.mended_by(self.lab, host.name))

    @property
    def file_gone(self) -> str:
        """The message that the file of a stack is missing."""
        name = self.lab.name
        again = "" if self.stack != stack.STACK else f", or ./relay lab up --lab {name} --file FILE"
        return (
            f"{self.file} is gone, which has the settings of a stack that is up: put it back{again}"
        )

    def under_way(self, state: str = "") -> str:
        if stack.at_work(self.lab, self.stack):
            return f"wait: a `pulumi` works on the stack {self.stack}"
        cut_off = stack.cut_off(self.lab, self.stack) or super().under_way(state)
        return f"a `pulumi` was cut off: {self.settle_command}" if cut_off else ""

    @property
    def receiver(self) -> Receiver:
        return _Inbox(self.lab)

    def has_shell(self, outputs: Outputs) -> bool:
        return True

    def run_on(
        self,
        host: Host,
        *command: str,
        text: str = "",
        fine: tuple[int, ...] = (0,),
        seconds: float | None = None,
    ) -> str:
        if host.endpoint:  # as on AWS, so that it is tried
            return self._ssh.run(host, *command, text=text, fine=fine, seconds=seconds)
        argv = [*self._inside(host), *command]
        try:
            return on_host.output(host, on_host.ended(host, argv, text, seconds), fine)
        except on_host.NoAnswer as error:
            raise StackError(str(self.down(host) or error)) from None

    def shell(self, host: Host, command: Sequence[str], *, terminal: bool) -> int:
        if host.endpoint:
            return self._ssh.shell(host, command, terminal=terminal)
        argv = [*self._inside(host), *(command or ["bash", "-l"])]
        return subprocess.run(argv, check=False).returncode

    def _inside(self, host: Host) -> list[str]:
        """The command line prefix that runs a command on a host; StackError if it is down."""
        try:
            return inside(self.lab, host.instance_id)
        except NotRunning:
            text = power.not_running(self.lab, host.name)
            raise StackError(str(self.down(host) or text)) from None

    @property
    def _ssh(self) -> Ssh:
        """The ssh of the lab's laptop, which has its own key."""
        known = self.lab.directory / "laptop-known-hosts"
        options = ("IdentitiesOnly=yes", f"UserKnownHostsFile={known}")
        key = ("-F", "none", "-i", str(laptop.private_key(self.lab)))
        given = [part for option in options for part in ("-o", option)]
        return Ssh(self.down, self._tunnel, [*key, *given])

    def _tunnel(self, host: Host) -> ClientConnection:
        """A tunnel from a computer on the lab's internet."""
        internet, session = self.internet(), region.session
        assert host.endpoint
        found = internet.names.resolve(host.endpoint.dns_name, "A").values
        try:
            link = internet.connect(found[0] if found else SERVICES, 443)
        except OSError as error:
            name = host.endpoint.dns_name
            raise on_host.NoAnswer(f"no way into {host.name}: {name}: {error}") from None
        return tunnel.opened(host, session, self.why_no_tunnel, internet.trust, link)

    def prepare(self) -> None:
        stack.start(self.lab)
        with stack.alone(self.lab):
            stack.make_place(self.lab)

    def adapted(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Without the zone id of another account, and with the SSH key of the lab's laptop."""
        found = dict(config)
        if delegation := config.get(f"{PREFIX}delegation"):
            kept = {key: value for key, value in delegation.items() if key != "parentId"}
            found[f"{PREFIX}delegation"] = kept
        if (ssh_ := config.get(f"{PREFIX}ssh")) and ssh_.get("publicKey"):
            found[f"{PREFIX}ssh"] = {**ssh_, "publicKey": laptop.public_key(self.lab)}
        return found

    @contextmanager
    def reviewed(self, given: Path | None) -> Iterator[Path]:
        """The lab's own file, or a copy of `given`, adapted as `lab up` would."""
        if given is None:
            yield self.file
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.file.name
            copy.write_text(stack.adapted(self.lab, given))
            name = shown_path(given)
            config = stack_yaml.config(copy, name)
            settings = read(readable(config), config, name)
            region.make_zones(self.lab, [zone.name for zone in settings.existing_zones])
            if settings.ssh.public_key:
                stack.take_laptops_key(self.lab, "--config-file", str(copy))
            yield copy

    @property
    def opens_port_25(self) -> str:
        return f"./relay lab up --lab {self.lab.name} --open-port-25"


class _LabNames:
    """DNS queries from a computer on the lab's internet, whatever namespace this thread is in."""

    def __init__(self, place: str, dns: Dns) -> None:
        self._place, self._dns = place, dns

    @property
    def resolver(self) -> str:
        return self._dns.resolver

    def resolve(self, name: str, kind: str) -> Answer:
        with entered(self._place):
            return self._dns.resolve(name, kind)

    def ask(self, server: str, name: str, kind: str) -> Answer:
        with entered(self._place):
            return self._dns.ask(server, name, kind)


@dataclass(frozen=True)
class _Inbox:
    """The lab's receiving provider, which stores its verdicts."""

    lab: Lab
    domain: str = inbox.DOMAIN
    address: str = f"me@{inbox.DOMAIN}"

    def verdicts(self, message_id: str, seconds: float) -> Verdicts | None:
        wanted = f"<{message_id}>"
        try:
            (message, *_) = inbox.Inbox(self.lab).wait_for(
                lambda m: m.parsed["Message-ID"] == wanted, seconds=seconds
            )
        except TimeoutError:
            return None
        said = message.verdict
        hops = tuple(message.hops)
        return Verdicts(message.receivers[-1], said.spf, said.dkim, said.dmarc, hops)


class _Https(http.client.HTTPSConnection):
    """HTTPS with a service that the lab simulates, by its real name."""

    def __init__(self, lab: Lab, host: str, seconds: float) -> None:
        self._lab = lab
        root = lab.directory / "authority" / "root.pem"
        self._tls = ssl.create_default_context(cafile=str(root))
        super().__init__(host, timeout=seconds)

    def connect(self) -> None:
        with entered(self._lab.namespace):
            plain = socket.create_connection((SERVICES, 443), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def lab_of(name: str) -> Lab:
    """The lab that an option names; BadParameter if the name is invalid."""
    try:
        return Lab(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def labs() -> list[str]:
    """The names of the labs that are up on this computer."""
    mine = [lab for lab in every() if os.access(lab.directory, os.X_OK)]
    return [lab.name for lab in mine if control.running(lab)]


def not_up(name: str, start: str = "") -> str:
    """The message that a lab is not up, with the command that starts it and the labs that are."""
    return f"the lab {name} is not up: {start or f'./relay lab up --lab {name}'}{up_here(name)}"


def up_here(name: str) -> str:
    """A hint to the other labs that are up, or ""."""
    up = labs()
    others = [f"--lab {other}" for other in up if other != name]
    left = [f"--lab {other.name}" for other in every() if other.name not in {name, *up}]
    said = [f"up here: {', '.join(others)}"] if others else []
    said += [f"not running, and not taken away: {', '.join(left)}"] if left else []
    return f" ({'; '.join(said)})" if said else ""


def named(lab: str) -> LabTarget:
    """A lab's own stack, whether it is up or not."""
    return LabTarget(stack.STACK, lab_of(lab))


def running(name: str | None, lab: str) -> LabTarget:
    """A stack of a lab that is up; StackError if there is none."""
    found = LabTarget(name or stack.STACK, lab_of(lab))
    if not control.running(found.lab):
        raise StackError(not_up(lab))
    if not found.file.exists():
        known = stack.stacks(found.lab)
        if found.stack in known:
            raise StackError(found.file_gone)
        there = meant(found.stack, known) if known else f"there is none: {named(lab).made_by}"
        raise StackError(f"{found.stack}: there is no such stack in the lab; {there}")
    return found
