"""Names that the stack's file lists and the running stack lacks, until the next `up`."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from common.errors import RelayError
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.target import Target
from ops.terminal import shown_path
from settings import Settings

Listed = Callable[[Settings], Iterable[str]]


def why(target: Target, name: str, listed: Listed) -> str:
    """The message that a name is in the file and not up yet; "" if the file does not list it."""
    try:
        known = name in listed(StackFile(target).settings())
    except RelayError:
        return ""
    if not known:
        return ""
    remedy = target.apply_command
    with suppress(RelayError):  # there may be no stack yet
        remedy = target.under_way() or remedy
    return f"{name} is in {shown_path(target.file)} and not up yet: {remedy}"


def check(target: Target, name: str, listed: Listed) -> None:
    """StackError if the file lists a name that the running stack lacks."""
    if text := why(target, name, listed):
        raise StackError(text)


def logins(settings: Settings) -> Iterable[str]:
    """The logins in the settings."""
    return [login.address for login in settings.logins]


def domains(settings: Settings) -> Iterable[str]:
    """The domains in the settings, the gateway's own too."""
    return [domain.name for domain in settings.mail_domains]


def hosts(settings: Settings) -> Iterable[str]:
    """The names of the hosts in the settings."""
    return [host.name for host in settings.hosts.values()]


def mailboxes(settings: Settings) -> Iterable[str]:
    """The mailboxes in the settings."""
    return [mailbox.address for mailbox in settings.mailboxes]
