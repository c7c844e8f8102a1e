"""The stack's configuration: read once, typed, checked whole before any resource is made."""

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from mail import dkim, names, spf

PASSWORD = re.compile(r"[!-9;-~]{8,128}")
# Keys whose values are never shown: a private key is easily mistaken for its public half.
SECRET = {"password", "keys", "publicKey"}
# What Postfix's smtp_sasl_password_maps holds as USER:PASSWORD on one line.
ACCOUNT_USER = re.compile(r"[!-9;-~]{1,255}")
ACCOUNT_PASSWORD = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")
IMAGES = {
    "arm64": "debian-13-arm64-20251117-2299",
    "amd64": "debian-13-amd64-20251117-2299",
}
# Instance families with Graviton processors: "g" follows the generation's number.
ARM_TYPE = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\.")
# A mailbox's local part is a directory's name, and a user name in Dovecot's files.
MAILBOX_LOCAL = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# Of the data volume, for the queue and the certificates.
QUEUE_MIB = 1024
# Addresses that every domain that receives mail must have (RFC 2142, 2 and 4).
ROLES = ("postmaster", "abuse")
INSTANCE_TYPE = re.compile(r"[a-z]+\d*[a-z0-9-]*\.(nano|micro|small|medium|large|metal|\d*xlarge)")
# Families on Xen, as EC2's guide to instance types lists them ("Hypervisor type"). All others are
# of the Nitro System, whose disks are NVMe devices.
XEN = re.compile(
    r"(t1|t2|m[1-4]|c[134]|cc[12]|cr1|r[34]|x1e?|i[23]|d2|h1|hi1|hs1|cg1|g2|g3s?|p[23]|f1)\.(?!metal)"
)
HOST_NAME_MAX = 64
AVAILABILITY_ZONE = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d[a-z]")


