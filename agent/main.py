"""Fetch the tables object, check it, install it: `main.py gateway|client s3://BUCKET/KEY`.

Run by a systemd timer. Exit status 0: the tables are in place, or not in the bucket yet; 1: an
error, with one line in the journal; the last good tables keep serving. Each run starts from what is
on the disk, so it repairs whatever an earlier run, or a power cut, left half done.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import bundle as bundles
from agent import gateway_files, limits, report, source, state_file
from agent.host_status import CLOCK_SECONDS
from agent.install import DIRECTORY_MODE, File, current, upcoming, write
from agent.readers import owe, put
from agent.state_file import DAMAGED

# The path that postsrsd's AppArmor profile allows; the package writes a random secret there.
SRS_SECRET = Path("/etc/postsrsd.secret")
# The name that main.cf of a client has as its relayhost.
GATEWAY = Path("/etc/mail-relay/gateway")
BASES = {"gateway": Path("/srv/mail/tables"), "client": Path("/var/lib/mail-relay/tables")}
# Keys of the tables that only some hosts have, and the module that makes their files there.
PARTS = {"mailboxes": "mailbox_files", "smarthost": "smarthost"}
HERE = Path(__file__).resolve().parent
# Seconds without an answer of the bucket until that is an error: a new role takes seconds to work
# everywhere, and a host's tables may be put after it was started.
PATIENCE = 300.0


def say(text: str, level: int = 6) -> None:
    """One line to the journal, at a syslog level."""
    print(f"<{level}>{text}", flush=True)


def gateway(bundle: dict[str, Any], base: Path) -> list[str]:
    """Install the gateway's files; returns a line for each service that could not reload."""
    from agent import published

    domains = bundle["domains"]
    check_parts(bundle)
    published.check_keys(domains)
    seen_file = base / "seen.json"
    before = published.read_seen(seen_file)
    if not before:  # lost, or nothing signs yet
        before = published.read_signing(current(base) / "KeyTable", domains, time.time())
    files = gateway_set(bundle, published.known(domains, before), base)
    # unusable tables have been refused by now, before any file is installed
    srs_secret(bundle["srsSecret"], base)
    if current(base).exists():  # logins do not wait for name servers
        put("gateway", base, files)
    signing, seen = published.in_use(domains, before, time.time())
    if signing != published.known(domains, before):
        say(f"signing {', '.join(f'{d} by {s}' for d, s in sorted(signing.items()))}")
    if seen != before:
        write(seen_file, json.dumps({domain: asdict(entry) for domain, entry in seen.items()}))
    for domain in domains.keys() - signing.keys():
        say(f"{domain}: no selector is visible at its name servers; its mail waits", 4)
    return put("gateway", base, gateway_set(bundle, signing, base))


def gateway_set(bundle: dict[str, Any], signing: dict[str, str], base: Path) -> dict[str, File]:
    """The gateway's next files, with the selector that signs for each domain that has one."""
    texts = {
        "draining": gateway_files.draining(bundle, socket.getfqdn()),
        "sender_logins": gateway_files.sender_logins(bundle),
        "own_hosts": gateway_files.own_hosts(bundle),
        "receives": gateway_files.receives(bundle),
        "forwards": gateway_files.forwards(bundle),
        "gateway_users": gateway_files.gateway_users(bundle),
        "targets": gateway_files.targets(bundle),
        "notices_only": gateway_files.notices_only(bundle),
        "postsrsd": gateway_files.postsrsd(bundle),
        "KeyTable": gateway_files.key_table(signing),
        "SigningTable": gateway_files.signing_table(bundle, signing),
    }
    texts |= limits.texts(bundle)
    if "mailboxes" in bundle:
        texts |= _part("mailboxes").texts(bundle)
    files = {name: File(text, mode=0o644) for name, text in texts.items()}
    live = current(base)
    lost = None if live.exists() else {}
    former = state_file.read(live / "guard.json", gateway_files.former_logins, lost)
    guard = gateway_files.guard(bundle, signing, upcoming(base), former)
    files["guard.json"] = File(guard, "root", "mail-guard", 0o640)
    if "smarthost" in bundle:
        files["smarthost_passwords"] = File(_part("smarthost").passwords(bundle["smarthost"]))
    for domain, entry in bundle["domains"].items():
        for selector in entry["selectors"]:
            path = f"keys/{domain}/{selector['name']}.pem"
            files[path] = File(selector["privateKey"], "opendkim", "opendkim")
    # a mailbox of a disabled login takes mail that nobody reads for now
    readers = bundle["logins"].keys() & bundle.get("mailboxes", {}).keys()
    may = {"smtp": bundle["logins"], "imap": readers}
    for protocol, logins in may.items():
        text = gateway_files.passwords(bundle, logins)
        files[f"passwords.{protocol}"] = File(text, "root", "dovecot", 0o640)
    return files


def srs_secret(secret: str, base: Path) -> None:
    """Have postsrsd use the stack's secret: a rebuilt host has another, with the same tables."""
    file = File(secret + "\n")
    if not file.is_at(SRS_SECRET):
        owe("gateway", base, "postsrsd.service")
        write(SRS_SECRET, file.octets)


