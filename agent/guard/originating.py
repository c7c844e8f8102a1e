"""The policies for mail that originates here: by a login, from the host itself, Postfix's notices.

It leaves only with exactly one author, in a domain of ours that its sender may use now, and with
the signature that OpenDKIM has just made for that domain (all others were removed before).
"""

import re
from collections.abc import Callable, Iterator

from agent.guard.author import Author, Unreadable, read
from agent.guard.message import TAKEN, Change, Message, Verdict, deferred, refused
from agent.guard.shown import Unknown, addresses
from agent.guard.tables import Login, Tables
from mail.names import without_extension

# A longer line of a header is cut on its way out (RFC 5321, 4.5.3.1.6; Postfix' smtp(8)).
LINE = 998
_SIGNER = re.compile(rb"(?:^|;)\s*d\s*=\s*([^;\s]+)\s*(?:;|$)")
_FOLDED = re.compile(r"(?<=[^ \t\n])[ \t]+(?=[^ \t\n])")


def by_login(message: Message, tables: Tables, begun: Tables) -> Verdict:
    """Whether a login's message may leave."""
    name = message.login.lower()
    login, before = tables.logins.get(name), begun.logins.get(name)
    if login is None or login != before:
        return Verdict("421", "4.7.0", "this login has been changed or removed: log in again")
    author = _author(message, tables, lambda address: _may(login, address))
    if isinstance(author, Verdict):
        return author
    if not _may(login, author.address):
        return refused(f"From shows {author.address}: this login may send as {_list(login)}")
    return _signed(author, message, tables, Verdict(changes=tuple(_shorter(message))))


def by_host(message: Message, tables: Tables, begun: Tables) -> Verdict:
    """Whether the host's own mail may leave: users send as themselves, root as any address of ours.

    Notices have no envelope sender; Postfix's postdrop allows only root to leave that out.
    """
    del begun
    author = _author(message, tables, lambda address: _domain(address) in tables.signed_by)
    if isinstance(author, Verdict):
        return author
    by_root = message.sender.lower() in ("", *(f"root@{name}" for name in tables.signed_by))
    if not by_root and author.address != message.sender.lower():
        return refused(f"From shows {author.address}, and its sender is {message.sender}")
    return _signed(author, message, tables, Verdict(changes=tuple(_shorter(message))))


def folded(message: Message, tables: Tables, begun: Tables) -> Verdict:
    """Whether a message may leave that was judged before, and then had its long lines cut."""
    del begun
    author = _author(message, tables, lambda address: _domain(address) in tables.signed_by)
    return author if isinstance(author, Verdict) else _signed(author, message, tables, TAKEN)


def _author(message: Message, tables: Tables, mine: Callable[[str], bool]) -> Author | Verdict:
    """The one author, in a domain of ours; a refusal if a field shows an address not `mine`."""
    try:
        authors = [read(value) for value in message.values("From")]
    except Unreadable as why:
        return refused(str(why), "5.6.0")
    if len(authors) != 1:
        count = len(authors) or "no"
        return refused(f"the message has {count} From fields, one is needed", "5.6.0")
    author = authors[0]
    if _domain(author.address) not in tables.signed_by:
        return refused(f"From shows {author.address}, which is in no domain of this server")
    if problem := _shows_another(author, mine) or _other_senders(message, mine):
        return refused(problem)
    return author


def _signed(author: Author, message: Message, tables: Tables, verdict: Verdict) -> Verdict:
    domain = _domain(author.address)
    signer = tables.signed_by[domain]
    if signer is None:
        return deferred(f"no DKIM key of {domain} is published yet: try again later", "4.7.5")
    found = [_SIGNER.search(value) for value in message.values("DKIM-Signature")]
    if [match[1].decode("latin-1").lower() for match in found if match] != [signer]:
        return deferred(f"the message could not be signed for {domain}: try again later", "4.7.5")
    return verdict


def _may(login: Login, address: str) -> bool:
    """Whether a login may send as an address; `+anything` may be in it, as for mail received."""
    names = (address, without_extension(address), f"@{_domain(address)}")
    return not login.send_as.isdisjoint(names)


def _list(login: Login) -> str:
    known = sorted(login.send_as)
    return ", ".join(known[:5]) + (" and others" if len(known) > 5 else "")


def _shows_another(author: Author, mine: Callable[[str], bool]) -> str:
    """The problem of a name that shows another address, which may be read as the sender, or ""."""
    try:
        for address, spaced in (pair for text in author.names for pair in addresses(text)):
            # "Support @ shop.example" is a place
            place = spaced and _domain(address) == _domain(author.address)
            if address != author.address and not mine(address) and not place:
                return f"the name in From shows another address: {_printable(address)}"
        # some programs take whatever is in a comment for an address
        for address, _ in (
            pair for text in author.comments for pair in addresses(text, strict=True)
        ):
            if address != author.address and not mine(address):
                return f"the comment in From shows another address: {_printable(address)}"
    except Unknown as charset:
        return f"the name in From is in an unknown charset, {_printable(str(charset))}: use UTF-8"
    return ""


def _other_senders(message: Message, mine: Callable[[str], bool]) -> str:
    """The problem of a Sender field, which programs show too ("X on behalf of Y"), or ""."""
    for name in ("Sender", "Resent-From", "Resent-Sender"):
        for value in message.values(name):
            try:
                address = read(value, name).address
            except Unreadable as why:
                return str(why).replace("From", name)
            if not mine(address):
                return f"{name} shows {address}, which is not its sender's"
    return ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _shorter(message: Message) -> Iterator[Change]:
    """Fold long lines of the header at white space.

    Postfix has such a message cut and signed again (main.cf, `long_lines`), and would cut anywhere.
    """
    seen: dict[str, int] = {}
    for name, value in message.headers:
        key = name.lower()
        seen[key] = seen.get(key, 0) + 1
        lines = value.split(b"\n")
        longest = max(len(line) for line in lines) + len(name) + 1
        if longest > LINE and value.isascii():
            text = _FOLDED.sub(lambda found: f"\n{found[0]}", value.decode())
            yield Change(name, seen[key], _refilled(text))


def _refilled(text: str) -> str:
    """Lines of up to 78 characters (RFC 5322, 2.1.1) as far as white space allows."""
    lines = [""]
    for part in text.split("\n"):
        if len(lines[-1]) + len(part) > 78 and lines[-1].strip():
            lines.append(part)
        else:
            lines[-1] += part
    return "\n".join(lines)


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:80]
