"""The input of a policy, a message, and its output, a verdict."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """A message's envelope and its header fields, as Postfix has them after the other milters.

    `headers` are names as they are spelled and raw values, from the colon on: leading space and
    line breaks ("\\n" and white space) as they are. `sender` is the envelope's, without brackets,
    and empty for a notice. `login` is empty if nobody has logged in. `mail_from` and
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
    """A new value of a header field, the `index`-th of its name from 1; None removes the field.

    With `index` 0 a field is added on top of the message. The value begins with the space after the
    colon.
    """

    name: str
    index: int
    value: str | None


@dataclass(frozen=True)
class Verdict:
    """The decision on a message. With a `code` it is refused, with the text as the SMTP reply.

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
    """A permanent refusal: trying again does not help."""
    return Verdict("550", status, text)


def deferred(text: str, status: str = "4.7.1") -> Verdict:
    """A temporary refusal: the sender keeps the message and tries again."""
    return Verdict("451", status, text)