class SettingsError(Exception):
    """Wrong settings; `lines` has one line for each: the key, the value, what would be right."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _wrong(remedy: str) -> PydanticCustomError:
    # the remedy is text, not a format
    return PydanticCustomError("setting", "{remedy}", {"remedy": remedy})


def _domain(value: str) -> str:
    if problem := names.domain_problem(value):
        raise _wrong(problem)
    return value


def _host(value: str) -> str:
    _domain(value)
    if len(value) > HOST_NAME_MAX:
        raise _wrong(
            f"it has {len(value)} characters, and Linux takes host names of at most "
            f"{HOST_NAME_MAX} (hostname(7)); choose a shorter one"
        )
    return value


def _address(value: str) -> str:
    if problem := names.address_problem(value):
        raise _wrong(problem)
    return value


def _send_as(value: str) -> str:
    if value.startswith("@"):
        _domain(value[1:])
        return value
    return _address(value)


def _mailbox(value: str) -> str:
    local = _address(value).rpartition("@")[0]
    if not MAILBOX_LOCAL.fullmatch(local):
        raise _wrong(
            f"{local!r} is not made of a-z, 0-9, '.', '_' and '-'; mail for NAME+anything comes to "
            "the mailbox NAME"
        )
    return value


def _selector(value: str) -> str:
    if not names.LABEL.fullmatch(value):
        raise _wrong("a selector is one label of a-z, 0-9 and '-', such as s1 (RFC 6376, 3.1)")
    return value


def _is_ipv4(value: str) -> bool:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True


def _network(value: str) -> str:
    try:
        ipaddress.IPv4Network(value)
    except ValueError:
        raise _wrong("give an IPv4 network without host bits, such as 10.20.0.0/16") from None
    return value


def _password(value: str) -> str:
    if not PASSWORD.fullmatch(value):
        raise _wrong("give 8 to 128 printable ASCII characters without spaces and colons")
    return value


def _account_user(value: str) -> str:
    if not ACCOUNT_USER.fullmatch(value):
        raise _wrong("give the user name as the provider says it, without spaces and colons")
    return value


def _account_password(value: str) -> str:
    if not ACCOUNT_PASSWORD.fullmatch(value):
        raise _wrong("give up to 255 printable ASCII characters, with no space at either end")
    return value


def _private_key(value: str) -> str:
    try:
        return dkim.brought_in(value)
    except ValueError as error:
        raise _wrong(f"{error}; give the private key in PEM, RSA of {dkim.BITS} bits") from None


def _public_key(value: str) -> str:
    try:
        serialization.load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong("give the line of a .pub file, as ssh-ed25519 AAAA... you@laptop") from None
    return value


def _certificates(value: str) -> str:
    try:
        found = x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise _wrong("give certificates in PEM, -----BEGIN CERTIFICATE----- ...") from None
    # as the hosts get it: no text between them, no key behind them
    return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in found)


def _instance_type(value: str) -> str:
    if not INSTANCE_TYPE.fullmatch(value):
        raise _wrong("give an EC2 instance type, such as t4g.small")
    if XEN.match(value):
        raise _wrong(
            "this older family runs on Xen, where a host does not find its data volume; choose one "
            "of the Nitro System, such as t4g.small or t3.small"
        )
    return value


def _availability_zone(value: str) -> str:
    if not AVAILABILITY_ZONE.fullmatch(value):
        raise _wrong("give an availability zone of the stack's region, such as eu-central-1a")
    return value


def _txt_string(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        raise _wrong("leave out the quotation marks around it; they would be part of the record")
    return value


def _mechanism(value: str) -> str:
    if not spf.MECHANISM.fullmatch(value) or value.lstrip("+-~?") == "all":
        raise _wrong("give an SPF mechanism, such as include:_spf.example.net (RFC 7208, 5)")
    return value


Domain = Annotated[str, AfterValidator(_domain)]
Host = Annotated[str, AfterValidator(_host)]
Address = Annotated[str, AfterValidator(_address)]
SendAs = Annotated[str, AfterValidator(_send_as)]
MailboxAddress = Annotated[str, AfterValidator(_mailbox)]
Selector = Annotated[str, AfterValidator(_selector)]
Password = Annotated[str, AfterValidator(_password)]
AccountUser = Annotated[str, AfterValidator(_account_user)]
AccountPassword = Annotated[str, AfterValidator(_account_password)]
Network = Annotated[str, AfterValidator(_network)]
PrivateKey = Annotated[str, AfterValidator(_private_key)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
Certificates = Annotated[str, AfterValidator(_certificates)]
InstanceType = Annotated[str, AfterValidator(_instance_type)]
ZoneId = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,32}$")]
AvailabilityZone = Annotated[str, AfterValidator(_availability_zone)]
TxtString = Annotated[str, AfterValidator(_txt_string)]
Mechanism = Annotated[str, AfterValidator(_mechanism)]
# What Debian's libsasl2-modules can do with a password.
SaslMechanism = Literal["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]


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


def _hosted_zone(given: Any) -> Any:
    """A zone's name alone is enough."""
    return {"name": _domain(given)} if isinstance(given, str) else given


class Wait(_Model):
    """How long `pulumi up` waits for each new host to serve, in minutes; 0: it does not."""

    minutes: Annotated[int, Field(ge=0, le=120)] = 20


# {} is what Pulumi gives where nothing is set
_UNSET = BeforeValidator(lambda given: given or None)


class Settings(_Model):
    """Everything that a stack sets; Pulumi.yaml describes the keys."""

    gateway: Gateway
    domains: tuple[MailDomain, ...]
    operator: Address
    zones: tuple[Annotated[HostedZone, BeforeValidator(_hosted_zone)], ...] = ()
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

    def aliases(self, mailbox: Mailbox) -> tuple[str, ...]:
        """The addresses whose mail comes to a mailbox and to nobody else."""
        others = sorted(set(_targets(self)) - {m.address for m in self.mailboxes})
        named = [a for a in others if MAILBOX_LOCAL.fullmatch(a.rpartition("@")[0])]
        return tuple(a for a in named if _end(self, a) == mailbox.address)

    def send_as(self, given: Client | Login) -> tuple[str, ...]:
        """What a client or a login may send as."""
        if given.send_as is not None:
            return given.send_as
        if isinstance(given, Login):
            return (given.address,)
        return (f"@{names.parent(given.name)}",)


