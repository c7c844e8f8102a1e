"""Send what the mail log has further to CloudWatch Logs: `ship.py GROUP`, by a systemd timer.

The stream has the host's name. How far the log was read is kept beside it, so that a rebuilt
gateway goes on where the former one ended. What was sent and not noted, before a power cut, is sent
once more; of a log that was compressed before it could be sent, only the host knows.
"""

import datetime
import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import log_reader, mail_counts, state_file
from agent.install import write

SHIPPED = "shipped.json"
# The limits of PutLogEvents (API reference): the events of a call, their bytes with so many more
# for each one, and the time between the first and the last.
EVENTS, BYTES, MORE_BYTES = 10_000, 1_048_576, 26
SPAN = 24 * 3600 * 1000  # ms
LONGEST = 200_000  # bytes of a line; Postfix's own are below 3,000

Position = tuple[int, int]
Event = dict[str, Any]


def event(line: bytes, before: int) -> Event:
    """A line as CloudWatch takes it; one without a time has that of the line before (ms)."""
    said = line.rstrip(b"\n")[:LONGEST].decode(errors="replace")
    try:
        when = datetime.datetime.fromisoformat(said.split(" ", 1)[0])
        return {"timestamp": int(state_file.amount(when.timestamp()) * 1000), "message": said}
    except (ValueError, OverflowError):
        return {"timestamp": before, "message": said or " "}


def batches(
    lines: Iterator[tuple[bytes, Position]], now: int
) -> Iterator[tuple[list[Event], Position]]:
    """Events that one call takes, each time with the position behind the last of them."""
    batch, size, behind = list[Event](), 0, (-1, 0)
    first = last = now
    for line, position in lines:
        found = event(line, last)
        bytes_, when = len(found["message"].encode()) + MORE_BYTES, found["timestamp"]
        span = max(last, when) - min(first, when)
        if batch and (len(batch) == EVENTS or size + bytes_ > BYTES or span >= SPAN):
            yield batch, behind
            batch, size = [], 0
        first, last = (min(first, when), max(last, when)) if batch else (when, when)
        batch.append(found)
        size, behind = size + bytes_, position
    if batch:
        yield batch, behind


class NotTaken(Exception):
    """CloudWatch takes no lines now; the text is its reason."""


class Stream:
    """CloudWatch's stream of this host, which is made with the first lines."""

    def __init__(self, group: str) -> None:
        # seldom needed, so not loaded every minute
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        settings = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
        self._client: Any = boto3.client("logs", config=settings)
        self._errors = (BotoCoreError, ClientError)
        self._where = {"logGroupName": group, "logStreamName": socket.getfqdn()}

    def put(self, batch: list[Event]) -> None:
        """Send events, in the order of time; raises NotTaken."""
        events = sorted(batch, key=lambda each: each["timestamp"])
        try:
            try:
                said = self._client.put_log_events(**self._where, logEvents=events)
            except self._client.exceptions.ResourceNotFoundException:
                self._client.create_log_stream(**self._where)
                said = self._client.put_log_events(**self._where, logEvents=events)
        except self._errors as error:
            raise NotTaken(str(error)) from None
        if refused := said.get("rejectedLogEventsInfo"):  # such as lines of a clock that was wrong
            print(f"<4>of {len(events)} lines not all were taken: {refused}", flush=True)


def _restored(held: Any) -> log_reader.Read:
    inode, offset = held["read"]
    return {mail_counts.LOG.name: (int(inode), int(state_file.amount(offset)))}


def main() -> int:
    """Send what is new; 1, with the reason, if CloudWatch does not take it."""
    (group,) = sys.argv[1:]
    log, stream = mail_counts.LOG, None
    state = log.with_name(SHIPPED)
    read = state_file.read(state, _restored, log_reader.Read())
    lines = ((line, read[log.name]) for line in log_reader.added(log, read))
    try:
        for events, behind in batches(lines, int(time.time() * 1000)):
            stream = stream or Stream(group)
            stream.put(events)
            write(state, json.dumps({"read": behind}))
    except NotTaken as error:
        print(f"<3>the mail log waits here: {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
