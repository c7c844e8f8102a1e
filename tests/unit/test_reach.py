"""An `up` waits until a rebuilt gateway is an answer of the submission name again."""

import asyncio
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components import reach
from components.serving import NotServing

HOST = "mx1.example.com"
UP, DOWN = "Success: TCP connection established.", "Failure: Connection refused."


class Route53:
    """What each health checker reports (GetHealthCheckStatus), one answer after another."""

    def __init__(self, *answers: list[str] | ClientError) -> None:
        self.answers = [*answers]

    def get_health_check_status(self, HealthCheckId: str) -> Any:
        assert HealthCheckId == "check"
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(now, ClientError):
            raise now
        return {"HealthCheckObservations": [{"StatusReport": {"Status": said}} for said in now]}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetHealthCheckStatus")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "POLL_SECONDS", 0.005)


def waited(route53: Route53, seconds: float = 20.0, hold: float = 0.0) -> list[str]:
    said: list[str] = []

    def look() -> list[str]:
        return [problem] if (problem := reach.no_answer(route53, "check")) else []

    asyncio.run(reach.wait(HOST, look, seconds, said.append, reach.ANSWER, hold))
    return said


def test_more_than_18_percent_of_the_checkers_make_it_an_answer() -> None:
    assert reach.no_answer(Route53([UP] * 3 + [DOWN] * 13), "check") == ""
    assert reach.no_answer(Route53([UP] * 2 + [DOWN] * 14), "check") == (
        "2 of 16 health checkers reach port 465 (Failure: Connection refused)"
    )
    assert reach.no_answer(Route53([]), "check") == "0 of 0 health checkers reach port 465"


def test_each_change_is_told_until_it_is_one() -> None:
    few = [DOWN] * 9 + [UP]
    assert waited(Route53([DOWN] * 10, [DOWN] * 10, few, error("Throttling"), [UP] * 10)) == [
        f"{HOST}: Route53 leaves it out of the submission name's answers: 0 of 10 health checkers "
        "reach port 465 (Failure: Connection refused)",
        f"{HOST}: Route53 leaves it out of the submission name's answers: 1 of 10 health checkers "
        "reach port 465 (Failure: Connection refused)",
        f"{HOST}: Route53 leaves it out of the submission name's answers: An error occurred "
        "(Throttling) when calling the GetHealthCheckStatus operation: no",
        f"{HOST}: is among the answers of the submission name",
    ]


def test_answers_without_it_are_forgotten_before_the_next_is_rebuilt() -> None:
    """From when it was found healthy for good."""
    asked = Route53([UP], [DOWN], [UP])
    began = time.monotonic()
    waited(asked, hold=0.1)
    assert time.monotonic() - began >= 0.1
    assert len(asked.answers) == 1


def test_an_up_ends_with_what_the_checkers_say() -> None:
    with pytest.raises(
        NotServing, match="leaves it out of the submission name's answers: 0 of 1 h"
    ):
        waited(Route53([DOWN]), 0.05)


def test_who_may_not_ask_is_told_at_once() -> None:
    said = r"nobody here can see .* allow the call: .*GetHealthCheckStatus"
    with pytest.raises(NotServing, match=said):
        waited(Route53(error("AccessDenied")))
