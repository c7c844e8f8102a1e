"""The control API, /_lab/...: state for the reconciler, switches for tests, leftovers."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from lab.region import backends, balancers, block_lists, dlm, names, power
from lab.region.instance_connect import forget_deleted
from lab.region.memory import Memory, ZoneDifferences
from lab.region.rules import snapshots
from lab.region.sns import topics


def handle(memory: Memory, request: Request) -> Response:
    """Answer one request; JSON in, JSON out."""
    path = request.path.removeprefix("/_lab/")
    body = json.loads(request.data or b"{}")
    match (request.method, path.split("/")):
        case ("GET", ["state"]):
            return _json(state(memory))
        case ("GET", ["leftovers"]):
            return _json(leftovers(memory))
        case ("POST", ["instances", identity, "stopped"]):
            backends.ec2().stop_instances([identity])
            return _json({})
        case ("POST", ["snapshots", identity, "copied"]):
            snapshots.copied(identity)
            return _json({})
        case ("POST", ["dlm", "run"]):
            return _json({"snapshots": dlm.run_all(memory)})
        case ("POST", ["subscriptions", endpoint, "confirmed"]):
            return _json({"confirmed": topics.confirm(unquote(endpoint))})
        case ("GET", ["power"]):
            return _json({"instances": [*memory.cut_instances], "zones": [*memory.cut_zones]})
        case ("PUT", ["power", "instances", identity]):
            power.switch(memory.cut_instances, identity, body["on"])
            return _json({})
        case ("PUT", ["power", "zones", name]):
            power.switch(memory.cut_zones, name, body["on"])
            return _json({})
        case ("PUT", ["account", "port-25"]):
            memory.port_25_blocked = body["blocked"]
            return _json({})
        case ("PUT", ["account", "attachments"]):
            memory.attachments_held = body["held"]
            return _json({})
        case ("PUT", ["account", "changes"]):
            memory.changes_held = body["held"]
            return _json({})
        case ("PUT", ["account", "endpoint-seconds"]):
            memory.endpoint_seconds = body["seconds"]
            return _json({})
        case ("PUT", ["account", "quotas", code]):
            memory.quotas[code] = body["value"]
            return _json({})
        case ("PUT", ["account", "ses"]):
            memory.ses_production = body["production"]
            return _json({})
        case ("PUT", ["images", "day"]):
            date = body["date"]
            memory.images_day = datetime.fromisoformat(date).replace(tzinfo=UTC) if date else None
            return _json({})
        case ("PUT", ["availability-zones"]):
            memory.zones = ZoneDifferences(**body)
            return _json({})
        case (method, ["dns", *what]):
            return _dns(memory, method, what, body)
    return Response("no such path\n", 404)


def _dns(memory: Memory, method: str, what: list[str], body: Any) -> Response:
    match (method, what):
        case ("PUT", ["withhold"]):
            memory.names.withheld = {name.lower().rstrip(".") + "." for name in body["names"]}
            return _json({})
        case ("DELETE", ["withhold"]):
            memory.names.withheld = set()
            return _json({})
        case ("PUT", ["fail"]):
            memory.names.failing = {name.lower().rstrip(".") + "." for name in body["names"]}
            return _json({})
        case ("PUT", ["block-lists", zone]):
            block_lists.put(memory, zone, body["mode"], body["listed"])
            return _json({})
        case ("PUT", ["records"]):
            names.put_zone(memory, body["zone"], body["records"])
            return _json({})
    return Response("no such path\n", 404)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


def state(memory: Memory) -> dict[str, Any]:
    """The state for the reconciler; lab/machines/state.py has its types."""
    forget_deleted(memory.endpoints)
    data_volumes = []
    for volume in backends.ec2().volumes.values():
        attachment = volume.attachment
        root = attachment is not None and attachment.device in ("/dev/xvda", "/dev/sda1")
        if not root:
            data_volumes.append(volume)
    found = []
    for instance in backends.instances():
        interface = backends.primary_interface(instance)
        if interface is None:
            found.append(_gone(memory, instance))
            continue
        public = backends.public_address(interface)
        subnet = interface.subnet
        hop = backends.next_interface(subnet)
        found.append(
            {
                **_gone(memory, instance),
                "privateAddress": interface.private_ip_address,
                "publicAddress": public,
                "mac": interface.mac_address,
                "subnetCidr": subnet.cidr_block,
                "vpcCidr": backends.ec2().get_vpc(subnet.vpc_id).cidr_block,
                "internet": public is not None and backends.has_internet_route(subnet),
                "via": hop and hop.private_ip_address,
                "forwards": not interface.source_dest_check,
                "volumes": [
                    {"id": v.id, "sizeGiB": v.size}
                    for v in data_volumes
                    if v.attachment is not None and v.attachment.instance.id == instance.id
                    # on AWS the call returns seconds or more before the volume is attached
                    if not memory.attachments_held
                ],
                "ingress": _rules(interface.group_set, "ingress_rules"),
                "egress": _rules(interface.group_set, "egress_rules"),
            }
        )
    volumes = [
        {"id": v.id, "sizeGiB": v.size, "snapshot": v.snapshot_id or None} for v in data_volumes
    ]
    zones = [
        {"name": zone.name, "networks": networks, "records": names.records(memory, zone)}
        for zone, networks in names.private_zones()
    ]
    return {
        "instances": found,
        "volumes": volumes,
        "snapshots": snapshots.state(memory),
        "nodes": [_node(memory, one, node) for one, node in _nodes()],
        "endpoints": [_amazons(memory, e.interface) for e in memory.endpoints.values()],
        "privateZones": zones,
        "port25Blocked": memory.port_25_blocked,
    }


def _nodes() -> list[tuple[Any, balancers.Node]]:
    found = backends.elbv2().load_balancers.values()
    return [(one, node) for one in found for node in balancers.nodes_of(one)]


def _amazons(memory: Memory, interface: Any) -> dict[str, Any]:
    """A network interface of Amazon's own in a VPC."""
    subnet = interface.subnet
    return {
        "id": interface.id,
        "address": interface.private_ip_address,
        "subnetCidr": subnet.cidr_block,
        "vpcCidr": backends.ec2().get_vpc(subnet.vpc_id).cidr_block,
        "powered": subnet.availability_zone not in memory.cut_zones,
        "ingress": _rules(interface.group_set, "ingress_rules"),
        "egress": _rules(interface.group_set, "egress_rules"),
    }


