"""The mail logs in CloudWatch Logs: those of hosts that cannot be asked, or are gone, too."""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ops.account import aws_errors

# The most characters of a filter pattern (FilterLogEvents, API reference).
PATTERN = 1024


@dataclass(frozen=True)
class Shipped:
    """A stack's group, asked by `client`. Its methods raise AwsError."""

    client: Any
    group: str

    def begins(self) -> dict[str, str]:
        """The hosts that have sent lines, each with the time of the first that is left."""
        found = dict[str, str]()
        with aws_errors():
            pages = self.client.get_paginator("describe_log_streams").paginate(
                logGroupName=self.group
            )
            for stream in (stream for page in pages for stream in page["logStreams"]):
                if first := stream.get("firstEventTimestamp"):
                    when = datetime.datetime.fromtimestamp(first / 1000, datetime.UTC)
                    found[stream["logStreamName"]] = when.isoformat(timespec="seconds")
        return found

    def lines(self, host: str, words: Sequence[str]) -> set[str]:
        """A host's lines that have one of the words, which are searched for as they are spelt."""
        pages = self.client.get_paginator("filter_log_events")
        found = set[str]()
        with aws_errors():
            for pattern in patterns(words):
                given = {"logGroupName": self.group, "logStreamNames": [host]}
                for page in pages.paginate(**given, filterPattern=pattern):
                    found |= {event["message"] for event in page["events"]}
        return found

    def last(self, host: str, begin: datetime.datetime, most: int) -> list[str]:
        """A host's lines since a moment; of more than `most`, the last ones."""
        given: dict[str, Any] = {
            "logGroupName": self.group,
            "logStreamName": host,
            "startTime": int(begin.timestamp() * 1000),
        }
        found = list[str]()
        token = ""
        with aws_errors(), suppress(self.client.exceptions.ResourceNotFoundException):
            while len(found) < most:
                page = self.client.get_log_events(**given)  # the latest page comes first
                found = [*(event["message"] for event in page["events"]), *found]
                if page["nextBackwardToken"] == token:  # as at the beginning
                    break
                token = given["nextToken"] = page["nextBackwardToken"]
        return found[-most:]


def patterns(words: Sequence[str]) -> Iterator[str]:
    """Filter patterns that together match what has one of the words.

    `?` makes a term one of several; AWS documents none for a single term, which is given without.
    """
    terms = list[str]()
    for word in words:
        escaped = word.replace("\\", "\\\\").replace('"', '\\"')
        term = f'"{escaped}"'
        if terms and len(_any_of([*terms, term])) > PATTERN:
            yield _any_of(terms)
            terms = []
        terms.append(term)
    if terms:
        yield _any_of(terms)


def _any_of(terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else " ".join(f"?{term}" for term in terms)
