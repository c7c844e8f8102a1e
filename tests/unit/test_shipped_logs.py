"""The mail log in CloudWatch Logs: what is declared, what a host sends, and how it is searched."""

import datetime
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from recorder import Recorder, declare
from region_service import serving
from review_changes import BASE
from test_trace import LOGIN, deferred, identity, lines
from test_user_data import CLIENT, GATEWAY
from typer.testing import CliRunner

from agent import mail_counts, ship
from cloudinit import files
from cloudinit.hosts import AnyHost
from lab.region import backends, log_groups
from lab.region.memory import Memory
from ops import trace
from ops.cli import app
from ops.errors import StackError
from ops.leftovers import log_groups as left
from ops.outputs import Logs
from ops.shipped import PATTERN, Shipped, patterns

HOST, GROUP = "mail.relay.example", "mail-relay/test/mail"
NOW = 1_764_036_000_000  # ms, 2025-11-25T02:00
LINE = "2025-11-25T02:{:02}:{:02}.123456+00:00 mail postfix/qmgr[1]: 4jZ3Sy155vz2xBg: removed\n"


def graph(**logs: Any) -> Recorder:
    raw = {**BASE, "clients": [{"name": "app.shop.example"}], "logs": logs}
    given = {f"mail-relay:{key}": value for key, value in raw.items()}
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    return declare({**texts, "aws:region": "us-east-1"})


def statements(found: Recorder, host: str) -> list[dict[str, Any]]:
    return json.loads(found.one("RolePolicy", host).inputs["policy"])["Statement"]


def test_without_it_a_stack_has_not_one_resource_more() -> None:
    before, after = graph(), graph(ship="cloudwatch")
    known = {(r.type, r.name) for r in before.resources}
    more = [r for r in after.resources if (r.type, r.name) not in known]
    assert [(r.type, r.inputs["name"]) for r in more] == [
        ("aws:cloudwatch/logGroup:LogGroup", GROUP)
    ]
    assert before.outputs.get("logs") is None
    assert after.outputs["logs"] == {"group": GROUP}


def test_a_host_may_write_to_its_own_stream_and_to_nothing_else() -> None:
    found = graph(ship="cloudwatch")
    for host in (HOST, "app.shop.example"):
        mine = [s for s in statements(found, host) if "logs:" in str(s["Action"])]
        assert [(sorted(s["Action"]), s["Resource"].rpartition(":")[2]) for s in mine] == [
            (["logs:CreateLogStream", "logs:PutLogEvents"], host)
        ]
    assert "logs:" not in str(statements(graph(), HOST))


@pytest.mark.parametrize(("days", "kept"), [(1, 1), (15, 30), (90, 90)])
def test_lines_are_kept_at_least_as_long_as_on_the_hosts(days: int, kept: int) -> None:
    group = graph(ship="cloudwatch", days=days).one("LogGroup", "logs")
    assert group.inputs["retentionInDays"] == kept


@pytest.mark.parametrize("kind", [GATEWAY, CLIENT])
def test_a_host_has_what_sends_it_only_where_that_is_wanted(kind: AnyHost) -> None:
    added = files(replace(kind, ship=GROUP)).keys() - files(kind).keys()
    assert {Path(name).name for name in added} >= {"ship.py", "mail-relay-ship.timer"}
    assert f"ship.py {GROUP}\n" in str(
        files(replace(kind, ship=GROUP))["etc/systemd/system/mail-relay-ship.service"]
    )


@pytest.fixture
def region() -> Iterator[Callable[[str], Any]]:
    """The lab's CloudWatch Logs, with the stack's group."""
    with serving(Memory()) as (client, _):
        client("logs").create_log_group(logGroupName=GROUP)
        yield client
        backends.logs().groups.clear()


@pytest.fixture
def log(
    region: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Path]:
    """The log of a host that sends it there. Lines of any age are taken."""
    monkeypatch.setattr(mail_counts, "LOG", tmp_path / "mail.log")
    monkeypatch.setattr(ship.sys, "argv", ["ship.py", GROUP])
    monkeypatch.setattr(ship.socket, "getfqdn", lambda: HOST)
    there = region("logs")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: there)
    yield tmp_path / "mail.log"


def sent() -> list[str]:
    """The lines in the host's stream, as they came."""
    streams = backends.logs().groups[GROUP].streams
    return [event.message for event in streams[HOST].events] if HOST in streams else []


def fresh(*numbers: int) -> str:
    """Lines of this hour, which CloudWatch takes."""
    now = ship.datetime.datetime.now(ship.datetime.UTC).isoformat()
    return "".join(f"{now} mail postfix/qmgr[1]: line {number}\n" for number in numbers)


def told(text: str) -> list[str]:
    return text.splitlines()


