"""Whether a gateway limits the address that we come from, for wrong passwords (docs/limits.md)."""

import contextlib
import ipaddress
import json
from dataclasses import dataclass
from typing import Literal

from agent.guessing import TABLE
from common.errors import RelayError
from ops.edit.stack_file import StackFile
from ops.outputs import Host, Outputs
from ops.target import Target
from ops.verify.talk import IMAPS, SMTP, SUBMISSION, SUBMISSIONS

# The ports that a limited address cannot use as others do.
PORTS = (SUBMISSION, SUBMISSIONS, IMAPS)
SECONDS = 30
# The address that ssh comes from is in the environment of sudo, and not in that of its command.
_SCRIPT = (
    r"tr '\0' '\n' < /proc/$PPID/environ 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p' | "
    f"cut -d' ' -f1; nft -j list table {' '.join(TABLE)}"
)
# Who has such an address itself (RFC 1918, RFC 6598) comes from another one.
_BEHIND_NAT = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]
_DONE: dict[str, str] = {"banned": "has banned", "slowed": "slows down"}


@dataclass(frozen=True)
class Limit:
    """What a gateway does with an address, and for how long still."""

    host: str
    address: str
    kind: Literal["banned", "slowed"]
    seconds: int

    @property
    def text(self) -> str:
        """What it does, in a sentence."""
        minutes = max(round(self.seconds / 60), 1)
        return (
            f"{self.host} {_DONE[self.kind]} this address, {self.address}, for failed logins, "
            f"for {minutes} min more"
        )

    @property
    def remedy(self) -> str:
        """What ends it."""
        return f"On the host: fail2ban-client unban {self.address}"


class Unknown(RelayError):
    """Nobody knows whether the gateway limits us; the text says what may be, and how to see it."""


def limit(found: Target, outputs: Outputs, host: Host) -> Limit | None:
    """The limit of our address, by the host itself; Unknown if the host cannot be asked."""
    if not (host.address and found.has_shell(outputs)):  # or it is a name before several hosts
        raise Unknown(_maybe(found, host))
    try:
        said = found.run_on(host, "sh", "-c", _SCRIPT, seconds=SECONDS)
    except RelayError:
        raise Unknown(_maybe(found, host)) from None
    first, brace, table = said.partition("{")
    try:
        limits = _read(host, f"{brace}{table}")
    except (ValueError, KeyError, TypeError):  # another nft's, or none of its words
        raise Unknown(_maybe(found, host)) from None
    ours = {*first.split(), *_own_address(found, outputs, host)}
    for each in limits:
        if each.address in ours:
            return each
    if ours or not limits:
        return None
    listed = ", ".join(f"{each.address} ({each.kind})" for each in limits)
    raise Unknown(f"{host.name} limits {listed} for failed logins: is one of them yours?")


def why(found: Target, outputs: Outputs, host: Host) -> str:
    """What is, or may be, between us and a gateway's ports for logins; "" if it is no limit."""
    try:
        limited = limit(found, outputs, host)
    except Unknown as error:
        return str(error)
    return f"{limited.text}. {limited.remedy}" if limited else ""


def _read(host: Host, table: str) -> list[Limit]:
    """The elements of the two sets, as nft(8) lists them in JSON."""
    found = []
    for item in json.loads(table)["nftables"]:
        named = item.get("set", {})
        if named.get("name") not in _DONE:
            continue
        for element in named.get("elem", ()):
            one = element["elem"]
            found.append(Limit(host.name, one["val"], named["name"], int(one["expires"])))
    return found


def _own_address(found: Target, outputs: Outputs, host: Host) -> list[str]:
    """The address that we have ourselves, unless others see another one.

    Port 25 is closed to nobody.
    """
    internet = found.internet(outputs.acme_root)
    try:
        with internet.connect(host.address, SMTP) as connection:
            address = str(connection.getsockname()[0])
    except OSError:
        return []
    hidden = any(ipaddress.ip_address(address) in network for network in _BEHIND_NAT)
    return [] if hidden else [address]


def _maybe(found: Target, host: Host) -> str:
    first = ""
    with contextlib.suppress(RelayError):
        guessing = StackFile(found).settings().limits.guessing
        first = f", for {guessing.ban_minutes} min the first time"
    return (
        f"{host.name} may have banned this address for failed logins{first} (docs/limits.md). On "
        f"the host, `nft list table {' '.join(TABLE)}` shows it, and `fail2ban-client unban "
        "ADDRESS` ends it"
    )
