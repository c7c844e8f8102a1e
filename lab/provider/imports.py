"""Ids of `pulumi import` and `.get`, read as terraform-provider-aws's importers do.

To the bridge a Read without a state is an import (pulumi-terraform-bridge, `isRefresh` in
pkg/tfbridge/provider.go and pkg/pf/tfbridge/provider_read.go): the id is in the importer's form,
and Read must find all properties that the id does not contain.
"""

import zlib

from lab.provider.kinds import Clients, Imported, Importer, names

# the AWS SDK's RRType
RECORD_TYPES = names(
    "A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SOA SPF SRV SSHFP SVCB TLSA TXT",
)


class ImportRefused(Exception):
    """The provider cannot import this id or this type; the text is the provider's."""


def route_id(table: str, destination: str) -> str:
    """A route's id (internal/service/ec2/vpc_route.go, routeCreateID)."""
    return f"r-{table}{zlib.crc32(destination.encode())}"


def attachment_id(device: str, volume: str, instance: str) -> str:
    """A volume attachment's id (ebs_volume_attachment.go, volumeAttachmentID)."""
    return f"vai-{zlib.crc32(f'{device}-{instance}-{volume}-'.encode())}"


def pointer(_: Clients, __: str) -> Imported:
    # ec2_eip_domain_name.go has no ImportState
    raise ImportRefused(
        "Resource Import Not Implemented: This resource does not support import. Please contact "
        "the provider developer for additional information."
    )


def association(c: Clients, identity: str) -> Imported:
    subnet, slash, table = identity.partition("/")
    if not slash or "/" in table:
        raise ImportRefused(
            f"Unexpected format for import: {identity}. Use 'subnet ID/route table ID' or "
            "'gateway ID/route table ID"
        )
    filters = [{"Name": "route-table-id", "Values": [table]}]
    for found in c.ec2.describe_route_tables(Filters=filters)["RouteTables"]:
        for association in found["Associations"]:
            if association.get("SubnetId") == subnet:
                known = {"routeTableId": table, "subnetId": subnet}
                return association["RouteTableAssociationId"], known
    raise ImportRefused(f"No association found between route table {table} and {subnet}")


def route(_: Clients, identity: str) -> Imported:
    table, line, destination = identity.partition("_")
    if not (table and line and destination) or "_" in destination:
        raise ImportRefused(
            f'unexpected format of ID ("{identity}"), expected ROUTETABLEID_DESTINATION'
        )
    known = {"routeTableId": table, "destinationCidrBlock": destination}
    return route_id(table, destination), known


def attachment(_: Clients, identity: str) -> Imported:
    parts = identity.split(":")
    if len(parts) != 3 or not all(parts):
        raise ImportRefused(
            f'Unexpected format of ID ("{identity}"), expected DEVICE_NAME:VOLUME_ID:INSTANCE_ID'
        )
    device, volume, instance = parts
    known = {"deviceName": device, "volumeId": volume, "instanceId": instance}
    return attachment_id(device, volume, instance), known


def record(_: Clients, identity: str) -> Imported:
    """ZONE_name_type or ZONE_name_type_identifier; names and identifiers may have `_` themselves.

    record.go, recordParseResourceID.
    """
    zone, *parts = identity.split("_")
    index = next((n for n, part in enumerate(parts) if part in RECORD_TYPES), 0)
    if not zone or index == 0:
        raise ImportRefused(
            f'unexpected format of ID ("{identity}"), expected '
            "ZONEID_RECORDNAME_TYPE_SET-IDENTIFIER (e.g. Z4KAPRWWNC7JR_dev.example.com_NS_dev), "
            "where SET-IDENTIFIER is optional"
        )
    name = "_".join(parts[:index]).removesuffix(".")
    known = {"zoneId": zone, "name": name, "type": parts[index]}
    if identifier := "_".join(parts[index + 1 :]):
        known["setIdentifier"] = identifier
    return identity, known


def policy(owner: str) -> Importer:
    def importer(_: Clients, identity: str) -> Imported:
        whose, colon, name = identity.partition(":")
        if not (whose and colon and name):
            raise ImportRefused(
                f"{owner}_policy id must be of the form <{owner} name>:<policy name>"
            )
        return identity, {owner: whose, "name": name}

    return importer


def key(c: Clients, identity: str) -> Imported:
    user = c.iam.get_access_key_last_used(AccessKeyId=identity).get("UserName")
    if not user:
        raise ImportRefused(f"couldn't find resource: no user has the access key {identity}")
    return identity, {"user": user}
