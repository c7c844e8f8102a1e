"""The status that each host writes, read from the stack's bucket: no shell is needed."""

import datetime
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from agent.host_status import LIMIT, SILENT_SECONDS, BadStatus, Status, parse
from ops.account import Clients
from ops.errors import StackError
from ops.outputs import Host
from ops.target import Target

# A host writes every minute.
LATE_SECONDS = 120


class NoStatus(StackError):
    """A host's status cannot be read; the text says why."""


@dataclass(frozen=True)
class Written:
    """A host's status and its age in seconds, by the bucket's clock.

    `tables` is the ETag of the host's tables in the bucket now, "" for none, None if unknown.
    """

    status: Status
    seconds: float
    tables: str | None = None

    @property
    def is_silent(self) -> bool:
        """Whether the status is so old that the host is down or cut off."""
        return self.seconds > SILENT_SECONDS


def read(client: Clients, host: Host) -> Written:
    """The last status of a host; NoStatus if it is unreadable or of another instance."""
    bucket, _, key = host.status.removeprefix("s3://").partition("/")
    try:
        answer = client("s3").get_object(Bucket=bucket, Key=key)
        found = parse(answer["Body"].read(LIMIT + 1))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise NoStatus(f"{host.name} has written nothing of itself yet") from None
        raise NoStatus(f"{host.status} cannot be read: {error}") from None
    except BotoCoreError as error:
        raise NoStatus(f"{host.status} cannot be read: {error}") from None
    except BadStatus as error:
        raise NoStatus(f"{host.status} is no status: {error}") from None
    if found.instance != host.instance_id:
        text = f"{host.name} has written nothing of itself yet; the last status is of another"
        raise NoStatus(f"{text} instance, {found.instance}")
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return Written(found, (now - answer["LastModified"]).total_seconds())


def tables_now(client: Clients, status: str, key: str) -> str | None:
    """The ETag of a tables object in a status's bucket; "" if it is missing, None if unknown."""
    bucket = status.removeprefix("s3://").partition("/")[0]
    try:
        return client("s3").head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    except ClientError as error:
        return "" if error.response["Error"]["Code"] in ("NoSuchKey", "404") else None
    except BotoCoreError:
        return None


def summaries(target: Target) -> list[dict[str, Any]]:
    """A row for each host: the number and age of its waiting messages, and the main reasons.

    `as of` is the time of the status, `age` its age, and `silent` the reason that the host
    writes no more, "" if it does.
    """
    outputs = target.outputs()
    with target.account() as client:
        written = {host.name: _read(client, host) for host in outputs.hosts}
    return [_summary(target, host, written[host.name]) for host in outputs.hosts]


def _read(client: Clients, host: Host) -> Written | NoStatus:
    try:
        return read(client, host)
    except NoStatus as error:
        return error


def _summary(target: Target, host: Host, written: Written | NoStatus) -> dict[str, Any]:
    late = isinstance(written, NoStatus) or written.seconds > LATE_SECONDS
    down = target.down(host) if late else None
    if isinstance(written, NoStatus):
        nothing = dict.fromkeys(("as of", "age", "waiting", "held", "oldest"), "")
        return {"host": host.name, **nothing, "why": [str(written)], "silent": str(down or "")}
    queue, age = written.status.queue, _time(written.seconds)
    silent = down or written.seconds > SILENT_SECONDS
    why = f"{host.name} has written nothing for {age}, so what waits there is of then"
    return {
        "host": host.name,
        "as of": written.status.written,
        "age": age,
        "waiting": queue.messages,
        "held": queue.held,
        "oldest": _time(queue.seconds) if queue.messages else "",
        "why": [f"{reason.messages}: {reason.text}" for reason in queue.reasons],
        "silent": f"{why}{f': {down}' if down else ''}" if silent else "",
    }


def _time(seconds: float) -> str:
    return str(datetime.timedelta(seconds=max(round(seconds), 0)))


def limited(target: Target) -> dict[str, str]:
    """The logins that reached a limit in the last hour, with the limit, as far as it is known."""
    found: dict[str, str] = {}
    with suppress(StackError):
        outputs = target.outputs()
        with target.account() as client:
            for gateway in outputs.gateways:
                with suppress(StackError):
                    found |= read(client, gateway).status.limited
    return found
