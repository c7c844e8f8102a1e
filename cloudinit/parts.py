"""The parts of a host's user data: the files that land on it, and the script that sets it up."""

import json
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloudinit import compact

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATES = PROJECT / "templates"
AGENT = "usr/local/lib/mail-relay/agent"
SETUP = "usr/local/lib/mail-relay/setup"
# What each role's agent needs; what it does not need does not take room in the user data.
AGENT_FILES = {
    "gateway": (
        "__init__.py",
        "bundle.py",
        "gateway_files.py",
        "install.py",
        "main.py",
        "policy.lua",
        "published.py",
    ),
    "client": ("__init__.py", "bundle.py", "gateway_files.py", "install.py", "main.py"),
    "mailboxes": ("mailbox_files.py",),
    "smarthost": ("smarthost.py", "smarthost_watch.py"),
}

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 (configuration files and shell, not HTML)
)


@dataclass(frozen=True)
class Smarthost:
    """Where a gateway hands over all mail; `rewrites` if that changes Date and Message-ID."""

    host: str
    port: int
    mechanisms: tuple[str, ...]
    rewrites: bool


@dataclass(frozen=True)
class GatewayHost:
    """What is fixed for a gateway; `tables` is an s3:// URL, no `acme_directory` the default.

    `private_subnet` is the network, such as 10.20.1.0/24, whose hosts it leads to the web.
    """

    name: str
    domain: str
    operator: str
    region: str
    tables: str
    acme_directory: str | None
    reject_by_dmarc: bool
    acme_email: str
    ssh_public_key: str | None
    sasl_mechanisms: tuple[str, ...]
    message_size_limit_mib: int
    mailboxes: bool
    private_subnet: str | None = None
    smarthost: Smarthost | None = None


@dataclass(frozen=True)
class ClientHost:
    """What is fixed for a client host; `gateway` is a host name.

    `acme_root` (PEM) is what its Postfix trusts for the gateway's certificate, instead of all that
    the host trusts.
    """

    name: str
    domain: str
    gateway: str
    operator: str
    region: str
    tables: str
    ssh_public_key: str | None
    message_size_limit_mib: int
    acme_root: str | None = None


@dataclass(frozen=True)
class Part:
    """One MIME part."""

    filename: str
    content_type: str
    content: str


def gateway_parts(host: GatewayHost) -> list[Part]:
    """The gateway's user data."""
    return _parts("gateway", host)


def client_parts(host: ClientHost) -> list[Part]:
    """The client host's user data."""
    return _parts("client", host)


def files(role: str, host: GatewayHost | ClientHost) -> dict[str, str]:
    """Every file that the role lays on its host, by path without the leading slash."""
    found: dict[str, str] = {}
    for folder in _folders(role, host):
        for template in sorted((TEMPLATES / folder).rglob("*.j2")):
            name = template.relative_to(TEMPLATES).as_posix()
            path = template.relative_to(TEMPLATES / folder).as_posix().removesuffix(".j2")
            text = _environment.get_template(name).render(role=role, host=host)
            found[path] = compact.configuration(text)
    agent = [name for folder in _folders(role, host) for name in AGENT_FILES.get(folder, ())]
    for name in agent:
        source = (PROJECT / "agent" / name).read_text()
        shortened = compact.lua if name.endswith(".lua") else compact.python
        found[f"{AGENT}/{name}"] = shortened(source)
    return found


def _folders(role: str, host: GatewayHost | ClientHost) -> list[str]:
    found = ["common", role]
    if isinstance(host, GatewayHost):
        found += ["nat"] if host.private_subnet else []
        found += ["mailboxes"] if host.mailboxes else []
        found += ["smarthost"] if host.smarthost else []
    elif host.acme_root:
        found.append("acme-root")
    return found


def _parts(role: str, host: GatewayHost | ClientHost) -> list[Part]:
    laid = files(role, host)
    setup = laid.pop(SETUP)
    config: dict[str, object] = {
        "fqdn": host.name,
        "hostname": host.name,
        "prefer_fqdn_over_hostname": True,
        "manage_etc_hosts": True,
        "ssh_pwauth": False,
        "disable_root": True,
        "write_files": [
            {
                "path": f"/{path}",
                "content": content,
                "permissions": "0755" if content.startswith("#!/bin/sh") else "0644",
            }
            for path, content in laid.items()
        ],
    }
    if host.ssh_public_key:
        config["ssh_authorized_keys"] = [host.ssh_public_key]
    return [
        # JSON is YAML: no string of ours is ever read as something else
        Part("cloud-config", "text/cloud-config", "#cloud-config\n" + json.dumps(config) + "\n"),
        Part("setup", "text/x-shellscript", setup),
    ]
