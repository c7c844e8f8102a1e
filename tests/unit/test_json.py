"""With `--json`, standard output is one JSON document and nothing else, whatever happens."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from editing import stack_file
from test_command_line import LEAVES
from typer.testing import CliRunner
from verify_world import WANTED

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from lab.lab import Lab
from ops import backups, github, status
from ops.cli import app
from ops.doctor import command as doctor
from ops.edit import domains, login_test
from ops.environments import command as env
from ops.keys import command as keys
from ops.keys import sealed
from ops.keys.held import Secrets
from ops.lab import command as lab
from ops.lab import machines, setup, stack
from ops.lab.stories.stage import Played
from ops.leftovers import command as leftovers
from ops.review import command as review
from ops.settle import command as settle
from ops.settle.settle import Settlement
from ops.target import AwsTarget
from ops.testmail import command as testmail
from ops.update import command as update
from ops.update.part import Part
from ops.verify.result import Result

ME, PASSPHRASE = "me@shop.example", "correct horse battery staple"
STACK = ["--stack=prod"]
# A call of each command that has --json.
CALLS: dict[str, list[str]] = {
    "lab up": ["--lab=dev"],
    "lab send": ["--lab=dev"],
    "lab demo": ["--lab=dev", "--anyway"],
    "lab status": ["--lab=dev"],
    "lab mail": ["--lab=dev"],
    "lab down": ["--lab=dev"],
    "lab break": ["gateway", "--lab=dev"],
    "lab mend": ["gateway", "--lab=dev"],
    "users list": STACK,
    "users add": ["you@shop.example", *STACK],
    "users change": [ME, f"--send-as={ME}", *STACK],
    "users remove": ["old@shop.example", *STACK],
    "users disable": [ME, *STACK],
    "users enable": [ME, *STACK],
    "users show": [ME, *STACK],
    "users test": [ME, *STACK],
    "domains list": STACK,
    "domains add": ["new.example", *STACK],
    "domains change": ["shop.example", "--ttl=60", *STACK],
    "domains park": ["new.example", *STACK],
    "domains remove": ["spare.example", *STACK],
    "domains test": ["shop.example", *STACK],
    "forwards list": STACK,
    "forwards add": ["a@club.example", "me@inbox.example", *STACK],
    "forwards change": ["info@club.example", "you@inbox.example", *STACK],
    "forwards remove": ["info@club.example", *STACK],
    "forwards test": ["info@club.example", *STACK],
    "mailboxes list": STACK,
    "mailboxes add": ["old@shop.example", *STACK],
    "mailboxes change": [ME, "--quota=2048", *STACK],
    "mailboxes remove": [ME, *STACK],
    "queue list": STACK,
    "queue flush": ["--all", *STACK],
    "queue hold": ["--all", *STACK],
    "queue release": ["--all", *STACK],
    "queue delete": ["--all", "--yes", *STACK],
    "env up": ["try"],
    "env list": [],
    "env down": ["try", "--yes"],
    "env reap": [],
    "github plan-name": [],
    "github plan": ["--repo=me/mail"],
    "github propose": ["keys", "Pulumi.dev.yaml", "--title=Keys", "--repo=me/mail"],
    "trace": [ME, *STACK],
    "test": STACK,
    "doctor": STACK,
    "verify": STACK,
    "rotate": ["--all", *STACK],
    "address replace": ["mail.relay.example", *STACK],
    "backups": STACK,
    "update": STACK,
    "keys export": ["FILE", *STACK],
    "keys restore": ["FILE", "--dry-run", *STACK],
    "leftovers": STACK,
    "review": STACK,
    "settle": STACK,
    "setup": [],
}
ACME = SimpleNamespace(acme=SimpleNamespace(root=None))
PLAYED = Played("a mail arrives", passed=True, seen="it is there", seconds=1.0)
RECORD = {
    "type": "aws:route53/record:Record",
    "inputs": {"type": "TXT", "name": "s1._domainkey.shop.example", "records": ["v=DKIM1"]},
    "created": "2026-01-01T00:00:00Z",
    "modified": "2026-01-01T00:00:00Z",
}
ADDRESSED = [
    {**RECORD, "urn": name, "inputs": {"type": kind, "name": name, "records": ["v=spf1 -all"]}}
    for name, kind in (
        ("mail.relay.example", "A"),
        ("mail.relay.example", "TXT"),
        ("_spf.relay.example", "TXT"),
    )
]
SHOWN = SimpleNamespace(json=lambda: {"passes": True}, as_json=lambda: {}, passes=True, cause="")


def stubbed(patch: pytest.MonkeyPatch, module: object, **stubs: Any) -> None:
    """Have functions of a module give these values."""
    for name, value in stubs.items():
        patch.setattr(module, name, lambda *_, value=value, **__: value)


@pytest.fixture
def stack_on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stack `prod`, which is up, and all that the commands ask for it."""
    file = stack_file(tmp_path, monkeypatch)
    file.write_text(
        file.read_text()
        .replace("mail-relay:logins:\n", "mail-relay:logins:\n  - address: old@shop.example\n")
        .replace("mail-relay:domains:\n", "mail-relay:domains:\n  - name: spare.example\n")
    )
    found = [Result("tables", "mail.relay.example", ["they are there"])]
    up = WANTED.model_copy(update={"send_as": {ME: (ME,)}})
    export = json.dumps({"deployment": {"resources": [RECORD, *ADDRESSED]}})
    stubbed(monkeypatch, AwsTarget, outputs=up, pulumi=export, has_shell=True, run_on="")
    stubbed(monkeypatch, AwsTarget, preview=("", ""), under_way="")
    stubbed(monkeypatch, status, limited={})
    rows = [{"gateway": "mail", "login": login_test.ACCEPTED, "why": ""}]
    stubbed(monkeypatch, login_test, run=rows)
    monkeypatch.setattr(AwsTarget, "connect", refuses)
    stubbed(monkeypatch, testmail, _test=None, _run=SHOWN, as_dict={"fate": "accepted"})
    stubbed(monkeypatch, doctor, _account=nullcontext(), examine=found)
    stubbed(monkeypatch, domains.verify, verify=found, vantage=None)
    stubbed(monkeypatch, leftovers, _account=nullcontext(), find=[])
    stubbed(monkeypatch, settle, settle=Settlement())
    stubbed(monkeypatch, review, report=SHOWN, _start=(None, []), _verified={}, Change=None)
    stubbed(monkeypatch, review.snapshots, of_file=None)
    stubbed(monkeypatch, review.preview, read=None)
    monkeypatch.setenv("MAIL_RELAY_KEYS_PASSPHRASE", PASSPHRASE)
    there = SimpleNamespace(stack="prod", name="prod", account=lambda: nullcontext(lambda _: None))
    read = SimpleNamespace(settings=lambda: SimpleNamespace(backup=None))
    stubbed(monkeypatch, backups, target=there, StackFile=read, _found=[])
    (file.parent / "Pulumi.yaml").write_text("name: mail-relay\n")
    part = Part("pulumi", "3.1.0", "3.1.0")
    stubbed(monkeypatch, update, target=there, StackFile=read)
    stubbed(monkeypatch, update.image, parts=[])
    stubbed(monkeypatch, update.packages, newest={"pulumi": "3.1.0"}, parts=[part])
    stubbed(monkeypatch, update.program, engine=part, releases=part)
    held = Secrets(srs="a-secret")
    stubbed(monkeypatch, keys.held, in_state=held, in_file=(None, held, True), wanted=[])
    monkeypatch.setattr(sealed, "COST", {"n": 2, "r": 1, "p": 1})
    return file


