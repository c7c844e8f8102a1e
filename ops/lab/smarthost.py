"""The lab's provider for a stack with a smarthost: the stack's accounts there."""

import copy
import json
import secrets
from collections.abc import Mapping
from typing import Any

from lab.internet.smarthost import HOST, Smarthost
from lab.lab import Lab
from ops import stack_yaml
from ops.edit.encrypted import PREFIX, readable
from ops.lab import stack
from ops.lab.target import LabTarget
from settings import Account, Settings, read

PASSWORD_BYTES = 16
KEY = f"{PREFIX}smarthost"


def open_accounts(lab: Lab) -> None:
    """Open the accounts with the lab's provider that the stack's file lists, if any.

    The provider makes the passwords that the file lacks; they are then set as a user sets them. An
    account keeps its password while the lab exists.
    """
    config = stack_yaml.config(stack.own_file(lab))
    given = config.get(KEY)
    if not isinstance(given, dict) or given.get("host") != HOST:
        return
    own = LabTarget(stack.STACK, lab)
    # with the passwords in the file, which an earlier `up` has set
    given = json.loads(own.pulumi("config", "--json", "--show-secrets"))[KEY]["objectValue"]
    provider, listed = Smarthost(lab), given.get("accounts")
    accounts = listed if isinstance(listed, list) else []
    lacking = [n for n, a in enumerate(accounts) if isinstance(a, dict) and "password" not in a]
    for number in lacking:
        kept = provider.passwords().get(str(accounts[number].get("user")))
        accounts[number]["password"] = kept or secrets.token_urlsafe(PASSWORD_BYTES)
    settings = read({**readable(config), "smarthost": given})
    assert settings.smarthost is not None
    provider.open_accounts(
        {
            account.user: account.password.get_secret_value()
            for account in settings.smarthost.accounts
        },
        {account.user: _senders(settings, account) for account in settings.smarthost.accounts},
    )
    for number in lacking:
        path = f"{KEY}.accounts[{number}].password"
        arguments = ("config", "set", "--secret", "--path", path)
        own.pulumi(*arguments, text=accounts[number]["password"])


def with_passwords(config: Mapping[str, Any]) -> dict[str, Any]:
    """The `config` of a stack's file, with a placeholder for each password that is yet to come."""
    found = copy.deepcopy(dict(config))
    given = found.get(KEY)
    if isinstance(given, dict) and given.get("host") == HOST:
        for account in _accounts(given):
            account.setdefault("password", secrets.token_urlsafe(PASSWORD_BYTES))
    return found


def _accounts(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The accounts in the settings, which are not checked."""
    listed = given.get("accounts")
    return [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []


def _senders(settings: Settings, account: Account) -> list[str]:
    """The senders that an account may use: its own, or all domains that no other account is for."""
    if account.sender:
        return [account.sender]
    names = [
        *(gateway.name for gateway in settings.gateways),
        *(domain.name for domain in settings.mail_domains),
    ]
    taken = {other.sender for other in settings.smarthost.accounts} if settings.smarthost else set()
    return [f"@{name}" for name in names if f"@{name}" not in taken]
