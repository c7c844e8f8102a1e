"""Whether a host serves: its status in S3, and the wait for it."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    TokenRetrievalError,
)

from agent.host_status import LIMIT, SILENT_SECONDS, BadStatus, Status, parse

POLL_SECONDS = 5.0
CONSOLE_LINES = 15
CONSOLE_SECONDS = 30.0
WORDS = 80  # characters that are shown of a line of the set-up
# Lines of apt and dpkg that show progress. Those of packages' scripts between them are not shown:
# some mention errors although nothing is wrong.
MOVES = re.compile(r"(Get:|Fetched|Reading|Preparing|Selecting|Unpacking|Setting up|Processing)")
# Messages of cloud-init (cc_scripts_per_boot.py, cc_final_message.py): the script in user data
# failed, or cloud-init got no user data.
FAILED = re.compile(r"Failed to run module scripts[-_]per[-_]boot|Used fallback datasource")
# Control sequences (ECMA-48), which systemd and kernels write to consoles.
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)")
# Progress that systemd shows on the console, and its lines about each status report.
NOISE = re.compile(r"^\[[ *]{6}\]|mail-relay-status|Write how this host is")
NEW_TABLES = "the stack's newest tables"
NOT_YET = ("NoSuchKey", "NoSuchBucket", "404")


NEVER = "it has written no status"


class NotServing(Exception):
    """A host does not serve; the text has the host's own messages and the next step."""


@dataclass(frozen=True)
class Seen:
    """A host's status, and the time it was written, by S3's clock in seconds since 1970.

    `tables` is the ETag of the tables that the host should have installed, `silent` the age of the
    status in seconds when it was read.
    """

    status: Status | None
    written: float
    problem: str = ""
    tables: str = ""
    silent: float = 0.0

    @property
    def mute(self) -> str:
        """The reason that nobody knows how the host is now; "" if it has written its status."""
        if self.status is None:
            return self.problem or NEVER
        if self.silent > SILENT_SECONDS:
            return f"it has written nothing for {self.silent / 60:.0f} minutes"
        return ""

    @property
    def lacks(self) -> str:
        """The reason that the host does not serve; "" if its last status says that it does."""
        if self.status is None or self.mute:
            return self.mute
        return f"it lacks {', '.join(self.status.missing)}" if self.status.missing else ""


def indented(console: str) -> str:
    """The last lines of console output for an error message, without control sequences."""
    plain = ESCAPES.sub("", console)
    lines = ["".join(filter(str.isprintable, line)).rstrip() for line in plain.splitlines()]
    lines = [line for line in lines if line and not NOISE.search(line)][-CONSOLE_LINES:]
    if not lines:
        return "EC2 has no console output of it yet"
    return "The end of its console output:\n" + "\n".join(f"  {line}" for line in lines)


def see(client: Any, status: str, tables: str) -> Seen:
    """The host's latest status; raises NotServing if there are no credentials to read it.

    All other errors of S3 may be temporary, a 403 too: without permission to list the bucket that
    is the answer for a missing object.
    """
    try:
        answer = client.get_object(**place(status))
        found, written = answer["Body"].read(LIMIT + 1), answer["LastModified"].timestamp()
        silent = _clock(answer) - written
        etag = client.head_object(**place(tables))["ETag"].strip('"')
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
        return Seen(parse(found), written, tables=etag, silent=silent)
    except BadStatus as error:
        return Seen(None, written, f"{status} is no status: {error}")


def _clock(answer: Any) -> float:
    """The time of an answer by S3's clock, which also dates objects: one's own may be wrong."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()


def place(url: str) -> dict[str, str]:
    """The bucket and the key of an s3:// URL, as boto3's calls take them."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


async def wait(
    host: str,
    instance: str,
    look: Callable[[], Seen],
    console: Callable[[], str],
    seconds: float,
    report: Callable[[str], None],
) -> Status:
    """The status of this instance once it reports that it serves; raises NotServing.

    Only a status written after the call counts; a host writes one every minute. If there is none,
    the console is read, and an error of cloud-init in it ends the wait at once.
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
                return status
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
    """A host's present step in a few words; with the set-up's last line if that shows progress."""
    if status is None:
        return "starts"
    setup = status.setup
    again = f" (tried again, {setup.failures} times)" if setup.failures else ""
    last = "".join(filter(str.isprintable, setup.said[-1])) if setup.said else ""
    moves = setup.state == "running" and MOVES.match(last)
    words = f": {last[:WORDS]}" if moves else ""
    return f"{', '.join(status.missing) or NEW_TABLES}{again}{words}"


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


def warnings(host: str, status: Status) -> Iterator[str]:
    """The causes that hold mail back on a host that serves.

    These are no errors: a domain may be moved here before its name servers are, and AWS closes
    port 25 for new accounts.
    """
    if status.signing_waits:
        names = ", ".join(status.signing_waits)
        yield f"{host}: no DKIM key of {names} is visible in DNS yet; its mail waits"
    if status.egress and status.egress.problem:
        yield (
            f"{host}: {status.egress.exchange} cannot be reached ({status.egress.problem}); mail "
            "waits. ./relay verify says more"
        )
    if others := set(status.stopped) - set(status.missing):
        yield f"{host}: units that do not run: {', '.join(sorted(others))}"


def remedy(host: str) -> str:
    """The next step, for the error message."""
    return (
        f"The next `pulumi up` goes on and waits again. A host that was only slow needs more of "
        f"mail-relay:wait.minutes; {host} can be looked into with ./relay verify"
    )
