"""The stack's outputs, for people and for `ops/`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from common.release import release
from components.endpoint import Endpoint
from components.host import Host, Shared
from components.load_balancer import LoadBalancer
from components.network import Network
from components.ports import IMAPS
from components.private import PrivateIdentity
from components.smarthost import RelayHost
from components.zones import Zones
from mail import programs
from settings import Settings


def outputs(
    shared: Shared,
    *,
    hosts: Mapping[str, Sequence[Host]],
    selectors: Mapping[str, Sequence[str]],
    passwords: Mapping[str, pulumi.Output[str]],
    network: Network,
    endpoint: Endpoint | None,
    zones: Zones,
    smarthost: RelayHost | None,
    balancer: LoadBalancer | None,
) -> dict[str, Any]:
    """The outputs by name.

    `hosts` are by kind, `selectors` by domain, oldest first, `passwords` by login.
    """
    settings = shared.settings
    name = settings.submission_name
    logins = [login.address for login in settings.logins]
    disabled = [login.address for login in settings.logins if not login.enabled]
    user = logins[0] if logins else "LOGIN"
    jumps = bool(settings.ssh.allow_from) or endpoint is None
    return {
        **{kind: [_host(host, jumps) for host in made] for kind, made in hosts.items()},
        **({"draining": drained} if (drained := _draining(settings)) else {}),
        "release": release(),
        "operator": settings.operator,
        "domains": [
            {"name": domain, "selectors": list(names)} for domain, names in selectors.items()
        ],
        "zones": zones.servers,
        "records": zones.zone_file(),
        "ssh": {"allowFrom": list(settings.ssh.allow_from), **_endpoint(endpoint)},
        "network": {"vpcId": network.vpc.id, "subnetId": network.own.subnet.id},
        "submission": {"host": name, "startTls": 587, "tls": 465, **_balancer(balancer)},
        **_mailboxes(settings),
        **({"unreachable": list(lost)} if (lost := settings.unreachable) else {}),
        # public; verifies the gateway's certificate where the system's authorities do not
        **({"acmeRoot": root} if (root := settings.acme.root) else {}),
        **_smarthost(smarthost),
        **_told(shared),
        "logins": logins,
        **({"disabled": disabled} if disabled else {}),
        "sendAs": {login.address: list(settings.send_as(login)) for login in settings.logins},
        "passwords": pulumi.Output.secret({login: passwords[login] for login in logins}),
        "mailProgram": (
            f"Outgoing server {name}, port 465 with SSL/TLS (or 587 with STARTTLS), "
            f"authentication by normal password, user name {user}"
        ),
        "mailPrograms": {
            "postfix": programs.postfix(name, user),
            "msmtp": programs.msmtp(name, user),
            "mailrc": programs.mailrc(name, user),
        },
        "nextSteps": [
            _permission_to_send(settings, [*map(_address, hosts["gateways"])]),
            "Show a password: pulumi stack output passwords --show-secrets",
            "When reports show that SPF and DKIM pass, raise each domain's dmarc.policy.",
        ],
    }


def _host(host: Host, jumps: bool) -> dict[str, Any]:
    """A host's fields: a public host has an address, a private one the ssh command for it.

    The command jumps over a gateway, which does not work where an endpoint alone reaches port 22.
    """
    identity = host.identity
    private = {"privateAddress": identity.interface.private_ip}
    if isinstance(identity, PrivateIdentity):
        where = {**private, **({"ssh": identity.ssh} if jumps else {})}
    else:
        where = {"address": identity.address.public_ip, **private}
        if identity.spares:
            where["spareAddress"] = identity.spares[0]
    return {
        "name": host.name,
        **where,
        "instanceId": host.instance.id,
        "status": host.status,
        "tables": host.tables,
    }


def _address(gateway: Host) -> Any:
    identity = gateway.identity
    assert not isinstance(identity, PrivateIdentity)  # gateways are public
    return identity.address.public_ip


def _draining(settings: Settings) -> list[str]:
    """The gateways that take no new mail."""
    return [gateway.name for gateway in settings.gateways if gateway.drains]


def _endpoint(endpoint: Endpoint | None) -> dict[str, Any]:
    """The endpoint that leads to the hosts' port 22, and the name of the host that it is."""
    if endpoint is None:
        return {}
    made = endpoint.endpoint
    return {"endpoint": {"id": made.id, "dnsName": made.dns_name}}


def _balancer(balancer: LoadBalancer | None) -> dict[str, Any]:
    """The load balancer's own name, and the ARNs of its target groups."""
    if balancer is None:
        return {}
    groups = [targets.arn for targets in balancer.targets]
    return {"loadBalancer": balancer.balancer.dns_name, "targetGroups": groups}


def _mailboxes(settings: Settings) -> dict[str, Any]:
    mailboxes = [mailbox.address for mailbox in settings.mailboxes]
    imap = {"host": settings.gateways[0].name, "tls": IMAPS.port}
    return {"imap": imap, "mailboxes": mailboxes} if mailboxes else {}


def _smarthost(smarthost: RelayHost | None) -> dict[str, Any]:
    host = smarthost.host if smarthost else None
    return {"smarthost": {"host": host.host, "port": host.port}} if host else {}


def _told(shared: Shared) -> dict[str, Any]:
    """The topic of the alarms, whom it is to tell, and the group that gets the logs."""
    found = dict[str, Any]()
    if alarms := shared.monitoring:
        found["alarms"] = {"topic": alarms.topic.arn, "notify": list(alarms.told)}
    if shared.logs:
        found["logs"] = {"group": shared.logs.name}
    return found


def _permission_to_send(settings: Settings, addresses: Sequence[Any]) -> Any:
    """The step that the user must take at AWS or at the provider before mail can leave."""
    given = settings.smarthost
    if given is None:
        return pulumi.Output.all(*addresses).apply(
            lambda found: (
                "A new AWS account cannot send on port 25: ask for it with the form 'Request to "
                f"remove reverse DNS and email sending limitations', for {' and '.join(found)}."
            )
        )
    if given.ses:
        return (
            "Amazon SES begins in its sandbox, with verified recipients only and 200 messages "
            "a day: request production access in its console."
        )
    return f"Ask the owner of {given.host} to let each account send as the domains it is for."
