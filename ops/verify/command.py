"""`relay verify`."""

import json as json_
from collections.abc import Iterable
from typing import Annotated

import typer

from mail import dmarc, names
from mail.zonefile import RecordSet
from ops import arrival, not_up
from ops.arrival import Wait
from ops.known import lowered, meant
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Domain, Host, Outputs
from ops.target import Target
from ops.terminal import notes, print_json
from ops.verify import spf
from ops.verify.probes import vantage
from ops.verify.run import verify
from ops.verify.show import as_dict, progress, show

# The checks of things that `up` makes.
MADE = {
    *("address", "ptr", "helo", "record", "group", "submission", "tables"),
    *("mx", "spf", "dkim", "dmarc"),
}


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    domain: Annotated[
        str | None, typer.Option(callback=lowered, help="Only this one of the domains that send.")
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
            made = any(
                not problem.code.endswith("-cached")  # what is right, and not seen by all yet
                for result in found
                if result.check in MADE
                for problem in result.errors
            )
            notes.print(
                f"{_remedy(chosen, made)}docs/verify.md says more about each code", soft_wrap=True
            )
        raise typer.Exit(1)


def _remedy(chosen: Target, made: bool) -> str:
    """How it comes back, and what the last `up` did; `made`: it is of what the stack makes."""
    if works := chosen.under_way():
        return f"{works}. Until it ends, what the stack makes may differ; "
    failed = "The last `up` failed, and the next one says why. " if _failed(chosen) else ""
    again = f"What the stack makes comes back with: {chosen.apply_command} --refresh; "
    return f"{failed}{again if made else ''}"


def _failed(chosen: Target) -> bool:
    """Whether the last change of the stack's resources failed."""
    last = json_.loads(chosen.pulumi("stack", "history", "--json", "--page-size", "1"))
    return any(done["result"] == "failed" for done in last)


def _only(chosen: Target, wanted: Outputs, domain: str) -> Outputs:
    """The outputs as if the stack had this domain alone: its records, hosts' and shared ones."""
    kept = tuple(d for d in wanted.domains if d.name == domain)
    if not kept:
        not_up.check(chosen, domain, not_up.domains)
        known = meant(domain, _names(wanted.domains))
        raise typer.BadParameter(f"{domain} is no domain of the stack; {known}")
    own = tuple(record for record in wanted.records if _is_about(wanted, record, domain))
    used = {wanted.zone_of(name) for name in (*_names(own), *_names(wanted.hosts))}
    zones = {zone: servers for zone, servers in wanted.zones.items() if zone in used}
    return wanted.model_copy(update={"domains": kept, "records": own, "zones": zones})


def _names(named: Iterable[RecordSet | Host | Domain]) -> list[str]:
    return [each.name for each in named]


def _is_about(wanted: Outputs, record: RecordSet, domain: str) -> bool:
    """Whether a record is the domain's, a host's, or shared by all domains."""
    others = {d.name for d in wanted.domains} - {domain}
    for about in wanted.domains:  # in the zone of the reports' recipient (RFC 9990)
        if record.name.startswith(dmarc.report_authorization(about.name, "")):
            return about.name == domain
    if record.kind == "TXT" and record.name not in others and spf.policies(record.values):
        return True
    shared = {host.name for host in wanted.hosts} | {wanted.submission.host}
    known = {domain, *others, *shared}
    owners = [name for name in known if names.is_within(record.name, name)]
    return max(owners, key=len, default="") not in others
