"""`pulumi up` ends when the hosts serve: after each, a resource that is made only then.

The waiting is a hook before that resource is made or changed, because the engine takes what a hook
after it says for a warning. In previews and plans it is a resource like others.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    TokenRetrievalError,
)

from agent.host_status import LIMIT, BadStatus, Status, parse
from components.account import Account

POLL_SECONDS = 5.0
CONSOLE_LINES = 15
CONSOLE_SECONDS = 30.0
# cloud-init's own words (cc_scripts_per_boot.py, cc_final_message.py): the user data's script has
# failed, or there was no user data to be had.
FAILED = re.compile(r"Failed to run module scripts[-_]per[-_]boot|Used fallback datasource")
# Control sequences (ECMA-48), which systemd and kernels write to consoles.
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)")
# What systemd shows while something takes its time, and whenever a host has said how it is.
NOISE = re.compile(r"^\[[ *]{6}\]|mail-relay-status|Write how this host is")
NEW_TABLES = "the stack's newest tables"
NOT_YET = ("NoSuchKey", "NoSuchBucket", "404")


class NotServing(Exception):
    """A host does not serve; the text has its own words and what to do."""


@dataclass(frozen=True)
class Seen:
    """A host's status, and when the bucket got it by the bucket's own clock.

    `tables` is the ETag of the tables that the host ought to have.
    """

    status: Status | None
    written: float
    problem: str = ""
    tables: str = ""


@dataclass
class Waiting:
    """Waits for hosts; `minutes` for each, counted from when its instance is there."""

    minutes: int
    account: Account
    hosts: dict[str, pulumi.Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hook = pulumi.ResourceHook("host-serves", self._wait)

    def until_serving(
        self,
        host: str,
        instance: aws.ec2.Instance,
        *,
        status: str,
        tables: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare the resource that is there once this instance serves.

        `status` and `tables` are the s3:// URLs of what it writes, and of the tables that it has to
        serve by. Other tables are no reason to wait again.
        """
        hooks = pulumi.ResourceHookBinding(before_create=[self._hook], before_update=[self._hook])
        self.hosts[host] = instance
        pulumi.Stash(
            f"{host}-serving",
            # an instance that is stopped and started for another type has to serve again as well
            input={
                "host": host,
                "instance": instance.id,
                "type": instance.instance_type,
                "status": status,
                "tables": tables,
            },
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
        )

    async def _wait(self, args: pulumi.ResourceHookArgs) -> None:
        given: dict[str, str] = (args.new_inputs or {})["input"]
        host = given["host"]

        def report(text: str) -> None:
            pulumi.log.info(f"{host}: {text}", resource=self.hosts[host])

        report(f"up to {self.minutes} minutes are given; to stop waiting, press Ctrl-C twice")
        # boto3 blocks; the program goes on with its other resources meanwhile
        look = await asyncio.to_thread(self._looks_at, given["status"], given["tables"])
        console = partial(self._console, given["instance"])
        try:
            await wait(host, given["instance"], look, console, self.minutes * 60, report)
        except NotServing as error:
            end = _indented(await asyncio.to_thread(console))
            raise NotServing(f"{error}\n{end}\n{remedy(host)}") from None

    def _looks_at(self, status: str, tables: str) -> Callable[[], Seen]:
        client = self.account.client("s3")
        return lambda: see(client, status, tables)

    def _console(self, instance: str) -> str:
        """What the machine wrote to its console, as EC2 keeps it (64 KiB, on Nitro at any time)."""
        try:
            ec2 = self.account.client("ec2")
            return ec2.get_console_output(InstanceId=instance, Latest=True).get("Output", "")
        except (ClientError, BotoCoreError) as error:
            return f"EC2's console output cannot be read: {error}"


def _indented(console: str) -> str:
    """The end of a console's output, for an error, without what moves a terminal's cursor."""
    plain = ESCAPES.sub("", console)
    lines = ["".join(filter(str.isprintable, line)).rstrip() for line in plain.splitlines()]
    lines = [line for line in lines if line and not NOISE.search(line)][-CONSOLE_LINES:]
    if not lines:
        return "EC2 has no console output of it yet"
    return "The end of its console output:\n" + "\n".join(f"  {line}" for line in lines)


