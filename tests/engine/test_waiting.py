"""`pulumi up` ends when the hosts serve, or says why not: hosts are played by what they write."""

import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from stacks import PROJECT, Stack, quota
from test_program import records

from agent.host_status import VERSION, BadStatus, Queue, Setup, Status, Tables, parse

DONE = Setup("done", "", 0, ())
GATEWAY, CLIENT = "mail.relay.example", "app.shop.example"


def status(instance: str, host: str, **changes: Any) -> Status:
    """What a host that serves writes, but for the changes."""
    now = datetime.now(UTC).isoformat()
    serving = Status(
        VERSION,
        host,
        instance,
        "boot",
        now,
        0.0,
        DONE,
        {},
        (),
        (),
        Tables("e", "", "success", 1.0, "", 0.0),
        {},
        {},
        Queue(0, 0, 0.0, ()),
        "",
        (),
        None,
        {},
        (),
    )
    return dataclasses.replace(serving, **changes)


class Hosts:
    """Plays the machines of a stack: each instance writes again and again what it is told to."""

    def __init__(self, stack: Stack, **changes: Any) -> None:
        self.stack, self.changes = stack, changes
        self.end = threading.Event()

    def play(self) -> None:
        ec2, s3 = (self.stack.region.client(name) for name in ("ec2", "s3"))
        while not self.end.wait(0.5):
            names = [{"Name": "instance-state-name", "Values": ["running"]}]
            found = ec2.describe_instances(Filters=names)["Reservations"]
            for instance in [i for r in found for i in r["Instances"]]:
                host = {t["Key"]: t["Value"] for t in instance["Tags"]}["Name"]
                bucket = s3.list_buckets()["Buckets"][0]["Name"]
                key = f"clients/{host}.json" if host == CLIENT else "gateway.json"
                etag = s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
                tables = Tables(etag, "", "success", 1.0, "", 0.0)
                own = {"instance": instance["InstanceId"], "host": host, "tables": tables}
                text = status(**{**own, **self.changes}).to_json()
                s3.put_object(Bucket=bucket, Key=f"status/{host}.json", Body=text)


@contextmanager
def hosts(stack: Stack, **changes: Any) -> Iterator[None]:
    played = Hosts(stack, **changes)
    thread = threading.Thread(target=played.play)
    thread.start()
    yield
    played.end.set()
    thread.join()


@pytest.fixture(scope="module")
def stack(stack: Stack) -> Stack:
    """Its program asks the region itself how hosts are."""
    return dataclasses.replace(stack, warm=False)


def configure(stack: Stack, **changes: Any) -> None:
    config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    changes = {f"mail-relay:{key}": value for key, value in changes.items()}
    stack.write({**config, "mail-relay:wait": {"minutes": 1}, **changes})


def serving(stack: Stack) -> dict[str, Any]:
    """What the state says was waited for, by host."""
    code, said = stack.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    found = json.loads(said)["deployment"]["resources"]
    stashes = [r for r in found if r["urn"].endswith("-serving")]
    return {r["inputs"]["input"]["host"]: r["inputs"]["input"] for r in stashes}


def test_01_an_up_fails_with_the_hosts_own_words_where_its_set_up_cannot_go_on(
    stack: Stack,
) -> None:
    configure(stack)
    said_by_host = "set-up ends: Debian's mirror has no package postfix"
    failed = Setup("failed", "packages", 2, (said_by_host,))
    with hosts(stack, setup=failed, missing={"packages": (said_by_host,)}):
        code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert f"{GATEWAY} (i-" in said
    assert "cannot be set up" in said
    assert said_by_host in said
    assert "EC2 has no console output of it yet" in said
    assert "`pulumi up` goes on and waits again" in said
    assert "Traceback" not in said
    assert serving(stack) == {}


def test_02_the_next_up_goes_on_and_ends_when_the_hosts_serve(stack: Stack) -> None:
    before = instances(stack)
    with hosts(stack):
        said = stack.up()
    assert f"{CLIENT}: serves" in said
    assert instances(stack) == before == {i["instance"] for i in serving(stack).values()}
    assert serving(stack).keys() == {GATEWAY, CLIENT}


def test_03_what_serves_is_not_waited_for_again(stack: Stack) -> None:
    stack.up("--expect-no-changes")


def test_04_the_waiting_is_known_in_previews_and_held_by_plans(stack: Stack) -> None:
    configure(stack, operator="other@inbox.example")
    plan = stack.directory / "plan.json"
    code, said = stack.pulumi("preview", "--stack=test", f"--save-plan={plan}", "--diff")
    assert code == 0, said
    assert f"{GATEWAY}-serving" in said
    with hosts(stack):
        stack.up(f"--plan={plan}")
    assert {i["instance"] for i in serving(stack).values()} == instances(stack)


