"""What a stack whose state is lost must not lose, as a file for `pulumi import`.

These are what cannot be had again, addresses and data volumes, and the record sets: while they were
away, mail to the domains would be refused for good.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from components.naming import eip_name, owner_tags, tag_filters
from ops.errors import StackError
from ops.leftovers import records
from ops.leftovers.find import Stack
from ops.terminal import notes
from settings import BaseHost, Gateway, published

IDENTITY, ADDRESS, VOLUME, RECORD = (
    "mail-relay:index:Identity",
    "aws:ec2/eip:Eip",
    "aws:ebs/volume:Volume",
    "aws:route53/record:Record",
)


def resources(stack: Stack) -> list[dict[str, Any]]:
    """The resources of the import file, each parent before its children."""
    tags, ec2 = owner_tags(stack.project, stack.name), stack.client("ec2")
    found = list[dict[str, Any]]()
    for host in [host for host in stack.settings.hosts.values() if host.public]:
        name = f"identity-{len(found)}"
        parts = [each | {"parent": name} for each in _parts(ec2, tags, host, name)]
        if parts:
            component = {"type": IDENTITY, "name": name, "logicalName": host.name}
            found += [component | {"component": True}, *parts]
    return found + [
        _imported(RECORD, f"record-{number}", called, identity)
        for number, (called, identity) in enumerate(_records(stack))
    ]


def _imported(kind: str, name: str, called: str, identity: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "logicalName": called, "id": identity}


def _parts(
    ec2: Any, tags: Mapping[str, str], host: BaseHost, name: str
) -> Iterator[dict[str, Any]]:
    """A host's addresses and its data volume, by the tags that its Identity gives them."""
    for number in host.addresses if isinstance(host, Gateway) else (1,):
        tagged = host.name if number == 1 else f"{host.name} {number}"
        found = ec2.describe_addresses(Filters=_filters(tags, tagged))["Addresses"]
        used = {item["AllocationId"]: "AssociationId" in item for item in found}
        for identity in the_one(used, f"address of {tagged}"):
            called = eip_name(host.name, number)
            yield _imported(ADDRESS, f"{name}-address-{number}", called, identity)
    found = ec2.describe_volumes(Filters=_filters(tags, f"{host.name} data"))["Volumes"]
    used = {item["VolumeId"]: item["State"] == "in-use" for item in found}
    for identity in the_one(used, f"data volume of {host.name}"):
        yield _imported(VOLUME, f"{name}-volume", host.name, identity)


def the_one(used: Mapping[str, bool], what: str) -> list[str]:
    """The one to keep, if any, of those with the tags of one resource: that which is in use.

    A second one stays of an `up` that was killed, or of a restore by hand. StackError if nobody
    can tell.
    """
    if len(used) <= 1:
        return [*used]
    found = [identity for identity, is_used in used.items() if is_used]
    others = ", ".join(identity for identity in used if identity not in found)
    if len(found) != 1:
        raise StackError(
            f"there are several that could be the {what}: {', '.join(used)}. Take the tag Name off "
            "those that it is not, in the console or by `aws ec2 delete-tags`"
        )
    notes.print(f"the {what} is {found[0]}, which is in use, and not {others}", soft_wrap=True)
    return found


def _filters(tags: Mapping[str, str], name: str) -> list[dict[str, Any]]:
    return tag_filters({**tags, "Name": name})


def _records(stack: Stack) -> Iterator[tuple[str, str]]:
    """The name in the program, and the id, of each record set that it would make anew."""
    s = stack.settings
    wanted = {(one.name, one.kind) for one in published.stack(s)}
    for item in records.find(stack.client("route53"), s):
        name, kind = item.name.split(" ")
        if (name, kind) in wanted:
            # one of several answers has its gateway's name at the end of its identifier
            gateway = item.id.partition(f"_{name}_{kind}_")[2].rpartition("/")[2]
            yield f"{name}-{kind}{f'-{gateway}' if gateway else ''}", item.id
