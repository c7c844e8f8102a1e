"""Instances, and the interfaces, addresses and volumes that outlive them."""

import base64
from typing import Any

from botocore.exceptions import ClientError

from lab.provider import imports
from lab.provider.kinds import Clients, Kind, Properties, forgiving, gone, names, retried
from lab.provider.network import first, retag, tags_of
from lab.wait import until

PTR_SECONDS = 60.0


def create_interface(c: Clients, p: Properties) -> str:
    arguments = {"PrivateIpAddress": p["privateIps"][0]} if p.get("privateIps") else {}
    interface = c.ec2.create_network_interface(
        SubnetId=p["subnetId"],
        Groups=p.get("securityGroups", []),
        Description=p.get("description", ""),
        TagSpecifications=c.tag_specification("network-interface", p),
        **arguments,
    )["NetworkInterface"]["NetworkInterfaceId"]
    if not p.get("sourceDestCheck", True):
        _check(c, interface, False)
    return interface


def _check(c: Clients, interface: str, on: bool) -> None:
    """Turn the source/destination check on or off."""
    c.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface, SourceDestCheck={"Value": on}
    )


def read_interface(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_network_interfaces, "NetworkInterfaces", NetworkInterfaceIds=[i])
    if found is None:
        return None
    return {
        "privateIp": found["PrivateIpAddress"],
        "privateIps": [found["PrivateIpAddress"]],
        "securityGroups": sorted(group["GroupId"] for group in found["Groups"]),
        "macAddress": found["MacAddress"],
        "sourceDestCheck": found["SourceDestCheck"],
        "tagsAll": tags_of(found),
    }


def update_interface(c: Clients, i: str, old: Properties, new: Properties) -> None:
    c.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=i, Groups=new.get("securityGroups", [])
    )
    _check(c, i, new.get("sourceDestCheck", True))
    retag(c, i, old, new)


def create_address(c: Clients, p: Properties) -> str:
    allocation = c.ec2.allocate_address(
        Domain="vpc", TagSpecifications=c.tag_specification("elastic-ip", p)
    )["AllocationId"]
    if p.get("networkInterface"):
        c.ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=p["networkInterface"])
    return allocation


def read_address(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_addresses, "Addresses", AllocationIds=[i])
    if found is None:
        return None
    return {
        "publicIp": found["PublicIp"],
        # without it an address that is imported would be replaced
        "domain": found.get("Domain", "vpc"),
        "allocationId": i,
        "associationId": found.get("AssociationId", ""),
        "networkInterface": found.get("NetworkInterfaceId", ""),
        "tagsAll": tags_of(found),
    }


def update_address(c: Clients, i: str, old: Properties, new: Properties) -> None:
    wanted = new.get("networkInterface") or ""
    if (old.get("networkInterface") or "") != wanted:
        _disassociate(c, i)
        if wanted:
            c.ec2.associate_address(AllocationId=i, NetworkInterfaceId=wanted)
    retag(c, i, old, new)


def _disassociate(c: Clients, allocation: str) -> None:
    found = first(c.ec2.describe_addresses, "Addresses", AllocationIds=[allocation])
    if found and found.get("AssociationId"):
        c.ec2.disassociate_address(AssociationId=found["AssociationId"])


def delete_address(c: Clients, i: str, _: Properties) -> None:
    forgiving(lambda: _disassociate(c, i))
    forgiving(lambda: c.ec2.release_address(AllocationId=i))


def create_association(c: Clients, p: Properties) -> str:
    return c.ec2.associate_address(
        AllocationId=p["allocationId"],
        NetworkInterfaceId=p["networkInterfaceId"],
        AllowReassociation=p.get("allowReassociation", False),
    )["AssociationId"]


def read_association(c: Clients, i: str, _: Properties) -> Properties | None:
    filters = [{"Name": "association-id", "Values": [i]}]
    found = first(c.ec2.describe_addresses, "Addresses", Filters=filters)
    if found is None:
        return None
    held = {"allocationId": "AllocationId", "networkInterfaceId": "NetworkInterfaceId"}
    return {"publicIp": found["PublicIp"], **{ours: found[theirs] for ours, theirs in held.items()}}


def create_pointer(c: Clients, p: Properties) -> str:
    c.ec2.modify_address_attribute(AllocationId=p["allocationId"], DomainName=p["domainName"])
    return p["allocationId"]


def read_pointer(c: Clients, i: str, _: Properties) -> Properties | None:
    arguments = {"AllocationIds": [i], "Attribute": "domain-name"}
    found = first(c.ec2.describe_addresses_attribute, "Addresses", **arguments)
    if found is None or not found.get("PtrRecord"):
        return None
    name = found["PtrRecord"]
    return {"ptrRecord": name, "domainName": name.rstrip(".")}


