"""Which lab a command of `relay lab ...` is about."""

from typing import Annotated

import typer

from lab import control
from lab.lab import Lab
from ops.lab.target import lab_of

Name = Annotated[
    str,
    typer.Option(
        "--name",
        "--lab",
        help="Which lab, by its name (1 to 10 of a-z and 0-9): several can run side by side.",
    ),
]


def up_lab(name: str) -> Lab:
    """The lab, which must be up."""
    lab = lab_of(name)
    if not control.running(lab):
        raise control.LabError(f"the lab {name} is not up: ./relay lab up --name {name}")
    return lab
