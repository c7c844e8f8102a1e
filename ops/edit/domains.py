"""`relay domains ...`: domains that send."""

import re
from enum import StrEnum
from typing import Annotated, Any

import typer

from ops.arrival import Wait
from ops.edit.common import edit
from ops.edit.stack_file import StackFile
from ops.edit.uses import check_unused
from ops.known import lowered
from ops.options import SECONDS, Json, LabOption, StackOption, target
from ops.target import Target
from ops.terminal import print_json, print_table
from ops.verify import command as verify
from settings import Settings, SettingsError, published
from settings.words import NULL_MX

app = typer.Typer(no_args_is_help=True, help="Domains that send, and what their records say.")

Name = Annotated[
    str,
    typer.Argument(
        metavar="DOMAIN",
        callback=lowered,
        help="The domain. `domains list` shows those that there are.",
    ),
]
Policy = Annotated[
    str | None, typer.Option("--dmarc", help="The DMARC policy: none, quarantine or reject.")
]
Reports = Annotated[
    list[str] | None,
    typer.Option(
        "--reports", callback=lowered, help="An address for DMARC reports; can be repeated."
    ),
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
    int | None,
    typer.Option(
        "--ttl",
        metavar="SECONDS",
        parser=SECONDS,
        help="For how long resolvers keep its records.",
    ),
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

# The settings of `park`: no mail to the domain, and none from it (RFC 7505; RFC 7208, 10.1.2).
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


# The options that set each key.
OPTIONS = {
    Key.MX: ("--mx",),
    Key.SPF: ("--spf", "--spf-all"),
    Key.DMARC: ("--dmarc", "--reports"),
    Key.TXT: ("--txt",),
    Key.TTL: ("--ttl",),
}


def _exchange(text: str) -> dict[str, Any]:
    """The `mx` setting for an exchanger as a zone file has it; BadParameter if it is invalid."""
    found = re.fullmatch(r"(?:(\d{1,5})\s+)?(\S+)", text.strip())
    if found is None or found[2].isdigit() or (found[2] == NULL_MX and int(found[1] or 0)):
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
    """The settings of the options that were given, as the stack's file has them."""
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


def _set(file: StackFile, domain: str, values: dict[str, Any]) -> None:
    """Set keys of a domain; the gateway's own is added if it is not listed yet."""
    listed = [item["name"] for item in file.items("domains")]
    if domain in listed or domain != file.settings().gateway_domain:
        file.change("domains", domain, values)
    elif any(value is not None for value in values.values()):
        file.add("domains", {"name": domain, **values})


def _check_removable(found: Target, settings: Settings, domain: str) -> None:
    """SettingsError for the gateway's own domain, which is always there, or for one in use."""
    if domain == settings.gateway_domain:
        name = settings.gateways[0].name
        keys = " ".join(f"--reset {key}" for key in Key)
        raise SettingsError(
            [
                f"{domain} cannot be removed: the gateway's name {name} is in it, so it would stay "
                f"with the default settings. To have these: ./relay domains change {domain} {keys} "
                f"{found.option}; to be rid of it, give the gateway a name in another domain"
            ]
        )
    check_unused(found, settings, domain, closing=False)


def _check_zones(before: Settings, after: Settings, domain: str) -> None:
    """SettingsError if records of other domains would then need zones that no setting names."""
    if new := sorted(set(after.hosted_zones) - set(before.hosted_zones)):
        zones = ", ".join(before.hosted_zones)
        raise SettingsError(
            [
                f"{domain} is still needed: {' and '.join(new)} has its records in the zone "
                f"{domain}, which is known by this domain alone; first set "
                f"mail-relay:zones: [{zones}]"
            ]
        )


def _check_zones_stay(before: Settings, after: Settings, domain: str) -> None:
    """SettingsError if the records of other domains would move into the new domain's zone."""
    if left := sorted(set(before.hosted_zones) - set(after.hosted_zones)):
        raise SettingsError(
            [
                f"{domain} is above {' and '.join(left)}, whose records would move to the zone "
                f"{domain}: first set mail-relay:zones: "
                f"[{', '.join([*before.hosted_zones, domain])}], without those that are no zone. "
                f"Before that, add to the zone {domain} an NS record for each of the zones below "
                "it, or nobody finds what is in them any more"
            ]
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

    def make(file: StackFile, _: Target) -> None:
        before = file.settings()
        file.add("domains", item)
        _check_zones_stay(before, file.settings(), domain)

    edit(stack, lab, json, domain, "added", make)


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

    for key in reset or ():
        if key in values:
            raise typer.BadParameter(
                f"--reset {key.value} takes away what {' and '.join(OPTIONS[key])} would set: give "
                "one or the other"
            )

    def make(file: StackFile, _: Target) -> None:
        _set(file, domain, {key.value: None for key in reset or ()})
        _set(file, domain, values)

    edit(stack, lab, json, domain, "changed", make)


@app.command()
def park(
    domain: Name, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Say that a domain takes no mail and sends none; one that is not listed is added.

    Nobody may use it any more: if somebody does, the uses are listed, and what ends each.

    MX is ".", SPF is -all without terms, DMARC is reject. The way back is `domains change DOMAIN
    --reset mx --reset spf --reset dmarc`.
    """

    def make(file: StackFile, found: Target) -> None:
        check_unused(found, file.settings(), domain, closing=True)
        if any(item["name"] == domain for item in file.items("domains")):
            file.change("domains", domain, PARKED)
        else:
            file.add("domains", {"name": domain, **PARKED})

    edit(stack, lab, json, domain, "parked", make)


@app.command()
def remove(
    domain: Name, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Remove a domain; logins, clients and forwards that use it are to go first.

    The gateway's own stays: the gateway's name is in it.
    """

    def make(file: StackFile, found: Target) -> None:
        before = file.settings()
        _check_removable(found, before, domain)
        file.remove("domains", domain)
        _check_zones(before, file.settings(), domain)

    edit(stack, lab, json, domain, "removed", make)


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
