"""What updates begin is finished at night, one gateway after another."""

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pytest
from agent_host import BEFORE
from test_serving import status

from agent import bucket, updates
from agent.looked_at import LookedAt

ONE, TWO, THREE = (f"mx{number}.relay.example" for number in (1, 2, 3))
URL = "s3://bucket/status/{}.json"
MIDNIGHT = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def night(number: int) -> list[datetime.datetime]:
    """The times at which the timer runs, a little late."""
    begin = MIDNIGHT + datetime.timedelta(days=number, hours=4, seconds=9)
    return [begin + datetime.timedelta(minutes=10 * each) for each in range(updates.TURNS)]


@pytest.mark.parametrize("many", [1, 2, 3, 5, 12, 16, 24, 30])
def test_each_gateway_gets_a_turn_and_none_at_the_time_of_another(many: int) -> None:
    gateways = [f"mx{number}.relay.example" for number in range(many)]
    turns = [
        [host for host in gateways if updates.turn(host, gateways, moment)]
        for day in range(many // updates.TURNS + 1)
        for moment in night(day)
    ]
    assert all(len(each) == 1 for each in turns)
    assert {host for (host,) in turns} == set(gateways)


def test_each_client_host_has_a_turn_every_night() -> None:
    for number in range(40):
        host = f"app{number}.relay.example"
        assert sum(updates.turn(host, [], moment) for moment in night(number)) == 1


def process(base: Path, number: int, unit: str, mapped: str) -> None:
    folder = base / str(number)
    folder.mkdir(parents=True)
    (folder / "cgroup").write_text(f"0::/system.slice/{unit}\n")
    (folder / "maps").write_text(f"55d4c0000000-55d4c0100000 {mapped}\n7ffc0000-7ffd0000 rw-p 0 \n")


def test_what_runs_replaced_code_is_known(tmp_path: Path) -> None:
    library = "r-xp 00027000 fd:01 8452 /usr/lib/x86_64-linux-gnu/libssl.so.3"
    process(tmp_path, 1, "init.scope", f"{library} (deleted)")
    process(tmp_path, 20, "dovecot.service", f"{library} (deleted)")
    process(tmp_path, 21, "dovecot.service", library)
    process(tmp_path, 30, "opendkim.service", library)
    # a table that was replaced is no code, nor is shared memory
    process(tmp_path, 40, "postfix.service", "r--p 0 fd:01 9 /usr/share/x.lmdb (deleted)")
    process(tmp_path, 50, "opendmarc.service", "r-xp 0 00:01 9 /dev/zero (deleted)")
    (tmp_path / "60").mkdir()  # it has ended meanwhile
    units = [f"{n}.service" for n in ("postfix", "opendkim", "opendmarc", "dovecot")]
    assert updates.stale(units, tmp_path) == ["dovecot.service"]


def test_the_replaced_code_of_a_living_process_is_seen(tmp_path: Path) -> None:
    """The kernel's own words for it."""
    own = Path(f"/proc/{os.getpid()}")
    mapped = [line for line in (own / "maps").read_text().splitlines() if " /usr/" in line]
    code = next(line for line in mapped if line.split()[1] == "r-xp")
    assert updates.REPLACED.search(f"{code} (deleted)")
    assert not updates.REPLACED.search(code)


class Night:
    """A host at its turn, with what it reads and does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.required, self.did = folder / "reboot-required", list[list[str]]()
        self.stale, self.lacks = list[str](), dict[str, str]()
        self.tables: dict[str, Any] = {**BEFORE, "gateways": [ONE, TWO, THREE]}
        self.turn = True
        monkeypatch.setattr(updates, "REBOOT", self.required)
        monkeypatch.setattr(updates, "stale", lambda _: self.stale)
        monkeypatch.setattr(updates, "turn", lambda *_: self.turn)
        monkeypatch.setattr(updates, "serving", lambda url: self.lacks.get(url, ""))
        monkeypatch.setattr(updates.looked_at, "read", lambda: LookedAt((), (), ()))
        monkeypatch.setattr(updates.source, "read_kept", lambda _: json.dumps(self.tables).encode())
        monkeypatch.setattr(updates.socket, "getfqdn", lambda: ONE)
        monkeypatch.setattr(updates.subprocess, "run", lambda c, **_: self.did.append(c))
        self._set = monkeypatch.setattr

    def run(self, role: str = "gateway") -> int:
        self._set("sys.argv", ["updates.py", role, URL.format(ONE)])
        return updates.main()


@pytest.fixture
def at_night(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Night:
    return Night(monkeypatch, tmp_path)


@pytest.mark.parametrize("role", ["gateway", "client"])
def test_nothing_happens_without_updates_or_before_the_turn(at_night: Night, role: str) -> None:
    assert at_night.run(role) == 0
    at_night.required.touch()
    at_night.turn = False
    assert at_night.run(role) == 0
    assert at_night.did == []


@pytest.mark.parametrize("role", ["gateway", "client"])
def test_a_new_kernel_is_booted_and_a_replaced_library_loaded(at_night: Night, role: str) -> None:
    at_night.stale = ["dovecot.service", "opendkim.service"]
    assert at_night.run(role) == 0
    at_night.required.touch()
    assert at_night.run(role) == 0
    assert at_night.did == [
        ["systemctl", "restart", "dovecot.service", "opendkim.service"],
        ["systemctl", "reboot"],
    ]


def test_one_other_gateway_that_serves_is_enough(at_night: Night) -> None:
    at_night.required.touch()
    at_night.lacks = {URL.format(TWO): "it lacks certificate"}
    assert at_night.run() == 0
    assert at_night.did == [["systemctl", "reboot"]]


def test_the_only_one_that_serves_waits(
    at_night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    at_night.required.touch()
    at_night.lacks = {URL.format(TWO): "it lacks certificate", URL.format(THREE): "AccessDenied"}
    assert at_night.run() == 0
    assert at_night.did == []
    assert capsys.readouterr().out == (
        "<4>systemctl reboot waits: no other gateway serves "
        f"({TWO}: it lacks certificate; {THREE}: AccessDenied)\n"
    )


@pytest.mark.parametrize("draining", [[ONE], [TWO, THREE]])
def test_nobody_waits_for_one_that_drains(at_night: Night, draining: list[str]) -> None:
    """Neither such a one for its turn and the others, nor the only one that takes mail."""
    at_night.required.touch()
    at_night.turn = draining != [ONE]
    at_night.tables["draining"] = draining
    at_night.lacks = {URL.format(TWO): "it drains", URL.format(THREE): "it drains"}
    assert at_night.run() == 0
    assert at_night.did == [["systemctl", "reboot"]]


def test_without_tables_nothing_is_known_of_others(
    at_night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    at_night.required.touch()
    at_night.tables = {}
    assert at_night.run() == 1
    assert at_night.did == []
    assert "<3>systemctl reboot waits: the tables in use cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "seconds", "why"),
    [
        (status().to_json(), 59, ""),
        (status().to_json(), 121, "it has written nothing new"),
        (status("certificate", "postfix.service").to_json(), 1, "it lacks certificate, postfix"),
        (status(stopped=("mail-relay-watch.service",)).to_json(), 1, ""),
        ("{}", 1, "its version is not"),
    ],
)
def test_another_gateway_serves_if_it_has_just_written_so(
    monkeypatch: pytest.MonkeyPatch, content: str, seconds: int, why: str
) -> None:
    """By S3's clock for both times."""
    asked = list[str]()
    date = MIDNIGHT + datetime.timedelta(seconds=seconds)
    times = {"date": date, "last-modified": MIDNIGHT}
    headers = {name: f"{at:%a, %d %b %Y %H:%M:%S} GMT" for name, at in times.items()}

    def get(url: str, limit: int) -> bucket.Reply:
        asked.append(url)
        return bucket.Reply(bucket.OK, headers, content.encode())

    monkeypatch.setattr(bucket, "get", get)
    found = updates.serving(URL.format(TWO))
    assert asked == [f"s3://bucket/status/{TWO}.json"]
    assert why in found if why else found == ""
