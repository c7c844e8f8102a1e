"""Fetch the tables object, check it, install it: `main.py gateway|client s3://BUCKET/KEY`.

Run by a systemd timer. Exit 0: the tables are in place, or not there yet; exit 1: what was found
cannot be used, the last good tables keep serving, and the journal says why.
"""

import hashlib
import importlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from agent import bundle as bundles
from agent import gateway_files, limits
from agent.install import File, current, install, write

# where postsrsd's AppArmor profile lets it look; the package makes a random one, each host its own
SRS_SECRET = Path("/etc/postsrsd.secret")
BASES = {"gateway": Path("/srv/mail/tables"), "client": Path("/var/lib/mail-relay/tables")}


def fetch(url: str, etag: str | None) -> tuple[bytes, str] | None:
    """Content and ETag of the object; None if it has not changed or is not to be had yet."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    condition = {"IfNoneMatch": etag} if etag else {}
    settings = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
    try:
        answer = boto3.client("s3", config=settings).get_object(Bucket=bucket, Key=key, **condition)
        return answer["Body"].read(), answer["ETag"]
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 304:
            return None
        # A role takes seconds to spread, and a missing object reads as 403 to who may not list.
        say(f"{url} is not to be had now ({error.response['Error']['Code']}); asking again")
        return None
    except BotoCoreError as error:
        say(f"{url} is not to be had now ({error}); asking again")
        return None


def say(text: str, level: int = 6) -> None:
    """One line to the journal, at a syslog level."""
    print(f"<{level}>{text}", flush=True)


def gateway(bundle: dict[str, Any], base: Path) -> None:
    """Install the gateway's files if the bundle, or what DNS shows of our keys, has changed."""
    from agent.published import in_use, read_seen

    seen_file = base / "seen.json"
    before = read_seen(seen_file)
    signing, seen = in_use(bundle["domains"], before, time.time())
    if seen != before:
        write(seen_file, json.dumps(seen))
    for domain in bundle["domains"].keys() - signing.keys():
        say(f"{domain}: no selector is visible at its name servers; its mail waits", 4)
    mailbox_files = _part("mailbox_files") if "mailboxes" in bundle else None
    texts = {
        "sender_logins": gateway_files.sender_logins(bundle),
        "own_domains": gateway_files.own_domains(bundle),
        "own_hosts": gateway_files.own_hosts(bundle),
        "receives": gateway_files.receives(bundle),
        "forwards": gateway_files.forwards(bundle),
        "postsrsd": gateway_files.postsrsd(bundle),
        "KeyTable": gateway_files.key_table(signing),
        "SigningTable": gateway_files.signing_table(bundle, signing),
    }
    texts |= limits.texts(bundle)
    if mailbox_files:
        texts |= mailbox_files.texts(bundle)
    files = {name: File(text, mode=0o644) for name, text in texts.items()}
    files["guard.json"] = File(gateway_files.guard(bundle, signing), "root", "mail-guard", 0o640)
    if "smarthost" in bundle:
        files["smarthost_passwords"] = File(_part("smarthost").passwords(bundle["smarthost"]))
    for domain, entry in bundle["domains"].items():
        for selector in entry["selectors"]:
            path = f"keys/{domain}/{selector['name']}.pem"
            files[path] = File(selector["privateKey"], "opendkim", "opendkim")
    passwords = {login: entry["password"] for login, entry in bundle["logins"].items()}
    fingerprint = _fingerprint(files, passwords)
    srs_secret(bundle["srsSecret"])
    if (current(base) / "fingerprint").exists() and (
        (current(base) / "fingerprint").read_text() == fingerprint
    ):
        return
    files["sasldb2"] = File(sasldb(passwords, base), "root", "sasl", 0o640)
    if mailbox_files:
        passdb = mailbox_files.passwords(bundle)
        files["mailbox_passwords"] = File(passdb, "root", "dovecot", 0o640)
    files["fingerprint"] = File(fingerprint)
    install(base, files)
    systemctl("reload-or-restart", "opendkim.service")
    systemctl(
        "restart", "postsrsd.service", *(f"mail-relay-limit@{k}.service" for k in limits.KINDS)
    )
    systemctl("reload-or-restart", "postfix.service")
    ready = ", ".join(f"{d} by {s}" for d, s in sorted(signing.items())) or "nothing yet"
    say(f"tables installed: {len(passwords)} logins; signing {ready}")


