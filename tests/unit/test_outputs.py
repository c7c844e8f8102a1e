"""The reader of a stack's outputs takes what every example exports, and keeps what it reads."""

import json
from pathlib import Path

import pytest
import yaml
from recorder import declare
from verify_world import GATEWAY, OUTPUTS

from ops.errors import StackError
from ops.outputs import OutputsMissing, read

FILES = [Path("Pulumi.dev.yaml"), *sorted(Path("examples").glob("Pulumi.*.yaml"))]


def settings_of(file: Path) -> dict[str, str]:
    """A stack file's settings as Pulumi hands them over, with passwords in clear."""
    config = yaml.safe_load(file.read_text())["config"]
    for account in config.get("mail-relay:smarthost", {}).get("accounts", ()):
        account["password"] = "a-given-password"
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_stack_exports_is_read(file: Path) -> None:
    exported = declare(settings_of(file)).outputs
    outputs = read(exported)
    hosts = [*exported["gateways"], *exported["clients"]]
    assert [host.json_object() for host in outputs.hosts] == hosts
    assert list(outputs.logins) == exported["logins"]
    assert outputs.mail_programs.model_dump() == exported["mailPrograms"]
    assert outputs.passwords == exported["passwords"]
    assert [word for word in outputs.passwords.values() if word in repr(outputs)] == []


def test_what_is_shown_is_what_the_stack_exports_without_its_passwords() -> None:
    exported = {**OUTPUTS, "nextSteps": ["one that nobody reads"]}
    public = {name: value for name, value in exported.items() if name != "passwords"}
    assert read(exported).exported == public


def test_outputs_of_an_older_program_are_an_error_that_says_what_to_do() -> None:
    older = {key: value for key, value in OUTPUTS.items() if key != "records"}
    with pytest.raises(OutputsMissing, match="run `pulumi up` once"):
        read(older)
    with pytest.raises(OutputsMissing, match="records"):
        read({**OUTPUTS, "records": "shop.example. IN nonsense"})


def test_a_host_is_found_by_its_name_or_as_the_gateway() -> None:
    outputs = read(OUTPUTS)
    assert outputs.host("gateway") == outputs.host(GATEWAY) == outputs.gateways[0]
    with pytest.raises(StackError, match="nobody: there is no such host; there is gateway, "):
        outputs.host("nobody")
