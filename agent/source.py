"""Fetch the tables object from the bucket, and keep a copy.

The copy needs no stored ETag: for an object of a single put, encrypted by S3 itself, that is the
MD5 of its content. So a torn copy differs in its ETag from the object, which is fetched again.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

from agent import state_file
from agent.bounded import within
from agent.install import write

SETTINGS = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
FETCH_SECONDS = 25.0  # a look has to end before the next one is due
LIMIT = 64 * 1024**2  # bytes: more would fit into no host's memory
REMEMBERED = 100


@dataclass(frozen=True)
class Answer:
    """The bucket's answer: new content, or None if it has not changed or could not be fetched.

    `problem` is the reason that it could not be fetched. `clock_off` is the same as in a report.
    """

    content: bytes | None = None
    problem: str = ""
    clock_off: float | None = None


def digest(content: bytes) -> str:
    """The ETag, without its quotes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def fetch(url: str, kept: bytes | None) -> Answer:
    """Ask the bucket for content other than the kept one; content over LIMIT is cut off."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    condition = {} if kept is None else {"IfNoneMatch": f'"{digest(kept)}"'}

    def ask() -> tuple[Any, bytes]:
        answer = boto3.client("s3", config=SETTINGS).get_object(Bucket=bucket, Key=key, **condition)
        content, length = answer["Body"].read(LIMIT), answer["ContentLength"]
        if len(content) < min(length, LIMIT):  # botocore compares them at the end of all alone
            raise IncompleteReadError(actual_bytes=len(content), expected_bytes=length)
        return answer, content

    try:
        answer, content = within(FETCH_SECONDS, ask)
    except ClientError as error:
        clock_off = _clock_off(error.response)
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 304:
            return Answer(clock_off=clock_off)
        # A new role takes seconds to work; without permission to list, a missing object is a 403.
        code = error.response.get("Error", {}).get("Code", "no code")
        return Answer(problem=f"{url} is not to be had ({code})", clock_off=clock_off)
    except (BotoCoreError, TimeoutError) as error:
        return Answer(problem=f"{url} is not to be had ({error})")
    return Answer(content, clock_off=_clock_off(answer))


def _clock_off(answer: Any) -> float | None:
    try:
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return abs(time.time() - parsedate_to_datetime(date).timestamp())
    except (KeyError, TypeError, ValueError):
        return None


def read_kept(base: Path) -> bytes | None:
    """The content kept last, which a power cut may have damaged; None if it cannot be read."""
    try:
        return (base / "bundle.json").read_bytes()
    except OSError:
        return None


def keep(base: Path, content: bytes) -> str:
    """Keep installed content; return the time it was taken before, if others came since, or ""."""
    file, now = base / "taken.json", datetime.now(UTC).isoformat(timespec="seconds")
    taken = _taken(file)
    is_last = next(reversed(taken), "") == digest(content)  # the look that took it was killed
    again = taken.pop(digest(content), "")
    taken[digest(content)] = now
    write(file, json.dumps(dict(list(taken.items())[-REMEMBERED:])))
    write(base / "bundle.json", content)
    return "" if is_last else again


def _taken(file: Path) -> dict[str, str]:
    """The time at which each content was taken, by ETag, the last one last."""
    return state_file.read(
        file, lambda found: {str(etag): str(at) for etag, at in found.items()}, {}
    )
