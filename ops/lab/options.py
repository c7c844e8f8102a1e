"""The option `--lab` of the commands of `relay lab ...`."""

from typing import Annotated

import typer

from lab import control
from lab.lab import Lab
from ops.lab.target import lab_of, not_up

Name = Annotated[
    str,
    typer.Option(
        "--lab",
        metavar="NAME",
        help="Which lab, by its name (1 to 10 of a-z and 0-9, a letter first): several can run "
        "side by side.",
    ),
]


def former(word: str) -> str:
    """The present name of an option: `--name`, the former name of `--lab`, still works.

    It is click's `token_normalize_func`.
    """
    return "lab" if word == "name" else word


def up_lab(name: str) -> Lab:
    """The lab of a name; LabError if it is not up."""
    lab = lab_of(name)
    if not control.running(lab):
        raise control.LabError(not_up(name))
    return lab
