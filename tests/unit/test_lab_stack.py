"""A lab's own stack file: what `lab up` takes, what it goes on with, and what it replaces."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import yaml
from editing import new_lab

from lab import control
from lab.lab import Lab
from ops import engine, stack_yaml, target
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.lab import inside, region, smarthost, stack
from ops.lab.target import LabTarget
from ops.review import snapshots

DEV = engine.PROJECT / "Pulumi.dev.yaml"
BASICS = engine.PROJECT / "examples/Pulumi.basics.yaml"
SMARTHOST = engine.PROJECT / "examples/Pulumi.smarthost.yaml"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return new_lab(tmp_path, monkeypatch)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(stack.notes, "print", lambda text, *_, **__: said.append(str(text)))
    return said


def add(lab: Lab, domain: str) -> None:
    """As `./relay domains add --lab` does."""
    file = StackFile(LabTarget(stack.STACK, lab))
    file.add("domains", {"name": domain})
    file.save()


def domains(lab: Lab) -> list[str]:
    return [item["name"] for item in stack_yaml.config(stack.own_file(lab))["mail-relay:domains"]]


def test_a_new_lab_takes_the_dev_stack(lab: Lab, told: list[str]) -> None:
    assert stack.prepare(lab, None)
    assert stack.own_file(lab).read_text() == DEV.read_text()
    assert told == [f"the stack file is {stack.own_file(lab)}, a copy of Pulumi.dev.yaml"]


def test_without_a_file_a_lab_goes_on_with_its_own(lab: Lab, told: list[str]) -> None:
    stack.prepare(lab, BASICS)
    add(lab, "new.example")
    before = stack.own_file(lab).read_text()
    assert not stack.prepare(lab, None)
    assert stack.own_file(lab).read_text() == before
    assert stack.example_of(lab) == "basics"
    (said,) = told[1:]
    assert said.startswith(
        f"the stack file is the lab's own, {stack.own_file(lab)}, from the example basics, edited, "
        f"of {datetime.now(UTC):%Y-}"
    )
    assert said.endswith(
        "UTC: --file or --example takes another, and ./relay lab down --lab dev takes this away "
        "with its lab"
    )


def test_a_file_that_is_given_replaces_an_edited_one_and_says_so(lab: Lab, told: list[str]) -> None:
    stack.prepare(lab, BASICS)
    add(lab, "new.example")
    edited = stack.own_file(lab).read_text()
    assert stack.prepare(lab, DEV)
    assert (domains(lab), stack.example_of(lab)) == (["shop.example"], "")
    _, line, last = told
    assert line.startswith("Pulumi.dev.yaml replaces the lab's own stack file, which was edited")
    assert last.endswith("a copy of Pulumi.dev.yaml")
    assert Path(line.rpartition(" ")[2]).read_text() == edited


@pytest.mark.parametrize("source", [DEV, BASICS])
def test_what_only_the_lab_changed_is_replaced_in_silence(
    lab: Lab, told: list[str], source: Path
) -> None:
    stack.prepare(lab, BASICS)
    file = stack.own_file(lab)
    file.write_text(f"{file.read_text()}  mail-relay:ssh: {{publicKey: ssh-ed25519 AAAA laptop}}\n")
    stack.remember(lab)
    file.write_text(f"encryptionsalt: v1:salt\n{file.read_text()}")  # as Pulumi does
    stack.prepare(lab, source)
    assert [line for line in told if "edited" in line] == []
    assert file.read_text() == f"encryptionsalt: v1:salt\n{source.read_text()}"


def test_an_own_file_that_is_no_yaml_can_be_replaced(lab: Lab, told: list[str]) -> None:
    stack.prepare(lab, DEV)
    stack.own_file(lab).write_text("encryptionsalt: v1:salt\nconfig: [\n")
    stack.prepare(lab, BASICS)
    assert stack.own_file(lab).read_text() == f"encryptionsalt: v1:salt\n{BASICS.read_text()}"
    assert len([line for line in told if "edited" in line]) == 1


def test_the_stack_outlasts_what_a_killed_lab_leaves(
    lab: Lab, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.prepare(lab, BASICS)
    add(lab, "new.example")
    passphrase = (lab.directory / "passphrase").read_text()
    (lab.directory / "state").touch()

    def cleared(lab: Lab, progress: Any) -> None:
        for path in sorted(lab.directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        lab.directory.rmdir()
        raise KeyboardInterrupt  # even so

    monkeypatch.setattr(control, "start", cleared)
    with pytest.raises(KeyboardInterrupt):
        stack.start(lab)
    assert not (lab.directory / "state").exists()
    assert "new.example" in domains(lab)
    assert (lab.directory / "passphrase").read_text() == passphrase
    assert (lab.directory / "passphrase").stat().st_mode & 0o077 == 0
    assert not stack.prepare(lab, None)
    assert stack.example_of(lab) == "basics"


class Route53:
    """An account's zones."""

    def __init__(self, **held: bool) -> None:
        self.zones = [
            {"Name": f"{name.replace('_', '.')}.", "Config": {"PrivateZone": private}}
            for name, private in held.items()
        ]
        self.made: list[str] = []

    def list_hosted_zones(self) -> dict[str, Any]:
        return {"HostedZones": self.zones}

    def create_hosted_zone(self, Name: str, CallerReference: str) -> None:
        self.made.append(Name)


