"""Configuration of mail programs that send through the gateway with a login.

Each text has PASSWORD where the login's password goes; keep such a file readable by its owner only.
"""


def postfix(host: str, login: str) -> str:
    """Lines for Postfix's main.cf on a host of one's own (postconf(5)), and its password file."""
    return f"""\
# /etc/postfix/main.cf (on Debian with the packages postfix and libsasl2-modules)
relayhost = [{host}]:587
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = hostname
tls_required_enable = no
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:/etc/postfix/sasl_passwords
smtp_sasl_security_options = noanonymous, noplaintext
smtp_sasl_tls_security_options = noanonymous
# /etc/postfix/sasl_passwords holds one line:
# [{host}]:587 {login}:PASSWORD
"""


def msmtp(host: str, login: str) -> str:
    """The file ~/.msmtprc (msmtp(1))."""
    return f"""\
account default
host {host}
port 465
tls on
tls_starttls off
tls_trust_file /etc/ssl/certs/ca-certificates.crt
auth plain
user {login}
password PASSWORD
from {login}
"""


def mailrc(host: str, login: str) -> str:
    """~/.mailrc of s-nail 14.9 (s-nail(1)); without v15-compat it would not ask for TLS."""
    user = login.replace("@", "%40")
    return f"""\
set v15-compat
set mta=smtp://{user}:PASSWORD@{host}:587
set smtp-use-starttls
set smtp-auth=plain
set tls-verify=strict
set tls-ca-file=/etc/ssl/certs/ca-certificates.crt
set from={login}
"""
