"""Check the content of a tables object: a bundle is valid as a whole or not used at all."""

import ipaddress
import json
from typing import Any

from agent.limits import KEYS
from mail import names

VERSION = 2


class BadBundle(Exception):
    """The tables object cannot be used; the text says where and why, and holds no secret."""


def parse(content: bytes, host: str, role: str) -> dict[str, Any]:
    """The bundle of this host and role, checked; raises BadBundle."""
    try:
        bundle = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"it is not JSON ({len(content)} bytes)") from error
    keys = {
        "gateway": {
            "version",
            "gateways",
            "operator",
            "domains",
            "logins",
            "forwards",
            "srsSecret",
        },
        "client": {"version", "host", "gateway", "login", "password"},
    }[role]
    optional = (
        {"mailboxes", "smarthost", "hosts", "draining", "asked"}
        if role == "gateway"
        else {"ownSender", "gateways"}
    )
    _need(
        isinstance(bundle, dict) and keys <= set(bundle) <= keys | optional,
        f"its keys are not {sorted(keys)}",
    )
    _need(
        bundle["version"] == VERSION,
        f"its version is {bundle['version']!r}, this agent reads {VERSION}",
    )
    whose = bundle["gateways"] if role == "gateway" else [bundle["host"]]
    _need(isinstance(whose, list) and all(map(names.is_domain, whose)), "gateways: not host names")
    _need(host in whose, f"it is for {whose!r}, this host is {host!r}")
    if role == "gateway":
        draining = bundle.get("draining", [])
        known = isinstance(draining, list) and all(name in whose for name in draining)
        _need(known, "draining: no gateways")
    if role == "client":
        _need(names.is_domain(bundle["gateway"]), "gateway: not a host name")
        _need(names.is_address(bundle["login"]), "login: not an address")
        _need(names.is_password(bundle["password"]), "password: not usable in Postfix's table")
        sender = bundle.get("ownSender", bundle["login"])
        _need(_is_sender(sender), "ownSender: neither an address nor @domain")
        others = bundle.get("gateways", [])
        _need(isinstance(others, list) and all(map(names.is_domain, others)), "gateways: not names")
        return bundle
    _mapping(bundle["domains"], "domains")
    for name, domain in bundle["domains"].items():
        _need(names.is_domain(name), f"domains.{name}: not a domain")
        _need(isinstance(domain, dict) and set(domain) == {"selectors"}, f"domains.{name}: keys")
        _selectors(name, domain["selectors"])
    _mapping(bundle["logins"], "logins")
    for name, login in bundle["logins"].items():
        where = f"logins.{name}"
        _need(names.is_address(name), f"{where}: not an address in lower case")
        known = isinstance(login, dict) and set(login) - {"limits"} == {"password", "sendAs"}
        _need(known, f"{where}: keys")
        if "limits" in login:
            _limits(login["limits"], f"{where}.limits")
        _need(names.is_password(login["password"]), f"{where}.password: not usable")
        _need(isinstance(login["sendAs"], list), f"{where}.sendAs: not a list")
        for item in login["sendAs"]:
            _need(
                _is_sender(item),
                f"{where}.sendAs: {item!r} is neither an address nor @domain",
            )
            domain = item.rpartition("@")[2]
            _need(domain in bundle["domains"], f"{where}.sendAs: {item!r} is not in our domains")
    _mapping(bundle["forwards"], "forwards")
    for address, targets in bundle["forwards"].items():
        where = f"forwards.{address}"
        _need(_is_sender(address), f"{where}: neither an address nor @domain")
        _need(address.rpartition("@")[2] in bundle["domains"], f"{where}: not in our domains")
        _need(isinstance(targets, list) and targets != [], f"{where}: no targets")
        _need(
            all(names.is_address(target) for target in targets), f"{where}: a target is no address"
        )
    _need(names.is_address(bundle["operator"]), "operator: not an address")
    _need(names.is_password(bundle["srsSecret"]), "srsSecret: not usable")
    hosts = bundle.get("hosts", [])
    _need(isinstance(hosts, list) and all(map(_is_ipv4, hosts)), "hosts: not IPv4 addresses")
    if "mailboxes" in bundle:
        _mailboxes(bundle)
    if "asked" in bundle:
        _asked(bundle["asked"], whose)
    return bundle


def _asked(asked: Any, gateways: list[str]) -> None:
    """Check what block lists are asked for besides the host's own address and its domains."""
    known = isinstance(asked, dict) and set(asked) <= {"domains", "addresses"}
    _need(known, "asked: keys")
    domains, addresses = asked.get("domains", []), asked.get("addresses", {})
    _need(isinstance(domains, list) and all(map(names.is_domain, domains)), "asked.domains")
    _mapping(addresses, "asked.addresses")
    for gateway, given in addresses.items():
        _need(gateway in gateways, f"asked.addresses: {gateway!r} is no gateway")
        _need(isinstance(given, list) and all(map(_is_ipv4, given)), "asked.addresses: not IPv4")


def _mailboxes(bundle: dict[str, Any]) -> None:
    _mapping(bundle["mailboxes"], "mailboxes")
    for address, mailbox in bundle["mailboxes"].items():
        where = f"mailboxes.{address}"
        known = isinstance(mailbox, dict) and set(mailbox) == {"quotaMiB", "aliases"}
        _need(known, f"{where}: keys")
        _need(isinstance(mailbox["aliases"], list), f"{where}.aliases: not a list")
        for name in (address, *mailbox["aliases"]):
            _need(names.is_mailbox(name), f"{where}: not a mailbox's name")
            _need(name.rpartition("@")[2] in bundle["domains"], f"{where}: not in our domains")
        quota = mailbox["quotaMiB"]
        _need(type(quota) is int and quota > 0, f"{where}.quotaMiB: not a number of MiB")


def _limits(limits: Any, where: str) -> None:
    _need(isinstance(limits, dict) and set(limits) == set(KEYS), f"{where}: keys")
    for value in limits.values():
        _need(type(value) is int and value >= 0, f"{where}: not a number")


def _selectors(domain: str, selectors: Any) -> None:
    _need(isinstance(selectors, list) and selectors != [], f"domains.{domain}: no selectors")
    for selector in selectors:
        _need(
            isinstance(selector, dict) and set(selector) == {"name", "privateKey"},
            f"domains.{domain}.selectors: keys",
        )
        _need(names.is_selector(selector["name"]), f"domains.{domain}.selectors: bad name")
        key = selector["privateKey"]
        _need(
            isinstance(key, str) and key.startswith("-----BEGIN PRIVATE KEY-----"),
            f"domains.{domain}.selectors.{selector['name']}: not a private key in PEM (PKCS #8)",
        )


def _is_sender(value: Any) -> bool:
    """Whether a value is an address, or @domain for all addresses of a domain."""
    return names.is_address(value) or (
        isinstance(value, str) and value[:1] == "@" and names.is_domain(value[1:])
    )


def _is_ipv4(value: Any) -> bool:
    try:
        return str(ipaddress.IPv4Address(value)) == value
    except ValueError:
        return False


def _mapping(value: Any, where: str) -> None:
    _need(isinstance(value, dict), f"{where}: not an object")


def _need(condition: bool, otherwise: str) -> None:
    if not condition:
        raise BadBundle(otherwise)
