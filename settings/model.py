"""What a stack sets, as types; `Settings` has it all."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mail import aliases, names, spf
from settings.words import (
    MAILBOX_LOCAL,
    AccountPassword,
    AccountUser,
    Address,
    AvailabilityZone,
    Certificates,
    Domain,
    Host,
    InstanceType,
    MailboxAddress,
    Mechanism,
    Network,
    Password,
    PrivateKey,
    PublicKey,
    SaslMechanism,
    Selector,
    SendAs,
    TxtString,
    ZoneId,
    architecture,
    hosted_zone,
)

IMAGES = {
    "arm64": "debian-13-arm64-20251117-2299",
    "amd64": "debian-13-amd64-20251117-2299",
}
# Addresses that every domain that receives mail must have (RFC 2142, 2 and 4).
ROLES = ("postmaster", "abuse")
# {} is what Pulumi gives where nothing is set
_UNSET = BeforeValidator(lambda given: given or None)


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True
    )


class Gateway(_Model):
    """The gateway: its host name, which is its HELO, its PTR and its certificate's name."""

    name: Host
    instance_type: InstanceType = "t4g.small"
    data_volume_gi_b: int = Field(8, ge=1, le=16384)


class Dmarc(_Model):
    """A domain's DMARC policy; reports go to the operator unless addresses are given."""

    policy: Literal["none", "quarantine", "reject"] = "none"
    pct: Annotated[int, Field(ge=0, le=100)] | None = None
    reports: tuple[Address, ...] | None = None


class Spf(_Model):
    """A domain's SPF record: its terms (see mail.spf.domain), and what the rest is."""

    mechanisms: Annotated[tuple[Mechanism, ...], Field(min_length=1)] = (spf.GATEWAYS,)
    all: Literal["-all", "~all", "?all"] = "~all"


class Exchange(_Model):
    """A mail exchanger (RFC 5321, 5.1): the gateway, or a host elsewhere."""

    host: Domain
    preference: int = Field(10, ge=0, le=65535)


class MailDomain(_Model):
    """A domain that sends through us.

    `selectors` are oldest first, `retired` are those whose key is revoked, `keys` are those made
    elsewhere (PEM by selector), `txt` are other strings of the apex, `a` is a host of the stack or
    an address for the apex, `ttl` is in seconds and that of all its records.
    """

    name: Domain
    selectors: tuple[Selector, ...] = Field(("s1",), min_length=1)
    retired: tuple[Selector, ...] = ()
    keys: dict[Selector, PrivateKey] = {}
    dmarc: Dmarc = Dmarc()
    spf: Spf = Spf()
    txt: tuple[TxtString, ...] = ()
    a: str | None = None
    ttl: int = Field(300, ge=60, le=86400)
    mx: tuple[Exchange, ...] = ()


class Client(_Model):
    """A client host; it logs in as `relay@NAME` and may send as these.

    A private one has no public address: it is reached, and led out, through the gateway.
    """

    name: Host
    instance_type: InstanceType = "t4g.micro"
    send_as: tuple[SendAs, ...] | None = None
    private: bool = False

    @property
    def login(self) -> str:
        """The host's own login."""
        return f"relay@{self.name}"


class Login(_Model):
    """A login from the internet; without a password one is generated. May send as itself."""

    address: Address
    password: Password | None = None
    send_as: tuple[SendAs, ...] | None = None


class Forward(_Model):
    """Inbound mail of an address, or of all others of a domain (`@domain`), goes to these."""

    address: SendAs
    to: tuple[Address, ...] = Field(min_length=1)


class Mailbox(_Model):
    """Mail that stays on the gateway's data volume; the login of this address reads it by IMAP."""

    address: MailboxAddress
    quota_mi_b: int = Field(1024, ge=1)


class Sasl(_Model):
    """How logins prove themselves on 587 and 465, always inside TLS."""

    mechanisms: tuple[Literal["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"], ...] = ("PLAIN", "LOGIN")


class Inbound(_Model):
    """Mail that fails its sender's DMARC policy: refused where that says so, or only marked."""

    dmarc: Literal["enforce", "mark"] = "enforce"


class Account(_Model):
    """A login at the smarthost, for mail of one envelope sender (an address or `@domain`).

    The account without a sender is for all other mail: forwarded, bounces, the host's own.
    """

    user: AccountUser
    password: AccountPassword
    sender: SendAs | None = None


class Smarthost(_Model):
    """The provider that takes all outgoing mail: Amazon SES, or the host that is named.

    `mechanisms` are those of SASL that may be used, `spf` is what its documentation says to put
    into the SPF records of those who send through it.
    """

    ses: bool = False
    host: Domain | None = None
    port: Literal[587, 465, 2587, 2465] = 587
    mechanisms: tuple[SaslMechanism, ...] = ("PLAIN", "LOGIN")
    accounts: tuple[Account, ...] = ()
    spf: Mechanism | None = None


class Acme(_Model):
    """The certificate authority: Let's Encrypt unless a directory's URL is given.

    `root` has the certificates that it ends at, if hosts do not trust these by themselves.
    """

    directory: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    email: Address | None = None
    root: Certificates | None = None


class HostedZone(_Model):
    """A Route53 zone that exists; by its id where the account has several of its name."""

    name: Domain
    id: ZoneId | None = None


class Delegation(_Model):
    """A zone that the stack makes, and the one above it that leads there (RFC 1034, 4.2.1)."""

    zone: Domain
    parent: Domain
    parent_id: ZoneId | None = None


class Ssh(_Model):
    """SSH: closed unless networks are named."""

    public_key: PublicKey | None = None
    allow_from: tuple[Network, ...] = ()


