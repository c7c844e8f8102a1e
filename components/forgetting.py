"""Stops of an `up` until resolvers have forgotten what led to something that it then takes away.

A stop is a resource that is updated after what leads there. So the state has that already if the
`up` is cut off meanwhile, and the next one stops anew.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi

# Some resolvers remember an answer for a little longer than they should.
FORGOTTEN_TTLS, LATE_SECONDS = 2, 60

# The seconds to wait, 0 for none, and until what, by what led before and what leads now.
Judge = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[float, str]]


def declare(
    called: str,
    leads: Mapping[str, Any],
    judge: Judge,
    after: Sequence[pulumi.Resource],
    *,
    waits: bool,
) -> pulumi.Resource:
    """Declare the stop after resources that lead somewhere, which `leads` describes."""

    async def wait(args: pulumi.ResourceHookArgs) -> None:
        before, now = ((inputs or {})["input"] for inputs in (args.old_inputs, args.new_inputs))
        seconds, until = judge(before, now)
        if seconds:
            pulumi.log.info(f"{seconds:.0f} seconds, until {until}")
            await asyncio.sleep(seconds)

    hooks = [pulumi.ResourceHook(f"{called}-forgotten", wait)] if waits else []
    return pulumi.Stash(
        called,
        input=dict(leads),
        opts=pulumi.ResourceOptions(
            depends_on=after, hooks=pulumi.ResourceHookBinding(before_update=hooks)
        ),
    )


def way(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[float, str]:
    """The wait after a switch of the submission name between answers and a load balancer.

    Both have its `name` and `ttl`, and whether it leads to the `balancer`. What it led to is closed
    after that, and ends with the `up`.
    """
    if before["name"] != now["name"] or before["balancer"] == now["balancer"]:
        return 0, ""
    return FORGOTTEN_TTLS * before["ttl"], f"nobody goes the former way to {now['name']}"


def exchangers(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[float, str]:
    """The wait after a change of MX record sets of which no exchanger is left.

    Both have the `sets` by name, each with its `ttl` and its `hosts`, and the stack's `gateways`.
    The names of gateways that are taken away go after it: a server that knew no other exchanger
    would return its mail.
    """
    gone = {*before["gateways"]} - {*now["gateways"]}
    held = [
        (was["ttl"], {*was["hosts"]} & gone)
        for name, was in before["sets"].items()
        if not {*was["hosts"]} & {*now["sets"].get(name, was)["hosts"]}
    ]
    led = {host for _, hosts in held for host in hosts}
    seconds = max((ttl + LATE_SECONDS for ttl, hosts in held if hosts), default=0)
    return seconds, f"no server takes {' or '.join(sorted(led))} for the only exchanger"