def test_each_line_is_sent_once_and_whole_whatever_logrotate_does(log: Path) -> None:
    assert ship.main() == 0  # no log yet
    assert sent() == []
    first, second, third, fourth = (fresh(number) for number in range(4))
    log.write_text(first + second[:30])
    assert ship.main() == 0
    assert sent() == told(first)
    with log.open("a") as file:
        file.write(second[30:] + third)
    log.rename(f"{log}.1")
    log.write_text(fourth)
    assert ship.main() == 0
    assert sent() == told(first + second + third + fourth)
    assert ship.main() == 0
    assert len(sent()) == 4


def test_what_cloudwatch_does_not_take_waits_and_is_sent_later(
    log: Path, region: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text(fresh(1))
    region("logs").delete_log_group(logGroupName=GROUP)
    assert ship.main() == 1
    assert capsys.readouterr().out.startswith("<3>the mail log waits here: ")
    region("logs").create_log_group(logGroupName=GROUP)
    assert ship.main() == 0
    assert len(sent()) == 1


def test_a_call_that_fails_loses_no_line_that_was_read_ahead(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship, "EVENTS", 2)
    log.write_text(fresh(*range(5)))
    put, calls = ship.Stream.put, list[int]()

    def once(self: ship.Stream, batch: list[ship.Event]) -> None:
        calls.append(len(batch))
        if len(calls) == 2:
            raise ship.NotTaken("cut off")
        put(self, batch)

    monkeypatch.setattr(ship.Stream, "put", once)
    assert ship.main() == 1
    assert ship.main() == 0
    assert (calls, len(set(sent())), len(sent())) == ([2, 2, 2, 1], 5, 5)


def test_a_damaged_note_of_how_far_it_came_sends_the_log_anew(log: Path) -> None:
    log.write_text(fresh(1))
    for damaged in ("", "[]", '{"read": [1]}', '{"read": ["x", -1]}'):
        log.with_name(ship.SHIPPED).write_text(damaged)
        assert ship.main() == 0
    assert len(sent()) == 4


def given(*texts: str) -> Iterator[tuple[bytes, ship.Position]]:
    return ((text.encode(), (1, number)) for number, text in enumerate(texts))


def test_a_batch_is_what_one_call_takes() -> None:
    many = [*ship.batches(given(*[LINE.format(0, 0)] * 25_000), NOW)]
    assert sum(len(batch) for batch, _ in many) == 25_000
    assert [behind for _, behind in many][-1] == (1, 24_999)
    long = [*ship.batches(given(*["x" * 3_000_000 + "\n"] * 12), NOW)]
    for batch, _ in (*many, *long):
        log_groups._limit(batch)  # pyright: ignore[reportPrivateUsage]
    days = [LINE.format(0, 0).replace("-25T", f"-{day}T") for day in (20, 21, 20, 22, 22)]
    assert [len(batch) for batch, _ in ship.batches(given(*days), NOW)] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("line", "when", "said"),
    [
        (b"2025-11-25T03:00:00.500000+01:00 mail x\n", NOW + 500, None),
        (b"no time\n", 7, None),
        (b"\n", 7, " "),
        (b"9999-12-31T23:59:59+00:00 x \xff\n", 253402300799000, "9999-12-31T23:59:59+00:00 x �"),
        (b"0001-01-01T00:00:00+23:00 x\n", 7, None),
    ],
)
def test_any_line_becomes_an_event(line: bytes, when: int, said: str | None) -> None:
    expected = said or line.decode(errors="replace").rstrip("\n")
    assert ship.event(line, 7) == {"timestamp": when, "message": expected}


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "0 events"),
        ([{"timestamp": 1, "message": "x"}] * 10_001, "10001 events"),
        ([{"timestamp": 1, "message": "x" * 1_048_551}], "1048577 bytes"),
        ([{"timestamp": n, "message": "x"} for n in (0, 86_400_001)], "24 hours"),
        ([{"timestamp": 1, "message": ""}], "empty"),
    ],
)
def test_the_lab_takes_no_more_than_cloudwatch(
    region: Callable[[str], Any], events: list[dict[str, Any]], why: str
) -> None:
    client = region("logs")
    client.create_log_stream(logGroupName=GROUP, logStreamName=HOST)
    with pytest.raises(ClientError, match=f"InvalidParameterException.*{why}"):
        client.put_log_events(logGroupName=GROUP, logStreamName=HOST, logEvents=events)


@pytest.fixture
def shipped(region: Callable[[str], Any]) -> Callable[..., Shipped]:
    """The stack's logs in CloudWatch, with lines of hosts."""

    def made(**hosts: list[str]) -> Shipped:
        client = region("logs")
        for name, text in hosts.items():
            stream = {"logGroupName": GROUP, "logStreamName": f"{name}.relay.example"}
            client.create_log_stream(**stream)
            now = int(ship.time.time() * 1000)
            events = [{"timestamp": now, "message": line} for line in text]
            client.put_log_events(**stream, logEvents=events)
        return Shipped(client, GROUP)

    return made


