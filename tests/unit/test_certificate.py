"""The certificate's script on a host, in a folder of its own, with certbot played."""

import datetime
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_user_data import GATEWAY

from cloudinit import files

NAME = GATEWAY.name
SERVER = "https://acme-v02.api.letsencrypt.org/directory"
SCRIPT = "usr/local/lib/mail-relay/certificate"
NOW = datetime.datetime.now(datetime.UTC)


def pair(ends: datetime.datetime) -> tuple[bytes, bytes]:
    """A certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    begins = ends - datetime.timedelta(days=90)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends).sign(
        key, hashes.SHA256()
    )
    pem = serialization.Encoding.PEM
    form, open_ = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(pem), key.private_bytes(pem, form, open_)


class Volume:
    """/etc/letsencrypt in a folder; `certbot` makes what the true one makes, and is counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "letsencrypt"
        self.good = folder / "good"
        self.calls = folder / "calls"
        self.put(NOW + datetime.timedelta(days=90))
        shutil.copytree(self.folder, self.good)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        bin_ = folder / "bin"
        bin_.mkdir()
        # certbot takes another name where there is anything of this one (storage.new_lineage)
        (bin_ / "certbot").write_text(
            f"#!/bin/sh\necho called >>{self.calls}\n"
            f"[ ! -e {self.folder}/renewal/{NAME}.conf ] || exit 0\n"
            f"cp -r {self.good}/. {self.folder}/\n"
        )
        (bin_ / "installed").write_text(f"#!/bin/sh\necho installed >>{self.calls}\n")
        for file in bin_.iterdir():
            file.chmod(0o755)
        text = files(GATEWAY)[SCRIPT].replace("/etc/letsencrypt", str(self.folder))
        text = text.replace("/usr/local/lib/mail-relay/certificate-installed", f"{bin_}/installed")
        self.script = folder / "certificate"
        self.script.write_text(text)
        self.path = f"{bin_}:{os.environ['PATH']}"

    def put(self, ends: datetime.datetime, server: str = SERVER) -> None:
        """A lineage as certbot writes it."""
        for part in ("live", "archive"):
            (self.folder / part / NAME).mkdir(parents=True, exist_ok=True)
        (self.folder / "renewal").mkdir(exist_ok=True)
        chain, key = pair(ends)
        (self.folder / "live" / NAME / "fullchain.pem").write_bytes(chain)
        (self.folder / "live" / NAME / "privkey.pem").write_bytes(key)
        conf = f"version = 4.0.0\n[renewalparams]\nserver = {server}\n"
        (self.folder / "renewal" / f"{NAME}.conf").write_text(conf)

    def run(self) -> list[str]:
        """Run the script; what it called."""
        self.calls.write_text("")
        environment = {**os.environ, "PATH": self.path}
        subprocess.run(["sh", str(self.script)], env=environment, check=True, capture_output=True)
        return self.calls.read_text().split()

    def live(self, file: str) -> Path:
        return self.folder / "live" / NAME / file


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_the_first_certificate_is_got_and_installed(volume: Volume) -> None:
    assert volume.run() == ["called", "installed"]


def test_one_that_is_whole_is_installed_at_every_boot_and_not_got_again(volume: Volume) -> None:
    """What switches 587 and 465 on was cut off, say, or has failed."""
    volume.put(NOW + datetime.timedelta(days=30))
    assert volume.run() == ["installed"]


@pytest.mark.parametrize(
    "cut",
    [
        lambda v: v.live("fullchain.pem").write_bytes(b""),
        lambda v: v.live("fullchain.pem").unlink(),
        lambda v: v.live("privkey.pem").write_bytes(b""),
        lambda v: v.live("privkey.pem").write_bytes(pair(NOW)[1]),
        lambda v: (v.folder / "renewal" / f"{NAME}.conf").write_text(""),
        lambda v: (v.folder / "renewal" / f"{NAME}.conf").unlink(),
        lambda v: shutil.rmtree(v.folder / "live"),
        lambda v: v.put(NOW - datetime.timedelta(days=1)),
        lambda v: v.put(NOW + datetime.timedelta(days=90), "https://staging.example/directory"),
    ],
)
def test_one_that_is_not_whole_is_got_anew_under_its_own_name(
    volume: Volume, cut: Callable[[Volume], object]
) -> None:
    volume.put(NOW + datetime.timedelta(days=90))
    cut(volume)
    assert volume.run() == ["called", "installed"]
    assert volume.run() == ["installed"]
    assert [p.name for p in (volume.folder / "live").iterdir()] == [NAME]


def test_an_apostrophe_in_an_address_is_no_quotation_mark() -> None:
    import dataclasses

    host = dataclasses.replace(GATEWAY, acme_email="o'brien@inbox.example")
    subprocess.run(["sh", "-n"], input=files(host)[SCRIPT], text=True, check=True)
    assert "'o'\"'\"'brien@inbox.example'" in files(host)[SCRIPT]
