"""Whatever is wrong in the settings is told in words of the stack's file, never in pydantic's."""

import copy
import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic_core import core_schema
from raw_settings import RIGHT, SMARTHOST, changed, lines

from settings import SettingsError, read
from settings.marks import fields, model_of
from settings.model import Settings
from settings.remedies import OTHERWISE, REMEDIES

PYDANTIC = re.compile(
    r"Input should|Value error|Assertion|Extra inputs|Field required|Keys should|Unable to parse|"
    r"valid (integer|number|string|boolean|tuple|dictionary)|unable to"
)
# What each kind of schema can report (Pydantic's documentation, "Validation Errors").
ERRORS: Mapping[str, tuple[str, ...]] = {
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float", "finite_number"),
    "str": ("string_type", "string_unicode", "string_sub_type"),
    "bool": ("bool_type", "bool_parsing"),
    "literal": ("literal_error",),
    "tuple": ("tuple_type",),
    "dict": ("dict_type",),
    "model": (),  # model_type: test_everything_wrong_is_told_in_plain_words
    "model-fields": (),
    "model-field": (),
    "default": (),
    "nullable": (),
    "definitions": (),
    "function-after": ("setting",),
    "function-before": ("setting",),
    "function-plain": (),
    "lax-or-strict": (),
    "json-or-python": (),
    "custom-error": (),
    "union": (),
    "is-instance": (),  # SecretStr's, for values that are secrets already
}
BOUNDS = {
    "ge": "greater_than_equal",
    "le": "less_than_equal",
    "gt": "greater_than",
    "lt": "less_than",
    "multiple_of": "multiple_of",
    "min_length": "too_short",
    "max_length": "too_long",
    "pattern": "string_pattern_mismatch",
}
WRONG: list[Any] = [
    None,
    True,
    7,
    -7,
    7.5,
    float("nan"),
    10**30,
    "9" * 5000,
    "",
    "x y",
    b"\xff",
    datetime.date(2024, 1, 1),
    [],
    [None],
    ["x y", 7],
    {},
    {7: "x"},
    {"": "x"},
    {"no-key": "x"},
]


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Each schema inside a schema."""
    if isinstance(node, dict):
        if "type" in node:
            yield node
        for key, inner in node.items():
            if key not in ("metadata", "serialization", "default", "expected", "function"):
                yield from schemas(inner)
    elif isinstance(node, list | tuple):
        for inner in node:
            yield from schemas(inner)


def test_every_error_that_the_models_can_report_has_its_words() -> None:
    possible: set[str] = set()
    for schema in schemas(Settings.__pydantic_core_schema__):
        possible |= set(ERRORS[schema["type"]])
        possible |= {BOUNDS[key] for key in schema.keys() & BOUNDS.keys()}
    assert {"int_type", "literal_error", "too_long", "less_than_equal"} <= possible
    assert possible <= REMEDIES.keys()
    assert REMEDIES.keys() <= set(get_args(core_schema.ErrorType)) | {"setting"}


def places(model: type[Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every key, each list with one item."""
    for key, field in fields(model).items():
        yield (*path, key)
        if inner := model_of(field):
            listed = "tuple" in str(field.annotation)
            yield from places(inner, (*path, key, *((0,) if listed else ())))


def with_value(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    raw = changed(
        smarthost=copy.deepcopy(SMARTHOST),
        gateways=[{"name": "mx1.relay.example"}],
        zones=[{"name": "relay.example"}],
        forwards=[{"address": "info@shop.example", "to": ["me@far.example"]}],
        mailboxes=[{"address": "me@shop.example"}],
    )
    raw["domains"][0]["mx"] = [{"host": "mx.far.example"}]
    node: Any = raw
    for part, following in zip(path, (*path[1:], None), strict=True):
        if following is None:
            node[part] = value
        elif isinstance(node, dict):
            node = node.setdefault(part, [] if following == 0 else {})
        else:
            node = node[part]
    return raw


ALL = list(places(Settings))


@pytest.mark.parametrize("path", ALL, ids=lambda path: ".".join(map(str, path)))
def test_everything_wrong_is_told_in_plain_words(path: tuple[Any, ...]) -> None:
    for value in WRONG:
        try:
            read(with_value(path, copy.deepcopy(value)))
        except SettingsError as error:
            for line in error.lines:
                assert line.startswith("mail-relay:")
                assert not PYDANTIC.search(line), (value, line)
                assert OTHERWISE not in line, (value, line)


def test_each_list_of_named_items_is_among_the_places() -> None:
    assert ("logins", 0, "limits", "messagesPerHour") in ALL
    assert ("smarthost", "accounts", 0, "sender") in ALL


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"domains": [{"name": "shop.example", "ttl": 5}]}, "domains[0].ttl (shop.example)"),
        ({"clients": [{"name": "a.shop.example", "x": 5}]}, "clients[0].x (a.shop.example)"),
        ({"logins": [{"address": "me@shop.example", "x": 5}]}, "logins[0].x (me@shop.example)"),
        ({"zones": [{"name": "relay.example", "id": "z"}]}, "zones[0].id (relay.example)"),
        # an item whose name is wrong too, has none, or is one itself
        ({"domains": [{"name": "Shop", "ttl": 5}]}, "domains[0].ttl (Shop)"),
        ({"domains": [{"name": 5, "ttl": 5}]}, "domains[0].ttl"),
        ({"domains": [{"ttl": 5}]}, "domains[0].ttl"),
        ({"logins": [{"address": "-----BEGIN PRIVATE KEY-----", "x": 5}]}, "logins[0].x"),
        ({"logins": [{"address": "two\nlines", "x": 5}]}, "logins[0].x"),
        ({"zones": ["x y"]}, "zones[0]"),
    ],
)
def test_an_item_of_a_list_is_named(changes: dict[str, Any], key: str) -> None:
    assert f"mail-relay:{key}" in [line.partition(": ")[0] for line in lines(RIGHT | changes)]
