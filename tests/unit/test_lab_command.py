"""The lab's commands where there is no stack (any more), or an `up` was cut off: said in words."""

import json
from pathlib import Path
from subprocess import CompletedProcess, Popen
from urllib.error import URLError

import pytest
from typer.testing import CliRunner
from verify_world import WANTED

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from lab.access import NotRunning
from lab.lab import Lab
from lab.wait import until
from ops import engine
from ops.cli import app
from ops.lab import command, machines, region, stack, up
from ops.lab.target import LabTarget

NO_STACK = "error: no stack named 'lab' found"


class Place:
    """A lab that is up; what Pulumi says in it is `said`, and whether the stack's file is there."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.said = CompletedProcess([], 0, "{}", "")
        self.file = folder / "dev" / "pulumi" / "Pulumi.lab.yaml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(Path("Pulumi.dev.yaml").read_text())
        (folder / "dev" / "example").write_text("basics")
        self.folder = folder / "dev"
        patch.setattr(lab_, "HOME", folder)
        patch.setattr(control, "running", lambda lab: True)
        patch.setattr(stack, "captured", lambda *_, **__: self.said)
        patch.setattr(region, "instances", lambda lab: {})
        self.argv: list[str] = []
        # the test itself would be replaced
        patch.setattr(machines.os, "execvp", lambda _, argv: self.argv.extend(argv))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def refused(*arguments: str) -> str:
    """What a command says that ends in one of our own errors."""
    result = CliRunner().invoke(app, ["lab", *arguments])
    assert isinstance(result.exception, RelayError), result.exception
    return str(result.exception)


@pytest.mark.parametrize("what", ["send", "demo"])
@pytest.mark.parametrize("said", ["destroyed", "cut off"])
def test_without_a_stack_there_is_nothing_to_send(place: Place, what: str, said: str) -> None:
    if said == "cut off":
        place.said = CompletedProcess([], 255, "", NO_STACK)
    assert refused(what) == "the stack lab is not up: ./relay pulumi --lab dev up"


def test_a_stack_that_is_up_and_whose_file_is_gone_is_told_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "stacks", lambda _: ["lab"])
    place.file.unlink()
    said = refused("send")
    assert said.startswith(f"{place.file} is gone, which has the settings of a stack that is up")


def test_the_status_of_a_stack_whose_file_is_gone_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "stacks", lambda _: ["lab"])
    place.file.unlink()
    result = CliRunner().invoke(app, ["lab", "status"])
    assert result.exit_code == 1
    assert f"{place.file} is gone" in result.stdout
    assert "not up" not in result.stdout


@pytest.mark.parametrize("lock", [True, False])
@pytest.mark.parametrize("pending", [True, False])
def test_an_environment_whose_up_was_killed_is_to_be_settled(
    place: Place, monkeypatch: pytest.MonkeyPatch, lock: bool, pending: bool
) -> None:
    monkeypatch.setattr(stack, "stacks", lambda _: ["lab", "env-try"])
    place.file.with_name("Pulumi.env-try.yaml").write_text(place.file.read_text())
    state = {"deployment": {"pending_operations": ["x"] if pending else []}}
    monkeypatch.setattr(LabTarget, "pulumi", lambda *_: json.dumps(state))
    if lock:
        locks = place.folder / "pulumi-home/state/.pulumi/locks/organization/mail-relay/env-try"
        locks.mkdir(parents=True)
        with Popen(["true"]) as killed:
            killed.wait()
        (locks / "4c0b.json").write_text(json.dumps({"pid": killed.pid}))
    said = refused("send", "--stack", "env-try")
    settle = "a `pulumi` was cut off: ./relay settle --stack env-try --lab dev"
    assert (said == settle) == (lock or pending), said


@pytest.mark.parametrize("what", ["send", "demo"])
def test_the_labs_own_stack_goes_on_by_lab_up(
    place: Place, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(stack, "stacks", lambda _: ["lab"])
    state = json.dumps({"deployment": {"pending_operations": ["x"]}})
    monkeypatch.setattr(LabTarget, "pulumi", lambda *_: state)
    assert refused(what) == "the last `pulumi` was cut off: ./relay lab up --lab dev goes on"


@pytest.mark.parametrize("what", ["send", "status"])
@pytest.mark.parametrize("works_on", ["lab", "env-try"])
def test_nobody_is_told_to_bring_up_what_is_being_brought_up(
    place: Place, what: str, works_on: str
) -> None:
    lock = place.folder / "pulumi-home/state/.pulumi/locks/organization/mail-relay"
    (lock / works_on).mkdir(parents=True)
    with Popen(["pulumi", "60"], executable="/usr/bin/sleep") as worker:
        # the kernel shows no words of it before that
        until("it runs", lambda: Path(f"/proc/{worker.pid}/cmdline").read_bytes(), 10)
        (lock / works_on / "4c0b.json").write_text(json.dumps({"pid": worker.pid}))
        result = CliRunner().invoke(app, ["lab", what])
        worker.kill()
    said = result.stdout + str(result.exception)
    assert ("the stack lab is not up yet: a `pulumi` works on it" in said) == (works_on == "lab")


def test_the_lock_of_a_pulumi_that_was_killed_is_told_with_what_takes_it_away(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = WANTED.model_copy(update={"gateways": (), "clients": ()})
    monkeypatch.setattr(stack, "outputs", lambda *_: standing)
    locks = place.folder / "pulumi-home/state/.pulumi/locks/organization/mail-relay/lab"
    locks.mkdir(parents=True)
    hint = "The last `pulumi` on the stack was killed: ./relay settle --lab dev"
    assert hint not in CliRunner().invoke(app, ["lab", "status"]).stdout
    with Popen(["true"]) as killed:
        killed.wait()
    (locks / "4c0b.json").write_text(json.dumps({"pid": killed.pid}))
    assert hint in CliRunner().invoke(app, ["lab", "status"]).stdout
    # without a stack that is up the next step is `lab up`, which settles by itself
    monkeypatch.setattr(stack, "outputs", lambda *_: None)
    assert hint not in CliRunner().invoke(app, ["lab", "status"]).stdout


@pytest.mark.parametrize("what", ["send", "demo"])
def test_without_a_stacks_file_there_is_no_stack(place: Place, what: str) -> None:
    place.file.unlink()
    place.said = CompletedProcess([], 0, "[]", "")
    assert refused(what).endswith("; there is none: ./relay lab up --lab dev")


@pytest.mark.parametrize("what", ["shell", "logs"])
def test_a_host_that_is_not_up_comes_with_the_stack(
    place: Place, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.file.parent)
    assert refused(what, "gateway") == (
        "mail.relay.example is in Pulumi.lab.yaml and not up yet: ./relay pulumi --lab dev up"
    )


def test_of_a_machine_that_is_none_the_others_are_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused("logs", "x").endswith("no such machine; there is inbox")
    known = {"mail.relay.example": region.Instance("i-1", "us-east-1a")}
    monkeypatch.setattr(region, "instances", lambda lab: known)
    (place.folder / "smarthost.json").touch()
    monkeypatch.setattr(machines.Smarthost, "file", place.folder / "smarthost.json")
    there = "gateway, mail.relay.example, inbox, smarthost"
    assert refused("logs", "x") == f"x: there is no such machine; there is {there}"
    assert refused("shell", "x").endswith(f"there is {there}, laptop, aws")
    place.file.unlink()
    assert "there is mail.relay.example, inbox" in refused("logs", "gateway")


@pytest.mark.parametrize("machine", ["laptop", "aws", "inbox", "gateway"])
def test_without_a_lab_there_is_no_shell(
    place: Place, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "running", lambda lab: False)
    assert refused("shell", machine) == "the lab dev is not up: ./relay lab up --lab dev"


def test_awss_own_commands_are_about_the_lab(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region, "host_image", lambda told: Path("/image"))
    CliRunner().invoke(app, ["lab", "shell", "aws", "--", "aws", "sts", "get-caller-identity"])
    assert "--setenv=AWS_ENDPOINT_URL=http://127.0.0.1:4566" in place.argv
    assert "--network-namespace-path=/run/netns/mr-dev" in place.argv
    assert place.argv[-3:] == ["aws", "sts", "get-caller-identity"]


@pytest.mark.parametrize("how", ["destroyed", "no stack", "no file"])
def test_the_status_says_that_the_stack_is_not_up(
    place: Place, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "no stack":
        place.said = CompletedProcess([], 255, "", NO_STACK)
    if how == "no file":
        place.file.unlink()
        place.said = CompletedProcess([], 1, "", "Traceback (most recent call last): ...")
    monkeypatch.setattr(command.Inbox, "messages", lambda self: [])
    monkeypatch.setattr(command.condition, "lacks", lambda lab, placed: {})
    result = CliRunner().invoke(app, ["lab", "status", "--json"])
    assert result.exit_code == 1
    assert '"missing": [\n    "the stack"\n  ]' in result.output


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("up_", "lacks", "code"), [(True, [], 0), (True, ["certificate"], 1), (False, [], 1)]
)
def test_the_status_is_an_exit_code_too(
    place: Place,
    options: list[str],
    up_: bool,
    lacks: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "running", lambda lab: up_)
    monkeypatch.setattr(control, "remains", lambda lab: [])
    monkeypatch.setattr(stack, "outputs", lambda lab: WANTED)
    monkeypatch.setattr(command.Inbox, "messages", lambda self: [])
    found = {host.name: lacks for host in WANTED.hosts}
    monkeypatch.setattr(command.condition, "lacks", lambda lab, placed: found)
    monkeypatch.setattr(command.power, "zones", lambda lab: [])
    assert CliRunner().invoke(app, ["lab", "status", *options]).exit_code == code


@pytest.mark.parametrize(
    ("options", "again"),
    [
        ([], ""),
        (["--example=basics", "--block-port-25"], " --example basics --block-port-25"),
        (
            ["--file=Pulumi.dev.yaml", "--real-kernel=gateway", "--open-port-25"],
            " --file Pulumi.dev.yaml --open-port-25 --real-kernel gateway",
        ),
    ],
)
def test_an_up_that_is_interrupted_says_how_it_goes_on(
    place: Place, options: list[str], again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "start", press)
    told: list[str] = []
    monkeypatch.setattr(command.notes, "print", lambda text, *_, **__: told.append(str(text)))
    result = CliRunner().invoke(app, ["lab", "up", "--lab", "dev2", *options])
    assert result.exit_code == command.INTERRUPTED
    assert told[-1] == (
        f"interrupted: ./relay lab up --lab dev2{again} goes on, "
        "./relay lab down --lab dev2 takes it away"
    )


@pytest.mark.parametrize(("key", "next_"), [("", "send"), ("basics", "demo")])
def test_an_up_says_what_comes_next(
    place: Place, key: str, next_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the lab runs: it may go on with an example that was taken before."""
    (place.folder / "example").write_text(key)
    monkeypatch.setattr(up, "start", lambda *_: None)
    monkeypatch.setattr(up, "apply", lambda *_: WANTED)
    told: list[str] = []
    monkeypatch.setattr(command.notes, "print", lambda text, *_, **__: told.append(str(text)))
    assert CliRunner().invoke(app, ["lab", "up", "--lab", "dev"]).exit_code == 0
    assert told[-1].endswith(f"Next: ./relay lab {next_} --lab dev")


