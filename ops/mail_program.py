"""The settings for a login's mail program: servers, ports, the user name, the password."""

from typing import Any

from components.ports import IMAPS
from ops import not_up
from ops.outputs import Outputs, OutputsMissing
from ops.submission import PORTS
from ops.target import Target

# The names in mail programs for TLS on the two ports (RFC 8314, 3.3).
TLS = {465: "SSL/TLS", 587: "STARTTLS"}


def described(target: Target, outputs: Outputs, login: str, show_password: bool) -> dict[str, Any]:
    """The settings as JSON; `imap` and `mailbox` are None without a mailbox."""
    if login not in outputs.send_as:
        text = f"the stack does not say yet what {login} may send as: {target.apply_command}"
        raise OutputsMissing(text)
    server = outputs.submission.host
    imap = {"server": outputs.gateways[0].name, "port": IMAPS.port, "tls": TLS[465], "user": login}
    has_mailbox = login in outputs.mailboxes
    return {
        "login": login,
        "enabled": login not in outputs.disabled,
        "smtp": [
            {"server": server, "port": port, "tls": TLS[port], "user": login}
            for port in sorted(PORTS)
        ],
        "password": outputs.passwords[login] if show_password else None,
        "sendAs": list(outputs.send_as[login]),
        "mailbox": login if has_mailbox else None,
        "imap": imap if has_mailbox else None,
    }


def rows(target: Target, outputs: Outputs, login: str, show_password: bool) -> list[dict[str, str]]:
    """The settings for people, in the order in which mail programs ask for them."""
    found = described(target, outputs, login, show_password)
    ways = [f"port {way['port']} with {way['tls']}" for way in found["smtp"]]
    imap = found["imap"]
    no_mailbox = not_up.why(target, login, not_up.mailboxes) or "it has no mailbox"
    asked = f"./relay users show {login} --password {target.option} prints it"
    said = {
        "outgoing server": found["smtp"][0]["server"],
        "outgoing port": " or ".join(ways),
        "user name": login,
        "authentication": "normal password",
        "password": found["password"] or asked,
        "sends as": ", ".join(found["sendAs"]),
        "incoming server (IMAP)": imap["server"] if imap else f"none: {no_mailbox}",
        "incoming port": f"port {imap['port']} with {imap['tls']}" if imap else "",
        "state": "" if found["enabled"] else "disabled: it may neither log in nor send",
    }
    return [{"what": what, "value": value} for what, value in said.items() if value]
