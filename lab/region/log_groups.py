"""CloudWatch Logs: who may call it, the limits of PutLogEvents, and the search for lines.

moto keeps groups, streams and lines. Its search knows no pattern with several words.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Request

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory
from lab.region.rules import permissions

# PutLogEvents (API reference)
EVENTS, BYTES, MORE_BYTES, SPAN = 10_000, 1_048_576, 26, 24 * 3600 * 1000
PATTERN = 1024  # characters (FilterLogEvents)
PAGE = 1000  # AWS's pages end at 1 MB or 10,000 events; shorter ones show who asks for one alone
TERM = re.compile(r'(\??)"((?:[^"\\]|\\.)*)"')


def answer(memory: Memory, key: str, request: Request, body: bytes) -> str | None:
    """The answer to a search; None for what moto answers. Raises ApiError."""
    action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    given = json.loads(body or b"{}")
    permissions.judge(memory, key, f"logs:{action}", _resource(given), {})
    if action == "PutLogEvents":
        _limit(given["logEvents"])
    if action == "FilterLogEvents":
        return json.dumps(_search(given))
    return None


def _resource(given: dict[str, Any]) -> str:
    group = given.get("logGroupName")
    where = f"arn:aws:logs:{backends.REGION}:{backends.ACCOUNT}:log-group:"
    return f"{where}{group}:log-stream:{given.get('logStreamName', '')}" if group else "*"


def _limit(events: list[dict[str, Any]]) -> None:
    size = sum(len(event["message"].encode()) + MORE_BYTES for event in events)
    times = [event["timestamp"] for event in events]
    problem = (
        f"{len(events)} events, {size} bytes"
        if not events or len(events) > EVENTS or size > BYTES
        else "the batch of log events in a single PutLogEvents request cannot span more than 24 "
        "hours"
        if max(times) - min(times) > SPAN
        else "an empty message"
        if not all(event["message"] for event in events)
        else ""
    )
    if problem:
        raise ApiError("InvalidParameterException", problem)


def _search(given: dict[str, Any]) -> dict[str, Any]:
    groups = backends.logs().groups
    name, wanted = given["logGroupName"], given.get("logStreamNames")
    if name not in groups:
        raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
    pattern = given.get("filterPattern", "")
    if len(pattern) > PATTERN:
        raise ApiError("InvalidParameterException", f"a pattern of {len(pattern)} characters")
    found = [*_matching(groups[name].streams, wanted, pattern)]
    first = int(given.get("nextToken", 0))
    page = {"events": found[first : first + PAGE], "searchedLogStreams": []}
    return {**page, **({"nextToken": str(first + PAGE)} if first + PAGE < len(found) else {})}


def _matching(
    streams: dict[str, Any], wanted: list[str] | None, pattern: str
) -> Iterator[dict[str, Any]]:
    """Lines with any of the words that have a question mark, and with all others."""
    terms = [(mark, re.sub(r"\\(.)", r"\1", word)) for mark, word in TERM.findall(pattern)]
    some, every = ([w for mark, w in terms if bool(mark) is any_] for any_ in (True, False))
    if terms and TERM.sub("", pattern).strip():
        raise ApiError("InvalidParameterException", f"the lab knows no pattern {pattern!r}")
    for name, stream in streams.items():
        if wanted and name not in wanted:
            continue
        for event in sorted(stream.events, key=lambda each: each.timestamp):
            said = event.message
            if (not some or any(w in said for w in some)) and all(w in said for w in every):
                yield {**event.to_filter_dict(), "logStreamName": name}
