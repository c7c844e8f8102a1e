"""Remedies for wrong values, in terms of the stack's file.

The keys of REMEDIES are pydantic's error types (Pydantic's documentation, "Validation Errors").
"""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from settings import marks

# The unit of a number, by the end of its key.
UNITS = {"MiB": "MiB", "GiB": "GiB", "inutes": "minutes", "days": "days", "ttl": "seconds"}
TEXT = "give one text"
LIST = "give a list: its items in [ ], or each on a line of its own behind '- '"
TRUTH = "give true or false"
OTHERWISE = "it cannot be used here; Pulumi.yaml says what this key takes"
Detail = Mapping[str, Any]


def remedy(detail: Detail, value: Any, field: FieldInfo | None, known: Sequence[str]) -> str:
    """The remedy for an error that pydantic reports; `known` are the valid keys at its place."""
    kind = detail["type"]
    if value is None:
        return "nothing is set; give a value or leave the key out"
    if kind in ("model_type", "model_attributes_type"):
        return f"give keys with values; the keys are {', '.join(known)}"
    find = REMEDIES.get(kind)
    return find(detail.get("ctx", {}), value, field) if find else OTHERWISE


def _text(_: Detail, value: Any, __: FieldInfo | None) -> str:
    """The remedy for a text that YAML reads as another type, without quotation marks."""
    kinds = {bool: "true or false", (int, float): "a number", datetime.date: "a date"}
    what = next((name for types, name in kinds.items() if isinstance(value, types)), None)
    return f"put it in quotation marks, or YAML reads {what}" if what else TEXT


def _number(_: Detail, __: Any, field: FieldInfo | None) -> str:
    """The whole numbers that a field takes, their unit, and its default as an example."""
    if field is None:
        return "give a whole number"
    unit = next((f" of {u}" for end, u in UNITS.items() if str(field.alias).endswith(end)), "")
    limits = list(_limits(field))
    low = next((limit.ge for limit in limits if isinstance(limit, Ge)), None)
    high = next((limit.le for limit in limits if isinstance(limit, Le)), None)
    if high is not None:
        bounds = f" from {low} to {high}"
    else:
        bounds = "" if low is None else f", {low} or more"
    example = f", such as {field.default}" if isinstance(field.default, int) else ""
    return f"give a whole number{unit}{bounds}{example}"


def _limits(field: FieldInfo) -> Iterator[Any]:
    for part in marks.parts(field):
        yield from part.metadata if isinstance(part, FieldInfo) else (part,)


def _choice(context: Detail, value: Any, _: FieldInfo | None) -> str:
    """The words or numbers that a field takes."""
    expected = context["expected"]
    marked = isinstance(value, str) and "'" not in expected and value in expected
    return f"give {expected}{', without quotation marks' if marked else ''}"


def _at_most(context: Detail, _: Any, __: FieldInfo | None) -> str:
    return f"give at most {context['max_length']}, not {context['actual_length']}"


def _at_least(context: Detail, _: Any, __: FieldInfo | None) -> str:
    return f"give at least {context['min_length']} item"


def _own(context: Detail, _: Any, __: FieldInfo | None) -> str:
    """The remedy that one of our own checks gives (settings/words.py)."""
    return context["remedy"]


def _always(text: str) -> Callable[[Detail, Any, FieldInfo | None], str]:
    return lambda *_: text


REMEDIES: Mapping[str, Callable[[Detail, Any, FieldInfo | None], str]] = {
    "setting": _own,
    "string_type": _text,
    "string_unicode": _always(TEXT),
    "string_sub_type": _always(TEXT),
    "tuple_type": _always(LIST),
    "dict_type": _always("give keys with values, as {key: value}"),
    "bool_type": _always(TRUTH),
    "bool_parsing": _always(TRUTH),
    "literal_error": _choice,
    "too_long": _at_most,
    "too_short": _at_least,
    **dict.fromkeys(
        (
            "int_type",
            "int_parsing",
            "int_parsing_size",
            "int_from_float",
            "finite_number",
            "greater_than_equal",
            "less_than_equal",
        ),
        _number,
    ),
}
