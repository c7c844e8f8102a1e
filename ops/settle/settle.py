"""Settling a stack: the lock, the state, the account."""

import json
import tempfile
from collections.abc import Set
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops import stack_yaml
from ops.settle import orphans, state, strayed
from ops.settle.locks import refresh, unlock
from ops.settle.plugins import end_orphans
from ops.target import Target
from ops.terminal import notes

ADOPTED = "adopted"
SECOND = "second"
DELETED = "deleted"
NOTHING = "not made"
CHANGED = "changed"
REPEATED = "repeated"
STARTED = "started"
LEFT = "left"
# The results, explained to people; `option` names the stack.
MEANINGS = {
    ADOPTED: "it is in the state now",
    SECOND: "there is one already; the next `pulumi up` deletes it",
    DELETED: "its secret cannot be read again; the next `pulumi up` makes a new one",
    NOTHING: "forgotten; the next `pulumi up` makes it",
    CHANGED: "it had been changed already; the state has it as it is now",
    REPEATED: "it was being changed or deleted; the next `pulumi up` does what is left of that",
    STARTED: "it had been stopped for a change",
    LEFT: "it is left alone: it may hold mail, or somebody uses it; see ./relay leftovers {option}",
}
VOLUME = "aws:ebs/volume:Volume"
INSTANCE = "aws:ec2/instance:Instance"


@dataclass(frozen=True)
class Finding:
    """The result for one resource."""

    result: str
    urn: str
    id: str = ""

    @property
    def name(self) -> str:
        """The resource's type, without its module, and name."""
        kind, _, name = self.urn.rpartition("::")
        return f"{kind.rpartition(':')[2]} {name}"


@dataclass
class Settlement:
    """The result of settling a stack; false if there was nothing to do."""

    unlocked: bool = False
    export: str = ""
    findings: list[Finding] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.unlocked or bool(self.export)

    def as_json(self) -> dict[str, Any]:
        """The result as JSON."""
        return {**asdict(self), "settled": bool(self)}


def keep_export(target: Target, export: dict[str, Any]) -> Path:
    """Write a state, its secrets encrypted, to a file that only its user can read; return it."""
    folder = target.exports
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{target.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(export, indent=2))
    return file


def settle(target: Target) -> Settlement:
    """Unlock the stack, add what a killed `pulumi` created to its state, end pending operations.

    Can be repeated, also if it was itself killed. Raises StackError with Pulumi's message, such as
    that another `pulumi` has the lock.
    """
    export = json.loads(target.pulumi("stack", "export"))
    deployment = export["deployment"]
    done = Settlement(unlock(target, deployment))  # it fails if another `pulumi` still works
    begun = bool(state.pending(deployment) or state.unread(deployment))
    provider = state.provider(deployment)
    if begun:
        end_orphans()
    if provider is None:  # killed before any resource was begun
        if begun:
            done.export = str(keep_export(target, export))
            done.findings = [Finding(NOTHING, r["urn"]) for r in state.pending(deployment)]
            _import(target, export)
        return done
    if not begun and not any(strayed.may_stray(r) for r in state.resources(deployment)):
        return done
    owner = f"{stack_yaml.project_name()}/{target.name}/"
    with target.account(provider) as client:
        renamed = list(strayed.find(deployment, client, owner))
        if not begun and not renamed:
            return done
        done.export = str(keep_export(target, export))
        for resource, identity in renamed:
            state.renew(deployment, resource, identity)
            done.findings.append(Finding(CHANGED, resource["urn"], identity))
        found = list(_found(deployment, client, {r["urn"] for r, _ in renamed}))
        done.findings += [_put_right(finding, deployment, client) for finding in found]
        for resource in state.pending(deployment, "updating", "deleting"):
            if identity := _stopped(resource, client):
                done.findings.append(Finding(STARTED, resource["urn"], identity))
    _import(target, export)
    _read(target, done)
    return done


def _import(target: Target, export: dict[str, Any]) -> None:
    """Import an export as the state, without pending operations."""
    deployment = {k: v for k, v in export["deployment"].items() if k != "pending_operations"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps({**export, "deployment": deployment}))
        file.flush()
        target.pulumi("stack", "import", "--file", file.name)


def _found(
    deployment: state.Deployment, client: orphans.Client, renamed: Set[str] = frozenset()
) -> list[Finding]:
    """A finding for each pending operation; resources that exist are put into the state.

    None for the URNs in `renamed`, which the state has as they are.
    """
    known = {(r["type"], state.identity(r)) for r in state.resources(deployment)}
    findings = []
    for resource in state.pending(deployment, "creating"):
        urn, kind = resource["urn"], resource["type"]
        new = [i for i in orphans.find(client, resource) if (kind, i) not in known]
        known |= {(kind, identity) for identity in new}
        if kind == orphans.ACCESS_KEY:
            findings += [Finding(DELETED, urn, identity) for identity in new]
            continue
        for identity in new:
            findings.append(Finding(_adopt(deployment, resource, identity), urn, identity))
        if not new:
            findings.append(Finding(NOTHING, urn))
    return findings + [
        Finding(REPEATED, held["urn"], held.get("id", ""))
        for resource in state.pending(deployment, "updating", "deleting")
        if (held := state.held(deployment, resource)) and held["urn"] not in renamed
    ]


def _adopt(deployment: state.Deployment, resource: state.Resource, identity: str) -> str:
    urns = [r["urn"] for r in state.resources(deployment) if not r.get("pendingReplacement")]
    if resource["type"] == VOLUME and resource["urn"] in urns:
        return LEFT
    return ADOPTED if state.adopt(deployment, resource, identity) else SECOND


def _put_right(finding: Finding, deployment: state.Deployment, client: orphans.Client) -> Finding:
    """Repair what no later `up` would: delete an unused access key, close a security group."""
    resource = next((r for r in state.pending(deployment) if r["urn"] == finding.urn), {})
    if finding.result == DELETED:
        user = resource["inputs"]["user"]
        if not orphans.delete_key(client, user, finding.id):
            return Finding(LEFT, finding.urn, finding.id)
    if finding.result == ADOPTED and resource["type"] == orphans.GROUP:
        orphans.close_group(client, finding.id)
    return finding


def _stopped(resource: state.Resource, client: orphans.Client) -> str:
    """Start an instance that an interrupted change had stopped; return its id, or ""."""
    kind, inputs = resource["type"], resource.get("inputs", {})
    identity = resource.get("id", "") if kind == INSTANCE else inputs.get("instanceId", "")
    return identity if identity and orphans.start(client, identity) else ""


def _read(target: Target, done: Settlement) -> None:
    """Refresh adopted resources and those of interrupted changes, which may be gone."""
    export = json.loads(target.pulumi("stack", "export"))
    wanted = [resource["urn"] for resource in state.unread(export["deployment"])]
    wanted += [f.urn for f in done.findings if f.result == REPEATED]
    if wanted:
        notes.print("the resources that it was working on are read from the account")
        refresh(target, dict.fromkeys(wanted))
    export = json.loads(target.pulumi("stack", "export"))
    if unchanged := state.unread(export["deployment"]):  # the refresh found them unchanged
        for resource in unchanged:
            resource["modified"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        _import(target, export)
