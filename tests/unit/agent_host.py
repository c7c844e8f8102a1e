"""A host as its agent sees it: a bucket, services with what they have in memory, and faults."""

import copy
import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent import bucket, install, limits, main, published, readers, report, source
from agent import bundle as bundles
from mail import dkim

URL = "s3://bucket/gateway.json"
HOST = "mail.relay.example"
KEYS = [dkim.generate(), dkim.generate()]
SERVICES = readers.SERVICES["gateway"]
IN_MEMORY = {
    "opendkim.service": ("KeyTable", "SigningTable", "keys"),
    "postsrsd.service": ("postsrsd",),
    **dict.fromkeys(limits.UNITS, ("limits",)),
}


class Killed(BaseException):
    """The process ends here; nothing of it catches this."""


def tables(**changed: Any) -> dict[str, Any]:
    """A bundle with a mailbox; changed keys are merged."""
    found = {
        "version": 2,
        "gateways": [HOST],
        "operator": "ops@inbox.example",
        "domains": {
            "relay.example": {"selectors": [{"name": "s1", "privateKey": KEYS[0]}]},
            "shop.example": {"selectors": [{"name": "s1", "privateKey": KEYS[0]}]},
        },
        "logins": {
            "me@shop.example": {"password": "secret-123", "sendAs": ["me@shop.example"]},
            "you@shop.example": {"password": "secret-456", "sendAs": ["you@shop.example"]},
        },
        "forwards": {"info@shop.example": ["me@far.example"]},
        "srsSecret": "a-secret-of-SRS",
        "mailboxes": {
            "me@shop.example": {"quotaMiB": 100, "aliases": []},
            "you@shop.example": {"quotaMiB": 100, "aliases": []},
        },
    }
    return copy.deepcopy({**found, **changed})


BEFORE = tables()
# a login goes, one gets another password, a domain another selector, another secret
AFTER = tables(
    domains={
        "relay.example": {"selectors": [{"name": "s1", "privateKey": KEYS[0]}]},
        "shop.example": {
            "selectors": [
                {"name": "s1", "privateKey": KEYS[0]},
                {"name": "s2", "privateKey": KEYS[1]},
            ]
        },
    },
    logins={"me@shop.example": {"password": "other-123", "sendAs": ["me@shop.example"]}},
    mailboxes={"me@shop.example": {"quotaMiB": 200, "aliases": []}},
    srsSecret="another-of-SRS",
)

# The selector that signs for each domain, by the tables before and after.
OLD = {"relay.example": "s1", "shop.example": "s1"}
NEW = {"relay.example": "s1", "shop.example": "s2"}