@pytest.fixture
def route53(monkeypatch: pytest.MonkeyPatch) -> Route53:
    found = Route53(relay_example=False, new_example=True)

    class Clients:
        def __enter__(self) -> Any:
            return lambda service: found

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(region, "clients", lambda lab: Clients())
    return found


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["up", "--yes"], ["shop.example", "new.example"]),
        (["--stack", "lab", "preview"], ["shop.example", "new.example"]),
        (["stack", "ls"], []),
    ],
)
def test_the_zone_of_an_added_domain_is_there_when_pulumi_looks_it_up(
    lab: Lab,
    told: list[str],
    route53: Route53,
    arguments: list[str],
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A private zone of its name is none that Pulumi takes; a file that is wrong is Pulumi's."""
    stack.prepare(lab, DEV)
    add(lab, "new.example")
    for name, text in (("env-a", "config: ["), ("env-b", "[]"), ("env-c", "config: {x: 1}")):
        (stack.work_dir(lab) / f"Pulumi.{name}.yaml").write_text(text)
    monkeypatch.setattr(inside.plugins, "install", lambda home: None)
    run: list[tuple[list[str], str]] = []

    def pulumi(args: list[str], *, env: dict[str, str], **_: Any) -> int:
        run.append((args, env["PULUMI_STACK"]))
        return 0

    monkeypatch.setattr(inside.engine, "run", pulumi)
    monkeypatch.setattr(inside.sys, "argv", ["stack", "dev", *arguments])
    assert inside.main() == 0
    assert run == [(arguments, "lab")]
    assert sorted(route53.made) == sorted(made)


def test_a_zone_that_the_stack_itself_makes_is_left_to_it(
    lab: Lab, told: list[str], route53: Route53
) -> None:
    """Of an environment only the zone above it is there before."""
    content = yaml.safe_load(DEV.read_text())
    content["config"] |= {
        "mail-relay:gateway": {"name": "mail.try.relay.example"},
        "mail-relay:domains": [{"name": "shop.try.relay.example"}],
        "mail-relay:clients": [],
        "mail-relay:logins": [],
        "mail-relay:forwards": [],
        "mail-relay:zones": [{"name": "try.relay.example"}],
        "mail-relay:delegation": {"zone": "try.relay.example", "parent": "relay.example"},
    }
    stack.make_place(lab)
    (stack.work_dir(lab) / "Pulumi.env-try.yaml").write_text(yaml.safe_dump(content))
    route53.zones = []
    stack.make_zones(lab)
    assert route53.made == ["relay.example"]


def test_the_accounts_of_a_stack_that_goes_on_keep_their_passwords(
    lab: Lab, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its file they are encrypted by then."""
    stack.prepare(lab, SMARTHOST)
    content = yaml.safe_load(stack.own_file(lab).read_text())
    given = content["config"][smarthost.KEY]
    clear = {**given, "accounts": [{**a, "password": "pass-word-1"} for a in given["accounts"]]}
    for account in given["accounts"]:
        account["password"] = {"secure": "v1:xyz"}
    stack.own_file(lab).write_text(yaml.safe_dump(content))
    said = json.dumps({smarthost.KEY: {"objectValue": clear}})
    monkeypatch.setattr(LabTarget, "pulumi", lambda *_, **__: said)
    opened: list[dict[str, str]] = []
    provider = SimpleNamespace(
        passwords=dict, open_accounts=lambda passwords, senders: opened.append(passwords)
    )
    monkeypatch.setattr(smarthost, "Smarthost", lambda lab: provider)
    smarthost.open_accounts(lab)
    assert opened == [{account["user"]: "pass-word-1" for account in given["accounts"]}]


@pytest.mark.parametrize(
    ("name", "option", "up"),
    [
        ("lab", "--lab dev", "./relay pulumi --lab dev up"),
        ("env-a", "--stack env-a --lab dev", "./relay pulumi --lab dev up --stack env-a"),
    ],
)
def test_the_labs_own_stack_needs_no_name(name: str, option: str, up: str) -> None:
    target = LabTarget(name, Lab("dev"))
    assert (target.option, target.apply_command) == (option, up)


def refused(*_: object) -> NoReturn:
    """Pulumi, which cannot read the file either."""
    raise StackError("could not unmarshal")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"config: [\n", " is not valid YAML at line 2, column 1 (expected the node content"),
        (b"a: b: c\n", " is not valid YAML at line 1, column 5 (mapping values are not allowed"),
        (b"\xff\xfe\n", " cannot be read at line 1, column 1: it is not text in UTF-8"),
        (b"config: text\n", " is not a stack file: "),
        (
            b"config: {}\nmail-relay:protect: true\n",
            ": mail-relay:protect: nobody reads it there: settings are below `config:`, indented",
        ),
        (b"text\n", " is not a stack file: "),
        (
            b"config: {a: 2020-13-45}\n",
            " cannot be read at line 1, column 13: the value is not",
        ),
        (b"config: {a: %s}\n" % (b"9" * 5000), " cannot be read at line 1, column 13: the "),
        (b"[" * 3000, " cannot be read: lists or keys inside each other go too deep"),
        (b"config: &a {x: *a}\n", ": x.x: it goes too deep"),
        (b"config: {2020-01-01: x}\n", ": 2020-01-01: put the key in quotation marks"),
        (None, " cannot be read: Is a directory"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_stack_file_is_refused_in_words(
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    said: str,
) -> None:
    """Given with `--file`, the lab's own after an edit, one on AWS, and one of another commit."""
    file = tmp_path / "Pulumi.mine.yaml"
    file.mkdir() if content is None else file.write_bytes(content)
    monkeypatch.setattr(target.engine, "PROJECT", tmp_path)
    monkeypatch.setattr(snapshots, "of_file", refused)
    monkeypatch.setattr(snapshots, "_git", lambda *_: (content or b"").decode("utf-8", "replace"))
    calls = [
        (str(file), lambda: stack.prepare(lab, file)),
        (str(file), lambda: stack_yaml.config(file)),
        (str(file), lambda: target.AwsTarget("mine").region),
        ("Pulumi.mine.yaml at HEAD~1", lambda: snapshots.of_commit(refused, "HEAD~1", "mine")),
    ]
    for name, call in calls if content not in (None, b"\xff\xfe\n") else calls[:3]:
        with pytest.raises(StackError) as caught:
            call()
        assert str(caught.value).startswith(f"{name}{said}")
    assert not stack.own_file(lab).exists()


def test_zones_that_are_no_list_are_left_to_the_program_to_refuse(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.mine.yaml"
    file.write_text("config: {'mail-relay:zones': 5}\n")
    assert stack.adapted(lab, file) == file.read_text()


def test_a_file_that_cannot_be_used_takes_nothings_place(lab: Lab, tmp_path: Path) -> None:
    stack.prepare(lab, None)
    add(lab, "added.example")
    before = stack.own_file(lab).read_text()
    wrong = tmp_path / "Pulumi.wrong.yaml"
    wrong.write_text(stack.DEV.read_text().replace("mail-relay:domains", "mail-relay:domain"))
    with (
        pytest.raises(StackError, match=r"mail-relay:domain: there is no such key(.|\n)*as it was"),
        stack.put_back_if_refused(lab, wrong),
    ):
        stack.prepare(lab, wrong)
        StackFile(LabTarget(stack.STACK, lab)).settings()
    assert stack.own_file(lab).read_text() == before
    assert not list(stack.work_dir(lab).glob("*.before"))
    # and is still known as an edited one
    with stack.put_back_if_refused(lab, stack.DEV):
        stack.prepare(lab, stack.DEV)
    assert "added.example" in stack.own_file(lab).with_name("Pulumi.lab.yaml.before").read_text()


def test_a_lab_whose_file_is_gone_takes_no_other_by_itself(lab: Lab, tmp_path: Path) -> None:
    """Its stack would lose all that the file had."""
    file = tmp_path / "Pulumi.mine.yaml"
    file.write_text(BASICS.read_text())
    assert stack.prepare(lab, file)
    stack.own_file(lab).unlink()
    with pytest.raises(StackError, match="is gone, which has the settings of the lab's stack"):
        stack.prepare(lab, None)
    assert stack.prepare(lab, file)


@pytest.mark.parametrize(
    ("works", "pending", "said"),
    [
        (True, ["x"], "wait: a `pulumi` works on the stack lab"),
        (False, ["x"], "a `pulumi` was cut off: ./relay settle --lab dev"),
        (False, [], ""),
    ],
)
def test_a_pulumi_that_works_is_told_from_one_that_was_cut_off(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, works: bool, pending: list[str], said: str
) -> None:
    export = json.dumps({"deployment": {"pending_operations": pending}})
    monkeypatch.setattr(stack, "at_work", lambda *_: works)
    monkeypatch.setattr(LabTarget, "pulumi", lambda *_: export)
    assert LabTarget("lab", lab).under_way() == said


@pytest.mark.parametrize(
    ("text", "region"),
    [("config: {'aws:region': us-esat-1}", "us-esat-1"), ("config: {}", "us-east-1")],
)
def test_the_doctor_looks_at_the_region_of_the_file(lab: Lab, text: str, region: str) -> None:
    stack.work_dir(lab).mkdir(parents=True)
    stack.own_file(lab).write_text(text)
    assert LabTarget("lab", lab).region == region
