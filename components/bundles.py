"""The tables objects as hosts read them (agent/bundle.py): pure, from settings and secrets.

Values that only an `up` knows, such as keys and passwords, are put where they belong as they are
given, so they may be Pulumi's outputs.
"""

from collections.abc import Mapping
from typing import Any

from settings import Client, Settings

VERSION = 1


def gateway(
    settings: Settings,
    *,
    keys: Mapping[str, Mapping[str, Any]],
    passwords: Mapping[str, Any],
    srs_secret: Any,
    smarthost: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The gateway's; `keys` are private keys by domain and selector, oldest first."""
    send_as = {c.login: settings.send_as(c) for c in settings.clients}
    send_as |= {x.address: settings.send_as(x) for x in settings.logins}
    content: dict[str, Any] = {
        "version": VERSION,
        "host": settings.gateway.name,
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
            login: {"password": passwords[login], "sendAs": list(items)}
            for login, items in send_as.items()
        },
    }
    if smarthost:
        content["smarthost"] = smarthost
    if settings.mailboxes:
        aliases = settings.mailbox_aliases
        content["mailboxes"] = {
            mailbox.address: {
                "quotaMiB": mailbox.quota_mi_b,
                "aliases": list(aliases[mailbox.address]),
            }
            for mailbox in settings.mailboxes
        }
    return content


def client(settings: Settings, client: Client, *, password: Any) -> dict[str, Any]:
    """A client host's."""
    sender = settings.own_sender(client)
    return {
        "version": VERSION,
        "host": client.name,
        "gateway": settings.gateway.name,
        "login": client.login,
        "password": password,
        **({"ownSender": sender} if sender else {}),
    }
