"""A host on a real kernel: what is asked for it, and what its firmware says."""

import re
import shutil
from pathlib import Path

import pytest
import typer

from lab import tools
from lab.machines.network import Link
from lab.machines.virtual import VirtualMachine
from ops.lab.real_kernel import hosts
from settings import Settings, read

SETTINGS: Settings = read(
    {
        "gateway": {"name": "mail.relay.example"},
        "domains": [{"name": "shop.example"}],
        "operator": "ops@inbox.example",
        "clients": [{"name": "app.shop.example"}],
    }
)


def test_qemu_is_asked_for_only_where_a_host_is_to_have_a_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert "qemu-system-x86" not in tools.missing()
    assert {"qemu-system-x86", "systemd-container"} <= set(tools.missing(real_kernel=True))


def test_a_host_is_named_as_in_the_stack_or_as_the_gateway() -> None:
    given = ["gateway", "app.shop.example"]
    assert hosts(SETTINGS, given) == ["mail.relay.example", "app.shop.example"]
    with pytest.raises(typer.BadParameter) as error:
        hosts(SETTINGS, ["app"])
    assert str(error.value) == (
        "--real-kernel app: the stack has mail.relay.example, app.shop.example"
    )


def test_cloud_init_takes_a_virtual_machine_for_an_ec2_instance(tmp_path: Path) -> None:
    """It wants one and the same UUID as the product's and as its serial number, from `ec2` on."""
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA lab\n")
    link = Link("ns", "m-0123", "10.20.0.5", "10.20.0.0/24", "02:00:00:00:00:01")
    machine = VirtualMachine("i-0123456789abcdef0", tmp_path, tmp_path, link)
    (system,) = [part for part in machine.firmware() if part.startswith("type=1,")]
    said = dict(part.split("=", 1) for part in system.split(","))
    assert said["uuid"] == said["serial"]
    assert re.fullmatch(r"ec2[0-9a-f]{5}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said["uuid"])