def check_parts(bundle: dict[str, Any]) -> None:
    """Raise BadBundle if the tables are for a host with other optional parts.

    A stack's first mailbox replaces the host, and so does the removal of the last one: main.cf
    names tables that only such a host has, and Postfix takes no mail if one is missing.
    """
    for key, name in PARTS.items():
        made_with = (HERE / f"{name}.py").exists()
        if made_with and key not in bundle:
            raise bundles.BadBundle(f"it has no {key}, this host was made with {name}.py")
        if key in bundle and not made_with:
            raise bundles.BadBundle(f"it needs {name}.py, this host was made without")


def _part(key: str) -> Any:
    """The module that makes the files of an optional part."""
    return importlib.import_module(f"agent.{PARTS[key]}")


def client(bundle: dict[str, Any], base: Path) -> list[str]:
    """Install the client's login; returns a line for each service that could not reload.

    Tables for another gateway than that of main.cf are refused until the host is rebuilt: Postfix
    would find no login for its own one, send without, and return all mail (smtp_sasl_glue.c).
    """
    own = GATEWAY.read_text().strip()
    if bundle["gateway"] != own:
        raise bundles.BadBundle(f"it is for {bundle['gateway']}, this host was made for {own}")
    way = f"[{bundle['gateway']}]:587"
    proves = ":".join([bundle["gateway"], *bundle.get("gateways", ())])
    # the host's own name may not send, so its mail gets the domain, or its one address, as sender
    own = f"@{bundle['host']} {bundle['ownSender']}\n" if "ownSender" in bundle else ""
    files = {
        "sasl_passwords": File(f"{way} {bundle['login']}:{bundle['password']}\n"),
        "tls_policy": File(f"{way} secure match={proves}\n"),
        "own_senders": File(own),
    }
    return put("client", base, files)


def look(role: str, url: str, base: Path) -> tuple[list[str], source.Answer]:
    """Fetch tables and install them; returns the problems, and the bucket's answer."""
    base.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    if base.stat().st_mode & 0o7777 != DIRECTORY_MODE:
        base.chmod(DIRECTORY_MODE)
    kept, problems = source.read_kept(base), list[str]()
    answer = source.fetch(url, kept)
    # if the bucket's tables are unusable, damaged files are still restored from the last good ones
    for content in (answer.content, kept):
        if content is None:
            continue
        try:
            bundle = bundles.parse(content, socket.getfqdn(), role)
            untold = {"gateway": gateway, "client": client}[role](bundle, base)
        except bundles.BadBundle as error:
            whose = url if content is answer.content else f"what is kept of {url}"
            problems.append(f"{whose} cannot be used: {error}. The last good tables keep serving.")
            continue
        problems += untold
        if content is answer.content and content != kept:
            again = source.keep(base, content)
            say(f"tables installed{_difference(bundle, kept)}")
            if again:
                say(f"these tables were in use before, since {again}, and others after them", 5)
            subprocess.run(
                ["systemctl", "--no-block", "restart", "mail-relay-status.service"], check=False
            )
        break
    return problems, answer


def _difference(bundle: dict[str, Any], kept: bytes | None) -> str:
    """The logins that are new, gone or changed, for the journal."""
    try:
        before = json.loads(kept or b"{}").get("logins", {})
        after = bundle.get("logins", {})
        ways = {
            "new": sorted(after.keys() - before.keys()),
            "gone": sorted(before.keys() - after.keys()),
            "changed": sorted(n for n in after.keys() & before.keys() if after[n] != before[n]),
        }
    except DAMAGED:
        return ""
    told = [f"{way} {', '.join(logins)}" for way, logins in ways.items() if logins]
    return f"; logins: {'; '.join(told)}" if told else ""


def judged(problems: list[str], answer: source.Answer, now: float) -> report.Report:
    """The report on a look, which continues the last report; `now` is time.monotonic()."""
    last, since = report.read(), None
    if answer.problem:
        since = now if last.unanswered_since is None else last.unanswered_since
        if now - since > PATIENCE:
            minutes = f"for {(now - since) / 60:.0f} minutes"
            problems = [*problems, f"{answer.problem} {minutes}. The last tables keep serving."]
        else:
            say(f"{answer.problem} now; asking again")
    off = answer.clock_off
    if off is not None and off > CLOCK_SECONDS:
        if last.clock_off is None or last.clock_off <= CLOCK_SECONDS:
            say(f"this host's clock and the bucket's differ by {off:.0f} s", 3)
    elif off is None:
        off = last.clock_off
    return report.Report(" ".join(problems), since, off)


def main() -> int:
    """Command line: role and URL."""
    role, url = sys.argv[1:]
    os.umask(0o022)
    try:
        problems, answer = look(role, url, BASES[role])
    except Exception as error:  # such as a full disk; the next look starts again
        what = f"{type(error).__name__}: {error}".replace("\n", " ")
        problems, answer = [f"the look for tables failed: {what}"], source.Answer()
    found = judged(problems, answer, time.monotonic())
    if found.problem:
        say(found.problem, 3)
    report.leave(found)
    return 1 if found.problem else 0


if __name__ == "__main__":
    sys.exit(main())
