"""A program that fails says why once."""

import asyncio

import pytest
from pulumi.runtime.proto.language_pb2 import RunResponse

from ops.language_host import without_repetition


def cancelled() -> RunResponse:
    """As the SDK's server, if a call is answered while it cancels the rest of a failed program."""
    raise asyncio.InvalidStateError("invalid state")


def test_a_call_that_is_answered_after_the_failure_is_no_second_error() -> None:
    assert without_repetition(cancelled) == RunResponse(bail=True)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (RunResponse(error="no such zone"), RunResponse(bail=True)),
        (RunResponse(), RunResponse()),
    ],
)
def test_an_error_that_was_logged_is_not_told_to_the_engine_again(
    response: RunResponse, told: RunResponse
) -> None:
    assert without_repetition(lambda: response) == told
