"""`relay update`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ops.edit import replacing
from ops.edit.stack_file import StackFile
from ops.options import Json, LabOption, StackOption, target
from ops.target import Target
from ops.terminal import notes, print_json, print_table, shown_path, step
from ops.update import image, packages, program
from ops.update.part import Part, Unknown


def command(
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Raise the image and the packages, in the files of this copy."
        ),
    ] = False,
    remote: Annotated[
        str | None,
        typer.Option(
            help="Where git asks for this program's releases: a remote or a URL.",
            show_default="upstream, else origin",
        ),
    ] = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """What is older than it should be: the hosts' image, Pulumi and its packages, this program.

    Exit code 1: something is (not with --write), or it could not be found out.
    """
    chosen = target(stack, lab)
    found, unknown = list[Part](), list[str]()

    @contextmanager
    def asked(what: str) -> Iterator[None]:
        try:
            with step(what):
                yield
        except Unknown as error:
            unknown.append(f"{what}: {error}")

    with asked("Debian's images"), chosen.account() as client:
        found += image.parts(StackFile(chosen).settings(), client("ec2"), datetime.now(UTC))
    sdks = dict[str, str]()
    with asked("Pulumi's packages"):
        sdks = packages.newest()
        found += packages.parts(sdks)
        found.append(program.engine(sdks["pulumi"]))
    with asked("this program's releases"):
        found.append(program.releases(packages.PROJECT, remote))
    written = _write(chosen, found, sdks) if write else []
    _report(found, unknown, written, json)
    if unknown or (any(part.old for part in found) and not write):
        raise typer.Exit(1)


def _write(chosen: Target, found: list[Part], sdks: dict[str, str]) -> list[Path]:
    """Raise what is old and ours to raise; the files that were changed."""
    written = list[Path]()
    images = [part for part in found if part.what.startswith("image ")]
    if len(images) == 1 and images[0].old:
        with replacing.alone(chosen.file):
            file = StackFile(chosen)
            file.put(image.SETTING, images[0].newest)
            if file.save():
                written.append(chosen.file)
    if any(part.old for part in found if part.what in packages.SDKS):
        for name, text in packages.changes(sdks).items():
            replacing.replace(name, name.read_bytes(), text.encode())
            written.append(name)
    return written


def _report(found: list[Part], unknown: list[str], written: list[Path], json: bool) -> None:
    files = [shown_path(file) for file in written]
    if json:
        parts = [asdict(part) for part in found]
        print_json({"parts": parts, "unknown": unknown, "written": files})
    else:
        print_table("what gets older", [_row(part) for part in found])
    for line in unknown:
        notes.print(f"Not found out: {line}", soft_wrap=True)
    if files:
        notes.print(
            f"Changed: {', '.join(files)}. Next: make venv, ./relay review, and a pull request",
            soft_wrap=True,
        )


def _row(part: Part) -> dict[str, str]:
    state = "older" if part.old else ("newest" if part.newest in ("", part.here) else "fine")
    return {
        "what": part.what,
        "here": part.here,
        "newest": part.newest or "-",
        "is": state if part.newest else "-",
        "note": part.note,
    }
