"""Pulumi's packages for Python: the newest ones that go with all others of this program.

pip decides that, as it does when they are installed: `pip install --dry-run` asks the index that it
is set up for, and changes nothing.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from ops.update.part import Part, Unknown

PROJECT = Path(__file__).resolve().parents[2]
ASKED_FOR, CONSTRAINTS = ("requirements.txt", "requirements-dev.txt"), "constraints.txt"
FILES = (*ASKED_FOR, CONSTRAINTS)
SDKS = ("pulumi", "pulumi-aws", "pulumi-cloudinit", "pulumi-policy")
# A line of these files; what follows a version is a comment.
_PIN = re.compile(r"^(?P<name>[\w.-]+)(?P<extras>\[[^]]*\])?==(?P<version>[\w.+!-]+)", re.MULTILINE)
_SECONDS = 300


def parts(found: Mapping[str, str], folder: Path = PROJECT) -> Iterator[Part]:
    """Each package of Pulumi's, where `found` are versions by name (`newest`)."""
    here = pins(folder / CONSTRAINTS)
    for name in SDKS:
        newest = found[name]
        old = Version(newest) > Version(here[name])
        yield Part(name, here[name], newest, old, "--write raises it" if old else "")


def pins(file: Path) -> dict[str, str]:
    """The version of each package in a file, by its canonical name."""
    return {
        str(canonicalize_name(pin["name"])): pin["version"]
        for pin in _PIN.finditer(file.read_text())
    }


def newest(folder: Path = PROJECT) -> dict[str, str]:
    """The versions of Pulumi's packages, and of all that they need, by canonical name.

    They are of the same major version, and fit what `constraints.txt` says of everything else.
    Unknown, with pip's own words, if it finds none.
    """
    here = pins(folder / CONSTRAINTS)
    others = "".join(f"{name}=={here[name]}\n" for name in here if name not in SDKS)
    wanted = [f"{name}>={here[name]},<{Version(here[name]).major + 1}" for name in SDKS]
    with tempfile.TemporaryDirectory() as temporary:
        constraints, report = Path(temporary) / CONSTRAINTS, Path(temporary) / "report.json"
        constraints.write_text(others)
        options = ("--dry-run", "--ignore-installed", "--no-input", "--disable-pip-version-check")
        command = [sys.executable, "-m", "pip", "install", "--quiet", *options]
        command += ["--report", str(report), "--constraint", str(constraints), *wanted]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise Unknown(f"pip has no answer after {_SECONDS} s") from None
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise Unknown(f"pip: {said[-1]}")
        installed = json.loads(report.read_text())["install"]
    told = [item["metadata"] for item in installed]
    return {str(canonicalize_name(each["name"])): each["version"] for each in told}


def changes(found: Mapping[str, str], folder: Path = PROJECT) -> dict[Path, str]:
    """The files that have to change so that these versions are installed, with their new texts."""
    texts = {folder / name: (folder / name).read_text() for name in FILES}
    known = pins(folder / CONSTRAINTS)
    raised = {
        name: version
        for name, version in found.items()
        if name not in known or Version(version) > Version(known[name])
    }
    after = {file: _raised(text, raised) for file, text in texts.items()}
    constraints = folder / CONSTRAINTS
    for name in sorted(raised.keys() - known.keys()):
        after[constraints] += f"{name}=={raised[name]}\n"
    return {file: text for file, text in after.items() if text != texts[file]}


def _raised(text: str, versions: Mapping[str, str]) -> str:
    def line(pin: re.Match[str]) -> str:
        version = versions.get(str(canonicalize_name(pin["name"])), pin["version"])
        return f"{pin['name']}{pin['extras'] or ''}=={version}"

    return _PIN.sub(line, text)
