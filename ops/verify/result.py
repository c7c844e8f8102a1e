"""The results of checks."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Problem:
    """A problem: its code (docs/verify.md, docs/doctor.md) and what was observed.

    `parts` are the affected parts of the subject: units, ports, rules. `explains` has the problems
    that follow from this one, each as its `Result.key`.
    """

    code: str
    text: str
    instructions: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()


@dataclass
class Result:
    """A check of a subject; `skipped` is the reason that it was not made, or not completed.

    `advice` are instructions beside those of each problem.
    """

    check: str
    subject: str
    seen: list[str] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    skipped: str = ""

    def error(self, code: str, text: str, *instructions: str, parts: tuple[str, ...] = ()) -> None:
        """Add an error: mail is lost, refused or in danger."""
        self.errors.append(Problem(code, text, instructions, parts))

    def warn(self, code: str, text: str, *instructions: str) -> None:
        """Add a warning: mail gets through, but somebody should look at it."""
        self.warnings.append(Problem(code, text, instructions))

    @property
    def problems(self) -> list[Problem]:
        """All problems, errors first."""
        return [*self.errors, *self.warnings]

    @property
    def instructions(self) -> list[str]:
        """The instructions in the order of the problems, then the advice."""
        return [text for problem in self.problems for text in problem.instructions] + self.advice

    def key(self, problem: Problem) -> str:
        """A problem's name for people: its code and its parts or subject."""
        return f"{problem.code} {', '.join(problem.parts) or self.subject}"

    @property
    def status(self) -> Literal["error", "warning", "skipped", "ok"]:
        """The worst status that applies."""
        if self.errors:
            return "error"
        if self.warnings:
            return "warning"
        return "skipped" if self.skipped else "ok"

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "check": self.check,
            "subject": self.subject,
            "status": self.status,
            "seen": self.seen,
            "errors": [_problem(problem) for problem in self.errors],
            "warnings": [_problem(problem) for problem in self.warnings],
            "instructions": self.instructions,
            "skipped": self.skipped,
        }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "text": problem.text, "explains": list(problem.explains)}
