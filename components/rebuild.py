"""Keep an `up` from rebuilding the one gateway that serves.

A hook looks before the update of a resource that changes exactly when the instance does: a hook
before the instance's deletion would have `pulumi destroy` refuse to work without the program.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi

from components.account import Account
from components.naming import tables_key
from components.serving import NEVER, POLL_SECONDS, Seen, see
from components.tables import Tables

# A host writes its status every minute, and takes up to half of another.
NEWS_SECONDS = 120.0
DRAINS = "it drains"

# Why connections do not come to a host, by its name and its instance; "" if they do.
Leads = Callable[[str, str], str]


class NoOtherServes(Exception):
    """A gateway is not to be rebuilt now; the text has the reason, and the next step."""


@dataclass
class Rebuild:
    """Judges whether a gateway may be rebuilt.

    `taking` are the gateways that do not drain, `draining` the others. It does not judge
    without `leads`, a look at who gets connections: for a gateway alone, or in a stack that does
    not wait.
    """

    taking: Sequence[str]
    draining: Sequence[str]
    store: Tables
    account: Account
    leads: Callable[[], Awaitable[Leads]] | None
    _hooks: list[pulumi.ResourceHook] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.leads:
            self._hooks.append(pulumi.ResourceHook("another-gateway-serves", self._judge))

    def declare(
        self,
        host: str,
        instance: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """Declare the resource that is updated before an instance with other properties is made.

        Each gateway has one from its first `up` on, also where nobody judges. So it is created with
        the gateway, and never for one that stands: a second gateway would have to serve before it
        is made.
        """
        made_of = pulumi.Output.all(*instance).apply(_fingerprint)
        hooks = pulumi.ResourceHookBinding(before_update=self._hooks)
        return pulumi.Stash(
            f"{host}-replaceable",
            input={"host": host, "instance": made_of},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
        )

    async def _judge(self, args: pulumi.ResourceHookArgs) -> None:
        host: str = (args.new_inputs or {})["input"]["host"]
        if host in self.taking and self.leads:
            client, leads = self.account.client("s3"), await self.leads()
            look = partial(self._look, client)
            await wait_for_another(host, look, leads, pulumi.log.info, self.draining)

    def _look(self, client: Any) -> dict[str, Seen]:
        tables = self.store.url(tables_key(""))
        status = {name: self.store.url(self.store.status_key(name)) for name in self.taking}
        return {name: see(client, url, tables) for name, url in status.items()}


def _fingerprint(made_of: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


async def wait_for_another(
    host: str,
    look: Callable[[], dict[str, Seen]],
    leads: Leads,
    report: Callable[[str], None],
    draining: Sequence[str] = (),
) -> None:
    """Return once another gateway writes that it serves, and is led to; raises NoOtherServes.

    Of a gateway that has lost its power the last status says for minutes that it serves, so only a
    status written after the call counts. A gateway that does not serve itself is rebuilt whatever
    the others do, since that may be its repair. Those that are `draining` take no mail.
    """
    seen = await asyncio.to_thread(look)
    own, others = seen[host], [name for name in seen if name != host]
    # one that cannot be read may serve
    if own.lacks and not own.problem:
        return
    report(f"{host}: is rebuilt once another gateway writes that it serves")
    deadline, since = time.monotonic() + NEWS_SECONDS, dict[str, float]()
    while True:
        for name in others:
            if not seen[name].problem:
                since.setdefault(name, seen[name].written)
        lacks = {name: seen[name].lacks for name in others}
        new = [name for name in since if seen[name].written > since[name]]
        for name, status in [(name, seen[name].status) for name in new if not lacks[name]]:
            if status:
                lacks[name] = await asyncio.to_thread(leads, name, status.instance)
                if not lacks[name]:
                    return
        # an error of S3's may pass
        hopeless = all(seen[name].mute and not seen[name].problem for name in others)
        if hopeless or time.monotonic() > deadline:
            silent = {name: why or "it has written nothing new" for name, why in lacks.items()}
            raise NoOtherServes(refusal(host, silent | dict.fromkeys(draining, DRAINS)))
        await asyncio.sleep(POLL_SECONDS)
        seen = await asyncio.to_thread(look)


def refusal(host: str, lacks: Mapping[str, str]) -> str:
    """The error for a gateway, by what each of the others lacks."""
    others = "; ".join(f"{name}: {why}" for name, why in lacks.items())
    not_up = f"{host} is not rebuilt now: no other gateway is seen to serve ({others}). "
    if set(lacks.values()) == {NEVER}:
        added = " and ".join(lacks)
        return (
            f"{not_up}If this `up` is to add {added}, do that in one of its own: take {added} out "
            f"of the settings again, have {host} rebuilt by an `up` (./relay review names what "
            f"rebuilds it), and add {added} in the next; "
            "if not, repair one of them first (./relay verify)"
        )
    if set(lacks.values()) == {DRAINS}:
        return (
            f"{not_up}They take no mail from now on. Let one of them take mail again first (drain: "
            f"false, in an `up` of its own), and drain it once {host} is rebuilt. Or set "
            "wait.minutes: 0, which rebuilds without a look"
        )
    return (
        f"{not_up}Repair one of "
        "them first (./relay verify); if this change is its repair, or takes it into service, have "
        f"it made alone: pulumi up --target '**{next(iter(lacks))}**'. Or set wait.minutes: 0, "
        "which rebuilds all without a look"
    )
