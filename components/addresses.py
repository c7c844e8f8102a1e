"""A gateway's Elastic IPs while one is replaced: the one in use, and the spare one.

At each moment mail leaves from an address that SPF names and whose reverse name leads back to it:

- A spare address has a name of its own, and that as its reverse name. Both SPF policies name it.
- When it comes into use it keeps that reverse name until no resolver remembers the host's former
  address: only then does the host's own name lead to it everywhere.
- The address before it stays, with a name of its own, so that one can go back.
"""

import asyncio
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.forgetting import FORGOTTEN_TTLS
from components.naming import eip_name, eip_tag
from components.network import Place
from components.tags import Tags
from components.zones import Zones
from mail import records, spf
from settings import Gateway

PTR_TIMEOUT = "20m"
FORGOTTEN_SECONDS = FORGOTTEN_TTLS * records.MOVING_TTL


class Addresses:
    """The Elastic IPs of a gateway whose settings number them; `eips` are by number.

    `ready` is complete once the address in use is the interface's, `after` before it changes.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        interface: aws.ec2.NetworkInterface,
        place: Place,
        protected: bool,
        tags: Tags,
        after: Sequence[pulumi.Resource],
        parent: pulumi.Resource,
    ) -> None:
        self.gateway, self._parent = gateway, parent
        host, self.in_use = gateway.name, gateway.address_in_use
        # what was never replaced keeps its interface as an input, as a stack without numbers has it
        given = {"network_interface": interface.id} if gateway.address is None else {}
        self.eips = {
            number: aws.ec2.Eip(
                eip_name(host, number),
                domain="vpc",
                **(given if number == self.in_use else {}),
                tags=tags.named(eip_tag(host, number)),
                opts=pulumi.ResourceOptions(
                    parent=parent,
                    # a spare one goes at the end
                    protect=protected and number == self.in_use,
                    depends_on=place.leads,
                ),
            )
            for number in gateway.addresses
        }
        self.address = self.eips[self.in_use]
        self.ready: pulumi.Resource = self.address
        if gateway.address is not None:
            # an attribute of the address would not move back: the provider keeps its old value
            self.ready = aws.ec2.EipAssociation(
                host,
                allocation_id=self.address.allocation_id,
                network_interface_id=interface.id,
                # in one step: AWS takes the address away that the interface had
                allow_reassociation=True,
                opts=pulumi.ResourceOptions(parent=parent, depends_on=after),
            )

    @property
    def public(self) -> Mapping[int, pulumi.Output[str]]:
        """The addresses by number, the one in use first."""
        return {number: eip.public_ip for number, eip in self.eips.items()}

    def publish(self, zones: Zones, terms: tuple[str, ...], exchanges: tuple[str, ...]) -> None:
        """Declare the names of the addresses, and their reverse names."""
        host, child = self.gateway.name, pulumi.ResourceOptions(parent=self._parent)
        address, policy, *others = self._records(terms)
        opts = pulumi.ResourceOptions(parent=self._parent, depends_on=[self.ready])
        name = zones.publish(address, opts)
        own = {record_set.name: zones.publish(record_set, child) for record_set in others}
        for exchangers in records.exchangers(host, exchanges):
            zones.publish_once_taken(exchangers, child)
        zones.publish(policy, child)
        forgotten = pulumi.ResourceHook(f"address-is-forgotten-{host}", _forget)
        for number, eip in self.eips.items():
            used = number == self.in_use
            called = host if used else records.own_name(host, number)
            hooks = pulumi.ResourceHookBinding(before_update=[forgotten] if used else [])
            aws.ec2.EipDomainName(
                eip_name(host, number),
                allocation_id=eip.allocation_id,
                domain_name=called,
                timeouts={"create": PTR_TIMEOUT, "update": PTR_TIMEOUT, "delete": PTR_TIMEOUT},
                opts=pulumi.ResourceOptions(
                    parent=self._parent,
                    # EC2 sets a PTR only if the name leads to the address already
                    depends_on=[name, *own.values(), *zones.leads],
                    hooks=hooks,
                ),
            )

    def _records(self, terms: tuple[str, ...]) -> list[records.RecordSet[pulumi.Output[str] | str]]:
        host = self.gateway.name
        if self.gateway.spare_address is None:
            return records.host(host, self.address.public_ip, terms)
        policy = pulumi.Output.all(*self.public.values()).apply(
            lambda known: spf.host([*(f"ip4:{address}" for address in known), *terms])
        )
        return records.moving(host, self.public, policy)


async def _forget(args: pulumi.ResourceHookArgs) -> None:
    """Wait until resolvers have forgotten the host's former address."""
    names = [(inputs or {}).get("domainName") for inputs in (args.old_inputs, args.new_inputs)]
    if names[0] == names[1]:
        return
    pulumi.log.info(
        f"{names[1]}: its address is another one now; its reverse name follows in "
        f"{FORGOTTEN_SECONDS} seconds, once no resolver remembers the one before"
    )
    await asyncio.sleep(FORGOTTEN_SECONDS)