def refuses(*_: object) -> None:
    raise TimeoutError("timed out")


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments, GitHub, and what `setup` makes."""
    place = SimpleNamespace(operate=lambda *_: None, stack="env-try")
    environment = SimpleNamespace(
        name="try",
        zone="try.relay.example",
        target=place,
        export={},
        expires=datetime.now(UTC),
        past_due=True,
        resources=[],
    )
    dev = SimpleNamespace(beside=lambda _: place)
    stubbed(monkeypatch, env, dev_stack=dev, keep_export=Path("export.json"))
    stubbed(monkeypatch, env.make, make=WANTED)
    stubbed(monkeypatch, env.backend, get=environment, list_all=[environment], restore_file=None)
    stubbed(monkeypatch, env.backend, loaders={"try": lambda: environment})
    stubbed(monkeypatch, env.destroy, destroy=None, refuse_protected=None)
    run = {"id": 1, "head_repository_id": 1, "repository_id": 1}
    artifacts = {"artifacts": [{"expired": False, "workflow_run": run}]}
    answers = {"api": json.dumps(artifacts), "pr": "[]"}
    monkeypatch.setattr(github, "_gh", lambda *words, **_: answers.get(words[0], ""))
    stubbed(monkeypatch, github, run="changed")
    monkeypatch.setattr(github.sys, "stdin", SimpleNamespace(read=str))
    stubbed(monkeypatch, setup, engine=Path("/e"), host_image=Path("/h"), inbox_image=Path("/i"))


@pytest.fixture
def lab_that_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab `dev` with the example `basics`; what happens in it is told beforehand."""
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    stack.work_dir(Lab("dev")).mkdir(parents=True)
    stubbed(monkeypatch, control, running=True, remains=[], remove=None)
    stubbed(monkeypatch, lab.up_, start=None, apply=WANTED)
    stubbed(monkeypatch, lab, _outputs=WANTED, _ready="", _destroy=[], stranger=nullcontext())
    verdict = SimpleNamespace(passes=lambda: True)
    message = SimpleNamespace(verdict=verdict, parsed={"From": ME})
    sent = {"by_each_way": [None], "awaited": message, "report": {}}
    stubbed(monkeypatch, lab.send, closed="", check_inbox=None, **sent)
    stubbed(monkeypatch, lab, StackFile=SimpleNamespace(settings=lambda: ACME))
    stubbed(monkeypatch, lab, Internet=None, play=PLAYED)
    stubbed(monkeypatch, stack, outputs=WANTED, example_of="basics", cut_off=False, settle=True)
    stubbed(monkeypatch, lab.condition, lacks={})
    stubbed(monkeypatch, lab.power, zones=[])
    stubbed(monkeypatch, lab.Inbox, messages=[])  # of `lab mail` too
    stubbed(monkeypatch, machines, _meant=("host", "mail"))
    stubbed(monkeypatch, machines.power, cut=["mail"], mend=["mail"], without={})