def delete_pointer(c: Clients, i: str, p: Properties) -> None:
    forgiving(lambda: c.ec2.reset_address_attribute(AllocationId=i, Attribute="domain-name"))
    until("the reverse name is gone", lambda: read_pointer(c, i, p) is None, PTR_SECONDS)


def create_instance(c: Clients, p: Properties) -> str:
    arguments: dict[str, Any] = {
        "ImageId": p["ami"],
        "InstanceType": p["instanceType"],
        "TagSpecifications": c.tag_specification("instance", p),
        "DisableApiTermination": p.get("disableApiTermination", False),
    }
    interface = p.get("primaryNetworkInterface")
    if interface:
        arguments["NetworkInterfaces"] = [
            {"DeviceIndex": 0, "NetworkInterfaceId": interface["networkInterfaceId"]}
        ]
    if p.get("userDataBase64"):
        # boto3 encodes it again
        arguments["UserData"] = base64.b64decode(p["userDataBase64"])
    if p.get("iamInstanceProfile"):
        arguments["IamInstanceProfile"] = {"Name": p["iamInstanceProfile"]}
    if options := p.get("metadataOptions"):
        arguments["MetadataOptions"] = _options(options)
    if credit := p.get("creditSpecification"):
        arguments["CreditSpecification"] = {"CpuCredits": credit["cpuCredits"]}
    if root := p.get("rootBlockDevice"):
        disk: dict[str, Any] = {"Encrypted": root.get("encrypted", False)}
        if "volumeType" in root:
            disk["VolumeType"] = root["volumeType"]
        disk["VolumeSize"] = int(root.get("volumeSize", 8))
        disk["DeleteOnTermination"] = True
        arguments["BlockDeviceMappings"] = [{"DeviceName": "/dev/xvda", "Ebs": disk}]
    found = retried(
        lambda: c.ec2.run_instances(MinCount=1, MaxCount=1, **arguments),
        "InvalidNetworkInterface.InUse",
    )
    identity = found["Instances"][0]["InstanceId"]
    c.ec2.get_waiter("instance_running").wait(
        InstanceIds=[identity], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    return identity


def _options(options: Properties) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for ours, theirs in (("httpTokens", "HttpTokens"), ("httpEndpoint", "HttpEndpoint")):
        if ours in options:
            found[theirs] = options[ours]
    if "httpPutResponseHopLimit" in options:
        found["HttpPutResponseHopLimit"] = int(options["httpPutResponseHopLimit"])
    return found


def read_instance(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        reservations = c.ec2.describe_instances(InstanceIds=[i])["Reservations"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    if not reservations or not reservations[0]["Instances"]:
        return None
    found = reservations[0]["Instances"][0]
    if found["State"]["Name"] in ("terminated", "shutting-down"):
        return None
    return {
        "instanceState": found["State"]["Name"],
        "instanceType": found["InstanceType"],
        "ami": found["ImageId"],
        "privateIp": found.get("PrivateIpAddress", ""),
        "publicIp": found.get("PublicIpAddress", ""),
        "arn": f"arn:aws:ec2:{c.region}:123456789012:instance/{i}",
        "tagsAll": tags_of(found),
    }


def update_instance(c: Clients, i: str, old: Properties, new: Properties) -> None:
    if old["instanceType"] != new["instanceType"]:
        _stop(c, i)
        c.ec2.modify_instance_attribute(InstanceId=i, InstanceType={"Value": new["instanceType"]})
        c.ec2.start_instances(InstanceIds=[i])
    if old.get("metadataOptions") != new.get("metadataOptions"):
        c.ec2.modify_instance_metadata_options(
            InstanceId=i, **_options(new.get("metadataOptions", {}))
        )
    retag(c, i, old, new)


def _stop(c: Clients, i: str) -> None:
    c.ec2.stop_instances(InstanceIds=[i])
    c.ec2.get_waiter("instance_stopped").wait(
        InstanceIds=[i], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def delete_instance(c: Clients, i: str, _: Properties) -> None:
    forgiving(lambda: c.ec2.terminate_instances(InstanceIds=[i]))
    c.ec2.get_waiter("instance_terminated").wait(
        InstanceIds=[i], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def create_volume(c: Clients, p: Properties) -> str:
    return c.ec2.create_volume(
        AvailabilityZone=p["availabilityZone"],
        Size=int(p["size"]),
        VolumeType=p.get("type", "gp2"),
        Encrypted=p.get("encrypted", False),
        TagSpecifications=c.tag_specification("volume", p),
        **({"SnapshotId": p["snapshotId"]} if p.get("snapshotId") else {}),
    )["VolumeId"]


def read_volume(c: Clients, i: str, _: Properties) -> Properties | None:
    found = first(c.ec2.describe_volumes, "Volumes", VolumeIds=[i])
    if found is None:
        return None
    return {
        "availabilityZone": found["AvailabilityZone"],
        "encrypted": found["Encrypted"],
        "size": found["Size"],
        "snapshotId": found.get("SnapshotId", ""),
        "type": found["VolumeType"],
        "tagsAll": tags_of(found),
    }


def update_volume(c: Clients, i: str, old: Properties, new: Properties) -> None:
    retag(c, i, old, new)
    changeable = ("size", "type", "finalSnapshot")  # the provider calls for any of them
    if any(old.get(key) != new.get(key) for key in changeable):
        size, kind = int(new["size"]), new.get("type", "gp2")
        c.ec2.modify_volume(VolumeId=i, Size=size, VolumeType=kind)


def create_attachment(c: Clients, p: Properties) -> str:
    retried(
        lambda: c.ec2.attach_volume(
            VolumeId=p["volumeId"], InstanceId=p["instanceId"], Device=p["deviceName"]
        ),
        "IncorrectState",
        "VolumeInUse",
    )
    return imports.attachment_id(p["deviceName"], p["volumeId"], p["instanceId"])


def read_attachment(c: Clients, _: str, p: Properties) -> Properties | None:
    found = first(c.ec2.describe_volumes, "Volumes", VolumeIds=[p["volumeId"]])
    held = [a["InstanceId"] for a in found.get("Attachments", [])] if found else []
    return {} if p["instanceId"] in held else None


def delete_attachment(c: Clients, i: str, p: Properties) -> None:
    if read_attachment(c, i, p) is None:
        return
    if p.get("stopInstanceBeforeDetaching"):
        _stop(c, p["instanceId"])
    volume, instance = p["volumeId"], p["instanceId"]
    forgiving(lambda: c.ec2.detach_volume(VolumeId=volume, InstanceId=instance))


def delete_volume(c: Clients, i: str, p: Properties) -> None:
    """Delete a volume; with `finalSnapshot`, after a snapshot with the volume's tags."""
    if p.get("finalSnapshot") and first(c.ec2.describe_volumes, "Volumes", VolumeIds=[i]):
        tags = [{"ResourceType": "snapshot", "Tags": c.tag_list(p)}]
        made = retried(
            lambda: c.ec2.create_snapshot(VolumeId=i, TagSpecifications=tags),
            "SnapshotCreationPerVolumeRateExceeded",
        )
        c.ec2.get_waiter("snapshot_completed").wait(
            SnapshotIds=[made["SnapshotId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 600}
        )
    forgiving(lambda: c.ec2.delete_volume(VolumeId=i))


KINDS = {
    "aws:ec2/networkInterface:NetworkInterface": Kind(
        names("subnetId privateIps securityGroups description sourceDestCheck tags"),
        create_interface,
        read_interface,
        lambda c, i, _: forgiving(
            lambda: retried(
                lambda: c.ec2.delete_network_interface(NetworkInterfaceId=i),
                "InvalidParameterValue",
                "InvalidNetworkInterface.InUse",
            )
        ),
        update_interface,
        names("subnetId privateIps"),
    ),
    "aws:ec2/eip:Eip": Kind(
        names("domain networkInterface tags"),
        create_address,
        read_address,
        delete_address,
        update_address,
        names("domain"),
        computed=names("networkInterface"),
    ),
    "aws:ec2/eipAssociation:EipAssociation": Kind(
        names("allocationId networkInterfaceId allowReassociation"),
        create_association,
        read_association,
        lambda c, i, _: forgiving(lambda: c.ec2.disassociate_address(AssociationId=i)),
    ),
    "aws:ec2/eipDomainName:EipDomainName": Kind(
        names("allocationId domainName timeouts"),
        create_pointer,
        read_pointer,
        delete_pointer,
        lambda c, i, _, new: c.ec2.modify_address_attribute(
            AllocationId=i, DomainName=new["domainName"]
        ),
        names("allocationId"),
        importer=imports.pointer,
    ),
    "aws:ec2/instance:Instance": Kind(
        names(
            "ami instanceType primaryNetworkInterface userDataBase64 userDataReplaceOnChange "
            "iamInstanceProfile metadataOptions creditSpecification rootBlockDevice "
            "disableApiTermination tags"
        ),
        create_instance,
        read_instance,
        delete_instance,
        update_instance,
        # user data: the program always sets userDataReplaceOnChange
        names("ami primaryNetworkInterface userDataBase64 rootBlockDevice"),
    ),
    "aws:ebs/volume:Volume": Kind(
        names("availabilityZone size type encrypted finalSnapshot snapshotId tags"),
        create_volume,
        read_volume,
        delete_volume,
        update_volume,
        names("availabilityZone encrypted snapshotId"),
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": Kind(
        names("volumeId instanceId deviceName stopInstanceBeforeDetaching"),
        create_attachment,
        read_attachment,
        delete_attachment,
        delete_before_replace=True,
        importer=imports.attachment,
    ),
}
