"""Network Load Balancers (terraform-provider-aws, elbv2/load_balancer.go, target_group.go,
listener.go, target_group_attachment.go).
"""

from typing import Any

from lab.provider.imports import ImportRefused
from lab.provider.kinds import Clients, Imported, Kind, Properties, forgiving, names, retried
from lab.provider.network import first

CROSS_ZONE = "load_balancing.cross_zone.enabled"
# our names and the API's, of a target group's attributes and of its health check
ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
}
CHECK = {
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthyThreshold": "HealthyThresholdCount",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}


def _tags(c: Clients, arn: str) -> dict[str, str]:
    found = c.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return {tag["Key"]: tag["Value"] for each in found for tag in each["Tags"]}


def _retag(c: Clients, arn: str, old: Properties, new: Properties) -> None:
    if removed := sorted(set(c.tags(old)) - set(c.tags(new))):
        c.elbv2.remove_tags(ResourceArns=[arn], TagKeys=removed)
    if c.tags(new):
        c.elbv2.add_tags(ResourceArns=[arn], Tags=c.tag_list(new))


def create_balancer(c: Clients, p: Properties) -> str:
    made = c.elbv2.create_load_balancer(
        Name=p["name"],
        Type=p.get("loadBalancerType", "application"),
        Scheme="internal" if p.get("internal") else "internet-facing",
        Subnets=p["subnets"],
        SecurityGroups=p.get("securityGroups", []),
        Tags=c.tag_list(p),
    )["LoadBalancers"]
    arn = made[0]["LoadBalancerArn"]
    c.elbv2.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[arn], WaiterConfig={"Delay": 1}
    )
    _cross_zone(c, arn, p)
    return arn


def _cross_zone(c: Clients, arn: str, p: Properties) -> None:
    on = str(bool(p.get("enableCrossZoneLoadBalancing"))).lower()
    c.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": CROSS_ZONE, "Value": on}]
    )


def read_balancer(c: Clients, arn: str, p: Properties) -> Properties | None:
    found = first(c.elbv2.describe_load_balancers, "LoadBalancers", LoadBalancerArns=[arn])
    if found is None:
        return None
    held = c.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    attributes = {attribute["Key"]: attribute["Value"] for attribute in held}
    subnets = [zone["SubnetId"] for zone in found["AvailabilityZones"]]
    known = p.get("subnets", [])  # a set, in the program's order
    return {
        "arn": arn,
        "name": found["LoadBalancerName"],
        "dnsName": found["DNSName"],
        "zoneId": found["CanonicalHostedZoneId"],
        "vpcId": found["VpcId"],
        "loadBalancerType": found["Type"],
        "internal": found["Scheme"] == "internal",
        "subnets": known if sorted(known) == sorted(subnets) else subnets,
        "securityGroups": found.get("SecurityGroups", []),
        "enableCrossZoneLoadBalancing": attributes[CROSS_ZONE] == "true",
        "tagsAll": _tags(c, arn),
    }


def update_balancer(c: Clients, arn: str, old: Properties, new: Properties) -> None:
    if sorted(old["subnets"]) != sorted(new["subnets"]):
        c.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=new["subnets"])
    if old.get("securityGroups") != new.get("securityGroups"):
        c.elbv2.set_security_groups(
            LoadBalancerArn=arn, SecurityGroups=new.get("securityGroups", [])
        )
    _cross_zone(c, arn, new)
    _retag(c, arn, old, new)


def fewer_subnets(old: Properties, new: Properties) -> frozenset[str]:
    """load_balancer.go, customizeDiffLoadBalancerNLB: subnets are only ever added in place."""
    before, after = set(old.get("subnets", [])), set(new.get("subnets", []))
    return names("subnets") if before != after and len(after) <= len(before) else frozenset()


def delete_balancer(c: Clients, arn: str, _: Properties) -> None:
    forgiving(lambda: c.elbv2.delete_load_balancer(LoadBalancerArn=arn))


def _check(p: Properties) -> dict[str, Any]:
    given = p.get("healthCheck", {})
    return {theirs: given[ours] for ours, theirs in CHECK.items() if ours in given}


def create_group(c: Clients, p: Properties) -> str:
    made = c.elbv2.create_target_group(
        Name=p["name"],
        Protocol=p["protocol"],
        Port=p["port"],
        VpcId=p["vpcId"],
        TargetType=p.get("targetType", "instance"),
        Tags=c.tag_list(p),
        **_check(p),
    )["TargetGroups"]
    arn = made[0]["TargetGroupArn"]
    _attributes(c, arn, p)
    return arn


def _attributes(c: Clients, arn: str, p: Properties) -> None:
    given = [
        {"Key": theirs, "Value": str(p[ours]).lower()}
        for ours, theirs in ATTRIBUTES.items()
        if ours in p
    ]
    if given:
        c.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=given)


