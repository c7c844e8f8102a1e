"""The standing identity of a host: the resources that stay when the host is replaced."""

from collections.abc import Callable, Mapping

import pulumi
import pulumi_aws as aws

from components.addresses import PTR_TIMEOUT, Addresses
from components.backup import Start
from components.network import Place
from components.tags import Tags
from components.zones import Zones
from mail import records
from settings import Gateway


class Identity(pulumi.ComponentResource):
    """Network interface, Elastic IP, A record, PTR, SPF of the host's name, optional data volume.

    `stays` gets the data volume's zone, and raises where the host must not move; nothing of it is
    moved before that. With `forwards` the interface accepts packets for other addresses, as a NAT
    instance needs. With `last_snapshot` a snapshot is made when the data volume is deleted; `start`
    is the one that a new volume is made from, `volume_tags` are tags of the volume alone.
    `exchanges` are the MX values of the host's name, if other hosts take its mail too. `replaced`
    is a gateway whose settings number its addresses: `address` is then the one in use, and `spares`
    are the others; `judged` is updated before the one in use is left.
    """

    def __init__(
        self,
        host: str,
        *,
        place: Place,
        group: aws.ec2.SecurityGroup,
        zones: Zones,
        protect: bool,
        stays: Callable[[pulumi.Output[str]], pulumi.Output[None]] | None = None,
        tags: Tags,
        data_volume_gib: int | None = None,
        last_snapshot: bool = False,
        start: Start | None = None,
        volume_tags: Mapping[str, str] | None = None,
        forwards: bool = False,
        spf_terms: tuple[str, ...] = (),
        exchanges: tuple[str, ...] = (),
        replaced: Gateway | None = None,
        judged: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:Identity", host, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.host, self.group = host, group
        own = {**tags.named(f"{host} data"), **(volume_tags or {})}
        self.volume = self._volume(place, data_volume_gib, protect, own, last_snapshot, start)
        subnet = place.subnet.id
        if self.volume and stays:
            # Waited for, and no dependency: whoever destroys the volume with what depends on it
            # does not mean the address.
            stayed = pulumi.Output.from_input(stays(self.volume.availability_zone).future())
            subnet = pulumi.Output.all(subnet, stayed).apply(lambda both: both[0])
        self.interface = aws.ec2.NetworkInterface(
            host,
            subnet_id=subnet,
            security_groups=[group.id],
            description=host,
            source_dest_check=not forwards,
            tags=tags.named(host),
            opts=child,
        )
        self.spares: list[pulumi.Output[str]] = []
        if replaced is None:
            self.address = self._only_address(place, zones, protect, tags, spf_terms, exchanges)
            self.ready: list[pulumi.Resource] = [self.address]
        else:
            held = Addresses(
                replaced,
                interface=self.interface,
                place=place,
                protected=protect,
                tags=tags,
                after=[judged] if judged else [],
                parent=self,
            )
            held.publish(zones, spf_terms, exchanges)
            self.address, self.ready = held.address, [held.ready]
            self.spares = [*held.public.values()][1:]
        self.register_outputs({"address": self.address.public_ip})

    def _only_address(
        self,
        place: Place,
        zones: Zones,
        protect: bool,
        tags: Tags,
        spf_terms: tuple[str, ...],
        exchanges: tuple[str, ...],
    ) -> aws.ec2.Eip:
        """Declare the address, its names and its reverse name."""
        host, child = self.host, pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=protect)
        made = aws.ec2.Eip(
            host,
            domain="vpc",
            network_interface=self.interface.id,
            tags=tags.named(host),
            opts=pulumi.ResourceOptions.merge(
                protected,
                # an Elastic IP works only once the subnet has its route to the internet
                pulumi.ResourceOptions(depends_on=place.leads),
            ),
        )
        address, own_spf = records.host(host, made.public_ip, spf_terms)
        name = zones.publish(address, child)
        # EC2 sets a PTR only if the name already resolves to the address
        aws.ec2.EipDomainName(
            host,
            allocation_id=made.allocation_id,
            domain_name=host,
            timeouts={"create": PTR_TIMEOUT, "delete": PTR_TIMEOUT},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[name, *zones.leads]),
        )
        zones.publish(own_spf, child)
        for exchangers in records.exchangers(host, exchanges):
            zones.publish_once_taken(exchangers, child)
        return made

    def _volume(
        self,
        place: Place,
        size_gib: int | None,
        protect: bool,
        tags: Mapping[str, str],
        last_snapshot: bool,
        start: Start | None,
    ) -> aws.ebs.Volume | None:
        if size_gib is None:
            return None
        volume = aws.ebs.Volume(
            self.host,
            availability_zone=place.zone,
            size=size_gib,
            type="gp3",
            encrypted=True,
            snapshot_id=start.snapshot if start else None,
            final_snapshot=last_snapshot or None,
            tags=tags,
            opts=pulumi.ResourceOptions(
                # a change of either would replace the volume, by an empty one or by an old one
                parent=self,
                protect=protect,
                ignore_changes=["availability_zone", "snapshot_id"],
                hooks=start.hooks() if start else None,
            ),
        )
        if start:
            volume.snapshot_id.apply(start.tell)
        return volume
