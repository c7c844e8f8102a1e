"""The stack's configuration: read once, typed, and checked before any resource is declared."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mail.names import PASSWORD
from settings import errors
from settings.conflicts import conflicts
from settings.domains import Delegation, HostedZone, MailDomain
from settings.errors import SettingsError
from settings.model import (
    BaseHost,
    Client,
    Login,
    Settings,
)
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
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(list(errors.lines(raw, error, Settings))) from None
    if lines := list(conflicts(settings)):
        raise SettingsError(lines)
    return settings
