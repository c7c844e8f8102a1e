"""`relay lab up --real-kernel HOST`: the hosts of a lab's stack that run as virtual machines."""

from collections.abc import Sequence

import typer

from lab.control import LabError
from lab.machines import virtual
from lab.machines.image import architecture, virtual_image
from lab.tools import missing
from ops.edit.stack_file import StackFile
from ops.lab.target import LabTarget
from ops.terminal import notes
from settings import Settings


def hosts(settings: Settings, given: Sequence[str]) -> list[str]:
    """The names of the given hosts; BadParameter for one that the stack does not have."""
    known = [host.name for host in settings.hosts.values()]
    names = [settings.gateways[0].name if name == "gateway" else name for name in given]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"--real-kernel {name}: the stack has {', '.join(known)}")
    return names


def choose(target: LabTarget, given: Sequence[str]) -> None:
    """Make these hosts run as virtual machines; tools and image are in place before they start."""
    names = hosts(StackFile(target).settings(), given)
    if architecture() != "amd64":
        raise LabError("--real-kernel plays EC2's x86 machines: it needs such a computer")
    if packages := missing(real_kernel=True):
        needs = " ".join(packages)
        raise LabError(f"--real-kernel: install what it needs: apt-get install {needs}")
    virtual_image(notes.print)
    virtual.choose(target.lab, names)
