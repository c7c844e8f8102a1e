"""What a check found."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its code (docs/verify.md, docs/doctor.md) and what was seen.

    `parts` are what of the subject it is about: units, ports, rules. `explains` names the problems
    that follow from this one, each as `Result.key` gives it.
    """

    code: str
    text: str
    instructions: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()


@dataclass
class Result:
    """One check of one subject; `skipped` says why it could not be made, or not to its end.

    `advice` is what to do beside the instructions of each problem.
    """

    check: str
    subject: str
    seen: list[str] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    skipped: str = ""

    def error(self, code: str, text: str, *instructions: str, parts: tuple[str, ...] = ()) -> None:
        """Mail is lost, refused or in danger by this."""
        self.errors.append(Problem(code, text, instructions, parts))

    def warn(self, code: str, text: str, *instructions: str) -> None:
        """Mail gets through; somebody should look."""
        self.warnings.append(Problem(code, text, instructions))

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong, errors first."""
        return [*self.errors, *self.warnings]

    @property
    def instructions(self) -> list[str]:
        """What to do, in the order of the problems."""
        return [text for problem in self.problems for text in problem.instructions] + self.advice

    def key(self, problem: Problem) -> str:
        """A problem's name for people: its code and what it is about."""
        return f"{problem.code} {', '.join(problem.parts) or self.subject}"

    @property
    def status(self) -> Literal["error", "warning", "skipped", "ok"]:
        """The worst of it."""
        if self.errors:
            return "error"
        if self.warnings:
            return "warning"
        return "skipped" if self.skipped else "ok"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
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
