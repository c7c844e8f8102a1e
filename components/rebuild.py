"""Keep an `up` from rebuilding the one gateway that serves.

A hook looks before the update of a resource that changes exactly when the instance does: a hook
before the instance's deletion would have `pulumi destroy` refuse to work without the program.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.account import Account
from components.naming import tables_key
from components.serving import STALE_SECONDS, Seen, see
from components.tables import Tables


class NoOtherServes(Exception):
    """A gateway is not to be rebuilt now; the text has the reason, and the next step."""


@dataclass
class Rebuild:
    """Judges whether a gateway may be rebuilt; `taking` are the gateways that do not drain."""

    taking: Sequence[str]
    store: Tables
    account: Account
    _hook: pulumi.ResourceHook = field(init=False)

    def __post_init__(self) -> None:
        self._hook = pulumi.ResourceHook("another-gateway-serves", self._judge)

    def declare(
        self,
        host: str,
        instance: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """Declare the resource that is updated before an instance with other properties is made."""
        made_of = pulumi.Output.all(*instance).apply(_fingerprint)
        hooks = pulumi.ResourceHookBinding(before_update=[self._hook])
        return pulumi.Stash(
            f"{host}-replaceable",
            input={"host": host, "instance": made_of},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
        )

    async def _judge(self, args: pulumi.ResourceHookArgs) -> None:
        host: str = (args.new_inputs or {})["input"]["host"]
        if host not in self.taking:
            return
        client = self.account.client("s3")

        def look(name: str) -> Seen:
            tables = self.store.url(tables_key(""))
            return see(client, self.store.url(self.store.status_key(name)), tables)

        seen = {name: await asyncio.to_thread(look, name) for name in self.taking}
        if problem := no_other(host, seen, time.time()):
            raise NoOtherServes(problem)


def _fingerprint(made_of: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


def no_other(host: str, seen: Mapping[str, Seen], now: float) -> str:
    """The reason not to rebuild a gateway, by what is seen of all that take mail; "" to do it.

    One that does not serve is rebuilt whatever the others do: that may be its repair.
    """
    lacks = {name: _lacks(found, now) for name, found in seen.items()}
    own = lacks.pop(host)
    # what cannot be read may serve
    is_down = own and not seen[host].problem
    if is_down or not all(lacks.values()):
        return ""
    others = "; ".join(f"{name}: {why}" for name, why in lacks.items())
    return (
        f"{host} is not rebuilt now: no other gateway is seen to serve ({others}). Repair one of "
        "them first (./relay verify), or set wait.minutes: 0, which rebuilds all without a look"
    )


def _lacks(found: Seen, now: float) -> str:
    """The reason that a gateway is not seen to serve, or ""."""
    if found.status is None:
        return found.problem or "it has written no status"
    if (silent := now - found.written) > STALE_SECONDS:
        return f"it has written nothing for {silent / 60:.0f} minutes"
    return f"it lacks {', '.join(found.status.missing)}" if found.status.missing else ""
