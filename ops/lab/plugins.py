"""The lab's plug-ins, in place of those that reach AWS."""

from importlib.metadata import version
from pathlib import Path

from ops import engine


def install(home: Path) -> None:
    """Install them in PULUMI_HOME, where the engine finds them."""
    for kind, package in (("aws", "pulumi_aws"), ("cloudinit", "pulumi_cloudinit")):
        folder = home / "plugins" / f"resource-{kind}-v{version(package)}"
        engine.install(folder / f"pulumi-resource-{kind}", "lab.provider", kind)