class Vpc(_Model):
    """The VPC's network, and its availability zone if it is not to be the first that fits."""

    cidr: Network = "10.20.0.0/16"
    zone: AvailabilityZone | None = None


class Wait(_Model):
    """How long `pulumi up` waits for each new host to serve, in minutes; 0: it does not."""

    minutes: Annotated[int, Field(ge=0, le=120)] = 20


class Settings(_Model):
    """Everything that a stack sets; Pulumi.yaml describes the keys."""

    gateway: Gateway
    domains: tuple[MailDomain, ...]
    operator: Address
    zones: tuple[Annotated[HostedZone, BeforeValidator(hosted_zone)], ...] = ()
    delegation: Annotated[Delegation | None, _UNSET] = None
    image: Annotated[str | None, _UNSET] = None
    clients: tuple[Client, ...] = ()
    logins: tuple[Login, ...] = ()
    forwards: tuple[Forward, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    inbound: Inbound = Inbound()
    sasl: Sasl = Sasl()
    message_size_limit_mi_b: int = Field(30, ge=1, le=1024)
    smarthost: Annotated[Smarthost | None, _UNSET] = None
    acme: Acme = Acme()
    ssh: Ssh = Ssh()
    network: Vpc = Vpc()
    wait: Wait = Wait()
    protect: bool = False
    tags: dict[str, str] = {}

    @property
    def gateway_domain(self) -> str:
        """The domain above the gateway's name."""
        return names.parent(self.gateway.name)

    @property
    def private_clients(self) -> tuple[Client, ...]:
        """The clients without a public address."""
        return tuple(client for client in self.clients if client.private)

    @property
    def spf_include(self) -> str:
        """The name of the record with the gateways' addresses, which domains include."""
        return f"_spf.{self.gateway_domain}"

    def reports(self, domain: MailDomain) -> tuple[str, ...]:
        """Where a domain's DMARC reports go."""
        given = domain.dmarc.reports
        return (self.operator,) if given is None else given

    @property
    def mail_domains(self) -> tuple[MailDomain, ...]:
        """The domains, with the gateway's own: its bounces and its operator's mail are signed."""
        if any(domain.name == self.gateway_domain for domain in self.domains):
            return self.domains
        return (MailDomain.model_validate({"name": self.gateway_domain}), *self.domains)

    @property
    def receiving(self) -> tuple[str, ...]:
        """The domains whose inbound mail we take: those with a forward or a mailbox."""
        taken = [f.address for f in self.forwards] + [m.address for m in self.mailboxes]
        return tuple(dict.fromkeys(address.rpartition("@")[2] for address in taken))

    def reporting(self, domain: MailDomain) -> tuple[str, ...]:
        """The other domains of ours that get a domain's DMARC reports: they must say so."""
        takers = {address.rpartition("@")[2] for address in self.reports(domain)} - {domain.name}
        return tuple(sorted(takers & {other.name for other in self.mail_domains}))

    def spf_terms(self, domain: MailDomain) -> tuple[str, ...]:
        """The terms of a domain's SPF record: its own, and the smarthost's."""
        return tuple(dict.fromkeys((*domain.spf.mechanisms, *self.smarthost_spf)))

    @property
    def smarthost_spf(self) -> tuple[str, ...]:
        """The smarthost's SPF mechanism; SES sends with envelope senders of its own."""
        return (self.smarthost.spf,) if self.smarthost and self.smarthost.spf else ()

    @property
    def hosted_zones(self) -> tuple[str, ...]:
        """The Route53 zones: those listed, or one for each domain that is below no other.

        The one of the delegation is made by the stack, all others exist before it.
        """
        if self.zones:
            return tuple(zone.name for zone in self.zones)
        all_ = sorted((domain.name for domain in self.mail_domains), key=lambda n: n.count("."))
        found: list[str] = []
        for name in all_:
            if not any(names.is_within(name, zone) for zone in found):
                found.append(name)
        return tuple(found)

    @property
    def existing_zones(self) -> tuple[HostedZone, ...]:
        """The hosted zones that the stack finds, and does not make."""
        listed = self.zones or tuple(HostedZone(name=name) for name in self.hosted_zones)
        if self.delegation is None:
            return listed
        return (
            HostedZone(name=self.delegation.parent, id=self.delegation.parent_id),
            *(zone for zone in listed if zone.name != self.delegation.zone),
        )

    def image_of(self, instance_type: str) -> str:
        """The image's name for an instance type."""
        return self.image or IMAGES[architecture(instance_type)]

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """Where the mail of each address goes on to; what a mailbox keeps goes no further."""
        mailboxes = {mailbox.address for mailbox in self.mailboxes}
        found: dict[str, tuple[str, ...]] = dict.fromkeys(mailboxes, ())
        for forward in self.forwards:
            kept = {forward.address} & mailboxes
            found[forward.address] = tuple(to for to in forward.to if to not in kept)
        for domain in self.receiving:
            for role in ROLES:
                found.setdefault(f"{role}@{domain}", (self.operator,))
        return found

    def aliases(self, mailbox: Mailbox) -> tuple[str, ...]:
        """The addresses whose mail comes to a mailbox and to nobody else."""
        mailboxes, targets = {m.address for m in self.mailboxes}, self.targets
        others = sorted(set(targets) - mailboxes)
        named = [a for a in others if MAILBOX_LOCAL.fullmatch(a.rpartition("@")[0])]
        return tuple(a for a in named if aliases.end(a, targets, mailboxes) == mailbox.address)

    def send_as(self, given: Client | Login) -> tuple[str, ...]:
        """What a client or a login may send as."""
        if given.send_as is not None:
            return given.send_as
        if isinstance(given, Login):
            return (given.address,)
        return (f"@{names.parent(given.name)}",)
