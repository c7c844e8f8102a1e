"""Resource types of the VPC."""

from typing import Any

from botocore.exceptions import ClientError

from lab.provider import imports
from lab.provider.kinds import Clients, Create, Kind, Properties, forgiving, gone, names, retried

Api = dict[str, Any]
# The possible peers of a rule, as ModifySecurityGroupRules has them.
PEERS = {"cidrIpv4": "CidrIpv4", "referencedSecurityGroupId": "ReferencedGroupId"}
# The lists of an exclusive list of rules, and whether they are of those out.
LISTS = {"ingressRuleIds": False, "egressRuleIds": True}
# The possible targets of a route.
TARGETS = {"gatewayId": "GatewayId", "networkInterfaceId": "NetworkInterfaceId"}


def first(call: Any, key: str, **arguments: Any) -> Api | None:
    """The first item of a describe call, or None."""
    try:
        found = call(**arguments)[key]
    except ClientError as error:
        if gone(error):
            return None
        raise
    return found[0] if found else None


def tags_of(found: Api) -> dict[str, str]:
    """Tags as a map."""
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", found.get("TagSet", []))}


def retag(c: Clients, identity: str, old: Properties, new: Properties) -> None:
    """Update the tags of an EC2 resource."""
    removed = set(c.tags(old)) - set(c.tags(new))
    if removed:
        c.ec2.delete_tags(Resources=[identity], Tags=[{"Key": key} for key in sorted(removed)])
    if c.tags(new):
        c.ec2.create_tags(Resources=[identity], Tags=c.tag_list(new))


def create_vpc(c: Clients, p: Properties) -> str:
    vpc = c.ec2.create_vpc(
        CidrBlock=p["cidrBlock"], TagSpecifications=c.tag_specification("vpc", p)
    )["Vpc"]["VpcId"]
    update_vpc(c, vpc, p, p)
    return vpc


def update_vpc(c: Clients, i: str, old: Properties, new: Properties) -> None:
    c.ec2.modify_vpc_attribute(
        VpcId=i, EnableDnsSupport={"Value": new.get("enableDnsSupport", True)}
    )
    c.ec2.modify_vpc_attribute(
        VpcId=i, EnableDnsHostnames={"Value": new.get("enableDnsHostnames", False)}
    )
    retag(c, i, old, new)


def read_vpc(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_vpcs, "Vpcs", VpcIds=[i])
    if found is None:
        return None
    on = {
        name: c.ec2.describe_vpc_attribute(VpcId=i, Attribute=name)[name[0].upper() + name[1:]]
        for name in ("enableDnsSupport", "enableDnsHostnames")
    }
    attributes = {name: attribute["Value"] for name, attribute in on.items()}
    return {"cidrBlock": found["CidrBlock"], "tagsAll": tags_of(found), **attributes}


def create_subnet(c: Clients, p: Properties) -> str:
    arguments = {"AvailabilityZone": p["availabilityZone"]} if p.get("availabilityZone") else {}
    return c.ec2.create_subnet(
        VpcId=p["vpcId"],
        CidrBlock=p["cidrBlock"],
        TagSpecifications=c.tag_specification("subnet", p),
        **arguments,
    )["Subnet"]["SubnetId"]


def read_subnet(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_subnets, "Subnets", SubnetIds=[i])
    if found is None:
        return None
    return {
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "tagsAll": tags_of(found),
    }


def create_gateway(c: Clients, p: Properties) -> str:
    gateway = c.ec2.create_internet_gateway(
        TagSpecifications=c.tag_specification("internet-gateway", p)
    )["InternetGateway"]["InternetGatewayId"]
    c.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=p["vpcId"])
    return gateway


def read_gateway(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_internet_gateways, "InternetGateways", InternetGatewayIds=[i])
    if found is None:
        return None
    attached = [attachment["VpcId"] for attachment in found.get("Attachments", [])]
    return {"vpcId": attached[0] if attached else "", "tagsAll": tags_of(found)}


def update_gateway(c: Clients, i: str, old: Properties, new: Properties) -> None:
    if old.get("vpcId") != new["vpcId"]:
        _detach_gateway(c, i, old)
        c.ec2.attach_internet_gateway(InternetGatewayId=i, VpcId=new["vpcId"])
    retag(c, i, old, new)


def _detach_gateway(c: Clients, i: str, p: Properties) -> None:
    if not p.get("vpcId"):  # the gateway was made, and never attached
        return
    forgiving(
        lambda: retried(
            lambda: c.ec2.detach_internet_gateway(InternetGatewayId=i, VpcId=p["vpcId"]),
            "DependencyViolation",
        )
    )


def delete_gateway(c: Clients, i: str, p: Properties) -> None:
    _detach_gateway(c, i, p)
    forgiving(lambda: c.ec2.delete_internet_gateway(InternetGatewayId=i))


