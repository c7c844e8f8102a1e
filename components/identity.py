"""The standing identity of a host: the resources that stay when the host is replaced."""

from collections.abc import Callable

import pulumi
import pulumi_aws as aws

from components.naming import Tags
from components.network import Place
from components.zones import Zones
from mail import records

PTR_TIMEOUT = "20m"


class Identity(pulumi.ComponentResource):
    """Network interface, Elastic IP, A record, PTR, SPF of the host's name, optional data volume.

    `stays` gets the data volume's zone, and raises where the host must not move; nothing of it is
    moved before that. With `forwards` the interface accepts packets for other addresses, as a NAT
    instance needs. With `last_snapshot` a snapshot is made when the data volume is deleted.
    `exchanges` are the MX values of the host's name, if other hosts take its mail too.
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
        forwards: bool = False,
        spf_terms: tuple[str, ...] = (),
        exchanges: tuple[str, ...] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:Identity", host, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=protect)
        self.host, self.group = host, group
        self.volume = self._volume(place, data_volume_gib, protect, tags, last_snapshot)
        subnet = place.subnet.id
        if self.volume and stays:
            judged = stays(self.volume.availability_zone)
            subnet = pulumi.Output.all(subnet, judged).apply(lambda both: both[0])
        self.interface = aws.ec2.NetworkInterface(
            host,
            subnet_id=subnet,
            security_groups=[group.id],
            description=host,
            source_dest_check=not forwards,
            tags=tags.named(host),
            opts=child,
        )
        self.address = aws.ec2.Eip(
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
        address, own_spf, *more = records.host(host, self.address.public_ip, spf_terms, exchanges)
        name = zones.publish(address, child)
        # EC2 sets a PTR only if the name already resolves to the address
        self.pointer = aws.ec2.EipDomainName(
            host,
            allocation_id=self.address.allocation_id,
            domain_name=host,
            timeouts={"create": PTR_TIMEOUT, "delete": PTR_TIMEOUT},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[name, *zones.leads]),
        )
        for record_set in (own_spf, *more):
            zones.publish(record_set, child)
        self.ready = [self.address]
        self.register_outputs({"address": self.address.public_ip})

    def _volume(
        self,
        place: Place,
        size_gib: int | None,
        protect: bool,
        tags: Tags,
        last_snapshot: bool,
    ) -> aws.ebs.Volume | None:
        if size_gib is None:
            return None
        return aws.ebs.Volume(
            self.host,
            availability_zone=place.zone,
            size=size_gib,
            type="gp3",
            encrypted=True,
            final_snapshot=last_snapshot or None,
            tags=tags.named(f"{self.host} data"),
            opts=pulumi.ResourceOptions(
                # a change of zone would replace the volume by an empty one
                parent=self,
                protect=protect,
                ignore_changes=["availability_zone"],
            ),
        )
