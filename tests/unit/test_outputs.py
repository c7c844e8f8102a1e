"""The reader of a stack's outputs takes what every example exports, and keeps what it reads."""

import json
from pathlib import Path

import pytest
import yaml
from recorder import declare
from verify_world import GATEWAY, OUTPUTS

from ops.errors import StackError
from ops.outputs import read

FILES = [Path("Pulumi.dev.yaml"), *sorted(Path("examples").glob("Pulumi.*.yaml"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_stack_exports_is_read(file: Path) -> None:
    config = yaml.safe_load(file.read_text())["config"]
    for account in config.get("mail-relay:smarthost", {}).get("accounts", ()):
        account["password"] = "a-given-password"
    exported = declare(
        {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    ).outputs
    outputs = read(exported)
    hosts = [exported["gateway"], *exported["clients"]]
    assert [host.json_object() for host in outputs.hosts] == [
        {key: host[key] for key in host} for host in hosts
    ]
    assert list(outputs.logins) == exported["logins"]
    assert outputs.passwords == exported["passwords"]
    assert "passwords" not in repr(outputs)


def test_a_host_is_found_by_its_name_or_as_the_gateway() -> None:
    outputs = read(OUTPUTS)
    assert outputs.host("gateway") == outputs.host(GATEWAY) == outputs.gateways[0]
    with pytest.raises(StackError, match="nobody: there is no such host; there is gateway, "):
        outputs.host("nobody")
