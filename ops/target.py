"""The stack that a command is about: the user's own, or a lab's."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lab import control
from lab.lab import Lab
from ops import engine, lab_stack
from ops.errors import StackError
from ops.outputs import Outputs, read
from ops.terminal import notes

StackOption = Annotated[
    str | None, typer.Option("--stack", help="The stack; the one that Pulumi has selected.")
]
LabOption = Annotated[
    str | None, typer.Option("--lab", help="A stack of this lab, its own unless --stack is given.")
]


# What Pulumi says of a stack whose last `pulumi` was killed, or works on it now.
_KILLED = (
    "stack is currently locked",
    "Another update is currently in progress",
    "pending operations from previous deployment",
)


@dataclass(frozen=True)
class Target:
    """A stack, its file, and how Pulumi is called for it."""

    stack: str
    lab: Lab | None = None

    @property
    def file(self) -> Path:
        """The stack's settings."""
        folder = lab_stack.work_dir(self.lab) if self.lab else engine.PROJECT
        return folder / f"Pulumi.{self.stack}.yaml"

    @property
    def command(self) -> str:
        """How people call Pulumi where the stack is."""
        return f"./relay pulumi --lab {self.lab.name}" if self.lab else "pulumi"

    @property
    def apply_command(self) -> str:
        """What puts a change in force."""
        return f"{self.command} up --stack {self.stack}"

    @property
    def settle_command(self) -> str:
        """What a stack needs whose `pulumi` was killed."""
        where = f" --lab {self.lab.name}" if self.lab else ""
        return f"./relay settle --stack {self.stack}{where}"

    def pulumi(self, *arguments: str, text: str = "") -> str:
        """The output of `pulumi ARGUMENTS` on this stack; StackError with what it said."""
        try:
            return output(self.lab, *arguments, "--stack", self.stack, text=text)
        except StackError as error:
            raise self._hinted(str(error)) from None

    def operate(self, *arguments: str, shown: Callable[[str], str] = lambda line: line) -> None:
        """Run `pulumi ARGUMENTS` on this stack with what it shows on our standard error.

        `shown` is what is shown of a line. StackError with what it said if it fails.
        """
        arguments = (*arguments, "--stack", self.stack)
        if self.lab:
            argv = lab_stack.command(self.lab, *arguments)
        else:
            argv = [str(engine.engine()), *arguments]
        said = []
        with subprocess.Popen(
            argv,
            cwd=engine.PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                notes.print(shown(line), end="", markup=False, soft_wrap=True)
                said.append(line)
        if process.returncode != 0:
            text = "".join(said)  # it was shown, so the error is what Pulumi made of it in the end
            end = text[max(text.find("Diagnostics:"), 0) :]
            # what the stack exports is no part of what went wrong
            raise self._hinted(end.partition("\nOutputs:")[0].strip(), text)

    def _hinted(self, said: str, whole: str = "") -> StackError:
        """With the way out, where it was a `pulumi` that was killed that is in the way."""
        if any(sign in (whole or said) for sign in _KILLED):
            said += f"\nIf the last `pulumi` was killed: {self.settle_command}"
        return StackError(said)

    def preview(self, *arguments: str) -> str:
        """The engine's events of a preview, one a line; StackError if it did not come to any."""
        command = ("preview", "--json", *arguments, "--stack", self.stack)
        result = _pulumi(self.lab, *command, env={engine.EVENTS: "true"})
        if not result.stdout.startswith("{"):
            raise StackError((result.stderr or result.stdout).strip())
        return result.stdout

    def outputs(self) -> Outputs:
        """The stack's outputs, secret ones too; StackError if it was never brought up."""
        found = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        if not found:
            raise StackError(f"the stack {self.stack} has no outputs yet: {self.apply_command}")
        return read(found)


def output(lab: Lab | None, *arguments: str, text: str = "") -> str:
    """The output of `pulumi ARGUMENTS`; StackError with what it said."""
    result = _pulumi(lab, *arguments, text=text)
    if result.returncode != 0:
        raise StackError((result.stderr or result.stdout).strip())
    return result.stdout


def _pulumi(
    lab: Lab | None, *arguments: str, text: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    if lab:
        return lab_stack.captured(lab, *arguments, text=text, env=env)
    return subprocess.run(
        [str(engine.engine()), *arguments],
        cwd=engine.PROJECT,
        env={**os.environ, **(env or {})},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def target(stack: str | None, lab: str | None) -> Target:
    """The stack that the options mean; StackError if there is none."""
    if lab:
        found = Target(stack or lab_stack.STACK, Lab(lab))
        if not control.running(Lab(lab)):
            raise StackError(f"the lab {lab} is not up: ./relay lab up --name {lab}")
        if not found.file.exists():
            known = ", ".join(lab_stack.stacks(Lab(lab))) or "none"
            raise StackError(f"{found.stack}: there is no such stack in the lab; there is {known}")
        return found
    if stack is None:
        result = _pulumi(None, "stack", "--show-name", "--non-interactive")
        if result.returncode != 0:
            said = (result.stderr or result.stdout).strip()
            raise StackError(f"no stack is selected ({said}); name one with --stack or --lab")
        stack = result.stdout.strip()
    found = Target(stack)
    if not found.file.exists():
        raise StackError(f"--stack {stack}: there is no {found.file.name} in {found.file.parent}")
    return found
