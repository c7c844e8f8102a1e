"""The record sets that a stack publishes, from its settings."""

from collections.abc import Mapping
from typing import TypeVar

from mail import records
from mail.zonefile import RecordSet
from settings.model import MailDomain, Settings

MX_PREFERENCE = 10

Value = TypeVar("Value")


def domain(
    settings: Settings,
    given: MailDomain,
    *,
    policy: Value,
    keys: Mapping[str, Value],
    addresses: Mapping[str, Value],
) -> list[RecordSet[Value | str]]:
    """A domain's, with its SPF policy, its key records by selector, and addresses by host."""
    return records.domain(
        given.name,
        policy=policy,
        keys=keys,
        ttl=given.ttl,
        strings=given.txt,
        addresses=(addresses.get(given.a, given.a),) if given.a else (),
        retired=given.retired,
        dmarc_policy=settings.dmarc_record(given),
        reporting=settings.reporting(given),
        exchanges=exchanges(settings, given),
    )


def exchanges(settings: Settings, given: MailDomain) -> tuple[str, ...]:
    """A domain's MX values: those listed, or the gateway for one that takes mail, or none."""
    if given.mx or given.name not in settings.receiving:
        return tuple(exchange.value for exchange in given.mx)
    return (own_exchange(settings),)


def own_exchange(settings: Settings) -> str:
    """The gateway as an MX value."""
    return f"{MX_PREFERENCE} {settings.gateway.name}."


def stack(settings: Settings) -> list[RecordSet[str | None]]:
    """Every one, but those whose names Amazon SES makes up; None where only an `up` knows a value.

    SPF policies have a place of nobody's for the gateways' addresses.
    """
    gateway = {settings.gateway.name: settings.smarthost_spf}
    hosts = gateway | {client.name: () for client in settings.clients if not client.private}
    found: list[RecordSet[str | None]] = [records.gateways(settings.spf_include, None)]
    for host, spf_terms in hosts.items():
        found += records.host(host, None, spf_terms)
    unknown: dict[str, str | None] = dict.fromkeys(hosts)
    for given in settings.mail_domains:
        policy: str | None = settings.spf_policies[given.name]
        keys: dict[str, str | None] = dict.fromkeys(given.selectors)
        found += domain(settings, given, policy=policy, keys=keys, addresses=unknown)
    if made := settings.delegation:
        found.append(RecordSet(made.zone, "NS", records.TTL, (None,)))
    return found
