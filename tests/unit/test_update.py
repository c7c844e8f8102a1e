"""What is older than it should be, by pip's and git's own answers, and images as EC2 lists them."""

import subprocess
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from editing import stack_file
from raw_settings import changed
from typer.testing import CliRunner

from common.release import release
from ops.cli import app
from ops.target import AwsTarget
from ops.update import image, packages, program
from ops.update.part import Part, Unknown
from settings import read

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def wheel(index: Path, name: str, version: str, *requires: str) -> None:
    """A package without content."""
    written = name.replace("-", "_")
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    folder = f"{written}-{version}.dist-info"
    with zipfile.ZipFile(index / f"{written}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(
            f"{folder}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        )
        file.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{folder}/RECORD", "")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this program's files of packages, and an index with newer ones, which pip asks."""
    index, folder = tmp_path / "index", tmp_path / "copy"
    index.mkdir()
    folder.mkdir()
    for name in ("pulumi", "pulumi-aws", "pulumi-cloudinit", "pulumi-policy"):
        wheel(index, name, "3.1.0")
    wheel(index, "pulumi", "3.2.0", "brand-new>=1")
    wheel(index, "brand-new", "1.5")
    wheel(index, "pulumi", "4.0.0")
    wheel(index, "pulumi-aws", "3.2.0", "protobuf>=6")
    wheel(index, "protobuf", "5.29.6")
    wheel(index, "protobuf", "6.1")
    (folder / "requirements.txt").write_text(
        "-c constraints.txt\n# why pulumi==3.1.0\npulumi==3.1.0  # here\npulumi-aws==3.1.0\n"
        "pulumi-cloudinit==3.1.0\npulumi-policy==3.1.0\n"
    )
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\nmoto[server,ec2]==5.2.5\n")
    (folder / "constraints.txt").write_text(
        "moto==5.2.5\nprotobuf==5.29.6\npulumi==3.1.0\npulumi_aws==3.1.0\npulumi_cloudinit==3.1.0\n"
        "pulumi_policy==3.1.0\n"
    )
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return folder


def test_packages_are_raised_as_far_as_the_others_let_them(copy: Path) -> None:
    found = packages.newest(copy)
    assert (found["pulumi"], found["pulumi-aws"]) == ("3.2.0", "3.1.0")
    assert [part.what for part in packages.parts(found, copy) if part.old] == ["pulumi"]
    texts = {file.name: text for file, text in packages.changes(found, copy).items()}
    assert texts.keys() == {"requirements.txt", "constraints.txt"}
    before = (copy / "requirements.txt").read_text()
    assert texts["requirements.txt"] == before.replace("\npulumi==3.1.0", "\npulumi==3.2.0")
    assert "pulumi==3.2.0\npulumi_aws==3.1.0" in texts["constraints.txt"]
    assert texts["constraints.txt"].endswith("brand-new==1.5\n")


def test_an_index_without_an_answer_is_told_in_pips_words(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(copy))
    with pytest.raises(Unknown, match="pip: ERROR: No matching distribution found for pulumi"):
        packages.newest(copy)


@pytest.mark.parametrize(
    ("tags", "newest", "old"),
    [
        ([], "", False),
        (["v0.0.9", f"v{release()}"], release(), False),
        (["v9.9.9", "v9.10.0", "v9.10.0-rc1", "vulture", "w99.0.0"], "9.10.0", True),
    ],
)
def test_releases_are_the_tags_of_the_remote(
    tmp_path: Path, tags: list[str], newest: str, old: bool
) -> None:
    upstream, ours = tmp_path / "upstream", tmp_path / "ours"
    for folder in (upstream, ours):
        git(tmp_path, "init", "--quiet", str(folder))
    git(upstream, "commit", "--quiet", "--allow-empty", "--message=one")
    for tag in tags:
        git(upstream, "tag", tag)
    git(ours, "remote", "add", "origin", "/nowhere")
    git(ours, "remote", "add", "upstream", str(upstream))
    found = program.releases(ours, None)
    assert (found.here, found.newest, found.old) == (release(), newest, old)
    with pytest.raises(Unknown, match="/nowhere"):
        program.releases(ours, "origin")


def test_a_copy_without_a_remote_is_told_how_to_get_one(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(Unknown, match="git remote add upstream URL"):
        program.releases(tmp_path, None)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=me", "-c", "user.email=me@a.example")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("version", "old"), [("3.9.9", True), ("3.10.0", False), ("4.0.0", False), ("2.99.0", True)]
)
def test_the_command_on_the_path_is_held_to_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, old: bool
) -> None:
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\necho v{version}\n")
    (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert program.engine("3.60.0").old is old


@pytest.mark.parametrize("version", ["", "v3.190.0-alpha.x8d7b3bd"])
def test_a_command_that_is_no_release_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\necho '{version}'\n")
    (tmp_path / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(Unknown, match="which is no release"):
        program.engine("3.60.0")


def images(*made: tuple[str, int]) -> Any:
    """EC2 with images by name and age in days."""
    listed = [
        {"Name": name, "CreationDate": (NOW - timedelta(days=age)).isoformat()}
        for name, age in made
    ]

    def describe(Filters: list[Mapping[str, Any]], **_: Any) -> dict[str, Any]:
        (wanted,) = [found["Values"] for found in Filters]
        begin = wanted[1].removesuffix("*")
        return {"Images": [i for i in listed if i["Name"].startswith(begin)]}

    return SimpleNamespace(describe_images=describe)


MINE, NEWER = "debian-13-arm64-20251117-2299", "debian-13-arm64-20261117-1"


@pytest.mark.parametrize(
    ("listed", "old", "note"),
    [
        (images((MINE, 366), (NEWER, 10)), True, "--write raises it"),
        (images((MINE, 364), (NEWER, 10)), False, "it is 364 days old"),
        (images((MINE, 700)), False, "it is 700 days old"),
        (images((NEWER, 10)), False, "AWS does not list it here"),
    ],
)
def test_an_image_is_old_after_a_year_if_there_is_a_newer_one(
    listed: Any, old: bool, note: str
) -> None:
    (part,) = image.parts(read(changed()), listed, NOW)
    assert part.old is old
    assert note in part.note


def test_a_stack_of_both_architectures_has_no_one_image_to_set() -> None:
    clients = [{"name": "app.shop.example", "instanceType": "t3.micro"}]
    settings = read(changed(clients=clients))
    amd = MINE.replace("arm64", "amd64")
    listed = images((MINE, 400), (NEWER, 1), (amd, 400), (NEWER.replace("arm64", "amd64"), 1))
    found = list(image.parts(settings, listed, NOW))
    assert [part.what for part in found] == ["image arm64", "image amd64"]
    assert all("take a newer release" in part.note for part in found)


@pytest.fixture
def prod(tmp_path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a stack, whose image is old; packages and a release are newer."""
    file = stack_file(tmp_path, monkeypatch)
    listed = images((MINE, 366), (NEWER, 10))
    real = image.parts
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(lambda _: listed))
    monkeypatch.setattr(image, "parts", lambda settings, ec2, _: real(settings, ec2, NOW))
    for module, name in ((packages, "newest"), (packages, "changes"), (packages, "parts")):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, function=function: function(*a, copy))
    releases = Part("mail-relay", "0.1.0", "9.0.0", True)
    monkeypatch.setattr(program, "releases", lambda *_: releases)
    monkeypatch.setattr(program, "engine", lambda _: Part("pulumi command", "3.2.0", "3.2.0"))
    return file


def test_what_is_old_is_told_and_nothing_is_changed(prod: Path, copy: Path) -> None:
    before = {file: file.read_text() for file in (prod, *copy.iterdir())}
    told = CliRunner().invoke(app, ["update", "--stack=prod"])
    assert told.exit_code == 1
    rows = [line.split()[:5] for line in told.stdout.splitlines()]
    assert ["pulumi", "3.1.0", "3.2.0", "older"] in [row[:4] for row in rows]
    assert ["image", "arm64", MINE, NEWER, "older"] in rows
    assert {file: file.read_text() for file in before} == before


def test_what_is_old_and_ours_to_raise_is_raised(prod: Path, copy: Path) -> None:
    before = yaml.safe_load(prod.read_text())["config"]
    told = CliRunner().invoke(app, ["update", "--stack=prod", "--write"])
    assert told.exit_code == 0, told.exception
    config = yaml.safe_load(prod.read_text())["config"]
    assert config == {**before, "mail-relay:image": NEWER}
    assert "pulumi==3.2.0" in (copy / "constraints.txt").read_text()
    assert "requirements.txt" in told.stderr


def test_what_cannot_be_found_out_is_no_reason_to_hide_the_rest(
    prod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise Unknown("pip: no network")

    monkeypatch.setattr(packages, "newest", silent)
    told = CliRunner().invoke(app, ["update", "--stack=prod", "--write"])
    assert told.exit_code == 1
    assert "Not found out: Pulumi's packages: pip: no network" in told.stderr
    assert "mail-relay" in told.stdout
