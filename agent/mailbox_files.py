"""The tables of a gateway with mailboxes, from a checked bundle: text in, text out."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

Bundle = Mapping[str, Any]
MAILBOXES = "/srv/mail/mailboxes"
SALT_BYTES = 16


def texts(bundle: Bundle) -> dict[str, str]:
    """Postfix's virtual_mailbox_domains and virtual_mailbox_maps, and Dovecot's userdb."""
    mailboxes = sorted(bundle["mailboxes"])
    domains = sorted({address.rpartition("@")[2] for address in mailboxes})
    return {
        "mailbox_domains": "".join(f"{domain} -\n" for domain in domains),
        "mailboxes": "".join(f"{address} -\n" for address in mailboxes),
        "mailbox_users": users(bundle),
    }


def users(bundle: Bundle) -> str:
    """Dovecot's userdb (passwd-file): homes and quotas.

    An alias of a mailbox has the same: Dovecot is asked for the quota of a recipient before Postfix
    looks at its aliases.
    """
    lines = []
    for mailbox, entry in bundle["mailboxes"].items():
        local, _, domain = mailbox.rpartition("@")
        home, quota = f"{MAILBOXES}/{domain}/{local}", entry["quotaMiB"]
        for address in (mailbox, *entry["aliases"]):
            lines.append(f"{address}:::::{home}::userdb_quota_storage_size={quota}M\n")
    return "".join(sorted(lines))


def passwords(bundle: Bundle) -> str:
    """Dovecot's passdb for IMAP (passwd-file), the same one for the same passwords.

    A slow hash would guard nothing: other files beside it have to hold the passwords readable.
    """
    lines = []
    for address in sorted(bundle["mailboxes"]):
        password = bundle["logins"][address]["password"].encode()
        salt = hmac.digest(password, address.encode(), "sha512")[:SALT_BYTES]
        digest = hashlib.sha512(password + salt).digest()
        lines.append(f"{address}:{{SSHA512}}{base64.b64encode(digest + salt).decode()}\n")
    return "".join(lines)
