"""The smarthost: the provider that takes all outgoing mail, and the accounts at it."""

from typing import Annotated, Literal

from settings.base import Model as _Model
from settings.marks import Mark
from settings.words import AccountPassword, AccountUser, Domain, Mechanism, SaslMechanism, SendAs


class Account(_Model):
    """A login at the smarthost, for mail of one envelope sender (an address or `@domain`).

    The account without a sender is for all other mail: forwarded, bounces, the host's own.
    """

    user: AccountUser
    password: AccountPassword
    sender: Annotated[SendAs, Mark.ITEM] | None = None


class Smarthost(_Model):
    """The provider that takes all outgoing mail: Amazon SES, or the host that is named.

    `mechanisms` are the SASL mechanisms that may be used, `spf` is the mechanism that the
    provider's documentation gives for its customers' SPF records.
    """

    ses: bool = False
    host: Domain | None = None
    port: Literal[587, 465, 2587, 2465] = 587
    mechanisms: tuple[SaslMechanism, ...] = ("PLAIN", "LOGIN")
    accounts: tuple[Account, ...] = ()
    spf: Mechanism | None = None
