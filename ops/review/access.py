"""The ports that a change opens and closes."""

from collections.abc import Iterator

from components.naming import ENDPOINT, LOAD_BALANCER
from ops.review.change import Change

SSH = "22"
EVERYBODY = "0.0.0.0/0"
OURS = "hosts of the stack"
# By the beginnings of the rules' names.
INSIDE = {
    f"{LOAD_BALANCER}-in-": "the load balancer",
    f"{ENDPOINT}-in-": "the EC2 Instance Connect Endpoint, for AWS users with OpenTunnel",
}
OUT = (f"{LOAD_BALANCER}-out-", f"{ENDPOINT}-out-")
Way = tuple[str, str, str]  # protocol, port, network


def ways(change: Change, when: str, kind: str = "SecurityGroupIngressRule") -> set[Way]:
    """The ports open before or after the change, over all hosts."""
    found: set[Way] = set()
    groups = [step.name for step in change.preview.of("SecurityGroup") if step.op == "delete"]
    for step in change.preview.of(kind):
        if step.op == "delete" and any(step.name.startswith(f"{group}-") for group in groups):
            continue  # deleted with its group, which no host uses any more
        if step.name.startswith(OUT):
            continue  # from the load balancer or the endpoint to hosts
        if rule := step.before if when == "before" else step.after:
            first, last = (f"{rule.get(key, '')}" for key in ("fromPort", "toPort"))
            port = first if first == last else f"{first} to {last}"
            inside = next((who for name, who in INSIDE.items() if step.name.startswith(name)), OURS)
            network = rule.get("cidrIpv4") or rule.get("cidrIpv6") or inside
            found.add((str(rule.get("ipProtocol")), port, network))
    return found


def opened_ssh(change: Change) -> list[str]:
    """The networks that the change opens SSH to."""
    inside = {OURS, *INSIDE.values()}
    more = ways(change, "after") - ways(change, "before")
    return sorted(network for _, port, network in more if port == SSH and network not in inside)


def sentences(change: Change) -> Iterator[str]:
    """The ports that are opened and closed, in and out."""
    for kind, verbs in (
        ("SecurityGroupIngressRule", ("is opened to", "is closed to")),
        ("SecurityGroupEgressRule", ("is opened for the hosts to", "is closed for the hosts to")),
    ):
        before, after = ways(change, "before", kind), ways(change, "after", kind)
        if change.preview.is_first:
            continue
        for verb, found in zip(verbs, (after - before, before - after), strict=True):
            for protocol, port, network in sorted(found):
                who = "everybody" if network == EVERYBODY else network
                yield f"{_service(protocol, port)} {verb} {who}."


def _service(protocol: str, port: str) -> str:
    if port == SSH:
        return "SSH (port 22)"
    return f"Port {port}/{protocol}" if protocol in ("tcp", "udp") else f"Protocol {protocol}"