def document(name: str, arguments: list[str], folder: Path) -> tuple[Any, Any]:
    """The result of a call, and the one JSON document on its standard output; None for nothing."""
    file = folder / "a.keys"
    if name == "keys restore":
        file.write_text(sealed.seal(Secrets(srs="a-secret").as_json(), PASSPHRASE))
    arguments = [str(file) if word == "FILE" else word for word in arguments]
    result = CliRunner().invoke(app, [*name.split(), *arguments, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit | RelayError):
        raise result.exception
    return result, json.loads(result.stdout) if result.stdout else None


def test_every_command_with_a_result_is_in_the_table() -> None:
    options = {name: {o for param in LEAVES[name].params for o in param.opts} for name in LEAVES}
    assert CALLS.keys() == {name for name in LEAVES if "--json" in options[name]}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.usefixtures("stack_on_aws", "others", "lab_that_is_up")
def test_a_result_is_one_document_and_nothing_else(name: str, tmp_path: Path) -> None:
    result, found = document(name, CALLS[name], tmp_path)
    assert found is not None, result.exception


@pytest.fixture
def nothing_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack, no lab, no git and no engine."""
    stack_file(tmp_path, monkeypatch)
    monkeypatch.setattr(lab_, "HOME", tmp_path / "labs")
    for module, name in (
        (lab.up_, "start"),
        (AwsTarget, "_captured"),
        (github, "run"),
        (setup, "engine"),
        (setup, "host_image"),
        (setup, "inbox_image"),
    ):
        monkeypatch.setattr(module, name, fails)


def fails(*_: object, **__: object) -> None:
    raise RelayError("nothing works")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.usefixtures("nothing_works")
def test_an_error_is_no_part_of_a_result(name: str, tmp_path: Path) -> None:
    arguments = ["--stack=none" if word in STACK else word for word in CALLS[name]]
    result, found = document(name, arguments, tmp_path)
    assert result.exit_code == 1
    # what is not up is a result of `status`
    assert (found == {"lab": "dev", "running": False, "remains": []}) is (name == "lab status")
    assert (found is None) is isinstance(result.exception, RelayError)


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.usefixtures("lab_that_is_up")
def test_a_message_that_does_not_pass_is_an_exit_code_too(
    monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    verdict = SimpleNamespace(passes=lambda: False)
    message = SimpleNamespace(verdict=verdict, parsed={"From": ME})
    stubbed(monkeypatch, lab.send, awaited=message)
    result = CliRunner().invoke(app, ["lab", "send", "--lab=dev", *options])
    assert result.exit_code == 1, result.exception
