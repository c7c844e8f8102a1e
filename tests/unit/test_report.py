"""The page of `relay report`: what it tells, and that words of strangers stay words."""

import datetime
import subprocess
from contextlib import nullcontext
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from report_world import EVIL, HOST, NOW, facts, identity, message, read
from typer.testing import CliRunner
from verify_world import OUTPUTS, WANTED

from ops.cli import app
from ops.errors import StackError
from ops.outputs import Host
from ops.outputs import read as outputs
from ops.report import command, series
from ops.report import facts as facts_
from ops.report.flow import ELSEWHERE, MOST, OTHERS, flow
from ops.report.page import page
from ops.shipped import Shipped
from ops.verify.result import Result

HOUR = datetime.timedelta(hours=1)


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def text(**changed: Any) -> str:
    return " ".join(Elements(page(facts(**changed))).text.split())


def test_a_stack_that_is_well_is_told_in_a_line() -> None:
    said = text()
    assert "all is well 4 of 4 checks are well" in said
    assert "What is wrong" not in said
    assert "mail-relay/prod mail.relay.example QueueAge" in said
    assert "90 days left" in text(made=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC))


def test_what_is_wrong_comes_with_its_remedy() -> None:
    bad = Result("spf", "shop.example")
    bad.error("spf-missing", "there is no shop.example TXT", "In the zone shop.example: ...")
    said = text(checks=[bad, Result("mx", "shop.example")])
    assert "1 check fails 1 of 2 checks are well" in said
    assert "spf-missing there is no shop.example TXT In the zone shop.example" in said


QUOTED = '"{}"@far.example'.format(EVIL.replace('"', '\\"'))  # a local part as Postfix logs it
EVILS = {
    "an address": {"messages": read(message(1, 5, to=QUOTED))},
    "a sender": {"messages": read(message(1, 5, sender=EVIL))},
    "a login": {"messages": read(message(1, 5, login=EVIL))},
    "a reply": {"messages": read(message(1, 5, "deferred", said=EVIL))},
    "a log that is silent": {"silent": [EVIL]},
    "alarms": {"alarms": EVIL},
    "a stack": {"stack": EVIL},
    "a status": {"statuses": dict.fromkeys((HOST, "app.shop.example"), EVIL)},
}


@pytest.mark.parametrize("where", EVILS)
def test_words_of_strangers_make_no_element(where: str) -> None:
    found = Elements(page(facts(**EVILS[where])))
    assert not {tag for tag, _ in found.found} & {"script", "img"}
    assert "document.title=1" in found.text
    assert "\u202e" not in found.text


