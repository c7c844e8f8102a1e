"""`relay keys`: the sealed file, and what of it goes into a stack's file."""

import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from editing import CONFIG, stack_file
from typer.testing import CliRunner

from components import naming
from mail import dkim
from ops import target
from ops.cli import app
from ops.keys import sealed
from ops.keys.sealed import Damaged, WrongPassphrase

PASSPHRASE = "correct horse battery staple"
KEYS = {name: dkim.generate() for name in ("shop.example", "club.example", "relay.example")}
PASSWORD, SRS = "generated-password", "generated-srs-secret"
LOST = "error: no stack named 'prod' found"
FAST = {"n": 2, "r": 1, "p": 1}


def stash(name: str, value: str) -> dict[str, Any]:
    plain = {"4dabf18193072939515e22adb298388d": "1", "plaintext": json.dumps(value)}
    urn = f"urn:pulumi:prod::mail-relay::pulumi:index:Stash::{name}"
    return {"urn": urn, "type": "pulumi:index:Stash", "outputs": {"output": plain}}


STATE = [
    *(stash(naming.key_name(domain, "s1"), key) for domain, key in KEYS.items()),
    stash(naming.password_name("me@shop.example"), PASSWORD),
    stash(naming.SRS_SECRET, SRS),
]


class Place:
    """A stack whose state may be lost, and what `pulumi` is asked."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.file, self.sealed = stack_file(folder, patch), folder / "prod.keys"
        self.state: list[dict[str, Any]] | None = STATE
        patch.setattr(target.AwsTarget, "pulumi", self.pulumi)
        patch.setattr(sealed, "COST", FAST)

    def pulumi(self, *arguments: str, text: str = "") -> str:
        match arguments[:2]:
            case ("stack", "export"):
                if self.state is None:
                    raise target.StackError(LOST)
                return json.dumps({"deployment": {"resources": self.state}})
            case ("config", "--json"):
                found = yaml.safe_load(self.file.read_text())["config"]
                return json.dumps({k: self._decrypted(v) for k, v in found.items()})
            case ("config", "set"):
                made = {"secure": base64.b64encode(text.encode()).decode()}
                file = Path(arguments[arguments.index("--config-file") + 1])
                content = json.loads(file.read_text())
                file.write_text(json.dumps({**content, "config": {arguments[3]: made}}))
                return ""
        raise AssertionError(arguments)

    def _decrypted(self, value: Any) -> dict[str, Any]:
        def plain(each: Any) -> Any:
            if isinstance(each, dict) and set(each) == {"secure"}:
                return base64.b64decode(each["secure"]).decode()
            if isinstance(each, dict):
                return {key: plain(item) for key, item in each.items()}
            return [plain(item) for item in each] if isinstance(each, list) else each

        key = "value" if isinstance(value, str) else "objectValue"
        return {key: plain(value), "secret": "secure" in json.dumps(value)}

    @property
    def config(self) -> dict[str, Any]:
        found = yaml.safe_load(self.file.read_text())["config"]
        return {key: next(iter(self._decrypted(v).values())) for key, v in found.items()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def keys(*arguments: str, passphrase: str = PASSPHRASE) -> Result:
    given = [*arguments, "--passphrase-stdin", "--stack=prod"]
    return CliRunner().invoke(app, ["keys", *given], input=f"{passphrase}\n")


def exported(place: Place) -> Path:
    result = keys("export", str(place.sealed))
    assert result.exit_code == 0, result.output
    return place.sealed


@pytest.mark.parametrize("command", ["export", "restore"])
def test_a_passphrase_of_another_encoding_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It is the passphrase that is wrong, not the file."""
    file = exported(place) if command == "restore" else place.sealed
    monkeypatch.setenv("MAIL_RELAY_KEYS_PASSPHRASE", os.fsdecode(b"correct h\xf6rse battery"))
    result = CliRunner().invoke(app, ["keys", command, str(file), "--stack=prod"])
    assert result.exit_code == 1
    assert "not in UTF-8" in str(result.exception)


def test_a_lost_state_gives_the_same_keys_passwords_and_srs_secret(place: Place) -> None:
    file = exported(place)
    place.state = None
    result = keys("restore", str(file), "--yes", "--json")
    assert result.exit_code == 0, result.output
    found = place.config
    listed = {domain["name"]: domain.get("keys") for domain in found["mail-relay:domains"]}
    # as Pulumi reads a value of several lines from standard input
    assert {name: {"s1": key.rstrip("\n")} for name, key in KEYS.items()} == {
        name: {s: key.rstrip("\n") for s, key in held.items()} for name, held in listed.items()
    }
    assert found["mail-relay:logins"] == [{"address": "me@shop.example", "password": PASSWORD}]
    assert found["mail-relay:inbound"] == {"srsSecret": SRS}
    for secret in (PASSWORD, SRS, "PRIVATE KEY"):
        assert secret not in place.file.read_text() + result.output
    told = json.loads(result.stdout)
    assert [item["fate"] for item in told["secrets"]] == ["set"] * 5
    # and once more it has nothing to do
    before = place.file.read_bytes()
    again = json.loads(keys("restore", str(file), "--yes", "--json").stdout)
    assert {item["fate"] for item in again["secrets"]} == {"same"}
    assert place.file.read_bytes() == before