def create_table(c: Clients, p: Properties) -> str:
    return c.ec2.create_route_table(
        VpcId=p["vpcId"], TagSpecifications=c.tag_specification("route-table", p)
    )["RouteTable"]["RouteTableId"]


def read_table(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_route_tables, "RouteTables", RouteTableIds=[i])
    return None if found is None else {"tagsAll": tags_of(found)}


def create_route(c: Clients, p: Properties) -> str:
    c.ec2.create_route(
        RouteTableId=p["routeTableId"],
        DestinationCidrBlock=p["destinationCidrBlock"],
        **{theirs: p[ours] for ours, theirs in TARGETS.items() if ours in p},
    )
    return imports.route_id(p["routeTableId"], p["destinationCidrBlock"])


def read_route(c: Clients, _: str, p: Properties) -> Properties | None:
    table = first(c.ec2.describe_route_tables, "RouteTables", RouteTableIds=[p["routeTableId"]])
    routes = table["Routes"] if table else []
    wanted = p["destinationCidrBlock"]
    found = [r for r in routes if r.get("DestinationCidrBlock") == wanted]
    if not found:
        return None
    return {ours: found[0][theirs] for ours, theirs in TARGETS.items() if theirs in found[0]}


def delete_route(c: Clients, _: str, p: Properties) -> None:
    table, network = p["routeTableId"], p["destinationCidrBlock"]
    forgiving(lambda: c.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=network))


def create_association(c: Clients, p: Properties) -> str:
    return c.ec2.associate_route_table(RouteTableId=p["routeTableId"], SubnetId=p["subnetId"])[
        "AssociationId"
    ]


def read_association(c: Clients, i: str, p: Properties) -> Properties | None:
    table = first(c.ec2.describe_route_tables, "RouteTables", RouteTableIds=[p["routeTableId"]])
    held = [a["RouteTableAssociationId"] for a in table["Associations"]] if table else []
    return {} if i in held else None


def create_group(c: Clients, p: Properties) -> str:
    group = c.ec2.create_security_group(
        GroupName=p["name"],
        Description=p.get("description", "Managed by Pulumi"),
        VpcId=p["vpcId"],
        TagSpecifications=c.tag_specification("security-group", p),
    )["GroupId"]
    # as in the real provider, AWS's default rule for outgoing traffic is removed
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    c.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    return group


def read_group(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_security_groups, "SecurityGroups", GroupIds=[i])
    if found is None:
        return None
    return {"name": found["GroupName"], "tagsAll": tags_of(found)}


def delete_group(c: Clients, i: str, _: Properties) -> None:
    forgiving(
        lambda: retried(lambda: c.ec2.delete_security_group(GroupId=i), "DependencyViolation")
    )


def _service(p: Properties) -> Api:
    """A rule's protocol and ports."""
    if p["ipProtocol"] == "-1":
        return {"IpProtocol": "-1"}
    ports = {"FromPort": int(p["fromPort"]), "ToPort": int(p["toPort"])}
    return {"IpProtocol": p["ipProtocol"], **ports}


def _permission(p: Properties) -> Api:
    permission = _service(p)
    if "cidrIpv4" in p:
        permission["IpRanges"] = [{"CidrIp": p["cidrIpv4"]}]
    else:
        permission["UserIdGroupPairs"] = [{"GroupId": p["referencedSecurityGroupId"]}]
    return permission


def create_ingress(c: Clients, p: Properties) -> str:
    return c.ec2.authorize_security_group_ingress(
        GroupId=p["securityGroupId"], IpPermissions=[_permission(p)]
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def create_egress(c: Clients, p: Properties) -> str:
    return c.ec2.authorize_security_group_egress(
        GroupId=p["securityGroupId"], IpPermissions=[_permission(p)]
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def read_rule(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(
        c.ec2.describe_security_group_rules, "SecurityGroupRules", SecurityGroupRuleIds=[i]
    )
    if found is None:
        return None
    peer = {"cidrIpv4": found.get("CidrIpv4")}
    peer["referencedSecurityGroupId"] = found.get("ReferencedGroupInfo", {}).get("GroupId")
    return {
        "ipProtocol": found["IpProtocol"],
        "fromPort": found["FromPort"],
        "toPort": found["ToPort"],
        **{key: value for key, value in peer.items() if value},
    }


def update_rule(c: Clients, i: str, _: Properties, new: Properties) -> None:
    wanted = _service(new) | {PEERS[ours]: new[ours] for ours in PEERS if ours in new}
    c.ec2.modify_security_group_rules(
        GroupId=new["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": i, "SecurityGroupRule": wanted}],
    )


def other_peer(old: Properties, new: Properties) -> frozenset[str]:
    """A rule of a network does not become one of a security group."""
    return frozenset((old.keys() ^ new.keys()) & PEERS.keys())


def _revoke(c: Clients, group: str, rule: str, *, egress: bool) -> None:
    revoke = c.ec2.revoke_security_group_egress if egress else c.ec2.revoke_security_group_ingress
    revoke(GroupId=group, SecurityGroupRuleIds=[rule])


def _others(c: Clients, group: str, wanted: Properties) -> dict[str, list[str]]:
    """The ids of a group's rules by their property, without those wanted."""
    found = c.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])[
        "SecurityGroupRules"
    ]
    return {
        key: [
            rule["SecurityGroupRuleId"]
            for rule in found
            if rule["IsEgress"] is egress and rule["SecurityGroupRuleId"] not in wanted.get(key, ())
        ]
        for key, egress in LISTS.items()
    }


