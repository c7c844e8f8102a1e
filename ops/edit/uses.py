"""Who uses a domain, and the command that ends each use: settings in, lines out."""

from collections.abc import Iterable, Iterator, Sequence

from ops.target import Target
from ops.terminal import shown_path
from settings import Client, Login, Settings, SettingsError

# For the address of another domain, which only the user knows.
OTHER = "ADDRESS"


def check_unused(found: Target, settings: Settings, domain: str, *, closing: bool) -> None:
    """SettingsError with all uses of a domain, in an order in which they can be ended.

    `closing`: it is to take no mail, so nothing may be sent to its addresses. Nor may it if they
    are received here and no longer will be.
    """
    takes = closing or domain in settings.receiving
    lines = [
        *(_mail_to(found, settings, domain) if takes else ()),
        *_received(found, settings, domain),
        *_senders(found, settings, domain),
    ]
    if lines:
        raise SettingsError([f"{domain} is in use; first end that:", *lines])


def _mail_to(found: Target, s: Settings, domain: str) -> Iterator[str]:
    """Reports and forwarded mail for addresses of the domain."""
    if _is_of(s.operator, domain):
        yield (
            f"  {s.operator} is the operator: "
            f"{found.typed(f'config set mail-relay:operator {OTHER}')}"
        )
    for given in s.mail_domains:
        reports = given.dmarc.reports or ()
        if own := _of(reports, domain):
            left = " ".join(f"--reports {x}" for x in _others(reports, domain))
            yield (
                f"  DMARC reports of {given.name} go to {own}: "
                f"{_relay(found, f'domains change {given.name} {left}')}"
            )
        if own := _of(given.dmarc.ruf, domain):
            yield (
                f"  DMARC failure reports of {given.name} go to {own}: "
                f"take these out of its dmarc.ruf in {shown_path(found.file)}"
            )
    for forward in s.forwards:
        if not _is_of(forward.address, domain) and (own := _of(forward.to, domain)):
            words = f"forwards change {forward.address} {' '.join(_others(forward.to, domain))}"
            yield f"  {forward.address} is forwarded to {own}: {_relay(found, words)}"


def _received(found: Target, s: Settings, domain: str) -> Iterator[str]:
    """Mailboxes and forwards in the domain."""
    for mailbox in s.mailboxes:
        if _is_of(mailbox.address, domain):
            yield (
                f"  {mailbox.address} is a mailbox: "
                f"{_relay(found, f'mailboxes remove {mailbox.address}')}"
            )
    for forward in s.forwards:
        if _is_of(forward.address, domain):
            yield (
                f"  {forward.address} is forwarded: "
                f"{_relay(found, f'forwards remove {forward.address}')}"
            )


def _senders(found: Target, s: Settings, domain: str) -> Iterator[str]:
    """Logins and clients that may send as the domain's addresses."""
    for who in s.submitters.values():
        items = s.send_as(who)
        own = _of(items, domain)
        if not own:
            continue
        left = [item for item in items if not _is_of(item, domain)]
        if isinstance(who, Login):
            words = f"users remove {who.address}"
            if left:
                words = f"users change {who.address} {' '.join(f'--send-as {x}' for x in left)}"
            yield f"  the login {who.address} may send as {own}: {_relay(found, words)}"
        else:
            yield f"  the client host {who.name} may send as {own}: {_client(found, who, left)}"


def _client(found: Target, client: Client, left: Sequence[str]) -> str:
    """What to write; no command changes the clients."""
    where = f"in {shown_path(found.file)}"
    if left:
        return f"leave sendAs: [{', '.join(left)}] to it {where}"
    return f"give it another sendAs, or take it out of mail-relay:clients, {where}"


def _relay(found: Target, words: str) -> str:
    return f"./relay {words.rstrip()} {found.option}"


def _is_of(address: str, domain: str) -> bool:
    return address.rpartition("@")[2] == domain


def _of(addresses: Iterable[str], domain: str) -> str:
    return " and ".join(address for address in addresses if _is_of(address, domain))


def _others(addresses: Iterable[str], domain: str) -> list[str]:
    """The addresses elsewhere; a place for one if there are none."""
    return [address for address in addresses if not _is_of(address, domain)] or [OTHER]
