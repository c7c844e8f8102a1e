"""Whether our own address is limited by a gateway: asked where we can, and said as a maybe else."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from verify_world import GATEWAY, WANTED

from ops import guessing
from ops.errors import StackError
from ops.guessing import Unknown

HOST = WANTED.gateways[0]
OURS, OTHER = "198.51.100.20", "198.51.100.99"


def table(**limited: str) -> str:
    """What `nft -j list table ip guessing` prints: kind of set to the one address in it."""
    sets = [
        {
            "set": {
                "family": "ip",
                "name": name,
                "table": "guessing",
                "type": "ipv4_addr",
                "flags": ["timeout"],
                **(
                    {"elem": [{"elem": {"val": limited[name], "timeout": 1800, "expires": 1600}}]}
                    if name in limited
                    else {}
                ),
            }
        }
        for name in ("banned", "slowed", "pace")
    ]
    listed = [{"metainfo": {"version": "1.1.3"}}, {"table": {"name": "guessing"}}, *sets]
    return json.dumps({"nftables": listed})


class Place:
    """A stack whose gateway says this; `address` is what we have ourselves."""

    file = Path("Pulumi.dev.yaml")

    def __init__(self, said: str, address: str, shell: bool = True) -> None:
        self.said, self.address, self.shell = said, address, shell

    def has_shell(self, _: object) -> bool:
        return self.shell

    def run_on(self, *_: object, seconds: float) -> str:
        assert seconds
        if not self.said:
            raise StackError("no way in")
        return self.said

    def internet(self, root: str | None) -> Any:
        return SimpleNamespace(connect=self.connect)

    def connect(self, address: str, port: int) -> Any:
        assert port == 25
        if not self.address:
            raise TimeoutError("timed out")
        return _Connection(self.address)


class _Connection:
    def __init__(self, address: str) -> None:
        self.address = address

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def getsockname(self) -> tuple[str, int]:
        return self.address, 1


def why(said: str, address: str = OURS, shell: bool = True) -> str:
    place: Any = Place(said, address, shell)
    return guessing.why(place, WANTED, HOST)


@pytest.mark.parametrize(("kind", "verb"), [("banned", "has banned"), ("slowed", "slows down")])
@pytest.mark.parametrize(
    ("ssh", "address"),
    [("", OURS), (f"{OURS}\n", "10.0.0.7"), (f"{OURS}\n", ""), (f"{OURS}\n", OTHER)],
)
def test_a_limit_of_ours_is_said_for_sure(kind: str, verb: str, ssh: str, address: str) -> None:
    """By the address that ssh comes from, or by our own where no NAT is between."""
    assert why(f"{ssh}{table(**{kind: OURS})}", address) == (
        f"{GATEWAY} {verb} this address, {OURS}, for failed logins, for 27 min more. "
        f"On the host: fail2ban-client unban {OURS}"
    )


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (table(), OURS),
        (table(), ""),
        (table(banned=OTHER), OURS),
        (f"{OURS}\n{table(banned=OTHER)}", "192.168.1.7"),
        # of a connection that is counted, and not limited
        (table(pace=OURS), OURS),
    ],
)
def test_who_is_not_limited_is_told_of_no_limit(said: str, address: str) -> None:
    assert why(said, address) == ""


def test_who_is_behind_nat_is_asked_whether_one_of_them_is_theirs() -> None:
    said = why(table(banned=OTHER), "192.168.1.7")
    assert said == f"{GATEWAY} limits {OTHER} (banned) for failed logins: is one of them yours?"


@pytest.mark.parametrize(
    ("said", "shell"),
    [
        ("", True),
        (table(banned=OURS), False),
        ("a banner of the host's\n", True),
        ('{"nftables": [{"set": {"name": "banned", "elem": ["1"]}}]}', True),
    ],
)
def test_where_the_host_cannot_be_asked_it_is_said_what_may_be_and_how_to_see_it(
    said: str, shell: bool
) -> None:
    place: Any = Place(said, OURS, shell)
    with pytest.raises(Unknown) as error:
        guessing.limit(place, WANTED, HOST)
    for words in (
        f"{GATEWAY} may have banned this address for failed logins, for 30 min the first time",
        "`nft list table ip guessing` shows it",
        "`fail2ban-client unban ADDRESS` ends it",
    ):
        assert words in str(error.value)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_our_own_address_is_that_of_a_real_connection(port: int) -> None:
    place: Any = Place(table(banned="127.0.0.1"), "")
    place.connect = lambda address, _: socket.create_connection(("127.0.0.1", port), 5)
    found = guessing.limit(place, WANTED, HOST)
    assert found is not None
    assert (found.address, found.kind, found.seconds) == ("127.0.0.1", "banned", 1600)
