"""The set-up object of a host, and the user data that fetches it."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloudinit.hosts import AnyHost, folders
from mail import dmarc, names

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATES = PROJECT / "templates"
AGENT = "usr/local/lib/mail-relay/agent"
MAIL = "usr/local/lib/mail-relay/mail"
# The subfolder with lines for files of other folders; it is no path on a host.
LINES = "lines"
_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 (configuration files and shell, not HTML)
)

# Quotes text from settings for a shell, such as an address with an apostrophe.
_environment.filters["quote"] = shlex.quote
# The registered (organizational) domain of a host's name.
_environment.filters["registered"] = dmarc.organizational
_environment.globals["gateway_users"] = names.GATEWAY_USERS


@dataclass(frozen=True)
class Part:
    """One MIME part of the user data."""

    filename: str
    content_type: str
    content: str


@dataclass(frozen=True)
class SetupObject:
    """A host's files as one object: JSON, content by path. Its name is its SHA-256."""

    content: str

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return hashlib.sha256(self.content.encode()).hexdigest()


def setup_object(host: AnyHost) -> SetupObject:
    """All files of a host as one object; it holds no secret."""
    return SetupObject(json.dumps(files(host), indent=1, sort_keys=True))


def files(host: AnyHost) -> dict[str, str]:
    """Content of every file that the set-up installs, by path without the leading slash."""
    found: dict[str, str] = {}
    for folder, brings in folders(host).items():
        for template in sorted((TEMPLATES / folder).rglob("*.j2")):
            path = template.relative_to(TEMPLATES / folder)
            if path.parts[0] != LINES:
                name = path.as_posix().removesuffix(".j2")
                found[name] = _render(f"{folder}/{path.as_posix()}", host)
        for name in brings.agent:
            found[f"{AGENT}/{name}"] = (PROJECT / "agent" / name).read_text()
        for name in brings.mail:
            found[f"{MAIL}/{name}"] = (PROJECT / "mail" / name).read_text()
    return found


def _render(template: str, host: AnyHost) -> str:
    """A template for a host. In it `lines(NAME)` lists what each of the host's folders adds."""

    def lines(name: str) -> list[str]:
        there = [f"{folder}/{LINES}/{name}.j2" for folder in folders(host)]
        return [_render(path, host) for path in there if (TEMPLATES / path).exists()]

    return _environment.get_template(template).render(role=host.role, host=host, lines=lines)


def parts(host: AnyHost, *, setup_url: str, setup_sha256: str, volume: str | None) -> list[Part]:
    """The user data: names, the SSH key, and the script that fetches the set-up object.

    `setup_url` is an s3:// URL, `volume` the id of the data volume.
    """
    config: dict[str, object] = {
        "fqdn": host.name,
        "hostname": host.name,
        "prefer_fqdn_over_hostname": True,
        "manage_etc_hosts": True,
        "ssh_pwauth": False,
        "disable_root": True,
    }
    if host.ssh_public_key:
        config["ssh_authorized_keys"] = [host.ssh_public_key]
    boot = _environment.get_template("boot/boot.j2").render(
        host=host, setup_url=setup_url, setup_sha256=setup_sha256, volume=volume
    )
    return [
        # JSON is valid YAML, and no string in it is read as another type
        Part("cloud-config", "text/cloud-config", "#cloud-config\n" + json.dumps(config) + "\n"),
        # runs at each boot, so that a power cut in the first boot does no harm
        Part("mail-relay-boot", "text/x-shellscript-per-boot", boot),
    ]