def _node(memory: Memory, balancer: Any, node: balancers.Node) -> dict[str, Any]:
    """A load balancer's node, with the targets of each of its ports."""
    known = memory.balancers

    def addresses(instances: list[str]) -> list[str]:
        return [balancers.private_address(instance) for instance in instances]

    return {
        **_amazons(memory, node.interface),
        "public": node.public,
        "listeners": [
            {
                "port": port,
                "targets": addresses(known.receiving(node, group)),
                "kept": addresses(known.kept(node, group)),
            }
            for port, group in balancers.groups_of(balancer).items()
        ],
    }


def _gone(memory: Memory, instance: Any) -> dict[str, Any]:
    """A terminated instance, which has no network any more."""
    return {
        "id": instance.id,
        "name": {tag["key"]: tag["value"] for tag in instance.get_tags()}.get("Name", ""),
        "state": instance._state.name,
        "boots": memory.boots.get(instance.id, 1),
        "powered": power.cut_since(memory, instance) is None,
        "privateAddress": "",
        "publicAddress": None,
        "mac": "",
        "subnetCidr": "",
        "vpcCidr": "",
        "internet": False,
        "via": None,
        "forwards": False,
        "volumes": [],
        "ingress": [],
        "egress": [],
    }


def _rules(groups: list[Any], direction: str) -> list[dict[str, Any]]:
    found = []
    for group in groups:
        for rule in getattr(group, direction):
            ports = {"from": rule.from_port, "to": rule.to_port}
            if str(rule.ip_protocol) in ("-1", "icmp", "1"):
                ports = {"from": None, "to": None}
            entry = {"protocol": str(rule.ip_protocol), **ports}
            if "CidrIp" in rule.ip_range:
                found.append({**entry, "cidr": rule.ip_range["CidrIp"]})
            if source := rule.source_group.get("GroupId"):
                found += [
                    {**entry, "cidr": f"{member.private_ip_address}/32"}
                    for member in backends.ec2().enis.values()
                    if source in [g.id for g in member.group_set]
                ]
    return found


def leftovers(memory: Memory) -> list[str]:
    """Every object of a user that still exists in the account."""
    forget_deleted(memory.endpoints)
    ec2 = backends.ec2()
    left = [f"instance {i.id}" for i in backends.instances() if i._state.name != "terminated"]
    default = {v.id for v in ec2.vpcs.values() if v.is_default == "true" or v.is_default is True}
    left += [f"network interface {i}" for i in ec2.enis]
    left += [f"elastic ip {a.public_ip}" for a in ec2.addresses]
    left += [f"volume {v}" for v in ec2.volumes]
    left += [f"snapshot {s.id}" for s in ec2.snapshots.values() if not s.from_ami]
    left += [f"lifecycle policy {p}" for p in memory.policies]
    left += [f"vpc {v}" for v in ec2.vpcs if v not in default]
    left += [
        f"subnet {s.id}"
        for zone in ec2.subnets.values()
        for s in zone.values()
        if s.vpc_id not in default
    ]
    left += [f"route table {t.id}" for t in ec2.route_tables.values() if t.vpc_id not in default]
    left += [
        f"security group {g.id}"
        for vpc in ec2.groups.values()
        for g in vpc.values()
        if g.name != "default"
    ]
    left += [f"internet gateway {g}" for g in ec2.internet_gateways]
    left += [f"instance connect endpoint {e}" for e in memory.endpoints]
    left += [f"load balancer {b.name}" for b in backends.elbv2().load_balancers.values()]
    left += [f"target group {g.name}" for g in backends.elbv2().target_groups.values()]
    left += [f"bucket {name}" for name in backends.s3().buckets]
    left += [f"role {r.name}" for r in backends.iam().roles.values()]
    left += [f"instance profile {p.name}" for p in backends.iam().instance_profiles.values()]
    left += [f"user {name}" for name in backends.iam().users]
    left += [f"SES identity {name}" for name in backends.ses().email_identities]
    left += [f"alarm {name}" for name in memory.cloudwatch.alarms]
    left += [f"dashboard {name}" for name in memory.cloudwatch.dashboards]
    left += [f"log group {name}" for name in backends.logs().groups]
    left += [f"topic {topic.name}" for topic in backends.sns().topics.values()]
    left += [f"subscription {s.endpoint}" for s in backends.sns().subscriptions.values()]
    left += [f"health check {identity}" for identity in backends.route53().health_checks]
    for zone in backends.route53().zones.values():
        # public zones existed before the stack, except those that it made, which have tags
        tags = backends.route53().list_tags_for_resource(zone.id.rpartition("/")[2])
        if zone.private_zone or tags:
            left.append(f"hosted zone {zone.name}")
        left += [
            f"record set {r.name} {r.type}"
            for r in zone.rrsets
            if not (r.type in ("NS", "SOA") and r.name == zone.name)
        ]
    return left
