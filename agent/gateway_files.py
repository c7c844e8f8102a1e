"""The gateway's tables as files, from a checked bundle: text in, text out."""

import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

Bundle = Mapping[str, Any]
TABLES = "/srv/mail/tables/current"


def sender_logins(bundle: Bundle) -> str:
    """Postfix's smtpd_sender_login_maps: which logins own an envelope sender.

    Postfix stops at the first key that it finds (address, then @domain), so an address lists the
    logins that own its whole domain too.
    """
    owners: dict[str, set[str]] = {}
    for login, entry in bundle["logins"].items():
        for item in entry["sendAs"]:
            owners.setdefault(item, set()).add(login)
    for item, logins in owners.items():
        logins |= owners.get("@" + item.rpartition("@")[2], set())
    # an address of ours without an owner gets an empty list, which matches no login
    return "".join(f"{item} {','.join(sorted(owners[item]))}\n" for item in sorted(owners))


def own_hosts(bundle: Bundle) -> str:
    """Postfix's smtpd_client_event_limit_exceptions (cidr_table): the clients' public addresses."""
    return "".join(f"{address}/32 -\n" for address in sorted(bundle.get("hosts", ())))


def receiving(bundle: Bundle) -> set[str]:
    """The domains whose inbound mail we take."""
    taken = [*bundle["forwards"], *bundle.get("mailboxes", ())]
    return {address.rpartition("@")[2] for address in taken}


def receives(bundle: Bundle) -> str:
    """Postfix's virtual_alias_domains: those without a mailbox, and the host's name for bounces."""
    kept = {address.rpartition("@")[2] for address in bundle.get("mailboxes", ())}
    return "".join(f"{name} -\n" for name in sorted({*receiving(bundle) - kept, bundle["host"]}))


def forwards(bundle: Bundle) -> str:
    """Postfix's virtual_alias_maps; the roles of RFC 2142 are the operator's unless given.

    A mailbox is its own alias, or its domain's catch-all would take its mail.
    """
    found = {address: address for address in bundle.get("mailboxes", ())}
    found |= {address: ", ".join(targets) for address, targets in bundle["forwards"].items()}
    for domain in receiving(bundle):
        for role in ("postmaster", "abuse"):
            found.setdefault(f"{role}@{domain}", bundle["operator"])
    return "".join(f"{address} {found[address]}\n" for address in sorted(found))


def targets(bundle: Bundle) -> str:
    """Postfix's transport_maps: what our users' notices go out to, apart from strangers' ones.

    Forwards' targets, and domains of ours whose mail others take.
    """
    here = {*receiving(bundle), bundle["host"]}
    listed = {x for forward in bundle["forwards"].values() for x in forward} | {bundle["operator"]}
    found = {*bundle["domains"], *listed}
    outside = sorted(name for name in found if name.rpartition("@")[2] not in here)
    return "".join(f"{name} smtp:\n" for name in outside)


def passwords(bundle: Bundle, logins: Iterable[str]) -> str:
    """Dovecot's passdb (passwd-file) for these logins.

    Readable, as the kept tables beside it are, or CRAM-MD5 could not be offered.
    """
    known = bundle["logins"]
    return "".join(f"{login}:{{PLAIN}}{known[login]['password']}\n" for login in sorted(logins))


def postsrsd(bundle: Bundle) -> str:
    """postsrsd's environment: senders of our own are not rewritten."""
    return f"OWN_DOMAINS={','.join(sorted({*bundle['domains'], bundle['host']}))}\n"


def key_table(signing: Mapping[str, str]) -> str:
    """OpenDKIM's KeyTable; `signing` gives each domain's selector."""
    return "".join(
        f"{domain} {domain}:{selector}:{TABLES}/keys/{domain}/{selector}.pem\n"
        for domain, selector in sorted(signing.items())
    )


def signing_table(bundle: Bundle, signing: Mapping[str, str]) -> str:
    """OpenDKIM's SigningTable (refile); the host's own name is signed by the domain above it."""
    lines = [f"*@{domain} {domain}\n" for domain in sorted(signing)]
    parent = bundle["host"].partition(".")[2]
    if parent in signing and bundle["host"] not in signing:
        lines.append(f"*@{bundle['host']} {parent}\n")
    return "".join(lines)


def guard(bundle: Bundle, signing: Mapping[str, str]) -> str:
    """The guard's table (agent/guard/tables.py): whose key signs for a domain, and the logins.

    A login's proof changes with its password and its rights, and shows neither.
    """
    host, key = bundle["host"], bundle["srsSecret"].encode()
    signed_by = {domain: domain if domain in signing else None for domain in bundle["domains"]}
    signed_by.setdefault(host, signed_by.get(host.partition(".")[2]))
    logins = {
        login: {
            "proof": hmac.digest(key, json.dumps(entry, sort_keys=True).encode(), "sha256").hex(),
            "sendAs": sorted(entry["sendAs"]),
        }
        for login, entry in bundle["logins"].items()
    }
    content = {"host": host, "signedBy": signed_by, "logins": logins}
    return json.dumps(content, indent=1, sort_keys=True)
