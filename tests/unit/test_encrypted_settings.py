"""Settings that are encrypted, whatever they are: Pulumi decrypts them, and edits leave them be."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from editing import CONFIG, edit, refused, stack_file

from ops.edit.encrypted import readable
from settings import read

SECRET = {"secure": "v1:a:b"}
ADD = ("domains", "add", "new.example")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stack_file(tmp_path, monkeypatch)


def config(**values: Any) -> dict[str, Any]:
    return {**CONFIG, **{f"mail-relay:{key}": value for key, value in values.items()}}


def written(file: Path, **values: Any) -> dict[str, Any]:
    content = {"config": config(**values)}
    file.write_text(yaml.safe_dump(content))
    return content


@pytest.mark.parametrize(
    "values",
    [
        {"operator": SECRET},
        {"protect": SECRET},
        {"messageSizeLimitMiB": SECRET},
        {"acme": {"email": SECRET}},
        {"acme": SECRET},
        {"monitoring": {"enabled": True, "notify": [SECRET]}},
        {"monitoring": {"enabled": SECRET, "notify": SECRET}},
        {"monitoring": SECRET},
        {"limits": SECRET},
        {"tags": {"keys": SECRET, "b": SECRET}},
        {"forwards": [{"address": "info@club.example", "to": [SECRET, {"secure": "v1:c"}]}]},
        {"forwards": [{"address": "info@club.example", "to": SECRET}]},
        {"forwards": SECRET},
        {"mailboxes": SECRET},
        {"mailboxes": [{"address": "me@shop.example", "quotaMiB": SECRET}]},
        {"logins": [{"address": "me@shop.example", "sendAs": [SECRET], "password": SECRET}]},
        {"logins": [{"address": "me@shop.example", "sendAs": SECRET}]},
        {"operator": SECRET, "protect": SECRET, "acme": {"email": SECRET}},
    ],
    ids=lambda values: "-".join(values),
)
def test_an_edit_elsewhere_is_made_and_leaves_what_is_encrypted(
    file: Path, values: dict[str, Any]
) -> None:
    content = written(file, **values)
    assert edit(*ADD) is None
    domains = [*CONFIG["mail-relay:domains"], {"name": "new.example"}]  # type: ignore[misc]
    content["config"]["mail-relay:domains"] = domains
    assert yaml.safe_load(file.read_text()) == content
    read(readable(content["config"]))


@pytest.mark.parametrize(
    ("values", "words", "key"),
    [
        ({"gateway": {"name": SECRET}}, ADD, "gateway.name"),
        ({"gateway": SECRET}, ADD, "gateway"),
        ({"zones": ["relay.example", SECRET]}, ADD, "zones[1]"),
        ({"domains": SECRET}, ADD, "domains"),
        ({"domains": [{"name": "shop.example"}, SECRET]}, ADD, "domains[1]"),
        ({"logins": SECRET, "mailboxes": []}, ("users", "add", "a@shop.example"), "logins"),
        ({"logins": SECRET}, ADD, "logins"),  # the mailbox may have none
        (
            {"forwards": [{"address": SECRET, "to": ["a@far.example"]}]},
            ("forwards", "add", "b@shop.example", "c@far.example"),
            "forwards[0].address",
        ),
        (
            {"domains": [{"name": "shop.example", "dmarc": SECRET}, {"name": "club.example"}]},
            ("domains", "change", "shop.example", "--dmarc", "reject"),
            "domains[0].dmarc",
        ),
    ],
)
def test_an_edit_that_needs_what_is_encrypted_says_so(
    file: Path, values: dict[str, Any], words: tuple[str, ...], key: str
) -> None:
    written(file, **values)
    *_, line = refused(file, *words)
    assert line == (
        f"mail-relay:{key}: it is encrypted, and edits of what depends on it need it in clear: "
        f"pulumi config set --plaintext --path 'mail-relay:{key}' VALUE, or an edit by hand"
    )


def test_another_mistake_is_told_as_ever(file: Path) -> None:
    written(file, operator=SECRET, monitoring={"enabled": True, "notify": [SECRET]})
    (line,) = refused(file, "domains", "change", "shop.example", "--dmarc", "refuse")
    assert line.endswith("'refuse': give 'none', 'quarantine' or 'reject'")


def test_an_encrypted_value_is_replaced_by_one_in_clear(file: Path) -> None:
    written(file, forwards=[{"address": "info@club.example", "to": SECRET}])
    assert edit("forwards", "change", "info@club.example", "new@far.example") is None
    listed = yaml.safe_load(file.read_text())["config"]["mail-relay:forwards"]
    assert listed == [{"address": "info@club.example", "to": ["new@far.example"]}]
