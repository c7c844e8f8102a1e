"""The policy pack in the real engine: a program that breaks every rule, and the project's own."""

import json
from pathlib import Path

import pytest
import yaml
from stacks import PROJECT, Stack

from ops.engine import EVENTS
from policy.rules import RULES, STACK_RULES

PACK = f"--policy-pack={PROJECT / 'policy'}"
BROKEN = PROJECT / "tests" / "engine" / "broken"
FOUND = {
    ("ssh-from-named-networks", "ssh-to-the-world"),
    ("tagged", "untagged"),
    ("imdsv2", "imdsv1"),
    ("encrypted-disks", "readable-root"),
    ("encrypted-disks", "readable-volume"),
    ("no-secret-in-user-data", "key-in-user-data"),
    ("no-kept-secret-in-user-data", "password-in-user-data"),
    ("dkim-key-size", "s1._domainkey.relay.example"),
    ("txt-length", "long.relay.example"),
    ("dmarc-in-production", "_dmarc.relay.example"),
    ("no-public-bucket", "open-bucket"),
    ("encrypted-buckets", "open-bucket"),
    ("protected-in-production", "unprotected"),
    ("protected-in-production", "readable-volume"),
}


def violations(said: str) -> set[tuple[str, str]]:
    """Rule and resource of each, from the engine's events."""
    events = [json.loads(line) for line in said.splitlines()]
    found = [event["policyEvent"] for event in events if "policyEvent" in event]
    return {(v["policyName"], v["resourceUrn"].rpartition("::")[2]) for v in found}


@pytest.fixture
def broken(stack: Stack, tmp_path: Path) -> Stack:
    """In the region of `stack`, which has the zone."""
    made = Stack(stack.region, tmp_path, BROKEN)
    made.write({"aws:region": "us-east-1"}, '{"name": "broken", "runtime": "python"}')
    assert made.pulumi("stack", "init", "test")[0] == 0
    return made


def test_every_rule_is_broken_by_something_and_by_nothing_else(
    broken: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVENTS, "true")
    code, said = broken.pulumi("preview", "--json", "--stack=test", PACK)
    assert code != 0
    assert violations(said) == FOUND
    assert {rule for rule, _ in FOUND} == {rule.name for rule in (*RULES, *STACK_RULES)}
    assert "hunter2" not in said


def test_a_mandatory_rule_stops_an_update_before_anything_is_made(broken: Stack) -> None:
    code, said = broken.pulumi("up", "--yes", "--stack=test", PACK)
    assert code != 0
    assert "IMDSv1" in said
    code, state = broken.pulumi("stack", "export", "--stack=test")
    assert code == 0
    assert "resources" not in json.loads(state)["deployment"]


def test_the_project_comes_up_under_the_pack(stack: Stack) -> None:
    stack.write(yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"])
    assert "[mandatory]" not in stack.up(PACK)


def test_a_production_stack_is_told_of_lax_policies(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    stack.write({**config, "mail-relay:protect": True})
    monkeypatch.setenv(EVENTS, "true")
    code, said = stack.pulumi("preview", "--json", "--stack=test", PACK)
    assert code == 0, said
    assert violations(said) == {
        ("dmarc-in-production", "_dmarc.relay.example-TXT"),
        ("dmarc-in-production", "_dmarc.shop.example-TXT"),
    }
