"""The whole stack from its settings: one gateway, its clients, its domains."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cloudinit import ClientHost, GatewayHost, Guessing, Strangers
from components import bundles, secrets
from components.account import Account
from components.availability import AvailabilityZones, Placement
from components.host import Host, certificate_statements
from components.identity import Identity
from components.lookup import image_id
from components.mail_domain import Domain
from components.naming import Tags, tables_key
from components.network import (
    CLIENT_OUT,
    GATEWAY_IN,
    IMAPS,
    LIVING,
    PRIVATE,
    SMTP,
    Network,
    subnet_cidr,
)
from components.private import PrivateIdentity, PrivateNetwork
from components.records import Zones
from components.serving import Waiting
from components.smarthost import way
from components.tables import Tables, etag
from mail import caa, names, programs, spf
from settings import Client, Settings

GATEWAY_KEY = tables_key("")


@dataclass(frozen=True)
class Placed:
    """A host with its identity."""

    name: str
    identity: Identity | PrivateIdentity
    host: Host
    tables: aws.s3.BucketObjectv2
    status: str

    def output(self) -> dict[str, Any]:
        """As a stack output."""
        return {
            "name": self.name,
            **self.identity.outputs,
            "instanceId": self.host.instance.id,
            "status": self.status,
            "tables": etag(self.tables),
        }


class Stack:
    """Declares everything; `outputs` is what the stack exports."""

    def __init__(self, settings: Settings, region: str) -> None:
        self.settings, self.region = settings, region
        types = tuple(host.instance_type for host in (settings.gateway, *settings.clients))
        # before there is any resource: an image that does not exist leaves nothing half made
        images = dict.fromkeys(settings.image_of(kind) for kind in types)
        self.images = {name: image_id(name, region) for name in images}
        self.tags = Tags(settings.tags)
        self.zones = Zones(settings, self.tags)
        self._check_authority()
        self.placement = Placement(AvailabilityZones.of(region, types), settings.network.zone)
        self.network = Network(
            "network", cidr=settings.network.cidr, placement=self.placement, tags=self.tags
        )
        account = aws.get_caller_identity().account_id
        self.tables = Tables("tables", account=account, tags=self.tags)
        self.smarthost = way(settings, region, self.zones, self.tags)
        public = self._identities()
        self.identities = {**public, **self._private_identities(public[settings.gateway.name])}
        addresses = {name: i.address.public_ip for name, i in public.items()}
        include = settings.spf_include
        self.zones.text(
            include,
            [addresses[settings.gateway.name].apply(lambda ip: spf.gateways([ip]))],
            pulumi.ResourceOptions(parent=self.identities[settings.gateway.name]),
        )
        self.domains = {
            domain.name: Domain(
                domain,
                settings=settings,
                zones=self.zones,
                spf_include=include,
                addresses=addresses,
            )
            for domain in settings.mail_domains
        }
        self.passwords = self._passwords()
        minutes = settings.wait.minutes
        self.waiting = Waiting(minutes, Account.of_stack(region)) if minutes else None
        self.gateway = self._gateway()
        self.clients = [self._client(client) for client in settings.clients]

    def _check_authority(self) -> None:
        """Tell where the zones' CAA records keep the gateway from its certificate."""
        name, directory = self.settings.gateway.name, self.settings.acme.directory
        found = self.zones.issuers(name)
        if found is None or (directory and caa.LETS_ENCRYPT not in directory):
            return
        whose, values = found
        if caa.forbids(values, caa.LETS_ENCRYPT, "dns-01"):
            problem = (
                f"{name} would get no certificate, and take no logins: {whose} has the CAA record "
                f'{" ".join(values)}. Add 0 issue "{caa.LETS_ENCRYPT}" to it, or a CAA record '
                f"of its own for {name}"
            )
            pulumi.log.warn(problem)  # a host that serves has a certificate for some weeks
            self.zones.refuse(name, "A", problem)

    def _identities(self) -> dict[str, Identity]:
        s = self.settings
        ingress = (*GATEWAY_IN, IMAPS) if s.mailboxes else GATEWAY_IN
        out = self.smarthost.service if self.smarthost else SMTP
        self.gateway_group = self.network.security_group(
            "gateway", ingress=ingress, egress=(out, *LIVING), ssh_from=s.ssh.allow_from
        )
        found = {
            s.gateway.name: self._identity(
                s.gateway.name,
                self.gateway_group,
                s.gateway.data_volume_gi_b,
                forwards=bool(s.private_clients),
                spf_terms=s.smarthost_spf,
            )
        }
        if clients := [client for client in s.clients if not client.private]:
            group = self.network.security_group(
                "client", ingress=(), egress=CLIENT_OUT, ssh_from=s.ssh.allow_from
            )
            found |= {client.name: self._identity(client.name, group) for client in clients}
        return found

    def _private_identities(self, gateway: Identity) -> dict[str, PrivateIdentity]:
        s = self.settings
        if not s.private_clients:
            return {}
        network = PrivateNetwork(
            "network-private",
            cidr=s.network.cidr,
            network=self.network,
            gateway_name=s.gateway.name,
            gateway=gateway,
            gateway_group=self.gateway_group,
            ssh=bool(s.ssh.allow_from),
            tags=self.tags,
        )
        return {
            client.name: PrivateIdentity(client.name, network=network, tags=self.tags)
            for client in s.private_clients
        }

    def _identity(
        self,
        name: str,
        group: aws.ec2.SecurityGroup,
        data_volume_gib: int | None = None,
        *,
        forwards: bool = False,
        spf_terms: tuple[str, ...] = (),
    ) -> Identity:
        return Identity(
            name,
            network=self.network,
            group=group,
            zones=self.zones,
            data_volume_gib=data_volume_gib,
            forwards=forwards,
            spf_terms=spf_terms,
            protect=self.settings.protect,
            tags=self.tags,
        )

    def _passwords(self) -> dict[str, pulumi.Output[str]]:
        lasting = pulumi.ResourceOptions(protect=self.settings.protect)
        found = {c.login: secrets.password(c.login, lasting) for c in self.settings.clients}
        for login in self.settings.logins:
            found[login.address] = (
                pulumi.Output.secret(login.password.get_secret_value())
                if login.password
                else secrets.password(login.address, lasting)
            )
        return found

    def _gateway_tables(self) -> dict[str, Any]:
        opts = pulumi.ResourceOptions(protect=self.settings.protect)
        return bundles.gateway(
            self.settings,
            keys={name: domain.keys for name, domain in self.domains.items()},
            passwords=self.passwords,
            srs_secret=secrets.srs_secret(opts),
            smarthost=self.smarthost.table if self.smarthost else None,
            hosts=[
                identity.address.public_ip
                for name, identity in self.identities.items()
                if isinstance(identity, Identity) and name != self.settings.gateway.name
            ],
        )

    def _gateway(self) -> Placed:
        s, gateway = self.settings, self.settings.gateway
        identity = self.identities[gateway.name]
        fixed = GatewayHost(
            name=gateway.name,
            domain=s.gateway_domain,
            operator=s.operator,
            region=self.region,
            tables=self.tables.url(GATEWAY_KEY),
            status=self._status(gateway.name),
            acme_directory=s.acme.directory,
            reject_by_dmarc=s.inbound.dmarc == "enforce",
            acme_email=s.acme.email or s.operator,
            ssh_public_key=s.ssh.public_key,
            sasl_mechanisms=s.sasl.mechanisms,
            message_size_limit_mib=s.message_size_limit_mi_b,
            mailboxes=bool(s.mailboxes),
            network=s.network.cidr,
            strangers=Strangers(**s.limits.strangers.model_dump()),
            guessing=Guessing(**s.limits.guessing.model_dump()),
            private_subnet=subnet_cidr(s.network.cidr, PRIVATE) if s.private_clients else None,
            smarthost=self.smarthost.host if self.smarthost else None,
        )
        tables = self.tables.put(GATEWAY_KEY, self._gateway_tables())
        host = Host(
            fixed,
            identity=identity,
            image=self.images[s.image_of(gateway.instance_type)],
            instance_type=gateway.instance_type,
            store=self.tables,
            key=GATEWAY_KEY,
            tables=tables,
            statements=certificate_statements(gateway.name, self.zones.id(gateway.name)),
            waiting=self.waiting,
            guard=self.placement.host_guard,
            tags=self.tags,
        )
        return Placed(gateway.name, identity, host, tables, fixed.status)

    def _status(self, host: str) -> str:
        """Where a host writes how it is."""
        return self.tables.url(self.tables.status_key(host))

    def _client(self, client: Client) -> Placed:
        s, key = self.settings, tables_key(client.name)
        identity = self.identities[client.name]
        fixed = ClientHost(
            name=client.name,
            domain=names.parent(client.name),
            gateway=s.gateway.name,
            operator=s.operator,
            region=self.region,
            tables=self.tables.url(key),
            status=self._status(client.name),
            ssh_public_key=s.ssh.public_key,
            message_size_limit_mib=s.message_size_limit_mi_b,
            acme_root=s.acme.root,
        )
        content = bundles.client(s, client, password=self.passwords[client.login])
        tables = self.tables.put(key, content)
        host = Host(
            fixed,
            identity=identity,
            image=self.images[s.image_of(client.instance_type)],
            instance_type=client.instance_type,
            store=self.tables,
            key=key,
            tables=tables,
            statements=[],
            waiting=self.waiting,
            guard=self.placement.host_guard,
            tags=self.tags,
        )
        return Placed(client.name, identity, host, tables, fixed.status)

    def outputs(self) -> dict[str, Any]:
        """What the stack exports."""
        gateway = self.settings.gateway.name
        logins = [login.address for login in self.settings.logins]
        user = logins[0] if logins else "LOGIN"
        return {
            "gateway": self.gateway.output(),
            "clients": [client.output() for client in self.clients],
            "operator": self.settings.operator,
            "domains": [
                {"name": name, "selectors": list(domain.keys)}
                for name, domain in self.domains.items()
            ],
            "zones": self.zones.servers,
            "records": self.zones.zone_file(),
            "ssh": {"allowFrom": list(self.settings.ssh.allow_from)},
            "network": {"vpcId": self.network.vpc.id, "subnetId": self.network.subnet.id},
            "submission": {"host": gateway, "startTls": 587, "tls": 465},
            **self._mailbox_outputs(),
            **({"unreachable": list(lost)} if (lost := self.settings.unreachable) else {}),
            # public; what trusts the gateway's certificate, where computers by themselves do not
            **({"acmeRoot": root} if (root := self.settings.acme.root) else {}),
            **self._smarthost_outputs(),
            "logins": logins,
            "passwords": pulumi.Output.secret({login: self.passwords[login] for login in logins}),
            "mailProgram": (
                f"Outgoing server {gateway}, port 465 with SSL/TLS (or 587 with STARTTLS), "
                f"authentication by normal password, user name {user}"
            ),
            "mailPrograms": {
                "postfix": programs.postfix(gateway, user),
                "msmtp": programs.msmtp(gateway, user),
                "mailrc": programs.mailrc(gateway, user),
            },
            "nextSteps": [
                self._way_out(),
                "Show a password: pulumi stack output passwords --show-secrets",
                "When reports show that SPF and DKIM pass, raise each domain's dmarc.policy.",
            ],
        }

    def _mailbox_outputs(self) -> dict[str, Any]:
        mailboxes = [mailbox.address for mailbox in self.settings.mailboxes]
        imap = {"host": self.settings.gateway.name, "tls": IMAPS.port}
        return {"imap": imap, "mailboxes": mailboxes} if mailboxes else {}

    def _smarthost_outputs(self) -> dict[str, Any]:
        way_ = self.smarthost
        return {"smarthost": {"host": way_.host.host, "port": way_.host.port}} if way_ else {}

    def _way_out(self) -> str:
        """What its user has to ask for, so that mail leaves."""
        given = self.settings.smarthost
        if given is None:
            return (
                "A new AWS account cannot send on port 25: ask for it with the form 'Request to "
                "remove reverse DNS and email sending limitations'."
            )
        if given.ses:
            return (
                "Amazon SES begins in its sandbox, with verified recipients only and 200 messages "
                "a day: request production access in its console."
            )
        return f"Ask the owner of {given.host} to let each account send as the domains it is for."
