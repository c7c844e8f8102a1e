"""What the hosts write of themselves, read from the stack's bucket: no shell is needed for it."""

import datetime
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from agent.host_status import LIMIT, BadStatus, Status, parse
from ops import hosts
from ops.account import Clients, clients
from ops.lab_stack import StackError
from ops.target import Target


class NoStatus(StackError):
    """A host's status cannot be read; the text says why."""


def read(client: Clients, host: Mapping[str, Any]) -> Status:
    """The last status of a host of the outputs; raises NoStatus."""
    bucket, _, key = host["status"].removeprefix("s3://").partition("/")
    try:
        content = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(LIMIT + 1)
        found = parse(content)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise NoStatus(f"{host['name']} has written nothing of itself yet") from None
        raise NoStatus(f"{host['status']} cannot be read: {error}") from None
    except BotoCoreError as error:
        raise NoStatus(f"{host['status']} cannot be read: {error}") from None
    except BadStatus as error:
        raise NoStatus(f"{host['status']} is no status: {error}") from None
    if found.instance != host["instanceId"]:
        text = f"{host['name']} has written nothing of itself yet; the last status is of another"
        raise NoStatus(f"{text} instance, {found.instance}")
    return found


def summaries(target: Target) -> list[dict[str, Any]]:
    """A row for each host: what waits there, since when, and mostly why."""
    rows = []
    outputs = target.outputs()
    with clients(target) as client:
        for host in hosts.all_of(outputs):
            found = read(client, host)
            oldest = datetime.timedelta(seconds=round(found.queue.seconds))
            row = {
                "host": host["name"],
                "as of": found.written,
                "waiting": found.queue.messages,
                "held": found.queue.held,
                "oldest": str(oldest) if found.queue.messages else "",
                "why": [f"{reason.messages}: {reason.text}" for reason in found.queue.reasons],
            }
            rows.append(row)
    return rows


def age(status: Status, now: datetime.datetime | None = None) -> float:
    """How old a status is, in seconds."""
    now = now or datetime.datetime.now(datetime.UTC)
    return (now - datetime.datetime.fromisoformat(status.written)).total_seconds()