def architecture(instance_type: str) -> str:
    """arm64 or amd64, as Debian names them."""
    return "arm64" if ARM_TYPE.match(instance_type) else "amd64"


def read(raw: Mapping[str, Any]) -> Settings:
    """The settings, or SettingsError with everything that is wrong in them."""
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise SettingsError([_line(raw, dict(detail)) for detail in details]) from None
    if lines := list(_conflicts(settings)):
        raise SettingsError(lines)
    return settings


def _line(raw: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    path = [str(part) for part in detail["loc"]]
    key = _key(detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _known(detail["loc"])
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
        return f"{key}: there is no such key; {hint}"
    if detail["type"] == "missing":
        example = _EXAMPLES.get(path[-1], "it must be given")
        return f"{key}: missing; {example.replace('KEY', key)}"
    remedy = detail.get("ctx", {}).get("remedy") or detail["msg"]
    value = _value(raw, detail["loc"])
    if SECRET & set(path) or _holds_secret(value):
        return f"{key}: {remedy}"
    return f"{key}: {value!r}: {remedy}"


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(SECRET & set(value)) or any(_holds_secret(inner) for inner in value.values())
    return isinstance(value, list) and any(_holds_secret(inner) for inner in value)


_EXAMPLES = {
    "gateway": "give the gateway's host name, as `gateway: {name: mail.example.com}`",
    "domains": "list the domains that send, as `domains: [{name: example.com}]`",
    "operator": "give the address that gets what the hosts and receivers report",
    "name": "give a name, such as mail.example.com",
    "password": "set it as a secret: pulumi config set --secret --path 'KEY'",
}


def _key(path: tuple[Any, ...]) -> str:
    text = "mail-relay:"
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else ("" if text[-1] == ":" else ".") + part
    return text


def _value(raw: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        raw = raw[part]
    return raw


def _known(path: tuple[Any, ...]) -> list[str]:
    """The keys beside the last of the path."""
    model: Any = Settings
    for part in path[:-1]:
        if isinstance(part, str):
            fields = {f.alias: f.annotation for f in model.model_fields.values()}
            model = _model_in(fields[part])
    return [str(field.alias) for field in model.model_fields.values()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(a) for a in getattr(annotation, "__args__", ()) if a is not type(None))
    return next((model for model in inner if model is not None), None)


def _conflicts(s: Settings) -> Iterator[str]:
    """What is wrong between settings that are right by themselves."""
    ours = {domain.name for domain in s.mail_domains}
    hosts = {s.gateway.name, *(c.name for c in s.clients if not c.private)}
    if not s.domains:
        yield f"mail-relay:domains: []: {_EXAMPLES['domains']}"
    yield from _twice("domains", [d.name for d in s.domains])
    yield from _twice("zones", [zone.name for zone in s.zones])
    yield from _twice("clients", [c.name for c in s.clients])
    yield from _twice("logins", [x.address for x in s.logins])
    if "." not in s.gateway_domain:
        yield (
            f"mail-relay:gateway.name: {s.gateway.name!r}: give a host name below your domain, "
            f"such as mail.{s.gateway.name}"
        )
        return
    placed = [("gateway.name", s.gateway.name)]
    placed += [(f"clients[{n}].name", c.name) for n, c in enumerate(s.clients)]
    placed += [(f"domains[{n}].name", d.name) for n, d in enumerate(s.domains)]
    for key, name in placed:
        if not any(names.is_within(name, zone) for zone in s.hosted_zones):
            zones = ", ".join(s.hosted_zones)
            yield (
                f"mail-relay:{key}: {name!r}: it is in none of the zones {zones}; add its zone to "
                "mail-relay:zones or its domain to mail-relay:domains"
            )
    if s.delegation:
        yield from _delegation_conflicts(s, s.delegation)
    for number, client in enumerate(s.clients):
        if client.name == s.gateway.name or client.name in ours:
            yield (
                f"mail-relay:clients[{number}].name: {client.name!r}: this name is taken by the "
                "gateway or a domain; give the host a name of its own"
            )
    for number, domain in enumerate(s.domains):
        if s.gateway.name == domain.name:
            yield (
                f"mail-relay:domains[{number}].name: {domain.name!r}: the gateway's host name is "
                f"no domain that sends; list {s.gateway_domain}"
            )
        yield from _twice(f"domains[{number}].selectors", list(domain.selectors))
        yield from _twice(f"domains[{number}].retired", list(domain.retired))
        for selector in set(domain.selectors) & set(domain.retired):
            yield (
                f"mail-relay:domains[{number}].retired: {selector!r}: it is one of the domain's "
                "selectors; a key that was revoked is not used again"
            )
        for selector in domain.keys:
            if selector not in domain.selectors:
                yield (
                    f"mail-relay:domains[{number}].keys.{selector}: it is none of the domain's "
                    f"selectors ({', '.join(domain.selectors)}); add it to them"
                )
        terms = s.spf_terms(domain)
        if (cost := spf.look_ups(terms)) > spf.LOOK_UPS:
            yield (
                f"mail-relay:domains[{number}].spf.mechanisms: {len(terms)} of "
                f"them: they cost {cost} DNS look-ups, SPF allows {spf.LOOK_UPS} (RFC 7208, 4.6.4)"
            )
        for place, exchange in enumerate(domain.mx):
            if exchange.host == s.gateway.name and domain.name not in s.receiving:
                yield (
                    f"mail-relay:domains[{number}].mx[{place}].host: {exchange.host!r}: the "
                    f"gateway takes no mail for {domain.name}; give it a forward or a mailbox"
                )
        if domain.a and domain.a not in hosts and not _is_ipv4(domain.a):
            yield (
                f"mail-relay:domains[{number}].a: {domain.a!r}: give a public host of the "
                f"stack ({', '.join(sorted(hosts))}) or an IPv4 address"
            )
    yield from _login_conflicts(s, ours)
    yield from _forward_conflicts(s, ours)
    yield from _mailbox_conflicts(s, ours)
    yield from _smarthost_conflicts(s, ours)
    types = [("gateway", s.gateway.instance_type)]
    types += [(f"clients[{n}]", c.instance_type) for n, c in enumerate(s.clients)]
    for key, kind in types:
        if s.image and f"-{architecture(kind)}-" not in s.image:
            yield (
                f"mail-relay:{key}.instanceType: {kind!r}: it is {architecture(kind)}, the image "
                f"{s.image} is not; choose a type or an image of the same architecture"
            )
    for number, network in enumerate(s.ssh.allow_from):
        if ipaddress.IPv4Network(network).prefixlen < 8:
            yield (
                f"mail-relay:ssh.allowFrom[{number}]: {network!r}: SSH is not opened to the "
                "world; name the network that you come from"
            )
    if not 16 <= ipaddress.IPv4Network(s.network.cidr).prefixlen <= 24:
        yield f"mail-relay:network.cidr: {s.network.cidr!r}: give a network of /16 to /24"
    elif s.private_clients:
        yield from _private_conflicts(s)


def _delegation_conflicts(s: Settings, delegation: Delegation) -> Iterator[str]:
    zone, parent = delegation.zone, delegation.parent
    if zone == parent or not names.is_within(zone, parent):
        yield (
            f"mail-relay:delegation.parent: {parent!r}: {zone} is not below it; give the zone that "
            f"exists already, such as {names.parent(zone)}"
        )
    if zone not in s.hosted_zones:
        yield (
            f"mail-relay:delegation.zone: {zone!r}: it is none of the zones of the stack "
            f"({', '.join(s.hosted_zones)}); choose one of them"
        )
    if parent in s.hosted_zones:
        yield (
            f"mail-relay:delegation.parent: {parent!r}: the stack has domains of this zone itself; "
            f"a delegation is for a stack that is wholly below {zone}"
        )


def _private_conflicts(s: Settings) -> Iterator[str]:
    """What private clients need: a second subnet, and the gateway's name for itself alone."""
    if ipaddress.IPv4Network(s.network.cidr).prefixlen > 23:
        yield (
            f"mail-relay:network.cidr: {s.network.cidr!r}: private clients have a subnet of their "
            "own; give a network of /16 to /23"
        )
    for number, domain in enumerate(s.domains):
        if domain.name.endswith(f".{s.gateway.name}"):
            yield (
                f"mail-relay:domains[{number}].name: {domain.name!r}: with private clients the "
                f"hosts see a private zone {s.gateway.name}, which hides what is below it; choose "
                "a domain that is not below the gateway's name"
            )


def _login_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    for number, client in enumerate(s.clients):
        yield from _foreign(f"clients[{number}]", s.send_as(client), ours)
    own = {client.login for client in s.clients}
    for number, login in enumerate(s.logins):
        key = f"mail-relay:logins[{number}]"
        if login.address in own:
            yield f"{key}.address: {login.address!r}: a client host has this login"
        yield from _foreign(f"logins[{number}]", s.send_as(login), ours)
    yield from _twice("sasl.mechanisms", list(s.sasl.mechanisms))
    if "PLAIN" not in s.sasl.mechanisms:
        yield (
            f"mail-relay:sasl.mechanisms: {list(s.sasl.mechanisms)}: keep PLAIN, the one that "
            "every mail program has; inside TLS nobody reads it"
        )


def _forward_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    yield from _twice("forwards", [f.address for f in s.forwards])
    targets = _targets(s)
    for number, forward in enumerate(s.forwards):
        key = f"mail-relay:forwards[{number}]"
        if forward.address.rpartition("@")[2] not in ours:
            yield (
                f"{key}.address: {forward.address!r}: its domain is none of ours "
                f"({', '.join(sorted(ours))}); add it to mail-relay:domains"
            )
        if path := _loop(forward.address, targets):
            yield f"{key}.to: {' -> '.join(path)}: this goes in a circle; remove one step"
    wanted = [("operator", s.operator)]
    wanted += [(f"forwards[{n}].to", t) for n, f in enumerate(s.forwards) for t in f.to]
    wanted += [
        (f"domains[{n}].dmarc.reports", r)
        for n, d in enumerate(s.domains)
        for r in d.dmarc.reports or ()
    ]
    for key, target in wanted:
        domain = target.rpartition("@")[2]
        if domain in s.receiving and _next(target, targets) is None:
            yield (
                f"mail-relay:{key}: {target!r}: {domain} is received here and has no such "
                "address; add it to mail-relay:forwards or mail-relay:mailboxes, or name one "
                "elsewhere"
            )


def _mailbox_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    yield from _twice("mailboxes", [m.address for m in s.mailboxes])
    logins = {login.address for login in s.logins}
    forwards = {forward.address: forward.to for forward in s.forwards}
    for number, address in enumerate(mailbox.address for mailbox in s.mailboxes):
        key = f"mail-relay:mailboxes[{number}].address: {address!r}"
        if address.rpartition("@")[2] not in ours:
            yield (
                f"{key}: its domain is none of ours ({', '.join(sorted(ours))}); add it to "
                "mail-relay:domains"
            )
        if address not in logins:
            yield f"{key}: nobody could read it; add a login of this address to mail-relay:logins"
        if address not in forwards.get(address, (address,)):
            yield (
                f"{key}: a forward takes all its mail elsewhere; add {address} to that forward's "
                "`to` to keep a copy, or remove one of the two"
            )
    promised = sum(mailbox.quota_mi_b for mailbox in s.mailboxes)
    room = s.gateway.data_volume_gi_b * 1024 - QUEUE_MIB
    if s.mailboxes and promised > room:
        yield (
            f"mail-relay:mailboxes: {promised} MiB of quotas in all: the data volume has room for "
            f"{room} MiB beside the queue; raise gateway.dataVolumeGiB or lower quotas"
        )


def _targets(s: Settings) -> dict[str, tuple[str, ...]]:
    """Where the mail of each address goes on to; what a mailbox keeps goes no further."""
    mailboxes = {mailbox.address for mailbox in s.mailboxes}
    found: dict[str, tuple[str, ...]] = dict.fromkeys(mailboxes, ())
    for forward in s.forwards:
        kept = {forward.address} & mailboxes
        found[forward.address] = tuple(to for to in forward.to if to not in kept)
    for domain in s.receiving:
        for role in ROLES:
            found.setdefault(f"{role}@{domain}", (s.operator,))
    return found


def _end(s: Settings, address: str) -> str | None:
    """The mailbox that all mail of an address comes to, if it is one and nobody else gets it."""
    mailboxes, targets = {mailbox.address for mailbox in s.mailboxes}, _targets(s)
    while (plain := _without_extension(address)) not in mailboxes:
        found = _next(address, targets) or ()
        if len(found) != 1:
            return None
        (address,) = found
    return plain


def _without_extension(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _smarthost_conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    key, given = "mail-relay:smarthost", s.smarthost
    if given is None:
        return
    if given.ses:
        yield from _ses_conflicts(s, given)
        return
    if given.host is None:
        yield f"{key}.host: missing; give the provider's host, as smtp.example.net, or `ses: true`"
    if given.spf is None:
        yield (
            f"{key}.spf: missing; give the mechanism that the provider's documentation names, "
            "such as include:_spf.example.net"
        )
    if not given.mechanisms:
        yield f"{key}.mechanisms: []: name those of SASL that may be used, such as PLAIN"
    senders = [account.sender for account in given.accounts]
    if senders.count(None) != 1:
        yield (
            f"{key}.accounts: {senders.count(None)} without a sender: there must be one, for all "
            "other mail, such as bounces and forwarded mail"
        )
    yield from _twice("smarthost.accounts", senders)
    for number, sender in enumerate(senders):
        if sender and sender.rpartition("@")[2] not in {*ours, s.gateway.name}:
            yield (
                f"{key}.accounts[{number}].sender: {sender!r}: its domain is none of ours "
                f"({', '.join(sorted(ours))}); add it to mail-relay:domains"
            )


def _ses_conflicts(s: Settings, given: Smarthost) -> Iterator[str]:
    if others := sorted(given.model_fields_set - {"ses"}):
        yield (
            f"mail-relay:smarthost.ses: true: Amazon SES brings the rest with it; "
            f"leave out {', '.join(others)}"
        )
    targets = {target for found in _targets(s).values() for target in found}
    if elsewhere := sorted(t for t in targets if t.rpartition("@")[2] not in s.receiving):
        yield (
            "mail-relay:smarthost.ses: true: Amazon SES refuses forwarded mail, whose From: is of "
            f"other people's domains; nothing may go on to {', '.join(elsewhere)}: give it a "
            "mailbox here, or use another smarthost"
        )


def _next(address: str, targets: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Where Postfix's virtual aliases lead: the address, without its extension, its domain."""
    catch_all = f"@{address.rpartition('@')[2]}"
    for key in (address, _without_extension(address), catch_all):
        if key in targets:
            return targets[key]
    return None


def _loop(address: str, targets: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A way from the address back to one it has passed, or []."""
    ways = [[address]]
    while ways:
        way = ways.pop()
        for target in _next(way[-1], targets) or ():
            if target in way or (target == address):
                return [*way, target]
            ways.append([*way, target])
    return []


def _foreign(key: str, send_as: tuple[str, ...], ours: set[str]) -> Iterator[str]:
    for item in send_as:
        if item.rpartition("@")[2] not in ours:
            yield (
                f"mail-relay:{key}.sendAs: {item!r}: its domain is none of ours "
                f"({', '.join(sorted(ours))}); add it to mail-relay:domains"
            )


def _twice(key: str, values: Sequence[str | None]) -> Iterator[str]:
    for number, value in enumerate(values):
        if value is not None and value in values[:number]:
            yield f"mail-relay:{key}[{number}]: {value!r}: it is listed twice; remove one"
