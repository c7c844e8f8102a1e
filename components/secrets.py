"""Generated secrets, stored encrypted in the stack's state: DKIM keys and passwords."""

from collections.abc import Callable

import pulumi

from components.naming import SRS_SECRET, key_name, password_name
from mail import dkim
from mail.passwords import random_password
from settings import Login, Settings


def stashed(name: str, make: Callable[[], str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The value that `make` returned at the first `up`; unknown in a preview before that.

    The stash keeps its first value: its input changes at each run and is ignored.
    """
    if pulumi.runtime.is_dry_run():
        value = pulumi.Output.from_input(pulumi.runtime.rpc.UNKNOWN)
    else:
        value = pulumi.Output.from_input(make())
    options = pulumi.ResourceOptions.merge(
        opts,
        pulumi.ResourceOptions(ignore_changes=["input"], additional_secret_outputs=["output"]),
    )
    stash = pulumi.Stash(name, input=pulumi.Output.secret(value), opts=options)
    return pulumi.Output.secret(stash.output)


def dkim_key(domain: str, selector: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The private key of a selector, PEM."""
    return stashed(key_name(domain, selector), dkim.generate, opts)


def srs_secret(settings: Settings) -> pulumi.Output[str]:
    """The key that signs SRS addresses of forwarded mail, one for all gateways."""
    if given := settings.inbound.srs_secret:
        return pulumi.Output.secret(given.get_secret_value())
    protected = pulumi.ResourceOptions(protect=settings.protect)
    return stashed(SRS_SECRET, random_password, protected)


def password(login: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The generated password of a login."""
    return stashed(password_name(login), random_password, opts)


def passwords(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """The password of each login and client host by its login: the one set, or a generated one."""
    protected = pulumi.ResourceOptions(protect=settings.protect)
    return {
        login: pulumi.Output.secret(who.password.get_secret_value())
        if isinstance(who, Login) and who.password
        else password(login, protected)
        for login, who in settings.submitters.items()
    }
