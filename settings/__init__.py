"""The stack's configuration: read once, typed, and checked before any resource is declared."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from mail.names import PASSWORD
from settings import errors
from settings.advice import unread
from settings.conflicts import conflicts
from settings.conflicts.gateways import BOTH, MISSING
from settings.domains import Delegation, HostedZone, MailDomain
from settings.errors import SettingsError
from settings.hosts import BaseHost, Client, Gateway
from settings.model import Login, Settings
from settings.smarthost import Account, Smarthost
from settings.words import architecture

__all__ = [
    "PASSWORD",
    "Account",
    "BaseHost",
    "Client",
    "Delegation",
    "Gateway",
    "HostedZone",
    "Login",
    "MailDomain",
    "Settings",
    "SettingsError",
    "Smarthost",
    "architecture",
    "read",
]

# The keys of which one must be there.
GATEWAYS = {("gateway",), ("gateways",)}


def read(
    raw: Mapping[str, Any], keys: Iterable[str] = (), file: str = "the stack's file"
) -> Settings:
    """The checked settings; SettingsError with one line for each mistake in them.

    `keys` are all those of the file's `config`, with their namespaces: what is missing may be there
    under another one.
    """
    elsewhere = list(unread(keys))
    said, misspelt = [line for _, line in elsewhere], {(name,) for name, _ in elsewhere}
    if not raw:
        none = f"{file} has no settings: they are below `config:`, as mail-relay:operator"
        raise SettingsError(said or [f"{none}; examples/ has whole files"])
    if lines := list(errors.at_once(raw)):
        raise SettingsError([errors.named(raw, line, Settings) for line in lines])
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        misspelt.update(errors.misspelt(error, Settings))
        lines = list(errors.lines(raw, error, Settings, misspelt))
        if raw.get("gateway") in (None, {}) and not raw.get("gateways"):
            lines = [MISSING, *lines]
        if raw.get("gateway") and raw.get("gateways"):
            lines = [BOTH, *(line for line in lines if not line.startswith("mail-relay:gateway."))]
    else:
        lines = list(conflicts(settings))
        if not lines:
            return settings
    if not misspelt.isdisjoint(GATEWAYS):
        lines = [line for line in lines if line != MISSING]
    raise SettingsError([errors.named(raw, line, Settings) for line in (*said, *lines)])
