"""Whether a gateway limits this computer's address for wrong passwords (docs/limits.md)."""

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

# The ports on which an address is limited.
PORTS = (SUBMISSION, SUBMISSIONS, IMAPS)
SECONDS = 30
# The address of ssh's client is in the environment of sudo, but not in that of sudo's command.
_SCRIPT = (
    r"tr '\0' '\n' < /proc/$PPID/environ 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p' | "
    f"cut -d' ' -f1; nft -j list table {' '.join(TABLE)}"
)
# Behind NAT: others see another address than one of these (RFC 1918, RFC 6598).
_BEHIND_NAT = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]
_DONE: dict[str, str] = {"banned": "has banned", "slowed": "slows down"}


@dataclass(frozen=True)
class Limit:
    """A gateway's limit on an address, and the seconds that are left of it."""

    host: str
    address: str
    kind: Literal["banned", "slowed"]
    seconds: int

    @property
    def text(self) -> str:
        """The limit in a sentence."""
        minutes = max(round(self.seconds / 60), 1)
        return (
            f"{self.host} {_DONE[self.kind]} this address, {self.address}, for failed logins, "
            f"for {minutes} min more"
        )

    @property
    def remedy(self) -> str:
        """The command that ends the limit."""
        return f"On the host: fail2ban-client unban {self.address}"


class Unknown(RelayError):
    """It is unknown whether the gateway limits this computer; the text says how to find out."""


def limit(found: Target, outputs: Outputs, host: Host) -> Limit | None:
    """The host's limit on our address, or None; Unknown if no shell on the host can tell."""
    if not (host.address and found.has_shell(outputs)):  # no address: the load balancer's name
        raise Unknown(_maybe(found, host))
    try:
        said = found.run_on(host, "sh", "-c", _SCRIPT, seconds=SECONDS)
    except RelayError:
        raise Unknown(_maybe(found, host)) from None
    first, brace, table = said.partition("{")
    try:
        limits = _read(host, f"{brace}{table}")
    except (ValueError, KeyError, TypeError):  # not the JSON of nft that is expected
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
    """The limit that is, or may be, on our address at a gateway's ports for logins; "" if none."""
    try:
        limited = limit(found, outputs, host)
    except Unknown as error:
        return str(error)
    return f"{limited.text}. {limited.remedy}" if limited else ""


def _read(host: Host, table: str) -> list[Limit]:
    """The limits in the two sets, from nft(8)'s listing of the table in JSON."""
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
    """This computer's own address, or none behind NAT.

    It is that of a connection to port 25, on which no address is limited.
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
