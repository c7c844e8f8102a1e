"""Whether hosts have the tables of the last `pulumi up`, by the status that they write."""

import time
from collections.abc import Iterable
from typing import Annotated

import typer

from ops import status
from ops.errors import StackError
from ops.outputs import Host
from ops.target import Target
from ops.terminal import notes, step

# Hosts look for tables twice a minute; a new domain's also wait for its name servers.
SECONDS = 300
LOOK_SECONDS = 5

Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help=f"Wait until the hosts have the tables of the last `up`, {SECONDS // 60} minutes "
        "at most.",
    ),
]


def late(target: Target, hosts: Iterable[Host]) -> list[Host]:
    """The hosts whose status does not show the stack's tables; AwsError if AWS does not answer."""
    with target.account() as client:
        return [host for host in hosts if not _has_them(client, host)]


def _has_them(client: status.Clients, host: Host) -> bool:
    try:
        return status.read(client, host).status.tables.etag == host.tables
    except status.NoStatus:
        return False


def wait(target: Target, hosts: Iterable[Host]) -> None:
    """Wait until all hosts have the tables, with progress on standard error; StackError if late."""
    left, end = late(target, hosts), time.monotonic() + SECONDS
    if not left:
        return
    with step(f"waiting for the tables of the last `up` on {_names(left)}"):
        while left:
            if time.monotonic() > end:
                raise StackError(
                    f"{_names(left)} did not get the tables of the last `up` in "
                    f"{SECONDS // 60} minutes; ./relay verify {target.option} says why"
                )
            time.sleep(LOOK_SECONDS)
            now = late(target, left)
            if now != left and now:
                notes.print(f"    still without: {_names(now)}")
            left = now


def _names(hosts: Iterable[Host]) -> str:
    return ", ".join(host.name for host in hosts)
