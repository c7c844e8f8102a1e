"""An alarm's state, by the tables of AWS's documentation and by its words."""

import pytest

from lab.region.cloudwatch.judgement import (
    ALARM,
    BREACHING,
    COMPARISONS,
    IGNORE,
    INSUFFICIENT,
    MISSING,
    NOT_BREACHING,
    OK,
    Rule,
    judge,
)

KEEP = None
POINTS = {"0": 0.0, "X": 9.0, "-": None}
TREATMENTS = (MISSING, IGNORE, BREACHING, NOT_BREACHING)


def states(row: str, datapoints: int, periods: int = 3) -> tuple[str | None, ...]:
    """The states for `missing`, `ignore`, `breaching` and `notBreaching`, newest point last."""
    points = [POINTS[mark] for mark in row.split()]
    rules = [Rule("GreaterThanThreshold", 5, periods, datapoints, treat) for treat in TREATMENTS]
    return tuple(judge(rule, points).state for rule in rules)


ALL_OK, ALL_ALARM = (OK,) * 4, (ALARM,) * 4
# Amazon CloudWatch User Guide, "How alarm state is evaluated when data is missing"
PUBLISHED = [
    ("0 - X - X", 3, ALL_OK),
    ("0 - - - -", 3, ALL_OK),
    ("- - - - -", 3, (INSUFFICIENT, KEEP, ALARM, OK)),
    ("0 X X - X", 3, ALL_ALARM),
    ("- - X - -", 3, (ALARM, KEEP, ALARM, OK)),
    ("0 - X - X", 2, ALL_ALARM),
    ("0 0 X 0 X", 2, ALL_ALARM),
    ("0 - X - -", 2, (OK, OK, ALARM, OK)),
    ("- - - - 0", 2, (OK, OK, ALARM, OK)),
    ("- - - X -", 2, (ALARM, KEEP, ALARM, OK)),
]
# "Avoiding premature transitions", with the state of the guide's first edition
PREMATURE = [
    ("- - - - X", 3, (INSUFFICIENT, KEEP, ALARM, OK)),
    ("- - - X -", 3, (INSUFFICIENT, KEEP, ALARM, OK)),
    ("- - - - X", 2, (INSUFFICIENT, KEEP, ALARM, OK)),
]
OTHERS = [
    ("X X X 0 X", 3, ALL_OK),  # the most recent three are there, so older ones are not looked at
    ("0 0 X X X", 3, ALL_ALARM),
    ("X - - - -", 3, (ALARM, KEEP, ALARM, OK)),
    ("- - - - X", 1, ALL_ALARM),
    ("- - - 0 X", 1, ALL_ALARM),
]


@pytest.mark.parametrize(("row", "datapoints", "expected"), [*PUBLISHED, *PREMATURE, *OTHERS])
def test_the_state_is_that_of_the_documentation(
    row: str, datapoints: int, expected: tuple[str | None, ...]
) -> None:
    assert states(row, datapoints) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("- - X", ALL_ALARM),
        ("X - -", ALL_ALARM),  # the last real point counts for as long as the range reaches
        ("0 - -", ALL_OK),
        ("- - -", (INSUFFICIENT, KEEP, ALARM, OK)),
    ],
)
def test_one_of_one_looks_at_three_periods(row: str, expected: tuple[str | None, ...]) -> None:
    assert Rule("GreaterThanThreshold", 5, 1, 1).range == 3
    assert states(row, 1, periods=1) == expected


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [6.0]),
        ("GreaterThanOrEqualToThreshold", [5.0, 6.0]),
        ("LessThanThreshold", [4.0]),
        ("LessThanOrEqualToThreshold", [4.0, 5.0]),
    ],
)
def test_each_comparison_breaches_on_its_side(comparison: str, breaching: list[float]) -> None:
    rule = Rule(comparison, 5, 1, 1)
    assert [value for value in (4.0, 5.0, 6.0) if rule.breached(value)] == breaching
    assert comparison in COMPARISONS


def test_what_was_used_and_filled_is_told() -> None:
    rule = Rule("GreaterThanThreshold", 5, 3, 3, BREACHING)
    told = judge(rule, [1.0, None, 9.0, None, None])
    assert (told.used, told.filled) == (((2, 9.0), (4, 1.0)), 1)