def revoke_others(c: Clients, p: Properties) -> str:
    """As in the real provider, the rules that are not listed are removed, one by one."""
    group = p["securityGroupId"]
    for key, others in _others(c, group, p).items():
        for rule in others:
            _revoke(c, group, rule, egress=LISTS[key])
    return group


def update_exclusive(c: Clients, _: str, __: Properties, new: Properties) -> None:
    revoke_others(c, new)


def read_exclusive(c: Clients, i: str, p: Properties) -> Properties | None:
    if first(c.ec2.describe_security_groups, "SecurityGroups", GroupIds=[i]) is None:
        return None
    found = _others(c, i, {})
    # sets in the real provider: what is there keeps the order that it has in the program
    kept = {key: [one for one in p.get(key, ()) if one in ids] for key, ids in found.items()}
    return {key: [*kept[key], *sorted({*ids} - {*kept[key]})] for key, ids in found.items()}


RULE = names(
    "securityGroupId ipProtocol fromPort toPort cidrIpv4 referencedSecurityGroupId description tags"
)


def _rule(create: Create, *, egress: bool) -> Kind:
    """The resource type of a rule in one direction."""

    def delete(c: Clients, i: str, p: Properties) -> None:
        forgiving(lambda: _revoke(c, p["securityGroupId"], i, egress=egress))

    replaces = names("securityGroupId")
    return Kind(RULE, create, read_rule, delete, update_rule, replaces, forces=other_peer)


KINDS = {
    "aws:ec2/vpc:Vpc": Kind(
        names("cidrBlock enableDnsSupport enableDnsHostnames tags"),
        create_vpc,
        read_vpc,
        lambda c, i, _: forgiving(
            lambda: retried(lambda: c.ec2.delete_vpc(VpcId=i), "DependencyViolation")
        ),
        update_vpc,
        names("cidrBlock"),
    ),
    "aws:ec2/subnet:Subnet": Kind(
        names("vpcId cidrBlock availabilityZone mapPublicIpOnLaunch tags"),
        create_subnet,
        read_subnet,
        lambda c, i, _: forgiving(
            lambda: retried(lambda: c.ec2.delete_subnet(SubnetId=i), "DependencyViolation")
        ),
        retag,
        names("vpcId cidrBlock availabilityZone"),
    ),
    "aws:ec2/internetGateway:InternetGateway": Kind(
        names("vpcId tags"), create_gateway, read_gateway, delete_gateway, update_gateway
    ),
    "aws:ec2/routeTable:RouteTable": Kind(
        names("vpcId tags"),
        create_table,
        read_table,
        lambda c, i, _: forgiving(lambda: c.ec2.delete_route_table(RouteTableId=i)),
        retag,
        names("vpcId"),
    ),
    "aws:ec2/route:Route": Kind(
        names("routeTableId destinationCidrBlock gatewayId networkInterfaceId"),
        create_route,
        read_route,
        delete_route,
        delete_before_replace=True,
        importer=imports.route,
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Kind(
        names("routeTableId subnetId"),
        create_association,
        read_association,
        lambda c, i, _: forgiving(lambda: c.ec2.disassociate_route_table(AssociationId=i)),
        delete_before_replace=True,
        importer=imports.association,
    ),
    "aws:ec2/securityGroup:SecurityGroup": Kind(
        names("name description vpcId tags revokeRulesOnDelete"),
        create_group,
        read_group,
        delete_group,
        retag,
        names("name description vpcId"),
        auto_named="name",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule(
        create_ingress, egress=False
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule(create_egress, egress=True),
    "aws:ec2/vpcSecurityGroupRulesExclusive:VpcSecurityGroupRulesExclusive": Kind(
        names("securityGroupId ingressRuleIds egressRuleIds"),
        revoke_others,
        read_exclusive,
        lambda *_: None,
        update_exclusive,
        names("securityGroupId"),
    ),
}
