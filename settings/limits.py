"""How much is taken from whom: logins, strangers, those who guess passwords."""

from typing import Annotated

from pydantic import Field

from settings.base import Model
from settings.words import Network


class LoginLimits(Model):
    """How much a login may send, so that a stolen password is no spam run; 0: all it can."""

    messages_per_hour: Annotated[int, Field(ge=0)] = 300
    messages_per_day: Annotated[int, Field(ge=0)] = 2000
    recipients_per_hour: Annotated[int, Field(ge=0)] = 1000
    recipients_per_day: Annotated[int, Field(ge=0)] = 5000


_KEYS = [field.alias for field in LoginLimits.model_fields.values()]
UNLIMITED = LoginLimits.model_validate(dict.fromkeys(_KEYS, 0))


class Guessing(Model):
    """When wrong passwords of one address are guesses: `failures` in `minutes`.

    With several logins among them the address is shut out, for `ban_minutes` at first; else it is
    slowed down to so many connections a minute, since others may be behind it. `exempt` are
    networks that are never held.
    """

    failures: Annotated[int, Field(ge=2)] = 10
    minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    logins: Annotated[int, Field(ge=2)] = 5
    ban_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    slow_per_minute: Annotated[int, Field(ge=1)] = 10
    exempt: tuple[Network, ...] = ()


class Strangers(Model):
    """What one address that is none of the stack's may take: connections to a port at a time, and
    on 25 messages and recipients a minute.
    """

    connections: Annotated[int, Field(ge=1)] = 10
    messages_per_minute: Annotated[int, Field(ge=1)] = 120
    recipients_per_minute: Annotated[int, Field(ge=1)] = 600


class Limits(Model):
    """Limits of logins (each may have its own), of strangers, and of guesses at passwords."""

    login: LoginLimits = LoginLimits()
    guessing: Guessing = Guessing()
    strangers: Strangers = Strangers()
