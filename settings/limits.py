"""Limits: of logins, of strangers, and of guesses at passwords."""

from typing import Annotated

from pydantic import Field

from settings.base import Model
from settings.words import Network


class LoginLimits(Model):
    """Limits on a login's mail, which limit the harm of a stolen password; 0: no limit."""

    messages_per_hour: Annotated[int, Field(ge=0)] = 300
    messages_per_day: Annotated[int, Field(ge=0)] = 2000
    recipients_per_hour: Annotated[int, Field(ge=0)] = 1000
    recipients_per_day: Annotated[int, Field(ge=0)] = 5000


_KEYS = [field.alias for field in LoginLimits.model_fields.values()]
UNLIMITED = LoginLimits.model_validate(dict.fromkeys(_KEYS, 0))


class Guessing(Model):
    """Wrong passwords from one address that count as guessing: `failures` in `minutes`.

    If they are for `logins` different logins or more, the address is banned, for `ban_minutes` at
    first. Else it is limited to `slow_per_minute` connections a minute, because honest users may
    share the address. Networks in `exempt` are never limited.
    """

    failures: Annotated[int, Field(ge=2)] = 10
    minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    logins: Annotated[int, Field(ge=2)] = 5
    ban_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    slow_per_minute: Annotated[int, Field(ge=1)] = 10
    exempt: tuple[Network, ...] = ()


class Strangers(Model):
    """Limits of one address outside the stack: simultaneous connections to a port, and messages and
    recipients a minute on port 25.
    """

    connections: Annotated[int, Field(ge=1)] = 10
    messages_per_minute: Annotated[int, Field(ge=1)] = 120
    recipients_per_minute: Annotated[int, Field(ge=1)] = 600


class Limits(Model):
    """Limits of logins (each may have its own), of strangers, and of guesses at passwords."""

    login: LoginLimits = LoginLimits()
    guessing: Guessing = Guessing()
    strangers: Strangers = Strangers()