def test_the_file_is_its_owners_and_shows_nothing(place: Place) -> None:
    file = exported(place)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    inside = base64.b64decode(json.loads(text)["sealed"]).decode("latin-1")
    for secret in (PASSWORD, SRS, "PRIVATE KEY", "shop.example"):
        assert secret not in text + inside
    assert [each.name for each in file.parent.glob(".keys-*")] == []


def test_a_file_is_overwritten_only_if_asked(place: Place) -> None:
    place.sealed.write_text("mine")
    result = keys("export", str(place.sealed))
    assert f"{place.sealed} exists: give another name, or --force" in str(result.exception)
    assert place.sealed.read_text() == "mine"
    assert keys("export", str(place.sealed), "--force").exit_code == 0
    assert place.sealed.read_text() != "mine"


def test_a_short_passphrase_is_refused(place: Place) -> None:
    result = keys("export", str(place.sealed), passphrase="fifteen letters")
    assert "the passphrase has 15 characters; give 16 or more" in str(result.exception)
    assert not place.sealed.exists()


def test_what_is_not_in_the_state_is_told(place: Place) -> None:
    place.state = STATE[1:]
    result = keys("export", str(place.sealed), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["missing"] == [["key", "shop.example", "s1"]]


def test_a_stack_with_other_keys_is_left_alone(place: Place) -> None:
    file, before = exported(place), place.file.read_bytes()
    place.state = [stash(naming.SRS_SECRET, "another-srs-secret"), *STATE[:-1]]
    result = keys("restore", str(file), "--yes")
    assert "the stack has another key of forwarded mail's senders (SRS)" in str(result.exception)
    assert place.file.read_bytes() == before
    result = keys("restore", str(file), "--yes", "--overwrite", "--json")
    assert json.loads(result.stdout)["set"] == [["srs"]]
    assert place.config["mail-relay:inbound"] == {"srsSecret": SRS}


def test_what_the_settings_do_not_name_is_left_out(place: Place) -> None:
    file = exported(place)
    place.state, config = None, {**CONFIG, "mail-relay:domains": [{"name": "shop.example"}]}
    config |= {"mail-relay:clients": [], "mail-relay:forwards": []}
    place.file.write_text(yaml.safe_dump({"config": config}))
    told = json.loads(keys("restore", str(file), "--yes", "--json").stdout)
    fates = {tuple(item["name"]): item["fate"] for item in told["secrets"]}
    assert fates["key", "club.example", "s1"] == "unused"
    assert [name for name in told["set"] if "club.example" in name] == []


def test_nothing_is_changed_unasked(place: Place) -> None:
    file, before = exported(place), place.file.read_bytes()
    place.state = None
    assert "add --yes, or --dry-run" in str(keys("restore", str(file)).exception)
    assert keys("restore", str(file), "--dry-run").exit_code == 0
    assert place.file.read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text[: len(text) // 2], "it is cut off or damaged"),
        (lambda _: "", "it is cut off or damaged"),
        (lambda _: "[]", "it is no file of `./relay keys export`"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "it has version 2"),
        (lambda text: text.replace('"n": 2', '"n": 4'), "the passphrase is wrong, or"),
        (lambda text: text.replace('"n": 2', '"n": "2"'), "it is damaged"),
        (
            lambda text: text.replace('"n": 2', f'"n": {2**40}'),
            "opening it would take more memory",
        ),
        # memory by r alone, and time by p
        (lambda text: text.replace('"r": 1', f'"r": {2**20}'), "opening it would take more"),
        (
            lambda text: text.replace('"n": 2', f'"n": {2**20}').replace('"p": 1', '"p": 16'),
            "opening it would take more",
        ),
        (lambda text: text.replace('"sealed"', '"other"'), "it is damaged"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(
    place: Place, damage: Callable[[str], str], why: str
) -> None:
    file = exported(place)
    file.write_text(damage(file.read_text()))
    said = str(keys("restore", str(file), "--yes").exception)
    assert said.startswith(f"{file}: {why}")
    assert "\n" not in said


def test_a_wrong_passphrase_is_told_in_one_line(place: Place) -> None:
    file = exported(place)
    said = str(keys("restore", str(file), "--yes", passphrase="another one altogether").exception)
    assert said == f"{file}: the passphrase is wrong, or the file was changed"


def test_every_bit_of_a_sealed_file_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "COST", FAST)
    text = sealed.seal({"a": "secret"}, PASSPHRASE).encode()
    assert sealed.unseal(text, PASSPHRASE) == {"a": "secret"}
    fields = json.loads(text)
    for part in ("salt", "nonce", "sealed"):
        changed = json.loads(text)
        inside = {"salt": "kdf", "nonce": "cipher"}.get(part)
        place = changed[inside] if inside else changed
        octets = bytearray(base64.b64decode(place[part]))
        octets[-1] ^= 1
        place[part] = base64.b64encode(octets).decode()
        with pytest.raises((Damaged, WrongPassphrase)):
            sealed.unseal(json.dumps(changed).encode(), PASSPHRASE)
    assert sealed.seal({"a": "secret"}, PASSPHRASE) != json.dumps(fields)


def test_the_cost_is_that_of_the_recommendation() -> None:
    assert sealed.COST == {"n": 131072, "r": 8, "p": 1}
