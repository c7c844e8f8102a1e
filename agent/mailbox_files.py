"""The tables of a gateway with mailboxes, from a checked bundle: text in, text out."""

from collections.abc import Mapping
from typing import Any

Bundle = Mapping[str, Any]
MAILBOXES = "/srv/mail/mailboxes"


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

    An alias has its mailbox's: Dovecot is asked for the quota of a recipient before Postfix looks
    up aliases.
    """
    lines = []
    for mailbox, entry in bundle["mailboxes"].items():
        local, _, domain = mailbox.rpartition("@")
        home, quota = f"{MAILBOXES}/{domain}/{local}", entry["quotaMiB"]
        for address in (mailbox, *entry["aliases"]):
            lines.append(f"{address}:::::{home}::userdb_quota_storage_size={quota}M\n")
    return "".join(sorted(lines))