@pytest.mark.parametrize("command_", [["lab", "send"], ["lab", "demo"], ["lab", "status"]])
def test_a_lab_that_is_not_up_names_those_that_are(
    place: Place, command_: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", ".x", "UPPER"):
        (place.folder.parent / name).mkdir()
    monkeypatch.setattr(control, "running", lambda lab: lab.name in ("a", "b"))
    monkeypatch.setattr(control, "remains", lambda lab: [])
    told: list[str] = []
    monkeypatch.setattr(command.notes, "print", lambda text, *_, **__: told.append(str(text)))
    result = CliRunner().invoke(app, command_)
    said = told[-1] if told else str(result.exception)
    assert said.startswith("the lab dev is not up: ./relay lab up --lab dev")
    assert said.endswith(" (up here: --lab a, --lab b)")


def test_a_lab_of_another_user_is_an_error_in_words(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    def closed(lab: object) -> int:
        raise PermissionError(13, "Permission denied", "/var/lib/mail-relay-lab/dev/daemon.pid")

    monkeypatch.setattr(control, "_daemon", closed)
    assert refused("send") == "the lab dev is root's: run it as root"


@pytest.mark.parametrize("fault", [URLError("refused"), NotRunning("no namespace mr-dev")])
def test_a_region_that_does_not_answer_is_told_with_its_log(
    place: Place, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise fault

    monkeypatch.setattr(region, "entered", gone)
    for call in (region.without_power, region.leftovers):
        with pytest.raises(control.LabError, match="the region of the lab dev does not answer"):
            call(Lab("dev"))


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_lab_that_never_was_is_not_taken_away(
    place: Place, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """A name that is mistyped is seen: those that there are, up or not, are named."""
    (place.folder.parent / "a").mkdir()
    monkeypatch.setattr(control, "running", lambda lab: lab.name == "a")
    monkeypatch.setattr(control, "remains", lambda lab: [])
    monkeypatch.setattr(control, "remove", None)
    assert refused("down", "--lab=aa", *options) == (
        "there is no lab aa, nor anything left of it: nothing is done; there is --lab a, --lab dev"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, " cannot be read: Is a directory"),
        ("config: [", " is not valid YAML at line 1, column 10"),
        ("my notes", " is not a stack file: it needs `config:`, with the settings below"),
        ("config: {}\nencryptionsalt: v1:x", ": it holds values that are encrypted for its own"),
    ],
)
@pytest.mark.parametrize("option", ["--file", "--example", ""])
def test_a_file_that_is_no_stack_file_is_refused_before_the_lab_starts(
    place: Place, monkeypatch: pytest.MonkeyPatch, option: str, content: str | None, said: str
) -> None:
    file = place.folder.parent / "examples" / "Pulumi.mine.yaml"
    file.parent.mkdir()
    file.mkdir() if content is None else file.write_text(content)
    monkeypatch.setattr(engine, "PROJECT", file.parent.parent)
    monkeypatch.setattr(stack, "DEV", file)  # which a new lab takes
    monkeypatch.setattr(control, "running", lambda lab: False)
    started: list[Lab] = []
    monkeypatch.setattr(control, "start", lambda lab, _: started.append(lab))
    given = {"--file": [option, str(file)], "--example": [option, "mine"], "": []}[option]
    found = refused("up", "--lab", "try", *given)
    # which is told before it is parsed
    option = "--file " if option == "--file" and content is None else ""
    assert found.startswith(f"{option}{file}{said}")
    assert not started


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{}", "mine.yaml has no settings: "),
        ("{mail-relay:operator: Ops@a.example}", "mail-relay:operator: 'Ops@a.example': write it"),
        ("{mailrelay:operator: ops@a.example}", "mailrelay:operator: nobody reads this key"),
    ],
)
@pytest.mark.parametrize("is_up", [False, True])
def test_wrong_settings_in_a_file_are_refused_before_it_replaces_anything(
    place: Place, monkeypatch: pytest.MonkeyPatch, is_up: bool, config: str, said: str
) -> None:
    file = place.folder.parent / "mine.yaml"
    file.write_text(f"config: {config}")
    before = place.file.read_text()
    told: list[str] = []
    monkeypatch.setattr(control, "running", lambda lab: is_up)
    monkeypatch.setattr(control, "start", None)
    monkeypatch.setattr(stack, "prepare", None)
    monkeypatch.setattr(command.notes, "print", lambda *texts, **_: told.append(str(texts[-1])))
    lines = refused("up", "--file", str(file)).splitlines()
    assert said in "\n".join(lines)
    assert lines[-1] == f"{file} cannot be used"
    assert told == ["lab dev"]  # nothing is said to be done
    assert place.file.read_text() == before


@pytest.mark.parametrize("key", ["smarthost", "basics"])
def test_examples_are_not_refused(place: Place, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Passwords that the lab's provider is yet to make are no mistake."""
    monkeypatch.setattr(control, "running", lambda lab: False)
    started: list[Lab] = []
    monkeypatch.setattr(stack, "start", started.append)
    up.start(Lab("dev"), up.source(key, None))
    assert started