class Host:
    """The agent's host in a folder. `faults` is asked before each call that changes something."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base, self.run, self.secret = folder / "tables", folder / "run", folder / "secret"
        folder.mkdir(parents=True, exist_ok=True)
        self.object: bytes | str | None = None
        self.clock_off = 0.0
        self.cut_off = False
        self.memory: dict[str, dict[str, bytes]] = {}
        self.sessions = {"me@shop.example", "you@shop.example"}
        self.told: list[str] = []
        self.mechanisms = b"plain login\n"
        self.unanswered, self.dovecot_down = 0, False
        self.absent: set[str] = set()
        self.later = 0.0
        self.failing: set[str] = set()
        self.hanging: set[str] = set()
        self.dead_dns = False
        self.invisible: set[str] = set()
        self.calls, self.asked = 0, 0
        self.fault: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
        self._patch(monkeypatch)

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(main.BASES, "gateway", self.base)
        monkeypatch.setattr(main, "SRS_SECRET", self.secret)
        self.made_with = self.base.parent / "agent"
        self.made_with.mkdir(exist_ok=True)
        (self.made_with / "mailbox_files.py").touch()
        monkeypatch.setattr(main, "HERE", self.made_with)
        monkeypatch.setattr(report, "FILE", self.run / "tables.json")
        monkeypatch.setattr(main.sys, "argv", ["main.py", "gateway", URL])
        monkeypatch.setattr(main.socket, "getfqdn", lambda: HOST)
        own = SimpleNamespace(pw_uid=os.getuid(), gr_gid=os.getgid())
        monkeypatch.setattr(install.pwd, "getpwnam", lambda _: own)
        monkeypatch.setattr(install.grp, "getgrnam", lambda _: own)
        monkeypatch.setattr(bucket, "get", self.get)
        monkeypatch.setattr(published, "shown", self._shown)
        monkeypatch.setattr(readers, "KNOWN", 0.0)
        monkeypatch.setattr(readers.os, "kill", lambda pid, _: self.told.append(f"pid {pid}"))
        plays = {
            (os, "open"): os.open,
            (os, "replace"): os.replace,
            (os, "symlink"): os.symlink,
            (os, "unlink"): os.unlink,
            (os, "mkdir"): os.mkdir,
            (os, "chmod"): os.chmod,
            (os, "fsync"): lambda _: None,  # the kernel is not what is tried here
            (shutil, "rmtree"): shutil.rmtree,
            (shutil, "chown"): lambda *_: None,
            (subprocess, "run"): self._command,
        }
        for (module, name), real in plays.items():
            monkeypatch.setattr(module, name, self._counted(name, real))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            reads = name == "open" and not arguments[1] & os.O_CREAT
            path = arguments[0]
            if isinstance(path, int):
                path = Path(f"/proc/self/fd/{path}").readlink()
            if not reads and not str(path).startswith(str(self.run)):
                self.calls += 1
                self.fault(self.calls, name, arguments)
            return real(*arguments, **options)

        return call

    def _shown(self, selector: str, domain: str, *_: object) -> bool | None:
        self.asked += 1
        return None if self.dead_dns else f"{selector}.{domain}" not in self.invisible

    def _command(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        if any("\0" in word for word in command):
            raise ValueError("embedded null byte")  # as subprocess does
        if "reset-failed" in command:
            return subprocess.CompletedProcess(command, 0)
        if command[0] in self.absent:
            raise FileNotFoundError(command[0])
        if command[0] == "doveconf":
            return subprocess.CompletedProcess(command, self.unanswered, self.mechanisms)
        if "process" in command:
            listed = b"\nname\tpid\nauth\t70\t0\nimap\t71\t0\nquota-status\t72\t0\nauth\t-1\t0\n"
            return subprocess.CompletedProcess(command, 0, listed)
        self.told.append(command[-1])
        if self.hanging & {command[0], command[-1]}:
            raise subprocess.TimeoutExpired(command, 10)
        if command[0] == "doveadm" and self.dovecot_down:
            self.later += 5
            return subprocess.CompletedProcess(command, readers.DOWN)
        failed = command[-1] in self.failing
        if command[0] == "doveadm" and not failed:
            self.sessions -= {command[-1]}
        elif command[-1] in SERVICES and not failed:
            self.read(command[-1])
        return subprocess.CompletedProcess(command, 1 if failed else 0)

    def read(self, service: str) -> None:
        """A service takes into memory what it finds."""
        self.memory[service] = self.on_disk(service)

    def on_disk(self, service: str) -> dict[str, bytes]:
        """What a service would read now."""
        current = self.base / "current"
        names = [p.relative_to(current).as_posix() for p in current.rglob("*") if p.is_file()]
        others = {name for own in IN_MEMORY.values() for name in own} | set(NOT_IN_MEMORY)
        own = [
            name
            for name in names
            if (
                name.partition("/")[0] in IN_MEMORY[service]
                if service in IN_MEMORY
                else name.partition("/")[0] not in others
            )
        ]
        found = {name: (current / name).read_bytes() for name in own}
        if service == "postsrsd.service" and self.secret.is_file():
            found["secret"] = self.secret.read_bytes()
        return found

    def get(self, url: str, limit: int, etag: str = "") -> bucket.Reply:
        """The bucket's answer; `object` is content, or an error's code."""
        assert (url.startswith("s3://bucket/"), limit) == (True, source.LIMIT)
        headers = {"date": formatdate(main.time.time() - self.clock_off, usegmt=True)}
        if self.object == "no network":
            raise bucket.BucketError("curl: (6) Could not resolve host")
        if isinstance(self.object, str):
            status = int(self.object) if self.object.isdigit() else 403
            return bucket.Reply(status, headers, f"<Code>{self.object}</Code>".encode())
        assert self.object is not None
        if etag == hashlib.md5(self.object, usedforsecurity=False).hexdigest():
            return bucket.Reply(bucket.SAME, headers, b"")
        if self.cut_off:
            raise bucket.BucketError("curl: (18) transfer closed")
        return bucket.Reply(bucket.OK, headers, self.object)

    def put(self, bundle: dict[str, Any] | bytes) -> None:
        """Other tables in the bucket."""
        self.object = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()

    def look(self) -> int:
        """The agent's run; its exit code."""
        self.told.clear()
        return main.main()

    def boot(self) -> None:
        """The power comes back: services read what is there, nobody is logged in."""
        shutil.rmtree(self.run, ignore_errors=True)
        self.sessions.clear()
        for service in SERVICES:
            self.read(service)

    def is_right(self, bundle: dict[str, Any], signing: dict[str, str]) -> str:
        """What is not as it should be; "" if all is."""
        wanted = main.gateway_set(
            bundles.parse(json.dumps(bundle).encode(), HOST, "gateway"), signing, self.base
        )
        wrong = sorted(install.differing(self.base, wanted))
        wrong += [s for s in SERVICES if self.memory.get(s) != self.on_disk(s)]
        if self.secret.read_text() != bundle["srsSecret"] + "\n":
            wrong.append("secret")
        if source.read_kept(self.base) != self.object:
            wrong.append("kept")
        left = sorted(p.name for p in self.base.iterdir() if p.name.endswith(".new"))
        return ", ".join([*wrong, *left])


NOT_IN_MEMORY = ("guard.json", "passwords.smtp", "passwords.imap", "mailbox_users")


def full_disk() -> OSError:
    """What the kernel says where there is no room."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def settled(host: Host) -> Host:
    """The host, which serves by the first tables."""
    host.put(BEFORE)
    assert host.look() == 0
    assert host.is_right(BEFORE, OLD) == ""
    return host
