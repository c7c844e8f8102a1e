"""What a stack exports, typed: the one reader of what `components/stack.py` exports."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mail import names, zonefile
from mail.zonefile import RecordSet
from ops.errors import StackError

SECRET = {"passwords"}


class OutputsMissing(StackError):
    """The outputs are those of an older program; the text says what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, arbitrary_types_allowed=True
    )


class Host(_Model):
    """A host; a private one has no public `address`, and `ssh` is the command that leads to it.

    `tables` is the ETag of the lookup tables that it ought to have, `status` the s3:// URL of what
    it writes of itself.
    """

    name: str
    address: str = ""
    private_address: str = ""
    ssh: str = ""
    instance_id: str
    tables: str
    status: str

    def json_object(self) -> dict[str, Any]:
        """As the stack exports it."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Domain(_Model):
    """A domain that sends; its DKIM selectors are oldest first."""

    name: str
    selectors: tuple[str, ...]


class Submission(_Model):
    """The name by which 587 and 465 are reached.

    `load_balancer` is the own name of what is behind it, `target_groups` have the ARN of each port.
    """

    host: str
    load_balancer: str | None = None
    target_groups: tuple[str, ...] = ()


class Ssh(_Model):
    """The networks that SSH is open to."""

    allow_from: tuple[str, ...]


class MailPrograms(_Model):
    """What other programs need to send with the first login: the lines or the file of each.

    The word PASSWORD stands for the login's own.
    """

    postfix: str
    msmtp: str
    mailrc: str


class Smarthost(_Model):
    """Where all mail is handed over."""

    host: str
    port: int


class Outputs(_Model):
    """A stack as its outputs describe it.

    `submission` is the name by which the gateways are reached, `draining` those that take no mail
    any more. `zones` has the name servers of each hosted zone, `passwords` that of each of
    `logins`, `send_as` what each may send as, `disabled` those that may not log in, `unreachable`
    the addresses that may be sent as and take no mail.
    `acme_root` (PEM) is trusted for certificates, if given, instead of what the computer trusts.
    `exported` are the outputs in the form that the stack gives them, without the secret ones: to be
    shown, not to be read from.
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
    mailboxes: tuple[str, ...] = ()
    draining: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    acme_root: str | None = None
    logins: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    send_as: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    passwords: dict[str, str] = Field(default_factory=dict, repr=False)
    mail_programs: MailPrograms
    exported: dict[str, Any] = Field(repr=False)

    @property
    def taking(self) -> tuple[Host, ...]:
        """The gateways that take mail."""
        return tuple(gateway for gateway in self.gateways if gateway.name not in self.draining)

    @property
    def entrances(self) -> tuple[Host, ...]:
        """Where logins connect: the gateways that take mail, or the name that is before them.

        That one has no address of its own, since who asks DNS gets whichever serve now.
        """
        if self.submission.load_balancer is None:
            return self.taking or self.gateways
        name = {"name": self.submission.host, "address": ""}
        return (self.gateways[0].model_copy(update=name),)

    def named(self, greeting: str) -> Host:
        """The gateway that greets so, or the first one."""
        return next((g for g in self.gateways if g.name == greeting.lower()), self.gateways[0])

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All of them, the gateways first."""
        return (*self.gateways, *self.clients)

    def host(self, name: str) -> Host:
        """One by its name, or the first gateway by `gateway`; StackError if there is none."""
        known = {"gateway": self.gateways[0], **{host.name: host for host in self.hosts}}
        if name not in known:
            raise StackError(f"{name}: there is no such host; there is {', '.join(known)}")
        return known[name]

    def record(self, name: str, kind: str) -> RecordSet | None:
        """The record set that ought to be at a name."""
        return next((r for r in self.records if (r.name, r.kind) == (name, kind)), None)

    def zone_of(self, name: str) -> str:
        """The hosted zone that holds a name."""
        return max((z for z in self.zones if names.is_within(name, z)), key=len)


def read(outputs: Mapping[str, Any]) -> Outputs:
    """The outputs as `pulumi stack output --json` has them; OutputsMissing if they are older."""
    public = {name: value for name, value in outputs.items() if name not in SECRET}
    try:
        return Outputs.model_validate({**outputs, "exported": public})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise OutputsMissing(
            f"the stack's outputs are not what this program makes ({where}): "
            "run `pulumi up` once with it"
        ) from None
