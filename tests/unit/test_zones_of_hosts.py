"""The zones of a stack and of gateways that name one: what stops a preview, and what does not."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from raw_settings import RIGHT

from components.availability import AvailabilityZones, Placement, ZoneError
from settings import read

ZONES = AvailabilityZones(
    "us-east-1",
    ("us-east-1a", "us-east-1b"),
    {
        "t4g.small": ("us-east-1a", "us-east-1b"),
        "t4g.micro": ("us-east-1a",),
        "m7g.large": ("us-east-1b",),
        "m6g.large": ("us-east-1a",),
    },
)


class Hook:
    """Pulumi's, called by the test instead of the engine."""

    def __init__(self, name: str, callback: Callable[[Any], None], opts: object) -> None:
        self.callback = callback


@pytest.fixture
def placement(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Placement]:
    monkeypatch.setattr(pulumi, "ResourceHook", Hook)

    def make(*gateways: dict[str, str], zone: str | None = None) -> Placement:
        listed = [{"name": f"mx{n}.relay.example", **more} for n, more in enumerate(gateways, 1)]
        name = {"submission": {"name": "mail.relay.example"}}
        settings = read({**RIGHT, **name, "gateway": {}, "gateways": listed})
        return Placement(ZONES, zone, settings.hosts)

    return make


def create(placement: Placement, zone: str | None) -> None:
    """The engine is about to make a subnet there, or the VPC."""
    given = {"availabilityZone": zone} if zone else {}
    placement.guard.callback(SimpleNamespace(new_inputs=given, old_inputs=None, name="it"))  # type: ignore[attr-defined]


def host(placement: Placement, name: str, kind: str) -> None:
    """The engine is about to make an instance."""
    given = {"instanceType": kind}
    placement.host_guard.callback(SimpleNamespace(new_inputs=given, old_inputs=None, name=name))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("zone", "kind", "said"),
    [
        (
            "us-east-1z",
            "t4g.small",
            "'us-east-1z': it is no availability zone of us-east-1 that can be used; those are "
            "us-east-1a, us-east-1b",
        ),
        (
            "us-east-1b",
            "m6g.large",
            "'us-east-1b': it does not offer m6g.large: m6g.large is in us-east-1a",
        ),
    ],
)
def test_a_gateways_zone_that_cannot_be_used_stops_its_subnet_alone(
    placement: Callable[..., Placement], zone: str, kind: str, said: str
) -> None:
    made = placement({}, {"zone": zone, "instanceType": kind})
    create(made, None)
    create(made, "us-east-1a")
    with pytest.raises(ZoneError) as caught:
        create(made, zone)
    assert str(caught.value) == f"mail-relay:gateways[1].zone (mx2.relay.example): {said}"


def test_the_stacks_zone_need_not_have_what_another_zone_has(
    placement: Callable[..., Placement],
) -> None:
    made = placement({}, {"zone": "us-east-1b", "instanceType": "m7g.large"})
    assert made.zone == "us-east-1a"
    for zone in (None, "us-east-1a", "us-east-1b"):
        create(made, zone)
    host(made, "mx2.relay.example", "m7g.large")
    host(made, "mx1.relay.example", "m6g.large")


def test_a_type_is_looked_for_where_its_host_is(placement: Callable[..., Placement]) -> None:
    made = placement({}, {"zone": "us-east-1b"})
    for name, kind, zone in (
        ("mx1.relay.example", "m7g.large", "us-east-1a"),
        ("mx2.relay.example", "m6g.large", "us-east-1b"),
    ):
        with pytest.raises(ZoneError, match=f"{name} is to be a {kind}, which .* {zone} does not"):
            host(made, name, kind)


def test_the_stacks_own_zone_is_still_named_by_its_own_key(
    placement: Callable[..., Placement],
) -> None:
    made = placement({}, {"zone": "us-east-1a"}, zone="us-east-1b")
    with pytest.raises(ZoneError, match=r"^mail-relay:network.zone: 'us-east-1b': .* t4g.micro"):
        create(made, None)
    create(made, "us-east-1a")
