"""The certificate's script on a host, in a folder of its own, with certbot played."""

import dataclasses
import datetime
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_user_data import GATEWAY

from cloudinit import files
from cloudinit.hosts import GatewayHost

NAME = GATEWAY.name
SERVER = "https://acme-v02.api.letsencrypt.org/directory"
SCRIPT = "usr/local/lib/mail-relay/certificate"
NOW = datetime.datetime.now(datetime.UTC)


def pair(ends: datetime.datetime, *names: str) -> tuple[bytes, bytes]:
    """A certificate for these names, or the host's, and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    begins = ends - datetime.timedelta(days=90)
    others = x509.SubjectAlternativeName([x509.DNSName(each) for each in names or (NAME,)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends)
        .add_extension(others, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, open_ = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(pem), key.private_bytes(pem, form, open_)


class Volume:
    """/etc/letsencrypt in a folder; `certbot` makes what the true one makes, and is counted."""

    def __init__(self, folder: Path, host: GatewayHost = GATEWAY) -> None:
        self.folder = folder / "letsencrypt"
        self.good = folder / "good"
        self.calls = folder / "calls"
        names = [host.name, host.shared_name] if host.shared_name else [host.name]
        self.put(NOW + datetime.timedelta(days=90), names=names)
        shutil.copytree(self.folder, self.good)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        bin_ = folder / "bin"
        bin_.mkdir()
        # certbot takes another name where there is anything of this one (storage.new_lineage), and
        # does not add a name by itself (main._ask_user_to_confirm_new_names)
        (bin_ / "certbot").write_text(
            f"#!/bin/sh\necho called >>{self.calls}\n"
            f"if [ -e {self.folder}/renewal/{NAME}.conf ]; then\n"
            f"  openssl x509 -noout -in {self.live('fullchain.pem')} || exit 0\n"
            '  case "$*" in *--renew-with-new-domains*) ;; *) exit 0 ;; esac\n'
            "fi\n"
            f'echo "$@" >{folder}/asked\n'
            f"cp -r {self.good}/. {self.folder}/\n"
        )
        (bin_ / "installed").write_text(f"#!/bin/sh\necho installed >>{self.calls}\n")
        for file in bin_.iterdir():
            file.chmod(0o755)
        text = files(host)[SCRIPT].replace("/etc/letsencrypt", str(self.folder))
        text = text.replace("/usr/local/lib/mail-relay/certificate-installed", f"{bin_}/installed")
        self.script = folder / "certificate"
        self.script.write_text(text)
        self.path = f"{bin_}:{os.environ['PATH']}"

    def put(
        self, ends: datetime.datetime, server: str = SERVER, names: Sequence[str] = (NAME,)
    ) -> None:
        """A lineage as certbot writes it."""
        for part in ("live", "archive"):
            (self.folder / part / NAME).mkdir(parents=True, exist_ok=True)
        (self.folder / "renewal").mkdir(exist_ok=True)
        chain, key = pair(ends, *names)
        (self.folder / "live" / NAME / "fullchain.pem").write_bytes(chain)
        (self.folder / "live" / NAME / "privkey.pem").write_bytes(key)
        conf = f"version = 4.0.0\n[renewalparams]\nserver = {server}\nauthenticator = dns-route53\n"
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


SHARED = "smtp.relay.example"


@pytest.mark.parametrize(
    ("names", "calls"),
    [
        ([NAME, SHARED], ["installed"]),
        ([SHARED, NAME, "old.relay.example"], ["installed"]),
        ([NAME], ["installed", "called", "installed"]),
        ([NAME, "other.relay.example"], ["installed", "called", "installed"]),
        ([NAME, f"x.{SHARED}"], ["installed", "called", "installed"]),
    ],
)
def test_one_that_lacks_the_name_of_all_gateways_is_got_for_both(
    tmp_path: Path, names: list[str], calls: list[str]
) -> None:
    volume = Volume(tmp_path, dataclasses.replace(GATEWAY, shared_name=SHARED))
    volume.put(NOW + datetime.timedelta(days=30), names=names)
    assert volume.run() == calls
    if "called" in calls:
        asked = (tmp_path / "asked").read_text()
        assert f" --domain {NAME} --domain {SHARED} --cert-name {NAME} " in asked
    assert volume.run() == ["installed"]


def test_one_that_is_still_not_for_all_is_a_failure(tmp_path: Path) -> None:
    volume = Volume(tmp_path, dataclasses.replace(GATEWAY, shared_name=SHARED))
    shutil.rmtree(volume.good)
    volume.put(NOW + datetime.timedelta(days=90))
    shutil.copytree(volume.folder, volume.good)
    with pytest.raises(subprocess.CalledProcessError):
        volume.run()


def test_an_apostrophe_in_an_address_is_no_quotation_mark() -> None:
    host = dataclasses.replace(GATEWAY, acme_email="o'brien@inbox.example")
    subprocess.run(["sh", "-n"], input=files(host)[SCRIPT], text=True, check=True)
    assert "'o'\"'\"'brien@inbox.example'" in files(host)[SCRIPT]


def test_one_of_certbots_own_plug_in_is_renewed_by_ours(volume: Volume) -> None:
    volume.put(NOW + datetime.timedelta(days=60))
    assert volume.run() == ["installed"]
    renewal = (volume.folder / "renewal" / f"{NAME}.conf").read_text()
    assert "authenticator = mail-relay\n" in renewal
