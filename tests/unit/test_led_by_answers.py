"""Whether the submission name leads to a gateway, also while the stack gives it another name."""

from types import SimpleNamespace
from typing import Any

import pytest

from components.answers import no_record

STACK = "mail-relay/prod"
ONE, TWO = f"{STACK}/mx1.example.com", f"{STACK}/mx2.example.com"
NAME, FORMER = "smtp.example.com", "mail.example.com"
NOT_LED = f"{NAME} does not lead to it"


def answer(name: str, identifier: str, kind: str = "A") -> dict[str, Any]:
    return {
        "Name": f"{name}.",
        "Type": kind,
        "SetIdentifier": identifier,
        "HealthCheckId": f"check of {identifier}",
    }


class Zone:
    """A hosted zone whose gateways' health checks are all healthy, but those of `ill`."""

    def __init__(self, held: list[dict[str, Any]], ill: str = "") -> None:
        self.zones, self.ill = {"Z1": held}, ill

    def list_resource_record_sets(self, HostedZoneId: str, **_: str) -> dict[str, Any]:
        # Route53 goes on to the names after the one that is asked for
        return {"ResourceRecordSets": self.zones[HostedZoneId]}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_resource_record_sets"

        def paginate(HostedZoneId: str) -> list[dict[str, Any]]:
            return [{"ResourceRecordSets": [one]} for one in self.zones[HostedZoneId]]

        return SimpleNamespace(paginate=paginate)

    def get_health_check_status(self, HealthCheckId: str) -> Any:
        said = "Failure: refused" if HealthCheckId.endswith(self.ill or "-") else "Success: open"
        return {"HealthCheckObservations": [{"StatusReport": {"Status": said}}] * 10}


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([answer(NAME, ONE), answer(NAME, TWO)], ""),
        # it ends to drain, and is no answer yet
        ([answer(NAME, ONE)], NOT_LED),
        # the stack's gateways get another name: the first one's turn, and the second one's
        ([answer(FORMER, ONE), answer(FORMER, TWO)], ""),
        ([answer(NAME, ONE), answer(FORMER, ONE), answer(FORMER, TWO)], NOT_LED),
        # it drained under the former name
        ([answer(FORMER, ONE)], NOT_LED),
        # other stacks, other types, a simple record
        ([answer(FORMER, "mail-relay/test/mx2.example.com")], NOT_LED),
        ([answer(FORMER, TWO, "AAAA")], NOT_LED),
        ([{"Name": f"{NAME}.", "Type": "A"}], NOT_LED),
        ([], NOT_LED),
    ],
)
def test_a_gateway_is_led_to_by_its_own_answer(held: list[dict[str, Any]], said: str) -> None:
    assert no_record(Zone(held), ["Z1"], NAME, TWO) == said


def test_an_answer_that_its_checkers_leave_out_leads_to_nobody() -> None:
    held = [answer(FORMER, ONE), answer(FORMER, TWO)]
    assert "0 of 10 health checkers" in no_record(
        Zone(held, ill="mx2.example.com"), ["Z1"], NAME, TWO
    )


def test_the_former_name_may_be_in_another_zone_of_the_stack() -> None:
    zones = Zone([])
    zones.zones["Z2"] = [answer("smtp.example.org", ONE), answer("smtp.example.org", TWO)]
    assert no_record(zones, ["Z1"], NAME, TWO) == NOT_LED
    assert no_record(zones, ["Z1", "Z2"], NAME, TWO) == ""
    zones.zones["Z1"] = [answer(NAME, ONE)]
    assert no_record(zones, ["Z1", "Z2"], NAME, TWO) == NOT_LED