def test_the_page_loads_nothing() -> None:
    content = page(facts())
    assert "http" not in content.replace("http-equiv", "")
    found = Elements(content).found
    assert not [a for _, a in found if a.keys() & {"src", "srcset", "action"}]
    assert [a["href"] for _, a in found if "href" in a] == ["data:,"]
    (policy,) = [a["content"] for _, a in found if "http-equiv" in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_no_password_is_on_the_page() -> None:
    assert not [word for word in WANTED.passwords.values() if word in page(facts())]


def seen(*messages: list[str], waiting: int | None = None) -> list[series.Bucket]:
    return series.buckets(read(*messages), NOW - 24 * HOUR, NOW, waiting)


def test_messages_are_counted_where_they_came_and_left() -> None:
    found = seen(message(1, 23 * 60, seconds=3600), message(2, 10, seconds=2))
    assert sum(b.came for b in found) == 2
    assert [b.waiting for b in found[:6]] == [0, 0, 1, 1, 0, 0]
    assert found[4].typical == 3600
    assert (found[-1].typical, found[-1].slow, found[-1].waiting) == (2, 2, 0)
    assert found[20].typical is None


def test_what_waits_longer_than_the_logs_tell_is_counted_as_well() -> None:
    found = seen(message(1, 60, "deferred"), waiting=4)
    assert (found[0].waiting, found[-1].waiting) == (3, 4)
    assert {b.waiting for b in seen(message(1, 600), waiting=0)} == {0}


def test_half_of_the_times_are_below_the_median() -> None:
    found = seen(*(message(n, 10, seconds=n) for n in range(1, 101)))[-1]
    assert found.typical == pytest.approx(50.5)
    assert found.slow == pytest.approx(95.05)


def test_a_message_that_was_deleted_by_hand_waits_no_more() -> None:
    lines = message(1, 120, "deferred")
    left = (NOW - HOUR).isoformat(timespec="microseconds")
    gone = f"{left} mail postfix/postsuper[1]: {identity(1)}: removed"
    found = seen([*lines, gone])
    assert [b.waiting for b in found[-4:]] == [1, 1, 0, 0]


def test_the_picture_has_who_hands_in_and_where_mail_goes() -> None:
    drawn = flow(
        WANTED,
        read(
            message(1, 5),
            message(2, 5, login="relay@app.shop.example", to="a@other.example"),
            message(3, 5, "bounced", login=""),
        ),
    )
    assert {(b.name, b.kind, b.count) for b in drawn.sources} == {
        ("me@shop.example", "login", 1),
        ("app.shop.example", "client host", 1),
        (ELSEWHERE, "", 1),
    }
    assert [(b.name, dict(b.fates)) for b in drawn.gateways] == [(HOST, {"sent": 2, "failed": 1})]
    assert [(b.name, b.count) for b in drawn.targets] == [("far.example", 2), ("other.example", 1)]
    assert {(way.begin, way.share) for way in drawn.goes} == {(50.0, 1.0), (50.0, 0.5)}


def test_a_column_has_a_few_boxes_and_one_for_the_rest() -> None:
    drawn = flow(WANTED, read(*(message(n, 5, to=f"a@d{n % 20}.example") for n in range(100))))
    assert len(drawn.targets) == MOST
    assert (drawn.targets[-1].name, drawn.targets[-1].kind) == (OTHERS, "13 more")
    assert sum(box.count for box in drawn.targets) == 100
    assert len(drawn.goes) == MOST


def test_there_is_one_box_for_the_rest_whatever_receivers_are_called() -> None:
    to = [f"a@{OTHERS}", *(f"a@d{number}.example" for number in range(20))]
    letters = [message(n, 5, to=to[n % 2 * n % 21]) for n in range(100)]
    names = [box.name for box in flow(WANTED, read(*letters)).targets]
    assert (len(names), names.count(OTHERS)) == (MOST, 1)


def test_a_stack_without_mail_has_a_picture_too() -> None:
    said = text(messages=[], alarms=None, silent=["the hosts' logs: closed"])
    assert "mail.relay.example gateway nothing" in said
    assert "nothing was delivered" in said
    assert "monitoring is off" in said
    assert "not asked: the hosts' logs: closed" in said


class Place:
    """A stack whose hosts' logs are in a folder here, or in CloudWatch alone."""

    stack = "prod"

    def __init__(self, folder: Path, shell: bool = True) -> None:
        self.folder, self.shell = folder, shell

    def has_shell(self, _: Any) -> bool:
        return self.shell

    def account(self) -> Any:
        return nullcontext(lambda service: None)

    def run_on(self, host: Host, *words: str) -> str:
        here = [word.replace("/var/log/mail", str(self.folder)) for word in words]
        result = subprocess.run(here, capture_output=True, text=True, check=False)
        if host.name != HOST:
            raise StackError(f"{host.name}: no answer")
        return result.stdout


def test_the_logs_of_the_window_are_read_and_no_older_ones(tmp_path: Path) -> None:
    old, new = tmp_path / "mail.log.2", tmp_path / "mail.log"
    old.write_text("\n".join(message(1, 9_000)) + "\n")
    new.write_text("\n".join([*message(2, 2_000), *message(3, 60)]) + "\n")
    place: Any = Place(tmp_path)
    found, silent = facts_._messages(place, WANTED, 24, NOW)
    assert [m.id for m in found] == [identity(3)]
    assert silent == ["app.shop.example: no answer"]


def test_the_questions_of_verify_are_no_mail(tmp_path: Path) -> None:
    at = (NOW - datetime.timedelta(seconds=60)).isoformat()
    ours, other = "unknown[198.51.100.20]", "unknown[198.51.100.21]"
    asked = (
        "530 5.7.0 Must issue a STARTTLS command first; from=<> to=<relay-test@example.net> "
        "proto=ESMTP helo=<[127.0.0.1]>"
    )
    lines = [
        f"{at} mail postfix/smtpd[7]: NOQUEUE: reject: RCPT from {ours}: {asked}",
        *(
            line
            for client, name in ((ours, "4jb1Vw2BHRzyPC"), (other, "4jb1Vw2BHRzyPD"))
            for line in (
                f"{at} mail postfix/smtpd[7]: {name}: client={client}",
                f"{at} mail postfix/cleanup[7]: {name}: removed (canceled)",
            )
        ),
    ]
    (tmp_path / "mail.log").write_text("\n".join([*message(3, 60), *lines]) + "\n")
    place: Any = Place(tmp_path)
    found, _ = facts_._messages(place, WANTED, 24, NOW)
    assert {m.id for m in found} == {identity(3), "4jb1Vw2BHRzyPD"}


def test_without_a_shell_cloudwatch_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_logs = outputs({**OUTPUTS, "logs": {"group": "mail-relay/prod/mail"}})
    asked = list[tuple[str, datetime.datetime, int]]()

    def last(self: Shipped, host: str, begin: datetime.datetime, most: int) -> list[str]:
        asked.append((host, begin, most))
        return message(1, 5) if host == HOST else []

    monkeypatch.setattr(Shipped, "last", last)
    place: Any = Place(tmp_path, shell=False)
    found, silent = facts_._messages(place, with_logs, 2, NOW)
    assert ([m.id for m in found], silent) == ([identity(1)], [])
    assert asked[0] == (HOST, NOW - 2 * HOUR, facts_.LINES)
    _, silent = facts_._messages(place, WANTED, 2, NOW)
    assert "SSH is closed" in silent[0]


def test_of_a_host_that_does_not_answer_cloudwatch_knows_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_logs = outputs({**OUTPUTS, "logs": {"group": "mail-relay/prod/mail"}})
    (tmp_path / "mail.log").write_text("\n".join(message(1, 60)) + "\n")
    monkeypatch.setattr(
        Shipped, "last", lambda _, host, *__: message(2, 5) if host == "app.shop.example" else []
    )
    place: Any = Place(tmp_path)
    found, silent = facts_._messages(place, with_logs, 24, NOW)
    assert {(m.host, m.id) for m in found} == {
        (HOST, identity(1)),
        ("app.shop.example", identity(2)),
    }
    assert silent == ["app.shop.example: no answer"]


class Pages:
    """CloudWatch's alarms, on two pages."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def get_paginator(self, name: str) -> "Pages":
        assert name == "describe_alarms"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        if self.error:
            raise self.error
        since = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
        common = {"StateValue": "OK", "StateUpdatedTimestamp": since}
        ours = {**common, "AlarmActions": ["arn:topic"]}
        return [
            {"MetricAlarms": [{**ours, "AlarmName": "one"}, {**common, "AlarmName": "foreign"}]},
            {"MetricAlarms": [{**ours, "AlarmName": "two", "AlarmDescription": "why"}]},
        ]


def test_alarms_are_those_that_tell_the_stacks_topic() -> None:
    told = facts().outputs
    place: Any = SimpleNamespace(account=lambda: nullcontext(lambda service: Pages()))
    found = facts_._alarms(place, told)
    assert isinstance(found, list)
    assert [(a.name, a.says) for a in found] == [("one", ""), ("two", "why")]
    assert facts_._alarms(place, WANTED) is None
    denied = Pages(NoCredentialsError())
    place = SimpleNamespace(account=lambda: nullcontext(lambda service: denied))
    assert facts_._alarms(place, told) == "Unable to locate credentials"


def run(file: Path | str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setattr(command, "target", lambda *_: None)
    monkeypatch.setattr(command, "gather", lambda *_: facts())
    result = CliRunner().invoke(app, ["report", "--html", str(file)])
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_the_page_goes_into_a_file_and_over_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    for _ in range(2):
        assert run(file, monkeypatch)[0] == 0
        assert file.read_bytes().startswith(command.BEGIN)
        file.write_text(f"{file.read_text()[:100]}")
    code, said, _ = run("-", monkeypatch)
    assert (code, said) == (0, page(facts()))


def test_no_other_file_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "target", lambda *_: None)
    monkeypatch.setattr(command, "gather", None)  # nothing is asked
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config: {}\n")
    for where, said in (
        (file, "it exists and is no report; give another name"),
        (tmp_path, "it is a folder; give a file's name"),
        (tmp_path / "no" / "report.html", f"there is no folder {tmp_path}/no"),
    ):
        result = CliRunner().invoke(app, ["report", "--html", str(where)])
        assert str(result.exception) == f"--html {where}: {said}"
    assert file.read_text() == "config: {}\n"
