"""The report, for a pull request and for programs."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ops.review.change import Change
from ops.review.markdown import code, turned
from ops.review.picture import picture
from ops.review.preview import UNKNOWN, Step, Violation, record_set
from ops.review.summary import sentences
from ops.review.warnings import Warn, warnings
from settings.advice import advice, new_lines

SIGNS = {"create": "+ create", "delete": "- delete", "update": "~ update", "replace": "± replace"}
ROWS = 100  # of a list or the table; a comment on GitHub has at most 65,536 characters
SHOWN = 60  # characters of a value in the table
IDENTIFIER = re.compile(r"[a-z]+-[0-9a-f]{8,17}")  # an id of AWS's: meaningless to a reader
SECRET = "[secret]"  # noqa: S105 (the engine's placeholder of a secret)


@dataclass(frozen=True)
class Report:
    """The report for a reviewer; `advice` is what the program warns of, if it did not before."""

    stack: str
    sentences: list[str]
    notes: list[str]
    operations: list[dict[str, str]]
    picture: str
    warnings: list[Warn]
    policy: list[Violation]
    errors: list[str]
    advice: list[str]

    @property
    def passes(self) -> bool:
        """Whether the update may be tried: no error, no mandatory rule broken."""
        return not self.errors and all(v.level != "mandatory" for v in self.policy)

    def json(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def report(
    stack: str,
    change: Change,
    notes: Iterable[str] = (),
    verified: Mapping[str, bool] | None = None,
) -> Report:
    """The report of a change; `verified` is the same as in `warnings`."""
    return Report(
        stack,
        sentences(change),
        list(notes),
        [_operation(step) for step in change.preview.changes()],
        picture(change),
        warnings(change, verified),
        list(change.preview.violations),
        list(change.preview.errors),
        new_lines(advice(change.before) if change.before else (), change.preview.advice),
    )


def _operation(step: Step) -> dict[str, str]:
    return {
        "operation": step.op,
        "kind": step.kind,
        "name": step.name,
        "change": "; ".join(_details(step)),
    }


def _details(step: Step) -> Iterator[str]:
    """The changes of a resource, or the old and the new values of a record."""
    if step.kind == "Record":
        before, after = record_set(step.before), record_set(step.after)
        texts = [_values(record.values) for record in (before, after) if record]
        yield " → ".join(dict.fromkeys(texts))
        if before and after and before.ttl != after.ttl:
            yield f"ttl {before.ttl} → {after.ttl}"
        return
    keys = step.changed if step.before is not None else ()
    for key in dict.fromkeys((*step.reasons, *keys)):
        before, after = ((inputs or {}).get(key) for inputs in (step.before, step.after))
        why = " (replaces it)" if key in step.reasons else ""
        if SECRET in (before, after):
            yield f"{key} (secret){why}"
        elif _is_short(before) and _is_short(after):
            yield f"{key} {turned(str(before), str(after))}{why}"
        else:
            yield f"{key}{why}"


def _values(values: Iterable[str | None]) -> str:
    return ", ".join(code(v if v is None or len(v) <= SHOWN else f"{v[:SHOWN]}...") for v in values)


def _is_short(value: Any) -> bool:
    return (
        isinstance(value, str | int | float | bool)
        and len(str(value)) <= SHOWN
        and value != UNKNOWN
        and not IDENTIFIER.fullmatch(str(value))
    )


def markdown(found: Report) -> str:
    """The report for a pull request; its first line identifies the comment, to find it again."""
    parts = [
        f"<!-- mail-relay review of {found.stack} -->",
        f"## Review of the stack {code(found.stack)}",
    ]
    if found.errors:
        parts += ["**The preview fails**; what follows is as far as it came."]
        parts += ["\n".join(["```text", *found.errors, "```"])]
    parts += ["### What this means for mail", _bullets(found.sentences)]
    parts += [f"*{note}*" for note in found.notes]
    needs = found.warnings or found.policy or found.errors
    parts += ["### Operations", "\n".join(_table(found.operations))]
    parts += ["### Mail flow", f"```mermaid\n{found.picture}\n```"]
    parts += ["Green is added, yellow changes, red goes."]
    parts += ["### What needs a person" if needs else "### Nothing needs a person"]
    if needs:
        rules = [
            f"Policy, {v.level}: {code(v.rule)} of {v.resource}. {v.message}" for v in found.policy
        ]
        fails = ["The preview fails, see above."] if found.errors else []
        parts += [_bullets([*fails, *(warn.text for warn in found.warnings), *rules])]
    if found.advice:
        parts += ["### What the program advises", _bullets(found.advice)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _bullets(items: list[str]) -> str:
    more = [f"and {len(items) - ROWS} more"] if len(items) > ROWS else []
    return "\n".join(f"- {item}" for item in [*items[:ROWS], *more])


def _table(operations: list[dict[str, str]]) -> Iterator[str]:
    if not operations:
        yield "None."
        return
    counts = Counter(operation["operation"] for operation in operations)
    summary = ", ".join(f"{counts[op]} {op}" for op in sorted(counts))
    yield f"<details><summary>{summary}</summary>\n"
    yield "| operation | resource | name | what changes |"
    yield "|---|---|---|---|"
    for operation in operations[:ROWS]:
        sign = SIGNS.get(operation["operation"], operation["operation"])
        texts = (sign, operation["kind"], operation["name"], operation["change"])
        cells = [text.replace("|", "\\|") for text in texts]
        yield f"| {' | '.join(cells)} |"
    if len(operations) > ROWS:
        yield f"\nand {len(operations) - ROWS} more"
    yield "\n</details>"
