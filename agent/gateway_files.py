"""The gateway's tables as files, from a checked bundle: text in, text out."""

import contextlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mail.names import GATEWAY_USERS

Bundle = Mapping[str, Any]
TABLES = "/srv/mail/tables/current"
# The local part in place of a sender who gets no notices (agent/guard/inbound.py), and its target.
NO_NOTICES, ENDS_HERE = "nobounce", "nobounce@nobody.invalid"


def sender_logins(bundle: Bundle) -> str:
    """Postfix's smtpd_sender_login_maps: the logins that own an envelope sender.

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
    """Postfix's virtual_alias_domains: those without a mailbox, and gateways' names for bounces."""
    kept = {address.rpartition("@")[2] for address in bundle.get("mailboxes", ())}
    own = {*receiving(bundle) - kept, *bundle["gateways"]}
    return "".join(f"{name} -\n" for name in sorted(own))


def forwards(bundle: Bundle) -> str:
    """Postfix's virtual_alias_maps; the roles of RFC 2142 lead to the operator unless given.

    A mailbox is its own alias; otherwise its domain's catch-all would take its mail.
    """
    found = {address: address for address in bundle.get("mailboxes", ())}
    found |= {address: ", ".join(targets) for address, targets in bundle["forwards"].items()}
    for domain in receiving(bundle):
        for role in ("postmaster", "abuse"):
            found.setdefault(f"{role}@{domain}", bundle["operator"])
    return "".join(f"{address} {found[address]}\n" for address in sorted(found))


def gateway_users(bundle: Bundle) -> str:
    """Postfix's virtual_alias_maps for all gateways' names: each takes mail for the others."""
    found = dict[str, str]()
    for gateway in sorted(bundle["gateways"]):
        found |= {f"{user}@{gateway}": bundle["operator"] for user in GATEWAY_USERS}
        found[f"{NO_NOTICES}@{gateway}"] = ENDS_HERE
    return "".join(f"{address} {target}\n" for address, target in found.items())


def targets(bundle: Bundle) -> str:
    """Postfix's transport_maps: destinations whose notices leave apart from those to strangers.

    They are forwards' targets, and domains of ours whose mail goes elsewhere.
    """
    here = {*receiving(bundle), *bundle["gateways"]}
    listed = {x for forward in bundle["forwards"].values() for x in forward} | {bundle["operator"]}
    found = {*bundle["domains"], *listed}
    outside = sorted(name for name in found if name.rpartition("@")[2] not in here)
    return "".join(f"{name} smtp:\n" for name in outside)


def passwords(bundle: Bundle, logins: Iterable[str]) -> str:
    """Dovecot's passdb (passwd-file) for these logins.

    In clear, as in the kept tables beside it: CRAM-MD5 needs the password itself.
    """
    known = bundle["logins"]
    return "".join(f"{login}:{{PLAIN}}{known[login]['password']}\n" for login in sorted(logins))


def postsrsd(bundle: Bundle) -> str:
    """postsrsd's environment: senders of our own are not rewritten."""
    return f"OWN_DOMAINS={','.join(sorted({*bundle['domains'], *bundle['gateways']}))}\n"


def key_table(signing: Mapping[str, str]) -> str:
    """OpenDKIM's KeyTable; `signing` gives each domain's selector."""
    return "".join(
        f"{domain} {domain}:{selector}:{TABLES}/keys/{domain}/{selector}.pem\n"
        for domain, selector in sorted(signing.items())
    )


def read_key_table(text: str) -> dict[str, str]:
    """The selector of each domain in a KeyTable; torn lines are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        with contextlib.suppress(IndexError, ValueError):
            domain, selector, _ = line.split()[1].split(":")
            found[domain] = selector
    return found


def signing_table(bundle: Bundle, signing: Mapping[str, str]) -> str:
    """OpenDKIM's SigningTable (refile); a gateway's own name is signed by the domain above it."""
    lines = [f"*@{domain} {domain}\n" for domain in sorted(signing)]
    for host in bundle["gateways"]:
        parent = host.partition(".")[2]
        if parent in signing and host not in signing:
            lines.append(f"*@{host} {parent}\n")
    return "".join(lines)


def draining(bundle: Bundle, host: str) -> str:
    """Postfix's cidr_table(5): if this gateway drains, all clients are sent to another one.

    A client that is refused so (RFC 3463, 4.3.2) tries the next address at once.
    """
    told = "450 4.3.2 this server is being taken away: another one takes your mail"
    return f"0.0.0.0/0 {told}\n" if host in bundle.get("draining", ()) else ""


def notices_only(bundle: Bundle) -> str:
    """Postfix's access(5): addresses that take notices only, with anything after a plus."""
    return "".join(f"{NO_NOTICES}@{host} notices_only\n" for host in sorted(bundle["gateways"]))


def former_logins(guard: Any) -> dict[str, dict[str, Any]]:
    """The logins of a guard's table; raises what state_file.DAMAGED lists."""
    return {
        login: {"proof": str(entry["proof"]), "since": int(entry["since"])}
        for login, entry in guard["logins"].items()
    }


def guard(
    bundle: Bundle, signing: Mapping[str, str], number: int, former: Mapping[str, Any] | None
) -> str:
    """The guard's table (agent/guard/tables.py): each domain's signing domain, and the logins.

    A login's proof changes with its password, and does not reveal it. `since` is the number of the
    set of files in which a known login got its password: `number`, or as in the `former` entries.
    Without these (None) nobody knows, and all passwords count as new.
    """
    key = bundle["srsSecret"].encode()
    signed_by = {domain: domain if domain in signing else None for domain in bundle["domains"]}
    for host in bundle["gateways"]:
        signed_by.setdefault(host, signed_by.get(host.partition(".")[2]))
    logins = dict[str, Any]()
    for login, entry in bundle["logins"].items():
        proof = hmac.digest(key, f"{login} {entry['password']}".encode(), "sha256").hex()
        unknown = {"proof": proof, "since": number if former is None else 0}
        held = (former or {}).get(login, unknown)
        since = held["since"] if held["proof"] == proof else number
        logins[login] = {"proof": proof, "sendAs": sorted(entry["sendAs"]), "since": since}
    content = {"gateways": bundle["gateways"], "signedBy": signed_by, "logins": logins}
    return json.dumps(content, indent=1, sort_keys=True)
