"""The stack's AWS account and region."""

import pytest

from components.account import region_advice


@pytest.mark.parametrize("name", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_regions_of_aws_are_known(name: str) -> None:
    assert region_advice(name) == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("us-esat-1", "; did you mean us-east-1 or us-west-1?"),
        ("eu-cental-1", "eu-central-1"),
        ("Frankfurt", "'Frankfurt': no region of AWS that this program knows"),
    ],
)
def test_a_misspelt_region_is_told_with_those_that_look_like_it(name: str, told: str) -> None:
    assert told in region_advice(name)
    assert region_advice(name).startswith("aws:region: ")
