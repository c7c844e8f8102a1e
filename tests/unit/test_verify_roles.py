"""verify asks each gateway whether it takes postmaster@ and abuse@ of each domain."""

import dataclasses
import socket
from pathlib import Path
from typing import Any

import pytest
from verify_world import RIGHT, SHOPS, WANTED, Literal, Port, certificates, serving

from ops.verify import mx, talk
from ops.verify.result import Result
from ops.verify.talk import SmtpSession
from ops.verify.world import World

OK, UNKNOWN, LATER = (250, "Ok"), (550, "unknown"), (451, "later")
LIMITED = (450, "4.7.1 Error: too many recipients from 192.0.2.7")
POSTMASTER, ABUSE = SHOPS


def said(**sessions: SmtpSession) -> Result:
    """What is said of shop.example when the gateways are of these names."""
    (shop,) = [domain for domain in WANTED.domains if domain.name == "shop.example"]
    return mx.check(World(Literal(RIGHT), WANTED), shop, sessions)


def session(postmaster: talk.Reply, abuse: talk.Reply) -> SmtpSession:
    return SmtpSession(recipients={POSTMASTER: postmaster, ABUSE: abuse})


def problems(result: Result) -> list[tuple[str, str]]:
    return [(problem.code, problem.text) for problem in result.problems]


def test_what_all_gateways_take_is_said_once_and_who_refuses_is_named() -> None:
    result = said(mx1=session(OK, OK), mx2=session(OK, OK), mx3=session(UNKNOWN, OK))
    assert result.seen == [
        "10 mail.relay.example.",
        f"{POSTMASTER} is accepted",
        f"{ABUSE} is accepted",
    ]
    assert problems(result) == [("mx-refused", f"mx3 refuses {POSTMASTER}: 550 unknown")]


@pytest.mark.parametrize(
    ("postmaster", "abuse", "told"),
    [
        (UNKNOWN, UNKNOWN, [("mx-refused", f"mx refuses {POSTMASTER} and {ABUSE}: 550 unknown")]),
        (OK, UNKNOWN, [("mx-refused", f"mx refuses {ABUSE}: 550 unknown")]),
        (LATER, LATER, [("mx-deferred", f"mx puts off {POSTMASTER} and {ABUSE}: 451 later")]),
        (OK, LATER, [("mx-deferred", f"mx puts off {ABUSE}: 451 later")]),
        (
            LATER,
            UNKNOWN,
            [
                ("mx-refused", f"mx refuses {ABUSE}: 550 unknown"),
                ("mx-deferred", f"mx puts off {POSTMASTER}: 451 later"),
            ],
        ),
    ],
)
def test_the_role_that_is_not_taken_is_named(
    postmaster: talk.Reply, abuse: talk.Reply, told: list[tuple[str, str]]
) -> None:
    assert problems(said(mx=session(postmaster, abuse))) == told


def test_who_was_not_asked_is_named() -> None:
    asked = SmtpSession(recipients={POSTMASTER: OK}, limited=LIMITED)
    result = said(mx1=asked, mx2=SmtpSession(closed="refused"))
    assert problems(result) == []
    assert result.seen[1:] == [
        f"{POSTMASTER} is accepted",
        f"mx1 was not asked for {ABUSE}: 450 {LIMITED[1]}",
        "whether its mail is taken by mx2: port 25 comes first",
    ]


@dataclasses.dataclass(frozen=True)
class Postfix(Port):
    """Takes all, but so many for a message, and so many in a minute."""

    at_once: int = 100
    in_all: int = 600
    taken: list[str] = dataclasses.field(default_factory=list)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= self.at_once:
            return "452 4.5.3 Error: too many recipients"
        if len(self.taken) >= self.in_all:
            return " ".join(map(str, LIMITED))
        envelope.rcpt_tos.append(address)
        self.taken.append(address)
        return "250 2.1.5 Ok"


@pytest.mark.parametrize("in_all", [1000, 110, 0])
def test_many_domains_are_asked_for_within_the_servers_limits(tmp_path: Path, in_all: int) -> None:
    trust, contexts = certificates(tmp_path)
    port, asked = Postfix(in_all=in_all), [f"a@{number}.example" for number in range(250)]
    with serving({25: port}, contexts) as there:

        def connect(_: str, number: int) -> socket.socket:
            return socket.create_connection(("127.0.0.1", there[number]), 5)

        found = talk.probe(connect, trust, WANTED.gateways[0], 25, asked)
    assert list(found.recipients) == port.taken == asked[:in_all]
    assert {code for code, _ in found.recipients.values()} <= {250}
    assert found.limited == ((0, "") if in_all > 250 else LIMITED)
    assert not found.broken
