"""Commands on hosts, run by the user's ssh."""

import shlex

from ops.on_host import NoAnswer, ended, output
from ops.outputs import Host

USER = "admin"  # Debian's image; it may use sudo without a password
SSH_FAILED = 255  # ssh(1): the connection, not the command
CONNECT_SECONDS = 10


def run(host: Host, *command: str, text: str, fine: tuple[int, ...], seconds: float | None) -> str:
    """See `Target.run_on`; NoAnswer if ssh cannot connect to the host."""
    argv = ["ssh", *_options(host), *_way(host), "--", "sudo", "-n", shlex.join(command)]
    result = ended(host, argv, text, seconds)
    if result.returncode == SSH_FAILED:
        raise NoAnswer(
            f"no way into {host.name} by ssh ({result.stderr.strip()}): mail-relay:ssh is to "
            "have your publicKey and, in allowFrom, the network that you come from"
        )
    return output(host, result, fine)


def _options(host: Host) -> list[str]:
    """Options of ssh: no prompts; the host key is looked up by name, since addresses change."""
    options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_SECONDS}", f"HostKeyAlias={host.name}"]
    return [part for option in options for part in ("-o", option)]


def _way(host: Host) -> list[str]:
    """The arguments of ssh with the host, for a private client those of its `ssh` output."""
    return shlex.split(host.ssh)[1:] if host.ssh else [f"{USER}@{host.address}"]
