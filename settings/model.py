"""The models of a stack's settings; `Settings` is the whole."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mail import aliases, dmarc, names, spf
from settings.backup import Backup
from settings.base import Model as _Model
from settings.domains import Delegation, HostedZone, MailDomain
from settings.hosts import BaseHost, Client, Gateway, ListedGateway
from settings.inbound import Inbound
from settings.limits import UNLIMITED, Limits, LoginLimits
from settings.logs import Logs
from settings.marks import Mark
from settings.monitoring import Monitoring
from settings.smarthost import Smarthost
from settings.ssh import Ssh
from settings.words import (
    NULL_MX,
    TAGS,
    AcmeDirectory,
    Address,
    AvailabilityZone,
    Certificates,
    Host,
    MailboxAddress,
    Network,
    OwnAddress,
    Password,
    Person,
    ReceivedAddress,
    SendAs,
    TagKey,
    TagValue,
    architecture,
    hosted_zone,
)

IMAGES = {
    "arm64": "debian-13-arm64-20251117-2299",
    "amd64": "debian-13-amd64-20251117-2299",
}
# Addresses that every domain that receives mail must have (RFC 2142, 2 and 4).
ROLES = ("postmaster", "abuse")
# Pulumi passes {} or "", its default, for a key that is not set
_UNSET = BeforeValidator(lambda given: given or None)
_EMPTY = BeforeValidator(lambda given: None if given == {} else given)


class Login(_Model):
    """A login from the internet. Without a password one is generated; it may send as itself.

    A login that is not `enabled` keeps its password and may neither log in nor send; its mailbox
    and its addresses still take mail.
    """

    address: Annotated[OwnAddress, Mark.ITEM]
    password: Password | None = None
    enabled: bool = True
    send_as: tuple[SendAs, ...] | None = None
    limits: LoginLimits | None = None


class Forward(_Model):
    """Inbound mail of an address, or of a domain's other addresses (`@domain`), goes to `to`."""

    address: Annotated[ReceivedAddress, Mark.ITEM]
    to: tuple[Person, ...] = Field(min_length=1)


class Mailbox(_Model):
    """Mail that stays on the gateway's data volume; the login of this address reads it by IMAP."""

    address: Annotated[MailboxAddress, Mark.ITEM]
    quota_mib: int = Field(1024, alias="quotaMiB", ge=1)


class Sasl(_Model):
    """SASL mechanisms for logins on 587 and 465, always inside TLS."""

    mechanisms: tuple[Literal["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"], ...] = ("PLAIN", "LOGIN")


class Acme(_Model):
    """The certificate authority: Let's Encrypt unless a directory's URL is given.

    `root` has its root certificates (PEM), if hosts do not trust them by default.
    """

    directory: AcmeDirectory | None = None
    email: Address | None = None
    root: Certificates | None = None


class Submission(_Model):
    """The name for 587 and 465, if it is not the gateway's own: several gateways share one.

    It leads to the gateways themselves, or to a load balancer that spreads connections over them.
    """

    name: Host | None = None
    load_balancer: bool = False


class Vpc(_Model):
    """The VPC's network, and its availability zone; by default the first that fits."""

    cidr: Network = "10.20.0.0/16"
    zone: AvailabilityZone | None = None


class Wait(_Model):
    """The minutes that `pulumi up` waits for each new host to serve; 0: it does not wait."""

    minutes: Annotated[int, Field(ge=0, le=120)] = 20


