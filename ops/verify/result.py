"""What a check found."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its code (docs/verify.md, docs/doctor.md) and what was seen."""

    code: str
    text: str


@dataclass
class Result:
    """One check of one subject; `skipped` says why it could not be made, or not to its end."""

    check: str
    subject: str
    seen: list[str] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    skipped: str = ""

    def error(self, code: str, text: str, *instructions: str) -> None:
        """Mail is lost, refused or in danger by this."""
        self.errors.append(Problem(code, text))
        self.instructions += instructions

    def warn(self, code: str, text: str, *instructions: str) -> None:
        """Mail gets through; somebody should look."""
        self.warnings.append(Problem(code, text))
        self.instructions += instructions

    def behind(self, cause: str, codes: Collection[str]) -> "Result":
        """Skipped, where all that is wrong is of these codes and follows from the cause."""
        wrong = {problem.code for problem in [*self.errors, *self.warnings]}
        if not wrong or not wrong <= set(codes):
            return self
        return Result(self.check, self.subject, self.seen, skipped=f"{cause} comes first")

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
        found = asdict(self)
        return {
            "check": found.pop("check"),
            "subject": self.subject,
            "status": self.status,
            **found,
        }
