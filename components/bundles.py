"""The content of the tables objects that hosts read (agent/bundle.py), from settings and secrets.

Pure functions. Values that only an `up` knows, such as keys and passwords, are inserted without
being read, so they may be Pulumi outputs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.bundle import VERSION
from mail import dmarc
from settings import Client, Login, Settings


def gateway(
    settings: Settings,
    *,
    keys: Mapping[str, Mapping[str, Any]],
    passwords: Mapping[str, Any],
    srs_secret: Any,
    smarthost: Mapping[str, Any] | None,
    hosts: Sequence[Any],
    spares: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:
    """The tables that all gateways read.

    `keys` are private keys by domain and selector, oldest first, `hosts` are the clients' public
    addresses, `spares` those that gateways have besides the one in use. A disabled login is left
    out, as a removed one is; its mailbox is kept.
    """
    content: dict[str, Any] = {
        "version": VERSION,
        "gateways": [gateway.name for gateway in settings.gateways],
        "operator": settings.operator,
        "domains": {
            domain: {
                "selectors": [
                    {"name": selector, "privateKey": key} for selector, key in held.items()
                ]
            }
            for domain, held in keys.items()
        },
        "forwards": {f.address: list(f.to) for f in settings.forwards},
        "srsSecret": srs_secret,
        "logins": {
            login: {
                "password": passwords[login],
                "sendAs": list(settings.send_as(who)),
                **_limits(settings, who),
            }
            for login, who in settings.submitters.items()
            if isinstance(who, Client) or who.enabled
        },
        "hosts": list(hosts),
    }
    if draining := [gateway.name for gateway in settings.gateways if gateway.drains]:
        content["draining"] = draining
    if asked := _asked(settings, spares):
        content["asked"] = asked
    if smarthost:
        content["smarthost"] = smarthost
    if settings.mailboxes:
        aliases = settings.mailbox_aliases
        content["mailboxes"] = {
            mailbox.address: {
                "quotaMiB": mailbox.quota_mib,
                "aliases": list(aliases[mailbox.address]),
            }
            for mailbox in settings.mailboxes
        }
    return content


def _asked(settings: Settings, spares: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What block lists are asked for that a host does not know by itself.

    These are the organizational domains of those that sign, and spare addresses.
    """
    if not settings.monitoring.block_lists:
        return {}
    domains = {domain.name for domain in settings.mail_domains}
    above = sorted({dmarc.organizational(domain) for domain in domains} - domains)
    addresses = {gateway: list(held) for gateway, held in spares.items()}
    return {
        **({"domains": above} if above else {}),
        **({"addresses": addresses} if addresses else {}),
    }


def _limits(settings: Settings, who: Client | Login) -> dict[str, Any]:
    found = settings.limits_of(who).model_dump(by_alias=True)
    return {"limits": found} if any(found.values()) else {}


def client(settings: Settings, client: Client, *, password: Any) -> dict[str, Any]:
    """The tables of a client host."""
    sender = settings.own_sender(client)
    return {
        "version": VERSION,
        "host": client.name,
        "gateway": settings.submission_name,
        "login": client.login,
        "password": password,
        **({"ownSender": sender} if sender else {}),
        # while the gateways get another name, they can still prove their own ones
        **({"gateways": [g.name for g in settings.gateways]} if settings.shared_name else {}),
    }
