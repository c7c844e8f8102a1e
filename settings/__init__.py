"""The stack's configuration: read once, typed, and checked before any resource is declared."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mail.names import PASSWORD
from settings import errors
from settings.conflicts import conflicts
from settings.conflicts.gateways import MISSING
from settings.domains import Delegation, HostedZone, MailDomain
from settings.errors import SettingsError
from settings.hosts import BaseHost, Client
from settings.model import Login, Settings
from settings.smarthost import Account, Smarthost
from settings.words import architecture

__all__ = [
    "PASSWORD",
    "Account",
    "BaseHost",
    "Client",
    "Delegation",
    "HostedZone",
    "Login",
    "MailDomain",
    "Settings",
    "SettingsError",
    "Smarthost",
    "architecture",
    "read",
]


def read(raw: Mapping[str, Any]) -> Settings:
    """The checked settings; SettingsError with one line for each mistake in them."""
    if lines := list(errors.at_once(raw)):
        raise SettingsError([errors.named(raw, line, Settings) for line in lines])
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        lines = list(errors.lines(raw, error, Settings))
        if raw.get("gateway") in (None, {}) and not raw.get("gateways"):
            lines = [MISSING, *lines]
        raise SettingsError([errors.named(raw, line, Settings) for line in lines]) from None
    if lines := list(conflicts(settings)):
        raise SettingsError([errors.named(raw, line, Settings) for line in lines])
    return settings