def read_group(c: Clients, arn: str, p: Properties) -> Properties | None:
    found = first(c.elbv2.describe_target_groups, "TargetGroups", TargetGroupArns=[arn])
    if found is None:
        return None
    held = c.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    attributes = {attribute["Key"]: attribute["Value"] for attribute in held}
    read: Properties = {
        "arn": arn,
        "name": found["TargetGroupName"],
        "protocol": found["Protocol"],
        "port": found["Port"],
        "vpcId": found["VpcId"],
        "targetType": found["TargetType"],
        "healthCheck": {ours: found[theirs] for ours, theirs in CHECK.items()},
        "tagsAll": _tags(c, arn),
    }
    for ours, theirs in ATTRIBUTES.items():
        if ours in p and theirs in attributes:
            value = attributes[theirs]
            read[ours] = type(p[ours])(value) if not isinstance(p[ours], bool) else value == "true"
    return read


def update_group(c: Clients, arn: str, old: Properties, new: Properties) -> None:
    if _check(old) != _check(new):
        c.elbv2.modify_target_group(TargetGroupArn=arn, **_check(new))
    _attributes(c, arn, new)
    _retag(c, arn, old, new)


def delete_group(c: Clients, arn: str, _: Properties) -> None:
    """target_group.go: a listener that is being deleted may still use the group."""
    forgiving(
        lambda: retried(lambda: c.elbv2.delete_target_group(TargetGroupArn=arn), "ResourceInUse")
    )


def _actions(p: Properties) -> list[dict[str, str]]:
    return [
        {"Type": action["type"], "TargetGroupArn": action["targetGroupArn"]}
        for action in p["defaultActions"]
    ]


def create_listener(c: Clients, p: Properties) -> str:
    made = c.elbv2.create_listener(
        LoadBalancerArn=p["loadBalancerArn"],
        Protocol=p["protocol"],
        Port=p["port"],
        DefaultActions=_actions(p),
        Tags=c.tag_list(p),
    )["Listeners"]
    return made[0]["ListenerArn"]


def read_listener(c: Clients, arn: str, _: Properties) -> Properties | None:
    found = first(c.elbv2.describe_listeners, "Listeners", ListenerArns=[arn])
    if found is None:
        return None
    return {
        "arn": arn,
        "loadBalancerArn": found["LoadBalancerArn"],
        "protocol": found["Protocol"],
        "port": found["Port"],
        "defaultActions": [
            {"type": action["Type"], "targetGroupArn": action["TargetGroupArn"]}
            for action in found["DefaultActions"]
        ],
        "tagsAll": _tags(c, arn),
    }


def update_listener(c: Clients, arn: str, old: Properties, new: Properties) -> None:
    c.elbv2.modify_listener(
        ListenerArn=arn, Protocol=new["protocol"], Port=new["port"], DefaultActions=_actions(new)
    )
    _retag(c, arn, old, new)


def _target(p: Properties) -> dict[str, Any]:
    return {
        "TargetGroupArn": p["targetGroupArn"],
        "Targets": [{"Id": p["targetId"], **({"Port": p["port"]} if "port" in p else {})}],
    }


def create_attachment(c: Clients, p: Properties) -> str:
    retried(lambda: c.elbv2.register_targets(**_target(p)), "InvalidTarget")
    return f"{p['targetGroupArn']}-{p['targetId']}"


def read_attachment(c: Clients, _: str, p: Properties) -> Properties | None:
    """A target that drains or is not registered counts as gone (findTargetHealthDescription)."""
    found = first(c.elbv2.describe_target_health, "TargetHealthDescriptions", **_target(p))
    reason = found and found["TargetHealth"].get("Reason")
    absent = ("Target.DeregistrationInProgress", "Target.NotRegistered")
    return None if found is None or reason in absent else {}


def delete_attachment(c: Clients, _: str, p: Properties) -> None:
    forgiving(lambda: c.elbv2.deregister_targets(**_target(p)))


def attachment(_: Clients, __: str) -> Imported:
    """target_group_attachment.go has no importer by an id."""
    raise ImportRefused(
        "Resource Import Not Implemented: resource aws_lb_target_group_attachment doesn't support "
        "import"
    )


KINDS = {
    "aws:lb/loadBalancer:LoadBalancer": Kind(
        names(
            "name loadBalancerType internal subnets securityGroups tags "
            "enableCrossZoneLoadBalancing"
        ),
        create_balancer,
        read_balancer,
        delete_balancer,
        update_balancer,
        names("name loadBalancerType internal"),
        auto_named="name",
        longest_name=32,
        forces=fewer_subnets,
    ),
    "aws:lb/targetGroup:TargetGroup": Kind(
        names(
            "name port protocol targetType vpcId preserveClientIp deregistrationDelay "
            "connectionTermination healthCheck tags"
        ),
        create_group,
        read_group,
        delete_group,
        update_group,
        names("name port protocol targetType vpcId"),
        auto_named="name",
        longest_name=32,
    ),
    "aws:lb/listener:Listener": Kind(
        names("loadBalancerArn port protocol defaultActions tags"),
        create_listener,
        read_listener,
        lambda c, i, _: forgiving(lambda: c.elbv2.delete_listener(ListenerArn=i)),
        update_listener,
        names("loadBalancerArn"),
    ),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": Kind(
        names("targetGroupArn targetId port"),
        create_attachment,
        read_attachment,
        delete_attachment,
        delete_before_replace=True,
        importer=attachment,
    ),
}
