"""Error messages about wrong settings."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from common.errors import RelayError
from settings import marks

# Part of the first line of any private key in PEM; it may be in any setting by mistake.
PRIVATE = "PRIVATE KEY"
# Names that standards and other programs have for our keys.
OTHER_NAMES = {"p": "policy", "rua": "reports", "priority": "preference", "quota": "quotaMiB"}
EXAMPLES = {
    "gateway": "give the gateway's host name, as `gateway: {name: mail.example.com}`",
    "domains": "list the domains that send, as `domains: [{name: example.com}]`",
    "operator": "give the address that gets what the hosts and receivers report",
    "name": "give a name, such as mail.example.com",
    "password": "set it as a secret: pulumi config set --secret --path 'KEY'",
}


class SettingsError(RelayError):
    """Wrong settings; `lines` has one for each mistake: key, value, and what would be right."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def lines(raw: Mapping[str, Any], error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line for each error of the model's validation."""
    details = error.errors(include_url=False)
    for detail in details:
        place = detail["loc"]
        inside = any(d["loc"][: len(place)] == place and d is not detail for d in details)
        # wrong items are left out of a list, so the list is reported as too short as well
        if not (detail["type"] == "too_short" and inside):
            yield _line(raw, dict(detail), model)


def _line(raw: Mapping[str, Any], detail: Mapping[str, Any], whole: type[BaseModel]) -> str:
    place = tuple(part for part in detail["loc"] if part != "[key]")
    key, last = _key(place), str(place[-1])
    if detail["type"] == "extra_forbidden":
        known = _known(place[:-1], whole)
        near = [name for name in (OTHER_NAMES.get(last),) if name in known]
        near = near or difflib.get_close_matches(last, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
        return f"{key}: there is no such key; {hint}"
    if detail["type"] == "missing":
        example = EXAMPLES.get(last, "it must be given")
        return f"{key}: missing; {example.replace('KEY', key)}"
    value, field = _value(raw, place), _field(place, whole)
    remedy = _remedy(detail, value, _known(place, whole))
    is_key = detail["loc"][-1] == "[key]"
    if field is None or marks.is_hidden(field) or is_key or value is None:
        return f"{key}: {remedy}"
    if isinstance(value, list | Mapping) and value:
        return f"{key}: {remedy}"  # what has parts may hold a secret somewhere
    if PRIVATE in str(value):
        return f"{key}: a private key does not belong here"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"{key}: {shown}: {remedy}"


def _remedy(detail: Mapping[str, Any], value: Any, known: list[str]) -> str:
    """What would be right, in terms of the stack's file."""
    kind = detail["type"]
    if value is None:
        return "nothing is set; give a value or leave the key out"
    if kind == "string_type" and isinstance(value, int | float):
        what = "true or false" if isinstance(value, bool) else "a number"
        return f"put it in quotation marks, or YAML reads {what}"
    if kind == "string_type":
        return "give one text"
    if kind == "tuple_type":
        return "give a list: its items in [ ], or each on a line of its own behind '- '"
    if kind == "model_type":
        return f"give keys with values; the keys are {', '.join(known)}"
    if kind == "dict_type":
        return "give keys with values, as {key: value}"
    if kind == "too_long":
        return f"give at most {detail['ctx']['max_length']}, not {detail['ctx']['actual_length']}"
    if kind == "too_short":
        return f"give at least {detail['ctx']['min_length']} item"
    return detail.get("ctx", {}).get("remedy") or detail["msg"]


def _key(place: tuple[Any, ...]) -> str:
    text = "mail-relay:"
    for part in place:
        name = "..." if PRIVATE in str(part) else "''" if part == "" else part
        text += f"[{name}]" if isinstance(name, int) else ("" if text[-1] == ":" else ".") + name
    return text


def _value(raw: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        raw = raw[part]
    return raw


def _field(place: tuple[Any, ...], whole: type[BaseModel]) -> FieldInfo | None:
    """The field at a path, or the field whose list or mapping contains it."""
    model: type[BaseModel] | None = whole
    field = None
    for part in place:
        if model and part in marks.fields(model):
            field = marks.fields(model)[part]
            model = marks.model_of(field)
    return field


def _known(place: tuple[Any, ...], whole: type[BaseModel]) -> list[str]:
    """The valid keys at a path."""
    field = _field(place, whole)
    model = marks.model_of(field) if field else whole
    return list(marks.fields(model)) if model else []
