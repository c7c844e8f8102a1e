"""Kinds of fields in the settings: secrets, names, persons, keys of items.

A field's type shows its kind: secrets are `SecretStr`, the other kinds are metadata of annotated
types (`settings/words.py`). So error messages and environments need no lists of keys of their own.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


class Mark(Enum):
    """Metadata of an annotated type."""

    NAME = "a name of the stack in DNS, or a text with such names in it"
    PERSON = "an address whose mail somebody reads, who may be elsewhere"
    ITEM = "what an item of its list is known by"
    HIDDEN = "no secret, and yet never shown: a private key is easily mistaken for it"


def fields(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The fields of a model, by their keys in the stack's file."""
    return {str(field.alias): field for field in model.model_fields.values()}


def is_marked(field: FieldInfo, mark: Mark) -> bool:
    """Whether a field, or its items, have the mark."""
    return mark in parts(field)


def is_secret(field: FieldInfo) -> bool:
    """Whether a field, or its items, are secrets."""
    return SecretStr in parts(field)


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field or of its items; None for plain values."""
    for part in parts(field):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def is_hidden(field: FieldInfo) -> bool:
    """Whether a field's value must never be shown, because it is or may contain a secret."""
    if is_secret(field) or is_marked(field, Mark.HIDDEN):
        return True
    model = model_of(field)
    return model is not None and any(map(is_hidden, fields(model).values()))


def item_keys(model: type[BaseModel]) -> Mapping[str, str]:
    """The identifying key of the items of each list of a model, by the list's name."""
    found = {}
    for name, field in fields(model).items():
        if get_origin(field.annotation) is not tuple:
            continue
        for key, inner in fields(model_of(field) or BaseModel).items():
            if is_marked(inner, Mark.ITEM):
                found[name] = key
    return found


def parts(field: FieldInfo) -> list[Any]:
    """The types and the metadata of a field and of its items."""
    return [*field.metadata, *_inside(field.annotation)]


def _inside(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _inside(inner)
