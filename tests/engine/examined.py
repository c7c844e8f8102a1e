"""What `relay doctor` finds for a stack of the engine tests."""

import socket
from typing import Any

import yaml
from stacks import Stack

from ops.doctor.account import HOME, Account
from ops.doctor.run import examine
from ops.leftovers.find import in_state
from ops.verify.names import Dns
from ops.verify.result import Result
from settings import read

PREFIX = "mail-relay:"


def config(stack: Stack) -> dict[str, Any]:
    return yaml.safe_load((stack.directory / "Pulumi.test.yaml").read_text())["config"]


def out_of_reach(_: str, __: int) -> socket.socket:
    raise TimeoutError("there are no machines here")


def found(stack: Stack, **changes: Any) -> list[Result]:
    code, said = stack.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    given = config(stack) | {f"{PREFIX}{key}": value for key, value in changes.items()}
    account = Account(
        project="mail-relay",
        stack="test",
        settings=read(
            {k.removeprefix(PREFIX): v for k, v in given.items() if k.startswith(PREFIX)}
        ),
        region=HOME,
        client=lambda service, _: stack.region.client(service),
        names=Dns("127.0.0.1", stack.region.dns_port),
        connect=out_of_reach,
        option="--stack test",
        typed=lambda words: f"pulumi {words} --stack test",
        state=frozenset(in_state(said)) - {""},
    )
    return list(examine(account))


def codes(results: list[Result]) -> list[str]:
    return [problem.code for r in results for problem in [*r.errors, *r.warnings]]
