"""Commands on a stack's hosts: in a lab directly, on AWS by the user's own ssh."""

import shlex
import subprocess
from typing import Any

from lab.access import inside
from ops.errors import StackError
from ops.target import Target

USER = "admin"  # Debian's image; it may use sudo without a password
SSH_FAILED = 255  # ssh(1): the connection, not the command
CONNECT_SECONDS = 10


def all_of(outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The stack's hosts by its outputs, the gateway first."""
    return [outputs["gateway"], *outputs["clients"]]


def named(outputs: dict[str, Any], name: str) -> dict[str, Any]:
    """One host by its name, or `gateway`; StackError with the names that there are."""
    hosts = {"gateway": outputs["gateway"], **{host["name"]: host for host in all_of(outputs)}}
    if name not in hosts:
        raise StackError(f"{name}: there is no such host; there is {', '.join(hosts)}")
    return hosts[name]


def closed(target: Target) -> bool:
    """Whether no shell can be had on the stack's hosts: it has no network that SSH is open to."""
    return target.lab is None and not target.outputs()["ssh"]["allowFrom"]


def run(
    target: Target,
    host: dict[str, Any],
    *command: str,
    text: str = "",
    fine: tuple[int, ...] = (0,),
    seconds: float | None = None,
) -> str:
    """The output of a command as the host's root, with `text` as its standard input.

    StackError unless it ends as is fine, in time.
    """
    if target.lab:
        argv = [*inside(target.lab, host["instanceId"]), *command]
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
        raise StackError(f"{host['name']}: no answer after {seconds:.0f} s") from None
    if not target.lab and result.returncode == SSH_FAILED:
        raise StackError(
            f"no way into {host['name']} by ssh ({result.stderr.strip()}): mail-relay:ssh is to "
            "have your publicKey and, in allowFrom, the network that you come from"
        )
    if result.returncode not in fine:
        raise StackError(f"{host['name']}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def _options(host: dict[str, Any]) -> list[str]:
    """Never a question; the key is the host's own, whatever address it has."""
    options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_SECONDS}", f"HostKeyAlias={host['name']}"]
    return [part for option in options for part in ("-o", option)]


def _way(host: dict[str, Any]) -> list[str]:
    """The arguments of ssh that lead to a host; a private client's output has its own."""
    return shlex.split(host["ssh"])[1:] if host.get("ssh") else [f"{USER}@{host['address']}"]
