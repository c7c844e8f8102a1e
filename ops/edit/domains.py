"""`relay domains ...`: domains that send."""

import re
from enum import StrEnum
from typing import Annotated, Any

import typer

from mail import spf
from ops.arrival import Wait
from ops.edit.common import edit, remove_item
from ops.edit.stack_file import StackFile
from ops.options import Json, LabOption, StackOption, target
from ops.terminal import notes, print_json, print_table
from ops.verify import command as verify
from settings import published
from settings.words import NULL_MX

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
Ttl = Annotated[
    int | None, typer.Option("--ttl", help="Seconds for which resolvers keep its records.")
]
Mx = Annotated[
    list[str] | None,
    typer.Option(
        "--mx",
        metavar="HOST",
        help='A mail exchanger, as HOST or "20 HOST"; "." if the domain takes no mail (RFC 7505); '
        "can be repeated.",
    ),
]

# What `park` sets: the domain takes no mail, and nobody sends as it (RFC 7505, RFC 7208, 10.1.2).
PARKED: dict[str, Any] = {
    "mx": [{"host": NULL_MX}],
    "spf": {"mechanisms": [], "all": "-all"},
    "dmarc": {"policy": "reject", "adkim": "s", "aspf": "s"},
}


class Key(StrEnum):
    """Settings of a domain that have a default."""

    MX = "mx"
    SPF = "spf"
    DMARC = "dmarc"
    TXT = "txt"
    TTL = "ttl"


def _exchange(text: str) -> dict[str, Any]:
    """An exchanger as a zone file has it; BadParameter if it is none."""
    found = re.fullmatch(r"(?:(\d{1,5})\s+)?(\S+)", text.strip())
    if found is None or (found[2] == NULL_MX and int(found[1] or 0)):
        raise typer.BadParameter(
            f'--mx {text!r}: give HOST or "20 HOST", or {NULL_MX!r} alone for no mail (RFC 7505)'
        )
    if found[2] == NULL_MX:
        return {"host": NULL_MX}
    given = {"preference": int(found[1])} if found[1] else {}
    return {"host": found[2].removesuffix("."), **given}


def _values(
    policy: str | None,
    reports: list[str] | None,
    spf_all: str | None,
    terms: list[str] | None,
    mx: list[str] | None,
    txt: list[str] | None,
    ttl: int | None,
) -> dict[str, Any]:
    """The settings that were given, as the stack's file has them."""
    dmarc = {"policy": policy, "reports": reports or None}
    spf = {"mechanisms": terms or None, "all": spf_all}
    found = {
        "dmarc": {key: value for key, value in dmarc.items() if value is not None},
        "spf": {key: value for key, value in spf.items() if value is not None},
        "mx": [_exchange(text) for text in mx or ()] or None,
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
            "mx": list(published.exchanges(settings, domain)),
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
    mx: Mx = None,
    txt: Txt = None,
    ttl: Ttl = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Add a domain; its zone is to be in Route53 already."""
    item = {"name": domain, **_values(policy, reports, spf_all, terms, mx, txt, ttl)}

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
    mx: Mx = None,
    txt: Txt = None,
    ttl: Ttl = None,
    reset: Annotated[
        list[Key] | None,
        typer.Option("--reset", help="Have the default of a setting again; can be repeated."),
    ] = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Change what a domain's records say.

    An option that can be repeated replaces all that was there: to add one, give those of the
    stack's file again.
    """
    values = _values(policy, reports, spf_all, terms, mx, txt, ttl)
    if not values and not reset:
        raise typer.BadParameter("nothing to change: see ./relay domains change --help")

    def make(file: StackFile) -> None:
        file.change("domains", domain, {key.value: None for key in reset or ()})
        file.change("domains", domain, values)
        _tell_of_terms(file, domain, terms)

    edit(stack, lab, json, f"{domain} is changed", make)


@app.command()
def park(
    domain: Name, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Say that a domain takes no mail and sends none; one that is not listed is added.

    MX is ".", SPF is -all without terms, DMARC is reject. The way back is `domains change DOMAIN
    --reset mx --reset spf --reset dmarc`.
    """

    def make(file: StackFile) -> None:
        if any(item["name"] == domain for item in file.items("domains")):
            file.change("domains", domain, PARKED)
        else:
            file.add("domains", {"name": domain, **PARKED})

    edit(stack, lab, json, f"{domain} is parked", make)


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