class Settings(_Model):
    """Everything that a stack sets; Pulumi.yaml describes the keys."""

    gateway: Annotated[Gateway | None, _EMPTY] = None
    listed_gateways: tuple[ListedGateway, ...] = Field((), alias="gateways")
    domains: tuple[MailDomain, ...]
    operator: Person
    zones: tuple[Annotated[HostedZone, BeforeValidator(hosted_zone)], ...] = ()
    delegation: Annotated[Delegation | None, _UNSET] = None
    image: Annotated[str | None, _UNSET] = None
    clients: tuple[Client, ...] = ()
    logins: tuple[Login, ...] = ()
    forwards: tuple[Forward, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    inbound: Inbound = Inbound()
    sasl: Sasl = Sasl()
    limits: Limits = Limits()
    message_size_limit_mib: int = Field(30, alias="messageSizeLimitMiB", ge=1, le=1024)
    smarthost: Annotated[Smarthost | None, _UNSET] = None
    discard: tuple[Host, ...] = ()
    acme: Acme = Acme()
    submission: Submission = Submission()
    ssh: Ssh = Ssh()
    network: Vpc = Vpc()
    wait: Wait = Wait()
    monitoring: Monitoring = Monitoring()
    logs: Logs = Logs()
    backup: Annotated[Backup | None, _UNSET] = None
    protect: bool = False
    tags: dict[TagKey, TagValue] = Field({}, max_length=TAGS)

    @property
    def kinds(self) -> dict[str, tuple[BaseHost, ...]]:
        """All hosts by the key of their kind in the settings, the gateways first."""
        gateways = "gateway" if self.gateway else "gateways"
        return {gateways: self.gateways, "clients": self.clients}

    @property
    def hosts(self) -> dict[str, BaseHost]:
        """All hosts by their place in the settings: `gateway`, `gateways[1]`, `clients[0]`."""
        return {
            key if key == "gateway" else f"{key}[{number}]": host
            for key, hosts in self.kinds.items()
            for number, host in enumerate(hosts)
        }

    @property
    def gateways(self) -> tuple[Gateway, ...]:
        """The gateways: those listed, or the only one."""
        return (self.gateway,) if self.gateway else self.listed_gateways

    @property
    def placed_gateways(self) -> dict[str, Gateway]:
        """The gateways by their place in the settings, as `hosts`."""
        return {key: host for key, host in self.hosts.items() if isinstance(host, Gateway)}

    @property
    def taking(self) -> tuple[Gateway, ...]:
        """The gateways that take mail: all that do not drain."""
        return tuple(gateway for gateway in self.gateways if not gateway.drains)

    @property
    def submission_name(self) -> str:
        """The name by which clients and mail programs reach 587 and 465."""
        return self.submission.name or self.gateways[0].name

    @property
    def shared_name(self) -> str | None:
        """The submission name, if it is no gateway's own: each gateway's certificate has it too."""
        name = self.submission_name
        return None if name in {gateway.name for gateway in self.gateways} else name

    @property
    def certified(self) -> tuple[str, ...]:
        """The names that the gateways' certificates are for: their own, and the submission name."""
        return tuple(dict.fromkeys((*(g.name for g in self.gateways), self.submission_name)))

    @property
    def submitters(self) -> dict[str, "Client | Login"]:
        """Everybody who logs in at the gateways, by login: hosts, then people and programs."""
        return {c.login: c for c in self.clients} | {x.address: x for x in self.logins}

    @property
    def gateway_domain(self) -> str:
        """The domain above the gateways' names."""
        return names.parent(self.gateways[0].name)

    @property
    def private_clients(self) -> tuple[Client, ...]:
        """The clients without a public address."""
        return tuple(client for client in self.clients if client.private)

    @property
    def spf_include(self) -> str:
        """The name of the record with the gateways' addresses, which domains include."""
        return f"_spf.{self.gateway_domain}"

    def reports(self, domain: MailDomain) -> tuple[str, ...]:
        """The addresses that get a domain's aggregate DMARC reports."""
        given = domain.dmarc.reports
        return (self.operator,) if given is None else given

    def dmarc_record(self, domain: MailDomain) -> str:
        """A domain's DMARC policy record."""
        given = domain.dmarc.model_dump(exclude={"policy", "reports", "ruf"}, exclude_none=True)
        tags = {"p": domain.dmarc.policy, **{tag: str(value) for tag, value in given.items()}}
        for tag, addresses in (("rua", self.reports(domain)), ("ruf", domain.dmarc.ruf)):
            if addresses:
                tags[tag] = dmarc.uris(addresses)
        return dmarc.record(tags)

    @property
    def mail_domains(self) -> tuple[MailDomain, ...]:
        """The domains, and the gateway's own: its bounces and its operator's mail are signed."""
        if any(domain.name == self.gateway_domain for domain in self.domains):
            return self.domains
        return (MailDomain.model_validate({"name": self.gateway_domain}), *self.domains)

    @property
    def receiving(self) -> tuple[str, ...]:
        """The domains that receive mail here: those with a forward or a mailbox."""
        taken = [f.address for f in self.forwards] + [m.address for m in self.mailboxes]
        return tuple(dict.fromkeys(address.rpartition("@")[2] for address in taken))

    @property
    def closed(self) -> tuple[str, ...]:
        """The domains that take no mail at all, and publish a null MX (RFC 7505)."""
        return tuple(d.name for d in self.domains if any(e.host == NULL_MX for e in d.mx))

    def senders(self, domain: str) -> tuple[str, ...]:
        """The logins that may send as an address of a domain."""
        given = [(login.address, self.send_as(login)) for login in self.logins]
        given += [(client.login, self.send_as(client)) for client in self.clients]
        return tuple(
            login for login, own in given if any(x.rpartition("@")[2] == domain for x in own)
        )

    def reporting(self, domain: MailDomain) -> tuple[str, ...]:
        """Our other domains that get a domain's DMARC reports, which they must publish."""
        addresses = (*self.reports(domain), *domain.dmarc.ruf)
        takers = {address.rpartition("@")[2] for address in addresses} - {domain.name}
        return tuple(sorted(takers & {other.name for other in self.mail_domains}))

    def spf_terms(self, domain: MailDomain) -> tuple[str, ...]:
        """The terms of a domain's SPF record: its own; if it has any, the smarthost's too."""
        if not domain.spf.mechanisms:
            return ()
        return tuple(dict.fromkeys((*domain.spf.mechanisms, *self.smarthost_spf)))

    def spf_policies(self, addresses: Sequence[str] = (spf.ANY,)) -> dict[str, str]:
        """The SPF policies of the stack by name, with the gateways' addresses or a placeholder."""
        public = [host for host in self.hosts.values() if host.public]
        found = {host.name: spf.host(self.host_spf(host)) for host in public}
        found[self.spf_include] = spf.gateways(addresses)
        for domain in self.mail_domains:
            terms, include = self.spf_terms(domain), self.spf_include
            found[domain.name] = spf.domain(
                terms, domain.spf.all, include=include, addresses=addresses
            )
        return found

    @property
    def smarthost_spf(self) -> tuple[str, ...]:
        """The smarthost's SPF mechanism; SES sends with envelope senders of its own."""
        return (self.smarthost.spf,) if self.smarthost and self.smarthost.spf else ()

    def host_spf(self, host: BaseHost) -> tuple[str, ...]:
        """The terms of the SPF record of a host's name, besides its own address."""
        return self.smarthost_spf if isinstance(host, Gateway) else ()

    @property
    def hosted_zones(self) -> tuple[str, ...]:
        """The Route53 zones: those listed, or one for each domain that is below no other domain.

        The stack creates only the zone of the delegation; all others exist before it.
        """
        if self.zones:
            return tuple(zone.name for zone in self.zones)
        all_ = sorted((domain.name for domain in self.mail_domains), key=lambda n: n.count("."))
        found: dict[str, None] = {}
        for name in all_:
            if names.nearest(name, found) is None:
                found[name] = None
        return tuple(found)

    @property
    def existing_zones(self) -> tuple[HostedZone, ...]:
        """The hosted zones that must exist before the stack."""
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
        """The targets of each address that receives mail; one with only a mailbox has none."""
        mailboxes = {mailbox.address for mailbox in self.mailboxes}
        found: dict[str, tuple[str, ...]] = dict.fromkeys(mailboxes, ())
        for forward in self.forwards:
            kept = {forward.address} & mailboxes
            found[forward.address] = tuple(to for to in forward.to if to not in kept)
        for domain in self.receiving:
            for role in ROLES:
                found.setdefault(f"{role}@{domain}", (self.operator,))
        return found

    @property
    def unreachable(self) -> tuple[str, ...]:
        """Addresses that may be sent as but take no mail here, so bounces to them are refused."""
        targets, receiving = self.targets, set(self.receiving)
        hosts = [who for who in self.submitters.values() if not isinstance(who, Login)]
        found: dict[str, None] = {}
        for address in (a for who in (*self.logins, *hosts) for a in self.sender_addresses(who)):
            domain = address.rpartition("@")[2]
            nobody = domain in receiving and aliases.following(address, targets) is None
            if nobody or domain in self.closed:
                found[address] = None
        return tuple(found)

    @property
    def mailbox_aliases(self) -> dict[str, tuple[str, ...]]:
        """For each mailbox, the addresses whose mail comes to this mailbox alone."""
        targets, found = self.targets, {mailbox.address: list[str]() for mailbox in self.mailboxes}
        for address in sorted(set(targets) - set(found)):
            if names.is_mailbox(address) and (end := aliases.end(address, targets, found)):
                found[end].append(address)
        return {mailbox: tuple(addresses) for mailbox, addresses in found.items()}

    def aliases(self, mailbox: Mailbox) -> tuple[str, ...]:
        """The aliases of one mailbox."""
        return self.mailbox_aliases[mailbox.address]

    def limits_of(self, given: Client | Login) -> LoginLimits:
        """The limits of a client or a login; a client has none unless they are set."""
        if given.limits is not None:
            base = self.limits.login if isinstance(given, Login) else UNLIMITED
            chosen = {name: getattr(given.limits, name) for name in given.limits.model_fields_set}
            return base.model_copy(update=chosen)
        return self.limits.login if isinstance(given, Login) else UNLIMITED

    def send_as(self, given: Client | Login) -> tuple[str, ...]:
        """The addresses and domains (`@domain`) that a client or a login may send as."""
        if given.send_as is not None:
            return given.send_as
        if isinstance(given, Login):
            return (given.address,)
        return (f"@{names.parent(given.name)}",)

    def sender_addresses(self, given: Client | Login) -> list[str]:
        """The addresses in `send_as`, and a login's own if its `@domain` is there."""
        listed = self.send_as(given)
        own = [given.address] if isinstance(given, Login) else []
        own = [address for address in own if f"@{address.rpartition('@')[2]}" in listed]
        return list(dict.fromkeys([*(item for item in listed if not item.startswith("@")), *own]))

    def own_sender(self, client: Client) -> str | None:
        """The sender of a client's own mail (root's, cron's, notices): an address, or `@domain`.

        None if the client may send as nobody.
        """
        own = self.send_as(client)
        domains = [item for item in own if item.startswith("@")]
        parent = f"@{names.parent(client.name)}"
        return parent if parent in own else next(iter((*domains, *own)), None)
