"""The environments in Pulumi's backend: found without their stack files."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import yaml

from ops.errors import StackError
from ops.known import meant
from ops.settle import state
from ops.target import Target

PREFIX = "env-"
# The stack's tag for the time of expiry, set before its first resource is created.
EXPIRES = "mail-relay:expires"
# A stack without the tag expires so long after its creation: `env up` may still be about to tag it.
UNTAGGED = timedelta(hours=1)
ZONE = "aws:route53/zone:Zone"


@dataclass(frozen=True)
class Environment:
    """An environment; `export` is the output of `pulumi stack export`."""

    name: str
    target: Target
    expires: datetime
    export: dict[str, Any]

    @property
    def state(self) -> dict[str, Any]:
        """The deployment of the export."""
        return self.export["deployment"]

    @property
    def past_due(self) -> bool:
        """Whether the environment has expired."""
        return datetime.now(UTC) >= self.expires

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state, the stack itself included."""
        return state.resources(self.state)

    @property
    def zone(self) -> str:
        """The environment's zone, or "" while there is none."""
        return next((r["inputs"]["name"] for r in self.resources if r["type"] == ZONE), "")

    @property
    def provider(self) -> dict[str, Any] | None:
        """The settings of the AWS provider, or None: then no account has anything of it."""
        return state.provider(self.state)

    @property
    def protected(self) -> list[str]:
        """The URNs of protected resources, which `pulumi destroy` refuses to destroy."""
        return [r["urn"] for r in self.resources if r.get("protect")]


def list_all(dev: Target) -> list[Environment]:
    """The environments beside the dev stack, in order of their names."""
    return [load() for load in loaders(dev).values()]


def loaders(dev: Target) -> dict[str, Callable[[], Environment]]:
    """A function by name that loads the environment; it raises StackError if that fails."""
    found = sorted((s, when) for s, when in dev.stacks().items() if s.startswith(PREFIX))
    return {s.removeprefix(PREFIX): partial(_load, dev.beside(s), when) for s, when in found}


def get(name: str, dev: Target, where: str = "") -> Environment:
    """An environment by its name; StackError, with a known name or all, if there is none.

    `where` is the option that names the place, after a space.
    """
    found = loaders(dev)
    if name not in found:
        makes = "" if found else f": ./relay env up {name}{where} makes one"
        raise StackError(f"{name}: there is no such environment; {meant(name, found)}{makes}")
    return found[name]()


def _load(target: Target, when: str | None) -> Environment:
    tags = json.loads(target.pulumi("stack", "tag", "ls", "--json"))
    if EXPIRES in tags:
        try:
            expires = datetime.fromisoformat(tags[EXPIRES])
        except ValueError as error:
            raise StackError(f"the stack {target.stack}: its tag {EXPIRES}: {error}") from None
    else:
        made = datetime.fromisoformat(when) if when else datetime.now(UTC)
        expires = made + UNTAGGED
    export = json.loads(target.pulumi("stack", "export"))
    return Environment(target.stack.removeprefix(PREFIX), target, expires, export)


def restore_file(environment: Environment) -> None:
    """Write the stack's file if it is missing: its secrets provider, as the state has it."""
    file, kept = environment.target.file, environment.state.get("secrets_providers", {})
    if file.exists() or not kept:
        return
    known = kept.get("state") or {}
    provider = {
        "encryptionsalt": known.get("salt"),
        "secretsprovider": known.get("url"),
        "encryptedkey": known.get("encryptedkey"),
    }
    file.write_text(yaml.safe_dump({key: value for key, value in provider.items() if value}))
