"""What the lab's region keeps besides moto."""

import json
from typing import Any

import pytest
from werkzeug.test import Client

from lab.region.app import Region
from lab.region.memory import Memory
from lab.region.rules.account import ADDRESSES

QUOTA = {"ServiceCode": "ec2", "QuotaCode": ADDRESSES}


@pytest.fixture
def regions() -> list[Client]:
    return [Client(Region(Memory())) for _ in range(2)]


def addresses(region: Client) -> float:
    """The account's quota of addresses, as AWS tells it."""
    signed = "Credential=KEY/20260101/us-east-1/servicequotas/aws4_request"
    said: Any = region.post("/", data=json.dumps(QUOTA), headers={"Authorization": signed})
    return said.get_json()["Quota"]["Value"]


def test_two_regions_of_one_process_know_nothing_of_each_other(regions: list[Client]) -> None:
    one, other = regions
    said = one.put(f"/_lab/account/quotas/{ADDRESSES}", data=json.dumps({"value": 8}))
    assert said.status_code == 200
    assert one.put("/_lab/account/port-25", data='{"blocked": true}').status_code == 200
    assert (addresses(one), addresses(other)) == (8, 5)
    states = [region.get("/_lab/state").get_json() for region in regions]
    assert [state["port25Blocked"] for state in states] == [True, False]


def test_the_lab_answers_for_one_region_alone() -> None:
    """A region that does not exist would have no address in DNS."""
    signed = "Credential=KEY/20260101/us-esat-1/ec2/aws4_request"
    said = Client(Region(Memory())).post(
        "/", data={"Action": "DescribeVpcs"}, headers={"Authorization": signed}
    )
    assert (said.status_code, "scoped to a valid region" in said.text) == (403, True)
