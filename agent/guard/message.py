"""What a policy is shown, and what it may answer."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """A message's envelope and its header fields, as Postfix has them after the other milters.

    `headers` are names as they are spelled and raw values, from the colon on: leading space and
    line breaks ("\\n" and white space) as they are. `sender` is the envelope's, without brackets,
    and empty for a notice. `login` is empty where nobody has logged in. `mail_from` and
    `recipients` are what the client wrote, with brackets, before any rewriting.
    """

    sender: str = ""
    mail_from: str = ""
    recipients: tuple[str, ...] = ()
    login: str = ""
    headers: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    def values(self, name: str) -> list[bytes]:
        """The raw values of all header fields of this name, the topmost first."""
        wanted = name.lower()
        return [value for found, value in self.headers if found.lower() == wanted]


@dataclass(frozen=True)
class Change:
    """A header field's new value, the `index`-th of its name from 1; without a value it goes.

    With `index` 0 it is put on top of the message. The value begins with the space after the colon.
    """

    name: str
    index: int
    value: str | None


@dataclass(frozen=True)
class Verdict:
    """What becomes of a message. With a `code` it is refused, and the text is the sender's answer.

    `status` is an enhanced status code (RFC 3463). `sender` replaces the envelope's; `dropped` are
    recipients that get no copy, as Postfix keeps them. `notes` are for the log.
    """

    code: str = ""
    status: str = ""
    text: str = ""
    changes: tuple[Change, ...] = ()
    sender: str | None = None
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


TAKEN = Verdict()


def refused(text: str, status: str = "5.7.1") -> Verdict:
    """For good: trying again as it is helps nobody."""
    return Verdict("550", status, text)


def deferred(text: str, status: str = "4.7.1") -> Verdict:
    """For now: the sender keeps it and comes back."""
    return Verdict("451", status, text)
