"""A test of a login at each gateway and port; a wrong password is tried once."""

import smtplib
import ssl
from typing import Any

from common.errors import RelayError
from ops import arrival, guessing, not_up, submission
from ops.outputs import Host, Outputs
from ops.plain_words import failure
from ops.target import Target
from ops.terminal import begin

ACCEPTED = "accepted"
ONCE = "a wrong password is tried once, because the gateways count failed logins (docs/limits.md)"


def run(found: Target, outputs: Outputs, login: str, password: str) -> list[dict[str, Any]]:
    """A row for each gateway and port; `why` explains its `login`, if the reason is known.

    fail2ban counts each refusal. So a gateway that refuses is not tried again, and the others are
    tried only if the password is right by the stack's own outputs.
    """
    rows: list[dict[str, Any]] = []
    disabled = login in outputs.disabled
    right = not disabled and password == outputs.passwords.get(login)
    for gateway in outputs.entrances:
        wrong = not right and any(map(_is_wrong, rows))
        rows += _at(found, outputs, gateway, login, password, wrong)
    if any(map(_is_wrong, rows)):
        why = _why(found, outputs, login)
        for row in rows:
            if _is_wrong(row) or (disabled and row["why"] == ONCE):
                row["why"] = why
    return rows


def _is_wrong(row: dict[str, Any]) -> bool:
    return row["login"].startswith(f"refused: {submission.WRONG}")


def _at(
    found: Target, outputs: Outputs, gateway: Host, login: str, password: str, wrong: bool
) -> list[dict[str, Any]]:
    """A row for each port of a gateway.

    With `wrong`, the password was refused elsewhere already: the ports are reached, and nobody
    logs in. The same goes for the second port, if the first one refuses the password.
    """
    rows: list[dict[str, Any]] = []
    down = None
    for port in submission.PORTS:
        row: dict[str, Any] = {"gateway": gateway.name, "port": port, "tls": "", "mechanisms": ""}
        if down:
            rows.append({**row, "login": "not tried", "why": str(down)})
            continue
        begin(f"{gateway.name}, port {port}")
        said, why = "", ""
        try:
            with found.connect(gateway, port, outputs.acme_root) as session:
                row["tls"] = session.sock.version()  # type: ignore[union-attr]
                row["mechanisms"] = session.esmtp_features.get("auth", "").strip()
                if wrong:
                    said, why = "not tried", ONCE
                else:
                    submission.log_in(session, login, password)
                    said = ACCEPTED
        except smtplib.SMTPResponseException as error:
            said, wrong = f"refused: {failure(error)}", error.smtp_code == submission.WRONG
        except ssl.SSLCertVerificationError as error:
            said = f"not tried: {failure(error)}"
        except OSError as error:  # smtplib's errors are OSErrors
            said, down = f"no answer: {failure(error)}", found.down(gateway)
            why = str(down or guessing.why(found, outputs, gateway))
        rows.append({**row, "login": said, "why": why})
    return rows


def _why(found: Target, outputs: Outputs, login: str) -> str:
    """The reason of a refusal as far as the stack knows it, or ""."""
    if login in outputs.disabled:
        return f"the login is disabled: ./relay users enable {login} {found.option}"
    if login not in outputs.passwords and (why := not_up.why(found, login, not_up.logins)):
        return why
    try:
        late = arrival.late(found, outputs.gateways)
    except RelayError:  # an account that does not answer tells nothing about it
        return ""
    if late:
        names = ", ".join(host.name for host in late)
        return f"{names} has not got the tables of the last `up` yet: --wait waits for them"
    return ""
