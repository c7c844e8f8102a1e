"""The engine's events of a preview, typed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mail import txt
from mail.zonefile import RecordSet

# The engine's placeholder of a value that is known only after the update.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# A record set before or after a change; values that are not known yet are None.
Planned = RecordSet[str | None]
# A replacement has three events: these two, and "replace".
_PARTS = {"create-replacement", "delete-replaced"}
SAME = "same"
STAYING = (SAME, "update")


@dataclass(frozen=True)
class Step:
    """The operation on a resource; `before` and `after` are its inputs, None if it does not exist.

    `reasons` are the properties that force a replacement, `changed` all that differ. Secret inputs
    are "[secret]".
    """

    op: str
    urn: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reasons: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    outputs: Mapping[str, Any] | None = None
    protected: bool = False
    cloud: bool = True

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def kind(self) -> str:
        """The last part of its type, such as Record."""
        return self.urn.split("::")[2].rpartition("$")[2].rpartition(":")[2]

    @property
    def stays(self) -> bool:
        """Whether it is the same resource afterwards."""
        return self.op in STAYING


@dataclass(frozen=True)
class Violation:
    """A violation of a rule of the policy pack."""

    rule: str
    level: str
    resource: str
    message: str


@dataclass(frozen=True)
class Preview:
    """The steps of a preview, unchanged resources too; `errors` are the reasons that it failed.

    `advice` is what the program warns of (pulumi.log.warn).
    """

    steps: tuple[Step, ...]
    violations: tuple[Violation, ...]
    errors: tuple[str, ...]
    advice: tuple[str, ...] = ()

    def of(self, kind: str) -> list[Step]:
        """The steps of one kind of resource."""
        return [step for step in self.steps if step.kind == kind]

    def changes(self) -> list[Step]:
        """The steps that change something, always in the same order."""
        order = ["delete", "replace", "update", "create"]
        done = [step for step in self.steps if step.op != SAME and step.cloud]
        rank = {op: number for number, op in enumerate(order)}
        return sorted(done, key=lambda s: (rank.get(s.op, len(order)), s.kind, s.name))

    @property
    def is_first(self) -> bool:
        """Whether the stack holds nothing yet."""
        return all(step.before is None for step in self.steps)


def read(lines: Iterable[str], failure: str = "") -> Preview:
    """The preview in the events of `pulumi preview --json`, one a line; ValueError without any.

    `failure` has its last words if it failed. They count unless an event has the reason: a policy
    pack or a language plug-in that does not start tells none.
    """
    steps: dict[str, Step] = {}
    violations: list[Violation] = []
    said: dict[str, list[str]] = {"error": [], "warning": []}
    count = 0
    for line in lines:
        event: dict[str, Any] = json.loads(line)
        count += 1
        if found := event.get("resourcePreEvent"):
            step = _step(found["metadata"])
            steps[step.urn] = _merged(steps[step.urn], step) if step.urn in steps else step
        elif found := event.get("policyEvent"):
            resource = found.get("resourceUrn", "").rpartition("::")[2]
            message = " ".join(found["message"].split())
            level = found["enforcementLevel"]
            violations.append(Violation(found["policyName"], level, resource, message))
        elif (found := event.get("diagnosticEvent")) and found["severity"] in said:
            # without the program's traceback
            text = found["message"].partition("\nTraceback")[0].strip()
            said[found["severity"]].append(text)
    if not count:
        raise ValueError("the preview wrote no events")
    violations.sort(key=lambda v: (v.level != "mandatory", v.rule, v.resource))
    told = [error for error in said["error"] if error != "preview failed"]
    # what the first error has ended says that as well
    errors = [error for error in told if not error.endswith("context canceled")] or told
    if failure and not errors and not any(v.level == "mandatory" for v in violations):
        errors = [failure]
    return Preview(
        tuple(steps.values()),
        tuple(violations),
        tuple(dict.fromkeys(errors)),
        tuple(dict.fromkeys(said["warning"])),
    )


def _step(found: Mapping[str, Any]) -> Step:
    old, new = found.get("old"), found.get("new")
    op = "replace" if found["op"] in _PARTS else found["op"]
    return Step(
        op,
        found["urn"],
        old["inputs"] if old else None,
        new["inputs"] if new else None,
        tuple(found.get("keys") or ()),
        tuple(found.get("diffs") or ()),
        old["outputs"] if old else None,
        bool(old and old.get("protect")),
        bool((old or new or {}).get("custom")),
    )


def _merged(one: Step, two: Step) -> Step:
    """One step from two events of a replacement."""
    return Step(
        one.op,
        one.urn,
        one.before or two.before,
        one.after or two.after,
        one.reasons or two.reasons,
        one.changed or two.changed,
        one.outputs or two.outputs,
        one.protected or two.protected,
        one.cloud,
    )


def record_set(inputs: Mapping[str, Any] | None) -> Planned | None:
    """The record set in a record's inputs, or None without inputs."""
    if inputs is None:
        return None
    kind, given = inputs["type"], inputs.get("records")
    values = given if isinstance(given, list) else [UNKNOWN]
    read_ = (lambda v: "".join(txt.strings(v))) if kind == "TXT" else str
    known = tuple(None if value == UNKNOWN else read_(value) for value in values)
    return Planned(inputs["name"], kind, int(inputs.get("ttl", 0)), known)