def srs_secret(secret: str) -> None:
    """Have postsrsd use the stack's secret. A rebuilt host has another, and the same tables."""
    text = secret + "\n"
    if SRS_SECRET.exists() and SRS_SECRET.read_text() == text:
        return
    write(SRS_SECRET, text)
    systemctl("try-restart", "postsrsd.service")


def _part(name: str) -> Any:
    try:
        return importlib.import_module(f"agent.{name}")
    except ImportError:  # a stack's first mailbox, say, makes another host, which this one is not
        raise bundles.BadBundle(f"it needs {name}.py, this host was made without") from None


def sasldb(passwords: dict[str, str], base: Path) -> bytes:
    """Cyrus SASL's password file, made by its own tool; passwords go by a pipe."""
    work = base / "sasldb2.new"
    work.unlink(missing_ok=True)
    for login, password in sorted(passwords.items()):
        user, _, realm = login.rpartition("@")
        command = ["saslpasswd2", "-p", "-c", "-f", str(work), "-u", realm, "--", user]
        result = subprocess.run(command, input=password.encode(), capture_output=True, check=False)
        if result.returncode != 0:
            raise bundles.BadBundle(f"saslpasswd2 refused {login}: {result.stderr.decode()}")
    content = work.read_bytes() if passwords else b""
    work.unlink(missing_ok=True)
    return content


def client(bundle: dict[str, Any], base: Path) -> None:
    """Install the client's login."""
    destination = f"[{bundle['gateway']}]:587"
    line = f"{destination} {bundle['login']}:{bundle['password']}\n"
    # the host's own name is no sender of ours: its root is root@ the domain, or the one that it has
    own = f"@{bundle['host']} {bundle['ownSender']}\n" if "ownSender" in bundle else ""
    files = {"sasl_passwords": File(line), "own_senders": File(own)}
    fingerprint = _fingerprint(files, {})
    if (current(base) / "fingerprint").exists() and (
        (current(base) / "fingerprint").read_text() == fingerprint
    ):
        return
    install(base, {**files, "fingerprint": File(fingerprint)})
    systemctl("reload-or-restart", "postfix.service")
    say(f"tables installed: login {bundle['login']} at {destination}")


def _fingerprint(files: dict[str, File], passwords: dict[str, str]) -> str:
    content = [[name, str(file.content)] for name, file in sorted(files.items())]
    return hashlib.sha256(json.dumps([content, passwords], sort_keys=True).encode()).hexdigest()


def systemctl(*arguments: str) -> None:
    """Tell systemd; a unit that cannot start is its own journal's story, not a bad bundle."""
    subprocess.run(["systemctl", "--no-block", *arguments], check=False)


def main() -> int:
    """Command line: role and URL."""
    role, url = sys.argv[1:]
    os.umask(0o022)
    base = BASES[role]
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    kept, etag_file = base / "bundle.json", base / "etag"
    etag = etag_file.read_text() if etag_file.exists() and kept.exists() else None
    fetched = fetch(url, etag)
    content = fetched[0] if fetched else (kept.read_bytes() if kept.exists() else None)
    if content is None:
        return 0
    try:
        bundle = bundles.parse(content, socket.getfqdn(), role)
        {"gateway": gateway, "client": client}[role](bundle, base)
    except bundles.BadBundle as error:
        if not fetched:  # what is kept is asked for anew, whatever is wrong with it
            etag_file.unlink(missing_ok=True)
        say(f"{url} cannot be used: {error}. The last good tables keep serving.", 3)
        return 1
    if fetched:
        write(kept, content.decode())
        write(etag_file, fetched[1])
        systemctl("restart", "mail-relay-status.service")
    return 0


if __name__ == "__main__":
    sys.exit(main())
