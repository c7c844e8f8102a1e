"""The uses of a domain or an address, and the command that ends each: settings in, lines out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from mail import aliases
from ops.target import Target
from ops.terminal import shown_path
from settings import Client, Login, Settings, SettingsError

# Whether an address is one of those in question.
Which = Callable[[str], bool]

# A placeholder for an address in another domain, which only the user knows.
OTHER = "ADDRESS"


def check_unused(found: Target, settings: Settings, domain: str, *, closing: bool) -> None:
    """SettingsError with all uses of a domain, in an order in which they can be ended.

    Mail to its addresses is a use if they are received here, or if `closing`: the domain will take
    no mail.
    """
    takes, own = closing or domain in settings.receiving, partial(_is_of, domain)
    lines = [
        *(_mail_to(found, settings, own) if takes else ()),
        *_received(found, settings, own),
        *_senders(found, settings, own),
        *_accounts(found, settings, own),
    ]
    if lines:
        raise SettingsError([f"{domain} is in use; first end that:", *lines])


def unserved(found: Target, s: Settings) -> list[str]:
    """The uses of a login or an address that these settings, which are not checked, lack."""
    logins, receiving, targets = {x.address for x in s.logins}, set(s.receiving), s.targets

    def refused(address: str) -> bool:
        here = address.rpartition("@")[2] in receiving
        return here and aliases.following(address, targets) is None

    lines = [
        f"  {box.address} is a mailbox, which its login reads: "
        f"{_relay(found, f'mailboxes remove {box.address}')}"
        for box in s.mailboxes
        if box.address not in logins
    ]
    return [*lines, *_mail_to(found, s, refused)]


def _mail_to(found: Target, s: Settings, which: Which) -> Iterator[str]:
    """The settings that send reports or forwarded mail to such addresses."""
    if which(s.operator):
        yield (
            f"  {s.operator} is the operator: "
            f"{found.typed(f'config set mail-relay:operator {OTHER}')}"
        )
    for given in s.mail_domains:
        reports = given.dmarc.reports or ()
        if own := _of(reports, which):
            left = " ".join(f"--reports {x}" for x in _others(reports, which))
            yield (
                f"  DMARC reports of {given.name} go to {own}: "
                f"{_relay(found, f'domains change {given.name} {left}')}"
            )
        if own := _of(given.dmarc.ruf, which):
            yield (
                f"  DMARC failure reports of {given.name} go to {own}: "
                f"take these out of its dmarc.ruf in {shown_path(found.file)}"
            )
    for forward in s.forwards:
        if not which(forward.address) and (own := _of(forward.to, which)):
            words = f"forwards change {forward.address} {' '.join(_others(forward.to, which))}"
            yield f"  {forward.address} is forwarded to {own}: {_relay(found, words)}"


def _received(found: Target, s: Settings, which: Which) -> Iterator[str]:
    """Forwards and mailboxes of such addresses, each forward before those of its targets."""
    targets = s.targets

    def steps(address: str) -> int:
        onward = aliases.following(address, targets)
        return 0 if onward is None else 1 + max(map(steps, onward), default=0)

    for forward in sorted(s.forwards, key=lambda f: steps(f.address), reverse=True):
        if which(forward.address):
            yield (
                f"  {forward.address} is forwarded: "
                f"{_relay(found, f'forwards remove {forward.address}')}"
            )
    for mailbox in s.mailboxes:
        if which(mailbox.address):
            yield (
                f"  {mailbox.address} is a mailbox: "
                f"{_relay(found, f'mailboxes remove {mailbox.address}')}"
            )


def _senders(found: Target, s: Settings, which: Which) -> Iterator[str]:
    """Logins and clients that may send as such addresses."""
    for who in s.submitters.values():
        items = s.send_as(who)
        own = _of(items, which)
        if not own:
            continue
        left = [item for item in items if not which(item)]
        if isinstance(who, Login):
            words = f"users remove {who.address}"
            if left:
                words = f"users change {who.address} {' '.join(f'--send-as {x}' for x in left)}"
            yield f"  the login {who.address} may send as {own}: {_relay(found, words)}"
        else:
            yield f"  the client host {who.name} may send as {own}: {_client(found, who, left)}"


def _accounts(found: Target, s: Settings, which: Which) -> Iterator[str]:
    """The smarthost's accounts for such senders."""
    for account in s.smarthost.accounts if s.smarthost else ():
        if account.sender and which(account.sender):
            yield (
                f"  the smarthost has an account for {account.sender}: take it out of "
                f"mail-relay:smarthost.accounts in {shown_path(found.file)}"
            )


def _client(found: Target, client: Client, left: Sequence[str]) -> str:
    """The edit to make by hand: no command changes the clients."""
    where = f"in {shown_path(found.file)}"
    if left:
        return f"leave sendAs: [{', '.join(left)}] to it {where}"
    return f"give it another sendAs, or take it out of mail-relay:clients, {where}"


def _relay(found: Target, words: str) -> str:
    return f"./relay {words.rstrip()} {found.option}"


def _is_of(domain: str, address: str) -> bool:
    return address.rpartition("@")[2] == domain


def _of(addresses: Iterable[str], which: Which) -> str:
    return " and ".join(filter(which, addresses))


def _others(addresses: Iterable[str], which: Which) -> list[str]:
    """The other addresses, or the placeholder if there are none."""
    return [address for address in addresses if not which(address)] or [OTHER]