def test_lines_with_any_of_the_words_are_found_on_all_pages(
    shipped: Callable[..., Shipped],
) -> None:
    logs = shipped(mail=[f"line {n}" for n in range(2_500)], app=["line 1"])
    assert len(logs.lines(HOST, ["line 1", "line 2"])) == 2_500 - sum(
        str(n)[0] not in "12" for n in range(2_500)
    )
    assert logs.lines(HOST, ['say "\\']) == set()
    assert logs.begins().keys() == {HOST, "app.relay.example"}


def test_the_last_lines_are_those_of_all_pages(shipped: Callable[..., Shipped]) -> None:
    logs = shipped(mail=[f"line {n}" for n in range(9_999)])
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    assert logs.last(HOST, began, 20_000) == [f"line {n}" for n in range(9_999)]
    assert logs.last(HOST, began, 3) == ["line 9996", "line 9997", "line 9998"]
    later = began + datetime.timedelta(hours=2)
    assert logs.last(HOST, later, 3) == []
    assert logs.last("mail.gone.example", began, 3) == []


def test_a_pattern_is_no_longer_than_cloudwatch_takes() -> None:
    words = [f"{identity(number)}:" for number in range(500)]
    found = [*patterns(words)]
    assert max(map(len, found)) <= PATTERN
    assert " ".join(found) == " ".join(f'?"{word}"' for word in words)
    assert [*patterns(['a"b\\'])] == ['"a\\"b\\\\"']


class Stack:
    """A stack whose logs are in CloudWatch; its hosts answer, or nobody may ask them."""

    def __init__(self, client: Callable[[str], Any], answers: list[str] | None) -> None:
        self.client, self.answers = client, answers

    def outputs(self) -> Any:
        hosts = [SimpleNamespace(name=name) for name in (HOST, "app.relay.example")]
        return SimpleNamespace(
            hosts=hosts, clients=(), logins=(LOGIN,), disabled=(), logs=Logs(group=GROUP)
        )

    def has_shell(self, _: Any) -> bool:
        return self.answers is not None

    def run_on(self, host: Any, *_: str, **__: Any) -> str:
        if not self.answers or host.name != HOST:
            raise StackError(f"{host.name}: no answer")
        return "".join(f"{line}\n" for line in self.answers)

    @contextmanager
    def account(self) -> Iterator[Callable[[str], Any]]:
        yield self.client


@pytest.mark.parametrize(
    ("answers", "code", "notes"),
    [
        # the host has what CloudWatch has not got yet
        ([deferred(1)], 1, ["app.relay.example: no answer"]),
        ([], 1, ["app.relay.example: no answer", f"{HOST}: no answer"]),
        (None, 1, ["app.relay.example: SSH is closed", f"{HOST}: SSH is closed"]),
    ],
)
def test_trace_takes_what_it_can_get_of_hosts_and_cloudwatch(
    shipped: Callable[..., Shipped],
    region: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    answers: list[str] | None,
    code: int,
    notes: list[str],
) -> None:
    """A host that is gone is found too; one of which nobody knows a line is told."""
    shipped(mail=lines(1), gone=lines(2))
    monkeypatch.setattr(trace, "target", lambda *_: Stack(region, answers))
    result = CliRunner().invoke(app, ["trace", LOGIN, "--json"])
    found = json.loads(result.stdout)
    assert [(m["host"], m["id"]) for m in found] == [
        (HOST, identity(1)),
        ("gone.relay.example", identity(2)),
    ]
    assert [a["status"] for a in found[0]["attempts"]] == (["deferred 4.4.1"] if answers else [])
    assert result.exit_code == code
    assert all(f"not asked: {note}" in result.stderr for note in notes)


def test_trace_says_since_when_cloudwatch_knows(
    shipped: Callable[..., Shipped], region: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped(mail=lines(1), app=lines(2))
    monkeypatch.setattr(trace, "target", lambda *_: Stack(region, None))
    result = CliRunner().invoke(app, ["trace", "nobody@far.example"])
    assert result.exit_code == 1
    assert f"CloudWatch has the log of {HOST} since 20" in result.stderr


def test_trace_goes_on_without_cloudwatch(
    region: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    region("logs").delete_log_group(logGroupName=GROUP)
    monkeypatch.setattr(trace, "target", lambda *_: Stack(region, [*lines(1)]))
    result = CliRunner().invoke(app, ["trace", LOGIN])
    assert identity(1) in result.stdout
    assert "not asked: CloudWatch: " in result.stderr


def test_a_group_that_is_left_is_listed(region: Callable[[str], Any]) -> None:
    region("logs").create_log_group(logGroupName=f"{GROUP}s")
    tags = {"Project": "mail-relay", "Stack": "test"}
    (found,) = left.find(region("logs"), tags)
    assert (found.what, found.id) == ("log group", GROUP)
    assert found.remove == f"aws logs delete-log-group --log-group-name {GROUP}"
