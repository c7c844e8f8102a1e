"""The security group of a gateway: its rules in AWS against those that mail needs."""

from dataclasses import dataclass
from typing import Any

from components.ports import BALANCED_IN, BASE_EGRESS, EVERYWHERE, GATEWAY_IN, IMAPS, SMTP, Service
from ops.account import Clients
from ops.errors import StackError
from ops.outputs import Host, Outputs
from ops.verify.result import Result


@dataclass(frozen=True)
class Rule:
    """A rule that opens ports for all addresses; without ports, all of the protocol ("-1": any)."""

    protocol: str
    ports: range | None

    def opens(self, service: Service) -> bool:
        """Whether the rule allows the service."""
        if self.protocol not in ("-1", service.protocol):
            return False
        return self.ports is None or service.port < 0 or service.port in self.ports


@dataclass(frozen=True)
class Group:
    """The security groups of a host: their ids, and their rules for all addresses."""

    ids: tuple[str, ...]
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


def read(client: Clients, host: Host) -> Group:
    """The groups of a host's interfaces; StackError if it has none; raises botocore's errors."""
    ec2 = client("ec2")
    found = ec2.describe_instances(InstanceIds=[host.instance_id])["Reservations"]
    interfaces = [n for r in found for i in r["Instances"] for n in i["NetworkInterfaces"]]
    ids = [group["GroupId"] for interface in interfaces for group in interface["Groups"]]
    if not ids:  # for an empty list AWS would return all groups of the account
        raise StackError(f"{host.instance_id} has no network interface: is it terminated?")
    groups = ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"]
    return Group(
        tuple(ids),
        tuple(rule for group in groups for rule in _rules(group["IpPermissions"])),
        tuple(rule for group in groups for rule in _rules(group["IpPermissionsEgress"])),
    )


def _rules(permissions: list[dict[str, Any]]) -> list[Rule]:
    rules = []
    for one in permissions:
        if any(network["CidrIp"] == EVERYWHERE for network in one.get("IpRanges", ())):
            first, last = one.get("FromPort", -1), one.get("ToPort", -1)
            ports = range(first, last + 1) if one["IpProtocol"] in ("tcp", "udp") else None
            rules.append(Rule(one["IpProtocol"], ports))
    return rules


def check(expected: Outputs, host: Host, group: Group) -> Result:
    """Check that the group allows a gateway's services, and the outbound ones that it needs."""
    result = Result("group", host.name)
    smarthost = expected.smarthost
    mail = Service("tcp", smarthost.port) if smarthost else SMTP
    services = BALANCED_IN if expected.submission.load_balancer else GATEWAY_IN
    ingress = (*services, IMAPS) if expected.mailboxes else services
    wanted = [("in", service.name, service, group.ingress) for service in ingress]
    wanted.append(("out", "mail", mail, group.egress))
    wanted += [("out", service.name, service, group.egress) for service in BASE_EGRESS]
    closed = tuple(
        f"{way} {name}"
        for way, name, service, rules in wanted
        if not any(rule.opens(service) for rule in rules)
    )
    ids = " and ".join(group.ids)
    if closed:
        text = f"the security group {ids} lacks the rules of the stack for {', '.join(closed)}"
        remedy = "Somebody removed them: `pulumi up --refresh` puts the group's rules back"
        result.error("group-closed", text, remedy, parts=closed)
    else:
        result.seen.append(f"{ids} has the stack's rules")
    return result
