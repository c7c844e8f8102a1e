"""Commands on a stack's hosts: in a lab directly, on AWS by the user's own ssh."""

import shlex
import subprocess

from lab.access import inside
from ops.errors import StackError
from ops.outputs import Host
from ops.target import Target

USER = "admin"  # Debian's image; it may use sudo without a password
SSH_FAILED = 255  # ssh(1): the connection, not the command
CONNECT_SECONDS = 10


def closed(target: Target) -> bool:
    """Whether no shell can be had on the stack's hosts: it has no network that SSH is open to."""
    return target.lab is None and not target.outputs().ssh.allow_from


def run(
    target: Target,
    host: Host,
    *command: str,
    text: str = "",
    fine: tuple[int, ...] = (0,),
    seconds: float | None = None,
) -> str:
    """The output of a command as the host's root, with `text` as its standard input.

    StackError unless it ends as is fine, in time.
    """
    if target.lab:
        argv = [*inside(target.lab, host.instance_id), *command]
    else:
        argv = ["ssh", *_options(host), *_way(host), "--", "sudo", "-n", shlex.join(command)]
    try:
        result = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{host.name}: no answer after {seconds:.0f} s") from None
    if not target.lab and result.returncode == SSH_FAILED:
        raise StackError(
            f"no way into {host.name} by ssh ({result.stderr.strip()}): mail-relay:ssh is to "
            "have your publicKey and, in allowFrom, the network that you come from"
        )
    if result.returncode not in fine:
        raise StackError(f"{host.name}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def _options(host: Host) -> list[str]:
    """Never a question; the key is the host's own, whatever address it has."""
    options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_SECONDS}", f"HostKeyAlias={host.name}"]
    return [part for option in options for part in ("-o", option)]


def _way(host: Host) -> list[str]:
    """The arguments of ssh that lead to a host; a private client's output has its own."""
    return shlex.split(host.ssh)[1:] if host.ssh else [f"{USER}@{host.address}"]
