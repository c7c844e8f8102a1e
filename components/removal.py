"""Keep an `up` from removing a gateway whose queue still has mail.

A hook before the update of a resource that lists the gateways checks those that leave. With a hook
before a deletion, `pulumi destroy` would not work without the program.
"""

import asyncio
import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from botocore.exceptions import ClientError

from agent.host_status import Status
from components.account import Account
from components.naming import owner_tags, tables_key, tag_filters
from components.serving import NEVER, Seen, place, see
from components.tables import Tables
from settings import Settings

POSTFIX = "postfix.service"
# A session that was open when a gateway began to drain may submit more mail: client hosts keep one
# for five minutes (postconf(5), smtp_connection_reuse_time_limit).
SESSION_SECONDS = 300.0


class MailWaits(Exception):
    """A gateway may not be removed now; the text has the reason and the next step."""


@dataclass(frozen=True)
class Removal:
    """Checks which gateways may be removed; the queues of those in `discard` may be lost.

    Whether one serves is looked at in a stack that `waits` alone.
    """

    store: Tables
    account: Account
    discard: tuple[str, ...]
    waits: bool

    def declare(self, settings: Settings) -> pulumi.Resource:
        """Declare the list of gateways, each with whether it drains.

        Resources that a gateway still needs if its removal is refused (tables, its address in SPF)
        have to depend on this one.
        """
        hook = pulumi.ResourceHook(
            "gateway-is-empty", self._judge, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        return pulumi.Stash(
            "gateways",
            input={
                "gateways": {gateway.name: gateway.drains for gateway in settings.gateways},
                "discard": list(self.discard),
                **_numbered(settings),
            },
            opts=pulumi.ResourceOptions(
                hooks=pulumi.ResourceHookBinding(before_update=[hook]),
            ),
        )

    async def _judge(self, args: pulumi.ResourceHookArgs) -> None:
        given = [(inputs or {})["input"] for inputs in (args.old_inputs, args.new_inputs)]
        if lines := [*_lost_addresses(*given)]:
            raise MailWaits("\n".join(lines))
        before, after = (inputs["gateways"] for inputs in given)
        leaving = {n: drains for n, drains in before.items() if n not in {*after, *self.discard}}
        # the only gateway gets another name: its successor begins with an empty queue, as always
        if len(before) == 1 and leaving:
            return
        if problem := await asyncio.to_thread(self._nobody_left, before, after):
            raise MailWaits(problem)
        problems = [
            await asyncio.to_thread(self._problem if drains else self._takes_mail, name)
            for name, drains in leaving.items()
        ]
        if lines := [problem for problem in problems if problem]:
            lines += [
                f"mail-relay:discard: {name!r}: no gateway of this name is there to be taken away"
                for name in self.discard
                if name not in before
            ]
            raise MailWaits("\n".join(lines))

    def _takes_mail(self, name: str) -> str:
        """The problem of one that does not drain; "" if it has never been a host that serves."""
        client: Any = self.account.client("s3")
        seen = self._see(client, name)
        if seen.mute == NEVER and not _forbidden(client, self._tables):
            return ""
        if seen.status and self._is_of_another(name, seen.written):
            return ""
        return (
            f"{name} takes mail: set drain: true for it in mail-relay:gateways, run `pulumi up`, "
            f"and take it away once its queue is empty; mail-relay:discard: [{name}] takes it away "
            "with what waits there"
        )

    def _is_of_another(self, name: str, written: float) -> bool:
        """Whether a status is of a former gateway of this name: the data volume is newer, or none.

        True of one whose `up` failed, which is taken back.
        """
        ec2: Any = self.account.client("ec2")
        wanted = {**owner_tags(pulumi.get_project(), pulumi.get_stack()), "Name": f"{name} data"}
        try:
            found = ec2.describe_volumes(Filters=tag_filters(wanted))["Volumes"]
        except ClientError:  # who may not look must not be told that it is so
            return False
        return all(volume["CreateTime"].timestamp() > written for volume in found)

    def _nobody_left(self, before: Mapping[str, bool], after: Mapping[str, bool]) -> str:
        """The problem if gateways no longer take mail, and no other one does already.

        Both say of each gateway whether it drains. Hosts hear of a drain within a minute, and a new
        gateway serves some minutes after it.
        """
        took, takes = ([n for n, drains in each.items() if not drains] for each in (before, after))
        ends = [name for name in took if name not in {*takes, *self.discard}]
        if not (stops := [name for name in ends if not self._lacks(name)]):
            return ""
        lacks = {name: self._lacks(name) if name in before else NEVER for name in takes}
        if not all(lacks.values()):
            return ""
        others = "; ".join(f"{name}: {why}" for name, why in lacks.items())
        return (
            f"nobody would take mail ({others}): have one of them serve first, in an `up` without "
            f"this change (./relay verify says what it lacks), and {' and '.join(stops)} drain in "
            "the next"
        )

    def _lacks(self, name: str) -> str:
        """The reason that a gateway does not serve; "" for one that does, or cannot be read."""
        if not self.waits:
            return ""
        found = self._see(self.account.client("s3"), name)
        return "" if found.problem else found.lacks

    @property
    def _tables(self) -> str:
        return self.store.url(tables_key(""))

    def _see(self, client: Any, name: str) -> Seen:
        return see(client, self.store.url(self.store.status_key(name)), self._tables)

    def _problem(self, name: str) -> str:
        client: Any = self.account.client("s3")
        seen, tables = self._see(client, name), self._tables
        lost = f"mail-relay:discard: [{name}] takes it away with what waits there"
        found = seen.status
        if found is None and _forbidden(client, tables):
            return _unseen(name, tables)
        if found is None or seen.mute:
            return f"{name}: {seen.mute}, and its data volume may hold mail; {lost}"
        if found.unread or POSTFIX in {*found.stopped, *found.silent}:
            return f"{name} cannot tell whether mail waits there: see ./relay verify; {lost}"
        if found.queue.messages:
            count = f"{found.queue.messages} message{'s' if found.queue.messages > 1 else ''}"
            return (
                f"{name} still had {count} at {found.written}: ./relay queue list --host {name} "
                "shows them, and hosts write how they are once a minute; wait until there are "
                f"none, or {lost}"
            )
        # an empty queue counts only once nobody can submit any more
        if not _drains(client, tables, name, found):
            return f"{name} has not begun to drain yet: ask again in a minute, or {lost}"
        if (seconds := _left(found)) > 0:
            return (
                f"{name} drains since {found.tables.taken}, and sessions that were open then may "
                f"still hand in mail: ask again in {seconds:.0f} seconds, or {lost}"
            )
        return ""


def _numbered(settings: Settings) -> dict[str, Any]:
    """The numbers of the gateways' addresses as set, 0 for none; {} if none was ever replaced."""
    found = {
        gateway.name: [gateway.address or 0, gateway.spare_address or 0]
        for gateway in settings.gateways
        if gateway.address or gateway.spare_address
    }
    return {"addresses": found} if found else {}


def _lost_addresses(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Gateways that would get an address that no record has named before, or none at all.

    Both are the inputs of the list of gateways.
    """
    for name in before["gateways"].keys() & after["gateways"].keys():
        (was, spare), (now, _) = (
            inputs.get("addresses", {}).get(name, [0, 0]) for inputs in (before, after)
        )
        # without its number the association goes, and the host has no address
        if (now or 1) not in {was or 1, spare} or (was and not now):
            keep = f"set address: {was:g}" if was else "leave address out"
            yield (
                f"{name} would leave its address at once, before SPF and the reverse name name the "
                f"next one: {keep} for it in the "
                f"stack's file, and let `./relay address replace {name}` change it"
            )


def _forbidden(client: Any, tables: str) -> bool:
    try:
        client.head_object(**place(tables))
    except ClientError as error:
        return error.response["Error"]["Code"] in ("403", "AccessDenied")
    return False


def _unseen(name: str, tables: str) -> str:
    """The problem if nobody here may read the tables, which hold passwords; a preview warns."""
    if pulumi.runtime.is_dry_run():
        pulumi.warn(
            f"whether mail waits on {name} is not seen here, where nobody may read {tables}: the "
            "`up` looks, and takes it away only if there is none"
        )
        return ""
    return (
        f"whether mail waits on {name} cannot be seen: nobody here may read {tables} "
        "(s3:GetObject). Nothing is taken away; do it with an identity that may"
    )


def _drains(client: Any, tables: str, name: str, found: Status) -> bool:
    """Whether the tables that a gateway has in use are the stack's, and say that it drains."""
    try:
        held = client.get_object(**place(tables), IfMatch=f'"{found.tables.etag}"')
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "412"):
            return False
        raise
    return name in json.load(held["Body"]).get("draining", [])


def _left(found: Status) -> float:
    """The seconds after the status was written in which an open session may still submit mail."""
    if not found.tables.taken:
        return SESSION_SECONDS
    times = (found.written, found.tables.taken)
    written, taken = (datetime.datetime.fromisoformat(moment) for moment in times)
    return SESSION_SECONDS - (written - taken).total_seconds()
