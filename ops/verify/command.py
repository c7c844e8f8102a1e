"""`relay verify`."""

from typing import Annotated

import typer

from ops import arrival, not_up
from ops.arrival import Wait
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Outputs
from ops.target import Target
from ops.terminal import notes, print_json
from ops.verify.probes import vantage
from ops.verify.run import verify
from ops.verify.show import as_dict, progress, show


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    domain: Annotated[
        str | None, typer.Option(help="Only this one of the domains that send.")
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Compare the world with the stack: DNS, ports, certificates, hosts. Exit code 1: errors."""
    chosen = target(stack, lab)
    wanted = chosen.outputs()
    if domain is not None:
        wanted = _only(chosen, wanted, domain)
    if wait:
        arrival.wait(chosen, wanted.hosts)
    found = verify(wanted, vantage(chosen, wanted), progress)
    if json:
        print_json(as_dict(chosen.stack, found))
    else:
        show(chosen, found)
    if any(result.errors for result in found):
        if not json:
            notes.print(
                f"What the stack makes comes back with: {chosen.apply_command} --refresh; "
                "docs/verify.md says more about each code",
                soft_wrap=True,
            )
        raise typer.Exit(1)


def _only(chosen: Target, wanted: Outputs, domain: str) -> Outputs:
    kept = tuple(d for d in wanted.domains if d.name == domain)
    if not kept:
        not_up.check(chosen, domain, not_up.domains)
        known = ", ".join(d.name for d in wanted.domains)
        raise typer.BadParameter(f"{domain} is no domain of the stack; there is {known}")
    return wanted.model_copy(update={"domains": kept})
