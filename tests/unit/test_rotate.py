"""Which step of a key's rotation is due, and when."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from editing import stack_file
from typer.testing import CliRunner
from verify_world import FACTS, LOOK

from agent.host_status import VERSION, parse
from mail import dkim
from ops.cli import app
from ops.rotate.plan import Published, Step, step, successor
from ops.rotate.safety import of_signer
from ops.status import Written
from ops.target import AwsTarget
from settings import MailDomain

DAY = datetime.timedelta(days=1)
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEY = "v=DKIM1; k=rsa; p=MIIB"


def domain(selectors: Sequence[str], retired: Sequence[str] = ()) -> MailDomain:
    return MailDomain.model_validate(
        {"name": "example.com", "selectors": list(selectors), "retired": list(retired)}
    )


def record(made: int, changed: int | None = None, text: str = KEY) -> Published:
    """A record that was made, and last changed, on these days after the start."""
    return Published(text, START + made * DAY, START + (made if changed is None else changed) * DAY)


@pytest.mark.parametrize(
    ("selectors", "retired", "published", "wanted"),
    [
        # a key gets old
        (["s1"], [], {"s1": record(0)}, Step("publish", "s2", START + 180 * DAY)),
        # the domain is not up yet
        (["s1"], [], {}, Step("publish", "s2", None)),
        # the second selector is in the file, and not in force
        (["s1", "s2"], [], {"s1": record(0)}, Step("retire", "s1", None)),
        # it is published: what was signed before may still be on its way
        (
            ["s1", "s2"],
            [],
            {"s1": record(0), "s2": record(200)},
            Step("retire", "s1", START + 207 * DAY),
        ),
        # three selectors: the newest counts, the oldest goes first
        (
            ["s1", "s2", "s3"],
            [],
            {"s1": record(0), "s2": record(200), "s3": record(210)},
            Step("retire", "s1", START + 217 * DAY),
        ),
        # retired in the file, its key still published
        (["s2"], ["s1"], {"s1": record(0), "s2": record(200)}, Step("remove", "s1", None)),
        # revoked
        (
            ["s2"],
            ["s1"],
            {"s1": record(0, 207, dkim.REVOKED), "s2": record(200)},
            Step("remove", "s1", START + 214 * DAY),
        ),
    ],
)
def test_the_next_step(
    selectors: list[str], retired: list[str], published: dict[str, Published], wanted: Step
) -> None:
    found = step(domain(selectors, retired), published, wait=7 * DAY, every=180 * DAY)
    assert found == wanted


@pytest.mark.parametrize(
    ("selector", "next_"),
    [("s1", "s2"), ("s9", "s10"), ("mail", "mail2"), ("20260101", "20260102"), ("a1b", "a1b2")],
)
def test_the_next_selector_is_another_valid_one(selector: str, next_: str) -> None:
    assert successor(selector) == next_
    assert domain([selector, next_]).selectors == (selector, next_)


def test_a_revoked_record_has_an_empty_key() -> None:
    assert dkim.read(dkim.REVOKED).key == ""


NOW = START + 20 * DAY


def written(
    *, silent: float = 20.0, messages: int = 0, oldest: float = 0.0, **changes: Any
) -> Written:
    """What the gateway wrote: it signs with s2 since the tenth day, but for the changes."""
    told = {
        **FACTS["i-1"],
        "signing": {"example.com": "s2"},
        "signing_since": {"example.com": (START + 10 * DAY).isoformat()},
        "queue": {"messages": messages, "held": 0, "seconds": oldest, "reasons": []},
        **changes,
    }
    told.pop("age")
    common = {"version": VERSION, "host": "mail.example.com", "instance": "i-1", "boot": "b"}
    text = json.dumps({**common, "written": NOW.isoformat(), **told})
    return Written(parse(text), silent)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (written(), None),
        (written(messages=1, oldest=9 * 86_400), None),
        # the signer is not asked
        (written(silent=900), "it is not known what it signs with"),
        (
            written(signing={"example.com": "s1"}),
            "signs example.com with s1 still; it takes s2 by itself",
        ),
        (written(signing={}), "signs example.com with nothing still"),
        # the record is older than the switch
        (
            written(signing_since={"example.com": (START + 19 * DAY).isoformat()}),
            "signs example.com with s2 only since 2026-01-20",
        ),
        (written(signing_since={}), "does not say since when"),
        (written(messages=1, oldest=11 * 86_400), "mail from before s2 waits in the queue"),
        (written(tables={**LOOK, "etag": "e1", "problem": "no room"}), "trouble with its tables"),
    ],
)
def test_a_key_is_given_up_only_where_the_signer_says_that_nothing_needs_it(
    said: Written, why: str | None
) -> None:
    found = of_signer(
        AwsTarget("prod"), "mail.example.com", "example.com", "s2", said, NOW, 7 * DAY
    )
    assert len(found) == (1 if why else 0), found
    assert (why or "") in "".join(found)


def test_what_comes_next_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stack_file(tmp_path, monkeypatch)
    state = {
        "type": "aws:route53/record:Record",
        "inputs": {"type": "TXT", "name": "s1._domainkey.shop.example", "records": [KEY]},
        "created": START.isoformat(),
        "modified": START.isoformat(),
    }
    export = json.dumps({"deployment": {"resources": [state]}})
    monkeypatch.setattr(AwsTarget, "pulumi", lambda *_: export)
    result = CliRunner().invoke(app, ["rotate", "--domain=shop.example", "--stack=prod"])
    assert result.exit_code == 0
    assert result.output.lower().count("next: ") == 1
    assert "next: pulumi up --stack prod, then this command again" in result.output
    assert "s2" in file.read_text()
