"""Logins, what they may send as, and where mail is forwarded to."""

from collections.abc import Iterator, Mapping

from ops.review.change import Change
from ops.review.markdown import listed
from settings import Account, Login, Settings, Smarthost


def sentences(change: Change) -> Iterator[str]:
    """The logins, senders and forwards that are added, changed and removed."""
    if change.settings_compare:
        yield from _logins(change)
        yield from _clients(change)
        yield from _keys(change)
        yield from _forwards(change)
        yield from _mailboxes(change)
        yield from _smarthost(change)


def _logins(change: Change) -> Iterator[str]:
    before, after = _by_address(change.before), _by_address(change.after)
    for address in sorted(before.keys() | after.keys()):
        old, new = before.get(address), after.get(address)
        if old is None and new:
            yield f"The login {address} is added; it may send as {_items(change.after, new)}."
            if not new.enabled:
                yield f"{address} begins disabled: it can neither log in nor send."
        elif new is None:
            yield f"The login {address} is removed: it cannot log in any more."
        elif old and change.before:
            items = change.before.send_as(old), change.after.send_as(new)
            yield from _send_as(f"The login {address}", *items)
            yield from _enabled(old, new)
            if change.secrets_compare and old.password != new.password:
                yield (
                    f"The password of {address} changes{_origin(new)}: whoever uses the old one "
                    "is refused."
                )


def _by_address(settings: Settings | None) -> dict[str, Login]:
    return {login.address: login for login in settings.logins} if settings else {}


def _enabled(before: Login, after: Login) -> Iterator[str]:
    who = f"The login {after.address}"
    if before.enabled and not after.enabled:
        yield f"{who} is disabled: it can neither log in nor send; mail for it is still accepted."
    if after.enabled and not before.enabled:
        yield f"{who} is enabled again: it can log in and send."


def _origin(login: Login) -> str:
    return "" if login.password else " to a generated one"


def _items(settings: Settings, login: Login) -> str:
    return listed(map(_sender, settings.send_as(login)))


def _sender(item: str) -> str:
    return f"every address of {item[1:]}" if item.startswith("@") else item


def _send_as(who: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    if more := [_sender(item) for item in after if item not in before]:
        yield f"{who} may now send as {listed(more)}."
    if less := [_sender(item) for item in before if item not in after]:
        yield f"{who} may no longer send as {listed(less)}."


def _clients(change: Change) -> Iterator[str]:
    before = {c.name: c for c in change.before.clients} if change.before else {}
    for client in change.after.clients:
        old = before.get(client.name)
        if old is None:
            items = listed(map(_sender, change.after.send_as(client)))
            yield f"The client host {client.name} may send as {items}."
        elif change.before:
            items = change.before.send_as(old), change.after.send_as(client)
            yield from _send_as(f"The client host {client.name}", *items)


def _keys(change: Change) -> Iterator[str]:
    """DKIM keys of the user's own that are added or removed."""
    if not change.before or not change.secrets_compare:
        return
    before = {d.name: d.keys for d in change.before.mail_domains}
    for domain in change.after.mail_domains:
        old = before.get(domain.name, domain.keys)
        for selector in sorted(old.keys() | domain.keys.keys()):
            if selector in domain.selectors and old.get(selector) != domain.keys.get(selector):
                origin = "the one given" if selector in domain.keys else "one that is generated"
                yield f"The private key of selector {selector} of {domain.name} becomes {origin}."


def _forwards(change: Change) -> Iterator[str]:
    before, after = _targets(change.before), _targets(change.after)
    for address in sorted(before.keys() | after.keys()):
        old, new = before.get(address), after.get(address)
        mail = f"Other mail for {address[1:]}" if address.startswith("@") else f"Mail for {address}"
        if new is None:
            yield f"{mail} is no longer forwarded."
        elif old is None:
            yield f"{mail} is forwarded to {listed(new)}."
        elif old != new:
            yield f"{mail} is forwarded to {listed(new)} instead of {listed(old)}."


def _targets(settings: Settings | None) -> Mapping[str, tuple[str, ...]]:
    return {f.address: f.to for f in settings.forwards} if settings else {}


def _mailboxes(change: Change) -> Iterator[str]:
    before, after = _quotas(change.before), _quotas(change.after)
    for address in sorted(before.keys() | after.keys()):
        old, new = before.get(address), after.get(address)
        if new is None:
            yield f"The mailbox {address} is closed: its mail stays on the volume, read by nobody."
        elif old is None:
            yield f"The mailbox {address} is opened, with room for {new} MiB."
        elif old != new:
            yield f"The mailbox {address} has room for {new} MiB instead of {old}."


def _quotas(settings: Settings | None) -> Mapping[str, int]:
    return {m.address: m.quota_mib for m in settings.mailboxes} if settings else {}


def _smarthost(change: Change) -> Iterator[str]:
    if change.before is None:
        return
    old, new = change.before.smarthost, change.after.smarthost
    if _way(old) != _way(new):
        yield f"Outgoing mail leaves {_way(new)}; until now {_way(old)}."
    if old and new and old.mechanisms != new.mechanisms:
        yield f"The smarthost's SASL mechanisms are {listed(new.mechanisms)} from now on."
    before, after = _accounts(old), _accounts(new)
    for sender in sorted(before.keys() | after.keys()):
        one, two = before.get(sender), after.get(sender)
        if two is None:
            yield f"The smarthost's account for {sender} goes."
        elif one is None or one.user != two.user:
            yield f"Mail of {sender} uses the smarthost's account {two.user}."
        elif change.secrets_compare and one.password != two.password:
            yield f"The password of the smarthost's account for {sender} changes."


def _way(smarthost: Smarthost | None) -> str:
    if smarthost is None:
        return "straight to the receivers (port 25)"
    return f"by {smarthost.host or 'Amazon SES'} (port {smarthost.port})"


def _accounts(smarthost: Smarthost | None) -> dict[str, Account]:
    given = smarthost.accounts if smarthost else ()
    return {
        _sender(account.sender) if account.sender else "all others": account for account in given
    }
