"""The kinds of host, and the folders of templates that a host is made of.

A kind's `folder` has its templates, and its `role` says which tables its agent installs.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Folder:
    """A folder of templates, with the agent's modules that come with it.

    An optional one is on the hosts whose field `switch` is set.
    """

    switch: str = ""
    agent: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()


FOLDERS = {
    "common": Folder(
        agent=(
            "__init__.py",
            "answers.py",
            "bounded.py",
            "bucket.py",
            "bundle.py",
            "egress.py",
            "gateway_files.py",
            "host_status.py",
            "install.py",
            "limits.py",
            "looked_at.py",
            "main.py",
            "readers.py",
            "report.py",
            "source.py",
            "state_file.py",
            "status.py",
            "tell.py",
            "updates.py",
            "watch.py",
        ),
        # the grammar of names and addresses, which settings and hosts share
        mail=("__init__.py", "names.py"),
    ),
    "gateway": Folder(
        agent=(
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
            "limits_watch.py",
            "published.py",
        )
    ),
    "client": Folder(),
    "nat": Folder("private_subnet"),
    "mailboxes": Folder("mailboxes", agent=("mailbox_files.py",)),
    "smarthost": Folder("smarthost", agent=("smarthost.py", "smarthost_watch.py")),
    "acme-root": Folder("acme_root"),
    "block-lists": Folder("block_lists", agent=("block_lists.py",), mail=("block_lists.py",)),
    "hold": Folder("hold"),
    "metrics": Folder(
        "metrics",
        agent=("log_reader.py", "mail_counts.py", "metrics.py"),
        mail=("postfix_log.py",),
    ),
    "prometheus": Folder(
        "prometheus",
        agent=("exported.py", "log_reader.py", "mail_counts.py", "metrics.py"),
        mail=("postfix_log.py",),
    ),
    "ship": Folder("ship", agent=("log_reader.py", "mail_counts.py", "ship.py")),
}


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
    default is used. The certificate is for `name`, and for `shared_name` if other gateways have
    that too. `private_subnet` is the network, such as 10.20.1.0/24, that the gateway is the NAT
    instance of. `metrics` is the command line of agent/metrics.py, if the host sends any, and with
    `prometheus` others ask for them. The mail log is kept for `log_days`, and sent to `ship`, the
    command line of agent/ship.py, if that is given. With `block_lists` it
    asks them for its address and its domains. `hold` is the snapshot whose queue waits until it is
    released.
    """

    folder: ClassVar = "gateway"
    role: ClassVar = "gateway"
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
    log_days: int
    mailboxes: bool
    network: str
    strangers: Strangers
    guessing: Guessing
    private_subnet: str | None = None
    smarthost: Smarthost | None = None
    shared_name: str | None = None
    metrics: str | None = None
    block_lists: bool = True
    hold: str | None = None
    prometheus: bool = False
    ship: str | None = None


@dataclass(frozen=True)
class ClientHost:
    """A client host's fixed settings: a change of any of them replaces the host.

    `gateway` is a host name. If `acme_root` (PEM) is set, Postfix verifies the gateway's
    certificate by it instead of the system's certificate authorities. `metrics`, `prometheus`,
    `log_days` and `ship` are as a gateway's.
    """

    folder: ClassVar = "client"
    role: ClassVar = "client"
    name: str
    domain: str
    gateway: str
    operator: str
    region: str
    tables: str
    status: str
    ssh_public_key: str | None
    message_size_limit_mib: int
    log_days: int
    acme_root: str | None = None
    metrics: str | None = None
    prometheus: bool = False
    ship: str | None = None


AnyHost = GatewayHost | ClientHost


def folders(host: AnyHost) -> dict[str, Folder]:
    """The folders of a host by name; a later one's file replaces an earlier one's."""
    optional = {
        name: folder
        for name, folder in FOLDERS.items()
        if folder.switch and getattr(host, folder.switch, None)
    }
    return {name: FOLDERS[name] for name in ("common", host.folder)} | optional
