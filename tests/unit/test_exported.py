"""What Prometheus's node exporter is given to tell."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from recorder import Recorder, declare
from review_changes import BASE
from test_mail_counts import SENT
from test_metrics import NOW, WELL, written
from test_user_data import CLIENT, GATEWAY

from agent import exported, mail_counts, metrics
from cloudinit import files
from cloudinit.hosts import AnyHost


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the exporter reads, on a host with a status and a log."""
    monkeypatch.setattr(metrics, "FILE", tmp_path / "status.json")
    monkeypatch.setattr(exported, "COUNTED", tmp_path / "exported.json")
    monkeypatch.setattr(exported, "FILE", tmp_path / "mail_relay.prom")
    monkeypatch.setattr(mail_counts, "LOG", tmp_path / "mail.log")
    monkeypatch.setattr(mail_counts, "FAILURES", tmp_path / "mail-failures.log")
    (tmp_path / "mail.log").touch()
    metrics.FILE.write_text(written(WELL, 0))
    return tmp_path


def told() -> dict[str, str]:
    """Each metric's value."""
    lines = exported.FILE.read_text().splitlines()
    return dict(line.split(" ") for line in lines if not line.startswith("#"))


def test_values_are_in_base_units_under_names_of_prometheus() -> None:
    text = "\n".join(exported.lines(WELL, mail_counts.Counts(), NOW))
    assert "# TYPE mail_relay_serving gauge\nmail_relay_serving 1" in text
    assert "mail_relay_disk_free_ratio 0.2" in text
    assert f"mail_relay_certificate_remaining_seconds {30 * 86400}" in text
    assert "# TYPE mail_relay_sent_total counter\nmail_relay_sent_total 0" in text


def test_every_metric_is_told(host: Path) -> None:
    """All that CloudWatch can get, by the page that lists it."""
    assert exported.main() == 0
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    named = exported.GAUGES.keys() | exported.COUNTERS.keys()
    assert all(f"`{name}`" in page for name in named)
    assert {name for name, _, _ in metrics.measured(WELL, NOW)} <= exported.GAUGES.keys()
    assert named >= metrics.FEW


def test_counters_go_on_from_look_to_look(host: Path) -> None:
    assert exported.main() == 0
    for sent in (1, 2):
        with mail_counts.LOG.open("a") as log:
            log.write(SENT)
        assert exported.main() == 0
        assert told()["mail_relay_sent_total"] == str(sent)


def test_others_may_read_the_file_and_no_old_one_stays(host: Path) -> None:
    assert exported.main() == 0
    assert exported.FILE.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in host.glob("mail_relay*")] == ["mail_relay.prom"]
    metrics.FILE.write_text(written(WELL, 400))
    assert exported.main() == 1
    assert not exported.FILE.exists()


def test_a_host_that_is_being_set_up_tells_nothing_yet(host: Path) -> None:
    running = json.loads(written(WELL, 0))
    running["setup"] = {"state": "running", "step": "packages", "failures": 0, "said": []}
    metrics.FILE.write_text(json.dumps(running))
    assert exported.main() == 0
    assert not exported.FILE.exists()


@pytest.mark.parametrize("kind", [GATEWAY, CLIENT], ids=["gateway", "client"])
def test_a_host_has_the_exporter_only_if_somebody_asks(kind: AnyHost) -> None:
    without = files(kind)
    added = files(replace(kind, prometheus=True)).keys() - without.keys()
    assert {Path(name).name for name in added} >= {"exported.py", "prometheus", "prometheus.conf"}
    assert not any("prometheus" in name for name in without)


def opened(*networks: str) -> set[tuple[str, int, str]]:
    """The rules for port 9100: group, port, network."""
    raw = {
        **BASE,
        "clients": [{"name": "app.relay.example"}, {"name": "in.relay.example", "private": True}],
    }
    raw["monitoring"] = {"prometheus": list(networks)}
    given = {f"mail-relay:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in raw.items()}
    found: Recorder = declare({**given, "aws:region": "us-east-1"})
    rules = [r for r in found.resources if r.type.endswith("SecurityGroupIngressRule")]
    return {
        (r.name.partition("-in-")[0], int(r.inputs["fromPort"]), str(r.inputs["cidrIpv4"]))
        for r in rules
        if r.inputs["fromPort"] == 9100
    }


def test_the_port_is_open_to_the_networks_that_are_named_alone() -> None:
    assert opened() == set()
    groups = ("network-gateway", "network-client", "network-private")
    assert opened("10.20.0.0/16", "10.30.0.0/16") == {
        (group, 9100, network) for group in groups for network in ("10.20.0.0/16", "10.30.0.0/16")
    }
