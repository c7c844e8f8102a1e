"""Settings as a stack file has them, to be read or refused."""

import copy
from typing import Any

import pytest

from settings import SettingsError, read

RIGHT: dict[str, Any] = {
    "gateway": {"name": "mail.relay.example"},
    "domains": [{"name": "shop.example"}],
    "operator": "ops@inbox.example",
    "clients": [{"name": "app.shop.example"}],
    "logins": [{"address": "me@shop.example"}],
}
SMARTHOST: dict[str, Any] = {
    "host": "smtp.far.example",
    "spf": "include:_spf.far.example",
    "accounts": [{"user": "me", "password": "secret-123"}],
}


def changed(**keys: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RIGHT), **keys}


def lines(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(raw)
    return caught.value.lines
