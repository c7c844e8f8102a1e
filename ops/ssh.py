"""Commands on hosts, run by the user's ssh: through the stack's endpoint, or where 22 is open."""

import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from websockets.sync.client import ClientConnection

from ops import tunnel
from ops.errors import StackError
from ops.instances import Down
from ops.on_host import NoAnswer, ended, output
from ops.outputs import Host

USER = "admin"  # Debian's image; it may use sudo without a password
SSH_FAILED = 255  # ssh(1): the connection, not the command
CONNECT_SECONDS = 10
# Shorter than any idle timeout between the two ends.
ALIVE_SECONDS = 15
CLOSED = (
    "SSH is closed, and the stack has no endpoint: give mail-relay:ssh a publicKey and `endpoint: "
    "true` (docs/tasks/reach-a-host.md), or in allowFrom the network that you come from"
)


@dataclass(frozen=True)
class Ssh:
    """The user's ssh; `open_tunnel` opens one to a host that has an endpoint.

    `down` says why a host does not answer, or None. `options` come before ours.
    """

    down: Callable[[Host], Down | None]
    open_tunnel: Callable[[Host], ClientConnection]
    options: Sequence[str] = ()

    def run(
        self, host: Host, *command: str, text: str, fine: tuple[int, ...], seconds: float | None
    ) -> str:
        """See `Target.run_on`."""
        with self._reasons(host):
            with self._way(host, "BatchMode=yes") as (way, through):
                argv = [*way, "--", "sudo", "-n", shlex.join(command)]
                result = ended(host, argv, text, seconds)
            if result.returncode == SSH_FAILED:
                raise NoAnswer(_no_way(host, result.stderr.strip(), through))
        return output(host, result, fine)

    def shell(self, host: Host, command: Sequence[str], *, terminal: bool) -> int:
        """See `Target.shell`."""
        asked = shlex.join(["sudo", "-n", "--", *command]) if command else "sudo -n -i"
        tty = "-t" if terminal else "-T"
        with self._reasons(host):
            with self._way(host) as (way, through):
                status = subprocess.run([*way, tty, "--", asked], check=False).returncode
            # 255 may be the command's own too
            if status == SSH_FAILED and ((through and through.ended) or self.down(host)):
                raise NoAnswer(_no_way(host, "", through))
        return status

    @contextmanager
    def _reasons(self, host: Host) -> Iterator[None]:
        """Raise NoAnswer as StackError, for a host that is down with why."""
        try:
            yield
        except NoAnswer as error:
            raise StackError(str(self.down(host) or error)) from None

    @contextmanager
    def _way(self, host: Host, *more: str) -> Iterator[tuple[list[str], tunnel.Tunnel | None]]:
        """The command line of ssh to a host, and the tunnel that it goes through, if any."""
        options = [*more, f"ConnectTimeout={CONNECT_SECONDS}"]
        if host.endpoint is None:
            # addresses change, names stay
            given = _options(*options, f"HostKeyAlias={host.name}")
            yield ["ssh", *self.options, *given, *_address(host)], None
            return
        # The tunnel ends at an address that AWS gave this very instance, so the first key that it
        # shows is its own; a rebuilt host is another instance.
        options += [f"HostKeyAlias={host.instance_id}", "StrictHostKeyChecking=accept-new"]
        # without the line that a new key is known from now on
        options += ["LogLevel=ERROR", f"ServerAliveInterval={ALIVE_SECONDS}"]
        # hosts of other stacks have the same private address: a shared connection may be one's
        given = _options(*options, "ControlPath=none")
        with tunnel.through(self.open_tunnel(host)) as through:
            argv = ["ssh", *self.options, *given, *through.options]
            yield [*argv, f"{USER}@{host.private_address}"], through


def _options(*options: str) -> list[str]:
    return [part for option in options for part in ("-o", option)]


def _address(host: Host) -> list[str]:
    """The arguments of ssh with the host, for a private client those of its `ssh` output."""
    return shlex.split(host.ssh)[1:] if host.ssh else [f"{USER}@{host.address}"]


def _no_way(host: Host, said: str, through: tunnel.Tunnel | None) -> str:
    """The error that ssh cannot connect, with what may be missing."""
    said = " ".join(said.split())
    if through is None:
        return (
            f"no way into {host.name} by ssh ({said}): mail-relay:ssh is to have your publicKey "
            "and, in allowFrom, the network that you come from"
        )
    if through.ended:
        return f"the endpoint has no way into {host.name}: {through.ended}"
    return f"no way into {host.name} by ssh ({said}): mail-relay:ssh.publicKey is to be yours"
