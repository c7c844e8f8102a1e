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

from agent import bucket, state_file
from agent.bounded import within
from agent.install import write

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
    """Ask the bucket for content other than the kept one."""
    try:
        reply = within(
            FETCH_SECONDS,
            lambda: bucket.get(url, LIMIT, "" if kept is None else digest(kept)),
        )
    except (bucket.BucketError, TimeoutError) as error:
        return Answer(problem=f"{url} is not to be had ({error})")
    off = _clock_off(reply)
    if reply.status == bucket.SAME:
        return Answer(clock_off=off)
    if reply.status != bucket.OK:
        # A new role takes seconds to work; without permission to list, a missing object is a 403.
        return Answer(problem=f"{url} is not to be had ({reply.code})", clock_off=off)
    return Answer(reply.content, clock_off=off)


def _clock_off(reply: bucket.Reply) -> float | None:
    try:
        return abs(time.time() - parsedate_to_datetime(reply.headers["date"]).timestamp())
    except (KeyError, ValueError):
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
