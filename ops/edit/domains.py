"""`relay domains ...`: domains that send."""

from typing import Annotated, Any

import typer

from mail import spf
from ops.arrival import Wait
from ops.edit.common import edit, remove_item
from ops.edit.stack_file import StackFile
from ops.options import Json, LabOption, StackOption, target
from ops.terminal import notes, print_json, print_table
from ops.verify import command as verify

app = typer.Typer(no_args_is_help=True, help="Domains that send, and what their records say.")

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain.")]
Policy = Annotated[
    str | None, typer.Option("--dmarc", help="The DMARC policy: none, quarantine or reject.")
]
Reports = Annotated[
    list[str] | None,
    typer.Option("--reports", help="An address for DMARC reports; can be repeated."),
]
SpfAll = Annotated[str | None, typer.Option("--spf-all", help="SPF's end: -all, ~all or ?all.")]
SpfTerms = Annotated[
    list[str] | None,
    typer.Option("--spf", help="A term of SPF, such as include:x or gateways; can be repeated."),
]
Txt = Annotated[
    list[str] | None,
    typer.Option("--txt", help="Another string of the apex, as it stands; can be repeated."),
]
Ttl = Annotated[int | None, typer.Option("--ttl", help="Seconds that resolvers may remember.")]


def _values(
    policy: str | None,
    reports: list[str] | None,
    spf_all: str | None,
    terms: list[str] | None,
    txt: list[str] | None,
    ttl: int | None,
) -> dict[str, Any]:
    """The settings that were given, as the stack's file has them."""
    dmarc = {"policy": policy, "reports": reports or None}
    spf = {"mechanisms": terms or None, "all": spf_all}
    found = {
        "dmarc": {key: value for key, value in dmarc.items() if value is not None},
        "spf": {key: value for key, value in spf.items() if value is not None},
        "txt": txt or None,
        "ttl": ttl,
    }
    return {key: value for key, value in found.items() if value not in (None, {})}


def _tell_of_terms(file: StackFile, domain: str, terms: list[str] | None) -> None:
    """Terms that are given stand for all that were there: say so where no gateway is among them."""
    if terms and not file.settings().smarthost and not spf.names_gateways(terms):
        notes.print(
            f"The SPF of {domain} is {' '.join(terms)} and nothing else: it may not name the "
            f"gateways, so give --spf {spf.GATEWAYS} as well",
            soft_wrap=True,
        )


@app.command("list")
def list_(stack: StackOption = None, lab: LabOption = None, json: Json = False) -> None:
    """The domains, with the gateway's own."""
    settings = StackFile(target(stack, lab)).settings()
    rows = [
        {
            "domain": domain.name,
            "selectors": list(domain.selectors),
            "dmarc": domain.dmarc.policy,
            "spf": " ".join([*domain.spf.mechanisms, domain.spf.all]),
            "receives": domain.name in settings.receiving,
        }
        for domain in settings.mail_domains
    ]
    print_json(rows) if json else print_table("domains", rows)


@app.command()
def add(
    domain: Name,
    policy: Policy = None,
    reports: Reports = None,
    spf_all: SpfAll = None,
    terms: SpfTerms = None,
    txt: Txt = None,
    ttl: Ttl = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Add a domain; its zone is to be in Route53 already."""
    item = {"name": domain, **_values(policy, reports, spf_all, terms, txt, ttl)}

    def make(file: StackFile) -> None:
        file.add("domains", item)
        _tell_of_terms(file, domain, terms)

    edit(stack, lab, json, f"{domain} is added", make)


@app.command()
def change(
    domain: Name,
    policy: Policy = None,
    reports: Reports = None,
    spf_all: SpfAll = None,
    terms: SpfTerms = None,
    txt: Txt = None,
    ttl: Ttl = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Change what a domain's records say."""
    values = _values(policy, reports, spf_all, terms, txt, ttl)
    if not values:
        raise typer.BadParameter("nothing to change: see ./relay domains change --help")

    def make(file: StackFile) -> None:
        file.change("domains", domain, values)
        _tell_of_terms(file, domain, terms)

    edit(stack, lab, json, f"{domain} is changed", make)


@app.command()
def remove(
    domain: Name, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Remove a domain; logins, clients and forwards that use it are to go first."""
    remove_item(stack, lab, json, "domains", domain)


@app.command()
def test(
    domain: Name,
    wait: Wait = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Compare the world with what the stack says of a domain: `relay verify --domain`."""
    verify.command(stack, lab, domain, json, wait)