def see(client: Any, status: str, tables: str) -> Seen:
    """What a host has written last; raises NotServing where this user can look at nothing.

    Whatever else S3 answers may pass: a refusal too, which is what a missing object is to those who
    may not list the bucket.
    """
    try:
        answer = client.get_object(**_place(status))
        found, written = answer["Body"].read(LIMIT + 1), answer["LastModified"].timestamp()
        etag = client.head_object(**_place(tables))["ETag"].strip('"')
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return Seen(None, 0.0, "" if code in NOT_YET else f"{status}: {error}")
    except (NoCredentialsError, CredentialRetrievalError, TokenRetrievalError) as error:
        raise NotServing(
            f"nobody here can see whether hosts serve: {error}. The program reads {status} with "
            "aws:profile, aws:accessKey, aws:assumeRoles or the environment; wait.minutes 0 turns "
            "the waiting off"
        ) from None
    except BotoCoreError as error:
        return Seen(None, 0.0, f"{status}: {error}")
    try:
        return Seen(parse(found), written, tables=etag)
    except BadStatus as error:
        return Seen(None, written, f"{status} is no status: {error}")


def _place(url: str) -> dict[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


async def wait(
    host: str,
    instance: str,
    look: Callable[[], Seen],
    console: Callable[[], str],
    seconds: float,
    report: Callable[[str], None],
) -> None:
    """Return once this instance has said that it serves, after this began; raises NotServing.

    It writes every minute, so what it wrote before says nothing of now. One that says nothing is
    given up at once if its console shows that cloud-init could not start the set-up.
    """
    deadline, next_console = (time.monotonic() + s for s in (seconds, CONSOLE_SECONDS))
    before = await asyncio.to_thread(look)
    said = ""
    while True:
        seen = await asyncio.to_thread(look)
        status = seen.status if seen.written > before.written else None
        if status is not None and status.instance != instance:
            status = None
        if status is not None:
            if not status.missing and status.tables.etag == seen.tables:
                report("serves")
                _warn(host, status)
                return
            if status.setup.state == "failed":
                raise NotServing(_report(host, instance, "cannot be set up", status))
        if (now := _doing(status)) != said:
            said = now
            report(now)
        if status is None and time.monotonic() > next_console:
            next_console = time.monotonic() + CONSOLE_SECONDS
            if FAILED.search(await asyncio.to_thread(console)):
                raise NotServing(f"{host} ({instance}): cloud-init could not start its set-up")
        if time.monotonic() > deadline:
            text = f"does not serve after {seconds / 60:.0f} minutes"
            raise NotServing(_report(host, instance, text, status, seen.problem))
        await asyncio.sleep(POLL_SECONDS)


def _doing(status: Status | None) -> str:
    """What a host is about, in few words."""
    if status is None:
        return "starts"
    again = f" (tried again, {status.setup.failures} times)" if status.setup.failures else ""
    return f"{', '.join(status.missing) or NEW_TABLES}{again}"


def _report(host: str, instance: str, what: str, status: Status | None, problem: str = "") -> str:
    lines = [f"{host} ({instance}) {what}"]
    if status is None:
        lines.append(problem or "It has written nothing of itself yet.")
        return "\n".join(lines)
    lacks = ", ".join(status.missing) or NEW_TABLES
    lines.append(f"It still lacks: {lacks}. Its own words ({status.written}):")
    for what, said in status.missing.items():
        lines += [f"  {what}: {line}" for line in said]
    return "\n".join(lines)


def _warn(host: str, status: Status) -> None:
    """What keeps mail waiting although the host serves: it may be meant, or be AWS's to end.

    A domain may be moved here before its name servers are; port 25 is closed for new accounts.
    """
    if status.signing_waits:
        names = ", ".join(status.signing_waits)
        pulumi.log.warn(f"{host}: no DKIM key of {names} is visible in DNS yet; its mail waits")
    if status.egress and status.egress.problem:
        pulumi.log.warn(
            f"{host}: {status.egress.exchange} cannot be reached ({status.egress.problem}); mail "
            "waits. ./relay verify says more"
        )
    if others := set(status.stopped) - set(status.missing):
        pulumi.log.warn(f"{host}: units that do not run: {', '.join(sorted(others))}")


def remedy(host: str) -> str:
    """What whoever reads the error does next."""
    return (
        f"The next `pulumi up` goes on and waits again. A host that was only slow needs more of "
        f"mail-relay:wait.minutes; {host} can be looked into with ./relay verify"
    )
