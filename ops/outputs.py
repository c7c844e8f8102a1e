"""A stack's outputs, typed: the one reader of the exports of `components/stack.py`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mail import names, zonefile
from mail.zonefile import RecordSet
from ops.errors import StackError

SECRET = {"passwords"}


class OutputsMissing(StackError):
    """The outputs are of an older program's format; the text has the remedy."""


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, arbitrary_types_allowed=True
    )


class Endpoint(_Model):
    """An EC2 Instance Connect Endpoint: its id, and the name of the host that it is."""

    id: str
    dns_name: str


class Host(_Model):
    """A host; a private one has no public `address`, and `ssh` is the command to reach it.

    `spare_address` is another one that it has while its address is replaced. With an `endpoint`,
    which is the stack's, that leads to its port 22. `tables` is the ETag of the lookup tables that
    it should have, `status` the s3:// URL of the status that it writes.
    """

    name: str
    address: str = ""
    spare_address: str = ""
    private_address: str = ""
    ssh: str = ""
    instance_id: str
    tables: str
    status: str
    endpoint: Endpoint | None = Field(default=None, exclude=True)

    def json_object(self) -> dict[str, Any]:
        """The host as the stack exports it."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Domain(_Model):
    """A domain that sends; its DKIM selectors are oldest first."""

    name: str
    selectors: tuple[str, ...]


class Submission(_Model):
    """The name by which 587 and 465 are reached.

    `load_balancer` is the DNS name of the load balancer behind it, if any, `target_groups` are the
    ARNs of its target groups, one for each port.
    """

    host: str
    load_balancer: str | None = None
    target_groups: tuple[str, ...] = ()


class Logs(_Model):
    """The group of CloudWatch Logs that has the mail logs, a stream for each host."""

    group: str


class Ssh(_Model):
    """The networks that SSH is open to, and the endpoint that leads to it from everywhere."""

    allow_from: tuple[str, ...]
    endpoint: Endpoint | None = None

    @property
    def reaches(self) -> bool:
        """Whether there is any way in for somebody with the key."""
        return bool(self.allow_from or self.endpoint)


class MailPrograms(_Model):
    """The configuration of other programs to send with the first login: lines or a whole file.

    The word PASSWORD stands for the login's password.
    """

    postfix: str
    msmtp: str
    mailrc: str


class Smarthost(_Model):
    """The smarthost that all mail is relayed by."""

    host: str
    port: int


class Alarms(_Model):
    """The ARN of the alarms' topic, and the addresses and URLs that are to hear of them."""

    topic: str
    notify: tuple[str, ...]


class Outputs(_Model):
    """A stack as its outputs describe it.

    `submission` is the name by which the gateways are reached, `draining` those that take no mail
    any more. `zones` has the name servers of each hosted zone, `passwords` the password of each of
    `logins`, `send_as` the senders that each may use, `disabled` the logins that may not log in,
    `unreachable` the addresses that may be used as a sender but receive no mail.
    `acme_root` (PEM) is trusted for certificates, if given, instead of the computer's trust store.
    `release` is the version of the program that last brought the stack up ("": one before 0.2.0).
    `exported` are the outputs as the stack exports them, without the secret ones: to be shown, not
    to be read from.
    """

    gateways: tuple[Host, ...] = Field(min_length=1)
    clients: tuple[Host, ...]
    operator: str
    domains: tuple[Domain, ...]
    zones: dict[str, tuple[str, ...]]
    records: Annotated[tuple[RecordSet, ...], BeforeValidator(zonefile.read)]
    ssh: Ssh
    submission: Submission
    smarthost: Smarthost | None = None
    alarms: Alarms | None = None
    logs: Logs | None = None
    mailboxes: tuple[str, ...] = ()
    draining: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    acme_root: str | None = None
    logins: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    send_as: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    passwords: dict[str, str] = Field(default_factory=dict, repr=False)
    mail_programs: MailPrograms
    release: str = ""
    exported: dict[str, Any] = Field(repr=False)

    @property
    def taking(self) -> tuple[Host, ...]:
        """The gateways that take mail."""
        return tuple(gateway for gateway in self.gateways if gateway.name not in self.draining)

    @property
    def entrances(self) -> tuple[Host, ...]:
        """The hosts that logins connect to: the gateways that take mail, or the load balancer.

        The load balancer has no `address` here: its addresses change, and DNS has them.
        """
        if self.submission.load_balancer is None:
            return self.taking or self.gateways
        name = {"name": self.submission.host, "address": "", "instance_id": ""}
        return (self.gateways[0].model_copy(update=name),)

    def named(self, greeting: str) -> Host:
        """The gateway with the name of a greeting, or the first one."""
        return next((g for g in self.gateways if g.name == greeting.lower()), self.gateways[0])

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts, the gateways first."""
        return (*self.gateways, *self.clients)

    def host(self, name: str) -> Host:
        """A host by its name, or the first gateway by `gateway`; StackError if there is none."""
        known = {"gateway": self.gateways[0], **{host.name: host for host in self.hosts}}
        if name not in known:
            raise StackError(f"{name}: there is no such host; there is {', '.join(known)}")
        return known[name]

    def record(self, name: str, kind: str) -> RecordSet | None:
        """The record set that the stack has at a name and type, or None."""
        return next((r for r in self.records if (r.name, r.kind) == (name, kind)), None)

    def zone_of(self, name: str) -> str:
        """The hosted zone that holds a name."""
        return max((z for z in self.zones if names.is_within(name, z)), key=len)


def read(outputs: Mapping[str, Any]) -> Outputs:
    """The outputs from `pulumi stack output --json`; OutputsMissing if they are too old."""
    public = {name: value for name, value in outputs.items() if name not in SECRET}
    try:
        found = Outputs.model_validate({**outputs, "exported": public})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise OutputsMissing(
            f"the stack's outputs are not what this program makes ({where}): "
            "run `pulumi up` once with it"
        ) from None
    way = {"endpoint": found.ssh.endpoint}
    kinds = {kind: getattr(found, kind) for kind in ("gateways", "clients")}
    return found.model_copy(
        update={kind: tuple(h.model_copy(update=way) for h in kinds[kind]) for kind in kinds}
    )
