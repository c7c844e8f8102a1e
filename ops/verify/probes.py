"""The access that checks have: to DNS, to ports, to AWS and to the hosts' status."""

import contextlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from components.naming import tables_key
from components.reach import no_target
from components.serving import NotServing
from ops import guessing
from ops.errors import AwsError, StackError
from ops.guessing import Limit
from ops.instances import Down
from ops.outputs import Host, Outputs
from ops.status import Written, read, tables_now
from ops.target import Target
from ops.verify import group, topics
from ops.verify.group import Group
from ops.verify.hosts import Ask, NoAccess
from ops.verify.names import Names
from ops.verify.talk import Connect

HOST_SECONDS = 60
# The host's last test of outbound port 25 may be an hour old.
ANEW = "rm -f /run/mail-relay/egress.json && systemctl restart mail-relay-status.service"
NOW = ("sh", "-c", ANEW)


@dataclass(frozen=True)
class Probes:
    """The access to names, ports and hosts.

    Where `status_of` raises NoAccess, the others `..._of` do too. `down` is the reason that a host
    does not answer, if it is known, `limit` the host's limit on our address for failed logins
    (raises guessing.Unknown). `target_of` is the reason that a load balancer's target groups, by
    ARN, send nothing to a gateway; "" if they do. `option` names the stack to our own commands,
    `opens_port_25` is the command that opens outbound port 25, if there is one. `subscriptions_of`
    has the state of each subscription of a topic by endpoint (`topics.subscriptions`).
    """

    names: Names
    connect: Connect
    trust: ssl.SSLContext
    status_of: Ask
    group_of: Callable[[Host], Group]
    down: Callable[[Host], Down | None]
    limit: Callable[[Host], Limit | None]
    target_of: Callable[[Host, Sequence[str]], str] = lambda _, __: ""
    option: str = ""
    opens_port_25: str = ""
    subscriptions_of: Callable[[str], Mapping[str, str]] = lambda _: {}


def vantage(target: Target, expected: Outputs) -> Probes:
    """The probes of a stack: through its target's internet, account and hosts."""
    internet = target.internet(expected.acme_root)
    return Probes(
        internet.names,
        internet.connect,
        internet.trust,
        _status(target, expected),
        _group(target),
        target.down,
        lambda host: guessing.limit(target, expected, host),
        _target(target),
        target.option,
        target.opens_port_25,
        _subscriptions(target),
    )


def _status(target: Target, expected: Outputs) -> Ask:
    def ask(host: Host) -> Written:
        try:
            if target.has_shell(expected):
                # ask for a new status; a host that cannot be reached writes every minute anyway
                with contextlib.suppress(StackError):
                    target.run_on(host, *NOW, seconds=HOST_SECONDS)
            with target.account() as client:
                written = read(client, host)
                key = tables_key("" if host in expected.gateways else host.name)
                return replace(written, tables=tables_now(client, host.status, key))
        except (StackError, AwsError, OSError) as error:
            raise NoAccess(str(error)) from None

    return ask


def _group(target: Target) -> Callable[[Host], Group]:
    def read(host: Host) -> Group:
        try:
            with target.account() as client:
                return group.read(client, host)
        except (StackError, AwsError) as error:
            raise NoAccess(str(error)) from None

    return read


def _target(target: Target) -> Callable[[Host, Sequence[str]], str]:
    def why(host: Host, groups: Sequence[str]) -> str:
        try:
            with target.account() as client:
                found = [no_target(client("elbv2"), arn, host.instance_id) for arn in groups]
        except (StackError, AwsError, NotServing) as error:
            raise NoAccess(str(error)) from None
        return "; ".join(filter(None, found))

    return why


def _subscriptions(target: Target) -> Callable[[str], Mapping[str, str]]:
    def states(topic: str) -> Mapping[str, str]:
        try:
            with target.account() as client:
                return topics.subscriptions(client("sns"), topic)
        except (StackError, AwsError) as error:
            raise NoAccess(str(error)) from None

    return states