def test_05_a_host_that_never_serves_is_given_up_with_what_it_lacks(stack: Stack) -> None:
    configure(stack, operator="third@inbox.example")
    words = ("E: The package lists cannot be had",)
    retrying = Setup("retrying", "package lists", 4, words)
    with hosts(stack, setup=retrying, missing={"package lists": words}):
        code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert "does not serve after 1 minutes" in said
    assert "package lists (tried again, 4 times)" in said
    assert words[0] in said


def test_06_the_word_of_another_instance_does_not_count(stack: Stack) -> None:
    """The status of the host before a rebuild lies in the bucket and says that it serves."""
    with hosts(stack, instance="i-00000000000000000"):
        code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert "It has written nothing of itself yet" in said


def test_07_the_waiting_can_be_broken_off(stack: Stack) -> None:
    """By Ctrl-C twice, as is told when it begins; the next `up` goes on."""
    configure(stack, operator="fourth@inbox.example", wait={"minutes": 60})
    process = stack.start("up", "--yes", "--skip-preview", "--stack=test")
    assert process.stdout
    for line in process.stdout:
        if "press Ctrl-C twice" in line:
            break
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.2)  # a person's fingers
    process.communicate(timeout=60)
    assert process.returncode != 0
    configure(stack, operator="fourth@inbox.example")
    with hosts(stack):
        stack.up()
    assert {i["instance"] for i in serving(stack).values()} == instances(stack)


def test_08_the_switch_turns_the_waiting_off(stack: Stack) -> None:
    configure(stack, wait={"minutes": 0})
    stack.up()
    assert serving(stack) == {}
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said


def instances(stack: Stack) -> set[str]:
    return {host.instance_id for host in stack.outputs().hosts}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1}'])
def test_a_status_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadStatus, match=r"JSON|version|keys"):
        parse(text)


def test_a_status_is_read_as_it_was_written() -> None:
    written = status("i-1", GATEWAY, signing={"relay.example": "s1", "shop.example": ""})
    assert parse(written.to_json()) == written
    assert written.signing_waits == ("shop.example",)


def exchangers(stack: Stack) -> dict[str, list[str]]:
    """The MX values in the gateway's zone, by name."""
    held = records(stack, "relay.example")
    return {name: values for (name, kind), values in held.items() if kind == "MX"}


def test_others_are_led_to_no_gateway_that_has_no_address(stack: Stack) -> None:
    """The only one gets another name, and AWS gives no address for it."""
    forwards = [{"address": "info@relay.example", "to": ["somebody@inbox.example"]}]
    with hosts(stack):
        configure(stack, forwards=forwards)
        stack.up()
        before = exchangers(stack)
        assert GATEWAY in str(before)
        configure(stack, forwards=forwards, gateway={"name": "mx9.relay.example"})
        with quota(stack, "L-0263D0A3", 0, 5):
            code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert "AddressLimitExceeded" in said
    assert exchangers(stack) == before
    # as `verify` asks for it
    _, said = stack.pulumi("stack", "history", "--json", "--page-size", "1", "--stack=test")
    assert [done["result"] for done in json.loads(said)] == ["failed"]


def test_a_second_gateway_need_not_serve_before_it_is_made(stack: Stack) -> None:
    """The first is not rebuilt for it. Nobody answers on ports here, which is waited for next."""
    own = {"gateway": {}, "submission": {"name": "smtp.relay.example"}}
    configure(stack, **own, gateways=[{"name": GATEWAY}])
    with hosts(stack):
        stack.up()
        configure(stack, **own, gateways=[{"name": GATEWAY}, {"name": "mx2.relay.example"}])
        code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert "is not rebuilt now" not in said
    assert f"{GATEWAY}-answered" in said
    assert "mx2.relay.example" not in str(exchangers(stack))


def test_the_only_one_that_takes_mail_is_not_rebuilt_while_the_other_begins_to_drain(
    stack: Stack,
) -> None:
    own = {"gateway": {}, "submission": {"name": "smtp.relay.example"}}
    drains = [{"name": GATEWAY}, {"name": "mx2.relay.example", "drain": True}]
    configure(stack, **own, gateways=drains, operator="another@inbox.example")
    before = instances(stack)
    with hosts(stack):
        code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0
    assert f"{GATEWAY} is not rebuilt now" in said
    assert "Let one of them take mail again first" in said
    assert instances(stack) >= before
