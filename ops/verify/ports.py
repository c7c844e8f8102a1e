"""The gateway's ports: open, with its name, with TLS, AUTH only inside TLS, and no open relay."""

import time

from ops.outputs import Host
from ops.verify.result import Result
from ops.verify.talk import IMAPS, READY, SMTP, SUBMISSIONS, SmtpSession

# certbot renews with a third of the lifetime left: 30 of Let's Encrypt's 90 days
RENEWED_DAYS = 20
DAY = 86400
# Nobody's address (RFC 2606, 3): a server that takes it from a stranger relays.
ELSEWHERE = "relay-test@example.net"
# OpenSSL's X509_V_ERR_...
EXPIRED, NOT_YET, OTHER_NAME = 10, 9, 62
FIREWALL = (
    "A firewall drops it: see the check `group` (`pulumi up --refresh` puts the security group's "
    "rules back), then the subnet's network ACL, this network, and on the host: fail2ban-client "
    "banned"
)
RENEW = "On the host: systemctl status certbot.timer; certbot renew"


def check(host: Host, port: int, session: SmtpSession) -> Result:
    """Check a port's session against what the port should offer."""
    result = Result("port", f"{host.name}:{port}")
    if session.closed:
        _closed(host, port, result, session.closed)
        return result
    code, text = session.greeting
    if code != READY:
        said = f"{code} {text}" if code else session.broken or text
        result.error("port-silent", f"port {port} does not greet: {said}", "On the host: mailq")
        return result
    if port == IMAPS:
        result.seen.append("IMAP")
        _check_certificate(host, result, session)
        return result
    result.seen.append(f"{code} {text}")
    if text.split(" ")[0].lower() != host.name:
        result.error(
            "greeting-name",
            f"it greets as {text.split(' ')[0]}, its PTR and certificate are {host.name}",
            f"On the host: postconf myhostname must say {host.name}; `pulumi up` makes it so",
        )
    if port != SUBMISSIONS and "starttls" not in session.before:
        text = f"port {port} offers no STARTTLS"
        result.error(
            "starttls-missing", text, "On the host: systemctl status mail-relay-certificate"
        )
    elif 400 <= session.refusal[0] < 500:
        _deferred(port, result, *session.refusal)
    elif not session.tls and not session.distrust:
        said = session.broken or f"{session.refusal[0]} {session.refusal[1]}"
        result.error("tls-fails", f"port {port}: {said}", "On the host: /var/log/mail.log")
    else:
        _check_certificate(host, result, session)
        if session.broken:
            text = f"port {port} breaks the conversation off: {session.broken}"
            result.error("port-broken", text, "On the host: /var/log/mail.log")
            return result
    _check_auth(port, result, session)
    _check_relay(port, result, session)
    return result


def _closed(host: Host, port: int, result: Result, why: str) -> None:
    """Report a closed port: refused by the host if no program listens, filtered if it times out."""
    text = f"{host.address}:{port} takes no connection: {why}"
    if "timed out" in why:
        result.error("port-filtered", text, FIREWALL)
        return
    unit = "dovecot" if port == IMAPS else "postfix"
    remedy = f"On the host: systemctl status {unit} mail-relay-certificate"
    if port != SMTP:
        remedy += f"; {port} opens once there is a certificate"
    result.error("port-closed", text, remedy)


def _check_certificate(host: Host, result: Result, session: SmtpSession) -> None:
    if session.distrust is not None:
        codes = {EXPIRED: "expired", NOT_YET: "expired", OTHER_NAME: "name"}
        code = codes.get(session.distrust.verify_code, "untrusted")
        text = f"the certificate for {host.name}: {session.distrust.verify_message}"
        result.error(f"certificate-{code}", text, RENEW)
    elif session.expires is not None:
        days = int((session.expires - time.time()) // DAY)
        result.seen.append(f"{session.tls}, certificate for {days} days")
        if days < RENEWED_DAYS:
            text = f"the certificate ends in {days} days: it is not being renewed"
            result.warn("certificate-ends", text, RENEW)


def _check_auth(port: int, result: Result, session: SmtpSession) -> None:
    """Check that AUTH PLAIN is offered only inside TLS (RFC 4954, 4), and no AUTH on 25."""
    if port == SMTP:
        if "auth" in session.before | session.after:
            text = "port 25 offers AUTH: passwords can be guessed there"
            result.error("auth-on-25", text, "On the host: smtpd_sasl_auth_enable = no")
        return
    if "auth" in session.before:
        text = f"port {port} offers AUTH before TLS: passwords travel in clear"
        result.error("auth-before-tls", text, "On the host: smtpd_tls_auth_only = yes")
    if session.tls and "PLAIN" not in session.after.get("auth", "").upper().split():
        offered = session.after.get("auth", "").strip() or "nothing"
        text = f"port {port} offers no AUTH PLAIN inside TLS, but {offered}: nobody can log in"
        result.error("auth-missing", text, "On the host: postconf -M submission submissions")


def _check_relay(port: int, result: Result, session: SmtpSession) -> None:
    code, text = session.recipients.get(ELSEWHERE, session.limited)
    if not code:
        return
    if code < 400:
        result.error(
            "open-relay",
            f"port {port} takes {ELSEWHERE} from a stranger: {code} {text}",
            "On the host: smtpd_relay_restrictions = reject_unauth_destination",
        )
    elif code < 500:
        _deferred(port, result, code, text)
    else:
        result.seen.append(f"no relay: {code} {text}")


def _deferred(port: int, result: Result, code: int, text: str) -> None:
    said = f"port {port} puts everybody off: {code} {text}"
    result.error("port-deferred", said, "On the host: systemctl --failed; /var/log/mail.log")
