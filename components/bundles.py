"""The content of the tables objects that hosts read (agent/bundle.py), from settings and secrets.

Pure functions. Values that only an `up` knows, such as keys and passwords, are inserted without
being read, so they may be Pulumi outputs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.bundle import VERSION
from settings import Client, Login, Settings


def gateway(
    settings: Settings,
    *,
    keys: Mapping[str, Mapping[str, Any]],
    passwords: Mapping[str, Any],
    srs_secret: Any,
    smarthost: Mapping[str, Any] | None,
    hosts: Sequence[Any],
) -> dict[str, Any]:
    """The tables that all gateways read.

    `keys` are private keys by domain and selector, oldest first, `hosts` are the clients' public
    addresses. A disabled login is left out, as a removed one is; its mailbox is kept.
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
    }
