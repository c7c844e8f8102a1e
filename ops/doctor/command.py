"""`relay doctor`."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import boto3
import typer
import yaml
from botocore.config import Config
from botocore.exceptions import ProfileNotFound

from lab.access import entered
from lab.lab import Lab
from lab.machines.network import RESOLVER
from ops import engine, lab_stack
from ops.doctor.account import HOME, Account
from ops.doctor.identity import OTHER_WAYS
from ops.doctor.run import examine
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.leftovers.find import in_state
from ops.target import LabOption, StackOption, Target, target
from ops.terminal import notes, print_json, step
from ops.verify.names import Answer, Dns
from ops.verify.result import Result
from ops.verify.show import as_dict, progress, show
from ops.verify.talk import Connect

PROVIDER = ("allowedAccountIds", "forbiddenAccountIds", *OTHER_WAYS)
CONNECT_SECONDS = 10
# A network that lets nothing through is told of in a minute, not in ten.
PATIENCE = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard"})


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Before the first `up`: the AWS account against what the stack needs. Exit code 1: errors."""
    chosen = target(stack, lab)
    found: list[Result] = []
    with _account(chosen) as account:
        for result in examine(account):
            found.append(result)
            progress(result)
    if json:
        print_json(as_dict(chosen.stack, found))
    else:
        show(chosen.stack, found)
        notes.print("docs/doctor.md says more about each code")
    if any(result.errors for result in found):
        raise typer.Exit(1)


@contextmanager
def _account(chosen: Target) -> Iterator[Account]:
    file, lab = StackFile(chosen), chosen.lab
    state, problem = _state(chosen)
    account = Account(
        project=yaml.safe_load((engine.PROJECT / "Pulumi.yaml").read_text())["name"],
        stack=chosen.stack,
        settings=file.settings(),
        region=_region(file),
        client=_clients(file.value("aws:profile")),
        names=Dns(),
        connect=_connect,
        option=f"--stack {chosen.stack}",
        state=state,
        state_problem=problem,
        provider={key: file.value(f"aws:{key}") for key in PROVIDER},
    )
    if lab is None:
        yield account
        return
    with entered(lab.namespace):
        yield replace(
            account,
            region=HOME,
            client=lambda service, _: lab_stack.client(lab, service),
            names=_LabNames(lab),
            connect=_connect_in(lab),
            option=f"--lab {lab.name} --stack {chosen.stack}",
            pulumi=f"./relay pulumi --lab {lab.name}",
        )


def _region(file: StackFile) -> str:
    """As the provider finds it: the stack's file, the environment, the profile; or ""."""
    given = file.value("aws:region") or os.environ.get("AWS_REGION")
    if not given:
        try:
            given = boto3.Session(profile_name=file.value("aws:profile")).region_name
        except ProfileNotFound:  # the first check says so
            given = None
    return given or ""


def _clients(profile: str | None) -> Any:
    """Made at the first call, so that credentials that are not there are a finding."""

    @cache
    def session() -> boto3.Session:
        return boto3.Session(profile_name=profile)

    def client(service: str, region: str) -> Any:
        made: Any = session().client
        return made(service, region_name=region, config=PATIENCE)

    return client


def _state(chosen: Target) -> tuple[frozenset[str], str]:
    """The ids of what the stack has made, none before its first `up`; or why that is not known."""
    with step(f"the state of {chosen.stack}"):
        try:
            return frozenset(in_state(chosen.pulumi("stack", "export"))) - {""}, ""
        except StackError as error:
            unknown = "" if "no stack named" in str(error) else str(error)
            return frozenset(), " ".join(unknown.split())


def _connect(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), CONNECT_SECONDS)


def _connect_in(lab: Lab) -> Connect:
    def from_the_internet(address: str, port: int) -> socket.socket:
        with entered(f"{lab.namespace}-probe"):
            return _connect(address, port)

    return from_the_internet


class _LabNames:
    """DNS as a computer on the lab's internet sees it, while this thread is in the region."""

    def __init__(self, lab: Lab) -> None:
        self._place, self._dns = f"{lab.namespace}-probe", Dns(RESOLVER)

    @property
    def resolver(self) -> str:
        return self._dns.resolver

    def resolve(self, name: str, kind: str) -> Answer:
        with entered(self._place):
            return self._dns.resolve(name, kind)

    def ask(self, server: str, name: str, kind: str) -> Answer:
        with entered(self._place):
            return self._dns.ask(server, name, kind)
