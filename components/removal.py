"""Keeps an `up` from taking a gateway away with mail that still waits there.

A hook before the update of a resource that lists the gateways looks at those that leave. A hook
before a deletion would have `pulumi destroy` refuse to work without the program.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pulumi

from components.account import Account
from components.serving import see
from components.tables import Tables
from settings import Settings

# A host writes its status every minute.
STALE_SECONDS = 300.0
POSTFIX = "postfix.service"


class MailWaits(Exception):
    """A gateway is not to be taken away now; the text says why, and what to do."""


@dataclass(frozen=True)
class Removal:
    """Judges which gateways may leave; `discard` are those whose waiting mail may be lost."""

    store: Tables
    account: Account
    discard: tuple[str, ...]

    def declare(self, settings: Settings) -> None:
        """Declare the list of gateways, each with whether it drains."""
        hook = pulumi.ResourceHook(
            "gateway-is-empty", self._judge, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        pulumi.Stash(
            "gateways",
            input={
                "gateways": {gateway.name: gateway.drains for gateway in settings.gateways},
                "discard": list(self.discard),
            },
            opts=pulumi.ResourceOptions(
                hooks=pulumi.ResourceHookBinding(before_update=[hook]),
            ),
        )

    async def _judge(self, args: pulumi.ResourceHookArgs) -> None:
        given = (args.old_inputs or {}, args.new_inputs or {})
        before, after = (inputs["input"]["gateways"] for inputs in given)
        leaving = {n: drains for n, drains in before.items() if n not in {*after, *self.discard}}
        # the only gateway gets another name: its successor begins with an empty queue, as always
        if len(before) == 1:
            return
        problems = [
            await asyncio.to_thread(self._problem, name) if drains else _takes_mail(name)
            for name, drains in leaving.items()
        ]
        if lines := [problem for problem in problems if problem]:
            raise MailWaits("\n".join(lines))

    def _problem(self, name: str) -> str:
        status = self.store.url(self.store.status_key(name))
        client: Any = self.account.client("s3")
        seen = see(client, status, status)
        lost = f"mail-relay:discard: [{name}] takes it away with what waits there"
        found = seen.status
        if found is None or time.time() - seen.written > STALE_SECONDS:
            return (
                f"{name} has not written how it is for some minutes, and its data volume may hold "
                f"mail; {lost}"
            )
        if found.unread or POSTFIX in {*found.stopped, *found.silent}:
            return f"{name} cannot tell whether mail waits there: see ./relay verify; {lost}"
        if found.queue.messages:
            return (
                f"{name} still has {found.queue.messages} messages: ./relay queue list --host "
                f"{name} shows them; wait until there are none, or {lost}"
            )
        return ""


def _takes_mail(name: str) -> str:
    return (
        f"{name} takes mail: set drain: true for it in mail-relay:gateways, run `pulumi up`, and "
        f"take it away once its queue is empty; mail-relay:discard: [{name}] takes it away with "
        "what waits there"
    )
