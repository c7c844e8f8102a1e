"""The meaning of mail servers' replies in plain words: text in, text out."""

import re
import smtplib
import ssl
from collections.abc import Collection
from typing import Any

# The first pattern that matches counts. {0} is its first group.
_MEANINGS = (
    (
        r"not owned by user (\S+)",
        "the login {0} may not send as this address: see its sendAs; one that has just changed "
        "counts a moment later",
    ),
    (r"not logged in", "this is an address of ours, which needs a login (587 or 465)"),
    (r"our users send by port 587", "one of our domains as the sender, from outside"),
    (r"Relay access denied", "the recipient is elsewhere, and only logins send elsewhere"),
    (r"Access denied|Authentication required|Must issue a STARTTLS", "it did not log in"),
    (r"User unknown|unlisted|not a mailbox|no mailboxes", "there is no such address here"),
    (r"Domain not found", "the sender's domain is not in DNS"),
    (r"rejected by DMARC policy for (\S+)", "it is not from {0}, which asks to refuse such mail"),
    (r"mailbox is full", "the recipient's mailbox is full"),
    (r"too many hops", "it goes in a circle"),
    (
        r"size exceeds|size limit exceeded|too big|too large",
        "it is larger than messageSizeLimitMiB",
    ),
    (r"Insufficient system storage", "the gateway's data volume is full"),
    (r"bare (?:<LF>|newline)", "its program ends lines by LF alone, which other mail hides behind"),
    (r"pipelining|protocol synchronization", "it did not wait for its turn, as spammers do"),
    (
        r"^removed \(canceled\)$",
        "its program took it back (RSET, QUIT) or went away before its end: it goes to nobody",
    ),
    (r"AUTH command rate limit", "too many logins in a minute from this address"),
    (
        r"concurrency limit|[Tt]oo many connections",
        "too many connections at once from this address",
    ),
    (r"this login has sent as many", "more than the login's limits, which `users list` shows"),
    (r"rate limit|[Ll]imit exceeded|[Qq]uota exceeded", "more than the limits allow: later"),
    (
        r"Server certificate not|certificate verification failed",
        "the server did not prove its name",
    ),
    (
        r"Host found but no data record of requested type|does not accept mail \(nullMX\)",
        "the recipient's domain takes no mail: it has no MX, and no address",
    ),
    (r"Host not found, try again", "name servers give no answer for the domain: later again"),
    (r"Host or domain name not found", "the recipient's domain is not in DNS"),
    (r"Connection timed out|Connection refused|lost connection", "the server is away: later again"),
    (
        r"^(?!host ).*[Tt]ry again later",
        "a part of the gateway was away or has no key yet: later again",
    ),
)


def plain(said: str) -> str:
    """The meaning of a reply, or "" if it is plain enough."""
    for pattern, meaning in _MEANINGS:
        if found := re.search(pattern, said):
            return meaning.format(*found.groups())
    return ""


def failure(error: Exception) -> str:
    """The message of an error of SMTP, IMAP, TLS or the network, in one line."""
    said: object = str(error)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_line(error.smtp_error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate: {error.verify_message}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        said = "it ended the connection"
    elif isinstance(error, OSError) and error.strerror:
        said = error.strerror
    elif error.args:  # an error of imaplib has the server's reply as bytes
        said = error.args[0]
    return _line(said) or type(error).__name__


def _line(said: object) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())


def login_failed(login: str, logins: Collection[str], disabled: Collection[str] = ()) -> str:
    """The reason that a login failed, by the stack's lists of all and of disabled logins."""
    if login in ("", "(unavailable)"):
        return "it gave no name, or went away before its password"
    if login.lower() in disabled:
        return "the login is disabled"
    known = {name.lower() for name in logins}
    if login.lower() in known:
        return "a wrong password"
    if "@" not in login and any(name.startswith(f"{login.lower()}@") for name in known):
        return "there is no such login: a login is a whole address"
    return "there is no such login"


def unreadable(name: object, error: OSError | UnicodeError) -> str:
    """The error of a file that is not there, or that cannot be read; `name` is shown for it."""
    if isinstance(error, FileNotFoundError):
        return f"{name}: there is no such file"
    if isinstance(error, UnicodeDecodeError):
        return f"{name} {no_yaml(error)}"
    return f"{name} cannot be read: {getattr(error, 'strerror', None) or error}"


def no_yaml(error: Exception, text: str = "", place: Any = None) -> str:
    """The error, to follow the file's name, of a file that is not YAML or not UTF-8.

    `text` is its content, `place` the mark of a value that cannot be constructed, if one was found.
    """
    if isinstance(error, UnicodeDecodeError):
        before = error.object[: error.start].decode()
        return f"cannot be read{_position(before, len(before))}: it is not text in UTF-8"
    if isinstance(error, RecursionError):
        return (
            "cannot be read: lists or keys inside each other go too deep; take the inner ones away"
        )
    is_parsers = hasattr(error, "problem") or hasattr(error, "reason")
    where = _where(error, text, None if is_parsers else place)
    if is_parsers:
        why = _yaml_problem(str(getattr(error, "problem", None) or getattr(error, "reason", "")))
        return f"is not valid YAML{where}{f' ({why})' if why else ''}"
    return (
        f"cannot be read{where}: the value is not a valid date, number or whatever YAML takes it "
        "for; put it in quotation marks if it is text"
    )


def _where(error: Exception, text: str, place: Any) -> str:
    if mark := getattr(error, "problem_mark", None) or place:
        return f" at line {mark.line + 1}, column {mark.column + 1}"
    position = getattr(error, "position", None)
    return "" if position is None else _position(text, position)


def _position(text: str, position: int) -> str:
    line, start = text.count("\n", 0, position) + 1, text.rfind("\n", 0, position)
    return f" at line {line}, column {position - start}"


def _yaml_problem(said: str) -> str:
    """A parser's reason without the values that it shows, which may be secret."""
    if r"'\t'" in said:
        return "a tab: indent with spaces"
    if twice := re.match(r'found duplicate key "?(.*?)"? with value ', said):
        return f"the key {twice[1]} is there twice"
    # a password that begins with * or ! is an alias or a tag to a parser
    return re.sub(r"\b(alias|anchor|tag|handle|timestamp|ascii) .*", r"\1", " ".join(said.split()))
