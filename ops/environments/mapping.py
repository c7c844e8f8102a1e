"""The settings of an environment, derived from the dev stack's; pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mail import names
from ops.edit.encrypted import PREFIX
from settings import BaseHost, Settings, SettingsError, architecture, marks
from settings.marks import Mark

NAME = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]|[a-z]")
EXPIRES = "Expires"
# Postfix and OpenDKIM need 512 MiB; apt together with certbot and cloud-init needs more.
SMALLEST = {"arm64": "t4g.micro", "amd64": "t3.micro"}
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
# A domain name in a setting; the part before "@" is never one.
_DOMAIN = re.compile(r"(?<![a-z0-9._-])[a-z0-9_-]++(?:\.[a-z0-9-]++)++(?!@)")


@dataclass(frozen=True)
class Wanted:
    """The properties in which an environment differs from others; `acme_root` is PEM."""

    name: str
    expires: datetime
    acme_root: str


def checked(name: str) -> str:
    """The name if it is a DNS label and fits into a bucket's name; else BadParameter."""
    if not NAME.fullmatch(name):
        raise typer.BadParameter(
            f"{name!r} is no name of an environment: give 1 to 20 of a-z, 0-9 and '-', a letter "
            "first and no '-' last"
        )
    return name


def expiry(moment: datetime) -> str:
    """A time as the tag has it: ISO 8601 in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def network(name: str) -> str:
    """The VPC's network, apart from other environments': a lab has one router for all."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2]) % 2048
    return f"10.{128 + number // 16}.{number % 16 * 16}.0/20"


def environment(config: Mapping[str, Any], base: Settings, wanted: Wanted) -> dict[str, Any]:
    """The `config` of the environment's stack file, from the dev stack's and its settings.

    The gateway's domain becomes the environment's zone, NAME.<the gateway's domain>; every other
    name of the stack goes below it as a whole (shop.example: shop.example.NAME.relay.example), so
    that no two collide.
    """
    if base.smarthost and not base.smarthost.ses:
        raise SettingsError(
            [
                f"{PREFIX}smarthost: accounts at a provider send as domains that it knows, and an "
                "environment's are new to it; give --from a stack file without it"
            ]
        )
    zone = f"{wanted.name}.{base.gateway_domain}"
    parent = max((z for z in base.hosted_zones if names.is_within(zone, z)), key=len)
    delegation = {"zone": zone, "parent": parent}
    for existing in base.existing_zones:
        if existing.name == parent and existing.id:
            delegation["parentId"] = existing.id
    # nobody backs up what is thrown away
    left_out = [f"{PREFIX}{key}" for key in ("zones", "delegation", "backup")]
    move = _Move(base, zone)
    kept = {key: value for key, value in config.items() if key not in left_out}
    ours = {key.removeprefix(PREFIX): v for key, v in kept.items() if key.startswith(PREFIX)}
    moved = move.settings(Settings, ours)
    found = {key: moved.get(key.removeprefix(PREFIX), value) for key, value in kept.items()}
    for key, hosts in base.kinds.items():
        if given := found.get(f"{PREFIX}{key}"):
            found[f"{PREFIX}{key}"] = _smallest(given, hosts)
    acme = found.get(f"{PREFIX}acme", {})
    return {
        **found,
        f"{PREFIX}delegation": delegation,
        f"{PREFIX}acme": {**acme, "directory": STAGING, "root": wanted.acme_root},
        # its own zone as well: gateways keep theirs, and a load balancer takes one subnet of a zone
        f"{PREFIX}network": {**found.get(f"{PREFIX}network", {}), "cidr": network(wanted.name)},
        f"{PREFIX}protect": False,
        f"{PREFIX}monitoring": {"enabled": False},
        f"{PREFIX}tags": {**found.get(f"{PREFIX}tags", {}), EXPIRES: expiry(wanted.expires)},
    }


def _smallest(given: Any, hosts: Sequence[BaseHost]) -> Any:
    """A host's settings, or a list of those, with the smallest instance type that fits."""
    if isinstance(given, list):
        return [_smallest(item, [host]) for item, host in zip(given, hosts, strict=True)]
    # it has addresses of its own, of which none was replaced, and does not begin with other mail
    not_its_own = ("address", "spareAddress", "dataVolume")
    kept = {key: value for key, value in given.items() if key not in not_its_own}
    return {**kept, "instanceType": SMALLEST[architecture(hosts[0].instance_type)]}


@dataclass(frozen=True)
class _Move:
    base: Settings
    zone: str

    def settings(self, model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a model, by key, without secrets: each environment makes its own."""
        known = marks.fields(model)
        return {
            key: self.setting(key, known[key], value)
            for key, value in values.items()
            if not marks.is_secret(known[key])
        }

    def setting(self, key: str, field: FieldInfo, value: Any) -> Any:
        """A setting with the names in it moved to the environment's zone.

        SettingsError if it is encrypted: the environment cannot decrypt the dev stack's secrets.
        """
        if isinstance(value, Mapping):
            if set(value) == {"secure"}:
                raise SettingsError(
                    [
                        f"{PREFIX}{key}: it is encrypted for its own stack, so no environment can "
                        "have it; give --from a stack file without it"
                    ]
                )
            model = marks.model_of(field)
            return self.settings(model, value) if model else value
        if isinstance(value, list):
            return [self.setting(key, field, item) for item in value]
        if not isinstance(value, str):
            return value
        is_person = marks.is_marked(field, Mark.PERSON)
        # a person's address elsewhere stays, also in a domain of ours whose mail goes elsewhere
        if is_person and value.rpartition("@")[2] not in self.base.receiving:
            return value
        if not (is_person or marks.is_marked(field, Mark.NAME)):
            return value
        return _DOMAIN.sub(lambda match: self._name(match[0]), value)

    def _name(self, name: str) -> str:
        if names.is_within(name, self.base.gateway_domain):
            return name.removesuffix(self.base.gateway_domain) + self.zone
        ours = (*self.base.hosted_zones, *(domain.name for domain in self.base.mail_domains))
        return f"{name}.{self.zone}" if any(names.is_within(name, o) for o in ours) else name
