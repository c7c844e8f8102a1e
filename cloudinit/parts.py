"""The set-up object of a host, and the user data that fetches it."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mail import dmarc

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATES = PROJECT / "templates"
AGENT = "usr/local/lib/mail-relay/agent"
# The grammar of names and addresses, which settings and hosts share.
MAIL = "usr/local/lib/mail-relay/mail"
MAIL_FILES = ("__init__.py", "names.py")
# The agent's modules for each role, and for each optional folder of templates.
AGENT_FILES = {
    "gateway": (
        "__init__.py",
        "bundle.py",
        "gateway_files.py",
        "guard/__init__.py",
        "guard/__main__.py",
        "guard/author.py",
        "guard/field.py",
        "guard/from_outside.py",
        "guard/inbound.py",
        "guard/message.py",
        "guard/originating.py",
        "guard/results.py",
        "guard/room.py",
        "guard/shown.py",
        "guard/tables.py",
        "guessing.py",
        "host_status.py",
        "install.py",
        "limits.py",
        "limits_watch.py",
        "main.py",
        "published.py",
        "readers.py",
        "report.py",
        "source.py",
        "status.py",
        "tell.py",
        "watch.py",
    ),
    "client": (
        "__init__.py",
        "bundle.py",
        "gateway_files.py",
        "host_status.py",
        "install.py",
        "limits.py",
        "main.py",
        "readers.py",
        "report.py",
        "source.py",
        "status.py",
        "tell.py",
        "watch.py",
    ),
    "mailboxes": ("mailbox_files.py",),
    "smarthost": ("smarthost.py", "smarthost_watch.py"),
}

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


@dataclass(frozen=True)
class Smarthost:
    """The relay host for all outgoing mail; `rewrites`: it changes Date and Message-ID."""

    host: str
    port: int
    mechanisms: tuple[str, ...]
    rewrites: bool


@dataclass(frozen=True)
class Strangers:
    """Limits of one address outside the stack: connections, and on port 25 rates a minute."""

    connections: int
    messages_per_minute: int
    recipients_per_minute: int


@dataclass(frozen=True)
class Guessing:
    """Limits on addresses with `failures` wrong passwords in `minutes`.

    If they were for `logins` different logins, the address is banned: for `ban_minutes` at first,
    longer each time it returns. Else it gets `slow_per_minute` connections a minute, each with one
    guess. Networks in `exempt` are never limited.
    """

    failures: int
    minutes: int
    logins: int
    ban_minutes: int
    slow_per_minute: int
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True)
class GatewayHost:
    """A gateway's fixed settings: a change of any of them replaces the host.

    `tables` and `status` are s3:// URLs, `network` is the VPC's. Without `acme_directory` certbot's
    default is used. `private_subnet` is the network, such as 10.20.1.0/24, that the gateway is the
    NAT instance of.
    """

    name: str
    domain: str
    operator: str
    region: str
    tables: str
    status: str
    acme_directory: str | None
    reject_by_dmarc: bool
    acme_email: str
    ssh_public_key: str | None
    sasl_mechanisms: tuple[str, ...]
    message_size_limit_mib: int
    mailboxes: bool
    network: str
    strangers: Strangers
    guessing: Guessing
    private_subnet: str | None = None
    smarthost: Smarthost | None = None


@dataclass(frozen=True)
class ClientHost:
    """A client host's fixed settings: a change of any of them replaces the host.

    `gateway` is a host name. If `acme_root` (PEM) is set, Postfix verifies the gateway's
    certificate by it instead of the system's certificate authorities.
    """

    name: str
    domain: str
    gateway: str
    operator: str
    region: str
    tables: str
    status: str
    ssh_public_key: str | None
    message_size_limit_mib: int
    acme_root: str | None = None


AnyHost = GatewayHost | ClientHost


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
    role, folders = _role(host), _folders(host)
    for folder in folders:
        for template in sorted((TEMPLATES / folder).rglob("*.j2")):
            name = template.relative_to(TEMPLATES).as_posix()
            path = template.relative_to(TEMPLATES / folder).as_posix().removesuffix(".j2")
            found[path] = _environment.get_template(name).render(role=role, host=host)
    for name in [name for folder in folders for name in AGENT_FILES.get(folder, ())]:
        found[f"{AGENT}/{name}"] = (PROJECT / "agent" / name).read_text()
    for name in MAIL_FILES:
        found[f"{MAIL}/{name}"] = (PROJECT / "mail" / name).read_text()
    return found


def _role(host: AnyHost) -> str:
    """The role of a host: the name of its folder of templates, and its agent's argument."""
    return "gateway" if isinstance(host, GatewayHost) else "client"


def _folders(host: AnyHost) -> list[str]:
    found = ["common", _role(host)]
    if isinstance(host, GatewayHost):
        found += ["nat"] if host.private_subnet else []
        found += ["mailboxes"] if host.mailboxes else []
        found += ["smarthost"] if host.smarthost else []
    elif host.acme_root:
        found.append("acme-root")
    return found


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
