"""What ought to be, from the stack's outputs alone."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from common.errors import RelayError
from mail import names, zonefile
from mail.zonefile import RecordSet


class OutputsMissing(RelayError):
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
    ssh: str = ""
    instance_id: str
    tables: str
    status: str


class Domain(_Model):
    """A domain that sends; its DKIM selectors are oldest first."""

    name: str
    selectors: tuple[str, ...]


class Ssh(_Model):
    """The networks that SSH is open to."""

    allow_from: tuple[str, ...]


class Smarthost(_Model):
    """Where all mail is handed over."""

    host: str
    port: int


class Expected(_Model):
    """A stack as its outputs tell it; `zones` has the name servers of each hosted zone,
    `unreachable` the addresses that may be sent as and take no mail.

    `acme_root` (PEM) is trusted for certificates, if given, instead of what the computer trusts.
    """

    gateway: Host
    clients: tuple[Host, ...]
    operator: str
    domains: tuple[Domain, ...]
    zones: dict[str, tuple[str, ...]]
    records: Annotated[tuple[RecordSet, ...], BeforeValidator(zonefile.read)]
    ssh: Ssh
    smarthost: Smarthost | None = None
    mailboxes: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    acme_root: str | None = None

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All of them, the gateway first."""
        return (self.gateway, *self.clients)

    def record(self, name: str, kind: str) -> RecordSet | None:
        """The record set that ought to be at a name."""
        return next((r for r in self.records if (r.name, r.kind) == (name, kind)), None)

    def zone_of(self, name: str) -> str:
        """The hosted zone that holds a name."""
        return max((z for z in self.zones if names.is_within(name, z)), key=len)


def expected(outputs: Mapping[str, Any]) -> Expected:
    """The outputs, read; OutputsMissing where an older program made them."""
    try:
        return Expected.model_validate(outputs)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise OutputsMissing(
            f"the stack's outputs are not what this program makes ({where}: {detail['msg']}): "
            "run `pulumi up` once with it"
        ) from None
