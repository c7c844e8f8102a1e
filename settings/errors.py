"""Error messages about wrong settings."""

import datetime
import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from common.errors import RelayError
from settings import marks
from settings.raw import mistakes
from settings.remedies import remedy

# Part of the first line of any private key in PEM; it may be in any setting by mistake.
PRIVATE = "PRIVATE KEY"
# Names that standards and other programs have for our keys.
OTHER_NAMES = {"p": "policy", "rua": "reports", "priority": "preference", "quota": "quotaMiB"}
# The key of a line about an item of a list.
INDEXED = re.compile(r"mail-relay:(?P<list>\w+(\.\w+)*)\[(?P<index>\d+)\].*?(?=: )")
# A value is shown up to this length; longer than any name in DNS, which has 253 characters.
SHOWN = 300
LONG_WORD = re.compile(rf"(\S{{60}})\S{{{SHOWN - 60},}}")
EXAMPLES = {
    "gateway": "give the gateway's host name, as `gateway: {name: mail.example.com}`",
    "domains": "list the domains that send, as `domains: [{name: example.com}]`",
    "operator": "give the address that gets what the hosts and receivers report",
    "name": "give a name, such as mail.example.com",
    "password": "set it as a secret: pulumi config set --secret --path 'KEY'",
}


class SettingsError(RelayError):
    """Wrong settings; `lines` has one for each mistake: key, value, and what would be right.

    Words that are longer than any name are cut after 60 characters.
    """

    def __init__(self, lines: list[str]) -> None:
        self.lines = [LONG_WORD.sub(r"\1...", line) for line in lines]
        super().__init__("\n".join(self.lines))


def lines(
    raw: Mapping[str, Any],
    error: ValidationError,
    model: type[BaseModel],
    misspelt: Collection[tuple[Any, ...]],
) -> Iterator[str]:
    """One line for each error of the model's validation, but those for missing `misspelt` keys."""
    details = error.errors(include_url=False)
    for detail in details:
        place = detail["loc"]
        inside = any(d["loc"][: len(place)] == place and d is not detail for d in details)
        # wrong items are left out of a list, so the list is reported as too short as well
        follows = detail["type"] == "too_short" and inside
        if not follows and not (detail["type"] == "missing" and place in misspelt):
            yield _line(raw, dict(detail), model)


def misspelt(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Any, ...]]:
    """The places of the keys that unknown ones probably mean."""
    for detail in error.errors(include_url=False):
        place = detail["loc"]
        if detail["type"] == "extra_forbidden" and (
            near := _meant(str(place[-1]), _known(place[:-1], model))
        ):
            yield (*place[:-1], near)


def at_once(raw: Mapping[str, Any]) -> Iterator[str]:
    """One line for each key that is no text, and for each value that is nested too deep."""
    said = dict.fromkeys(mistakes(raw))
    yield from (f"{_key(place, is_key=False)}: {right}" for place, right in said)


def named(raw: Mapping[str, Any], line: str, model: type[BaseModel]) -> str:
    """A line about a list's item, with the item's name added: `domains[3].ttl (example.org)`.

    A line without an index, or with the name as its value, is not changed.
    """
    found = INDEXED.match(line)
    if found is None:
        return line
    *above, last = found["list"].split(".")
    item = _value(raw, (*above, last, int(found["index"])))
    key = marks.item_keys(_model(above, model) or model).get(last)
    name = item.get(key) if key and isinstance(item, Mapping) else None
    rest = line[found.end() :]
    is_name = isinstance(name, str) and name.isprintable() and PRIVATE not in name and len(name) > 0
    if not is_name or rest.startswith(f": {name!r}"):
        return line
    return f"{found.group()} ({name}){rest}"


def _line(raw: Mapping[str, Any], detail: Mapping[str, Any], whole: type[BaseModel]) -> str:
    place = tuple(part for part in detail["loc"] if part != "[key]")
    is_key = detail["loc"][-1] == "[key]"
    key, last = _key(place, is_key), str(place[-1])
    if detail["type"] == "extra_forbidden":
        known = _known(place[:-1], whole)
        near = _meant(last, known)
        hint = f"did you mean {near}?" if near else f"the keys are {', '.join(known)}"
        if place[:-1] == ("gateway",) and last in _known(("gateways", 0), whole):
            hint = f"each of several gateways has one: `gateways: [{{name: ..., {last}: ...}}]`"
        return f"{key}: there is no such key; {hint}"
    if detail["type"] == "missing":
        example = EXAMPLES.get(last, "it must be given")
        return f"{key}: missing; {example.replace('KEY', key)}"
    value, field = _value(raw, place), _field(place, whole)
    right = remedy(detail, value, field, _known(place, whole))
    if field is None or marks.is_hidden(field) or is_key or value is None:
        return f"{key}: {right}"
    if isinstance(value, list | Mapping) and value:
        return f"{key}: {right}"  # a list or mapping may hold a secret
    if PRIVATE in str(value):
        return f"{key}: a private key does not belong here"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, datetime.date):
        shown = str(value)
    if len(shown) > SHOWN:
        shown = f"{shown[:SHOWN]}... ({len(str(value))} characters)"
    return f"{key}: {shown}: {right}"


def _meant(key: str, known: Sequence[str]) -> str | None:
    """The known key that an unknown one probably means."""
    if OTHER_NAMES.get(key) in known:
        return OTHER_NAMES[key]
    same = [name for name in known if name.lower() == key.lower()]
    near = same or difflib.get_close_matches(key, known, n=1)
    return near[0] if near else None


def _key(place: tuple[Any, ...], is_key: bool) -> str:
    """A path as people write it; with `is_key` its last part is a mapping's key, not an index."""
    text = "mail-relay:"
    for part in (*place[:-1], str(place[-1]) if is_key else place[-1]):
        name = "..." if PRIVATE in str(part) else "''" if part == "" else part
        text += f"[{name}]" if isinstance(name, int) else ("" if text[-1] == ":" else ".") + name
    return text


def _value(raw: Any, place: tuple[Any, ...]) -> Any:
    """The value at a path, or None."""
    for part in place:
        try:
            raw = raw[part]
        except (LookupError, TypeError):
            return None
    return raw


def _field(place: Sequence[Any], whole: type[BaseModel]) -> FieldInfo | None:
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
    model = _model(place, whole)
    return list(marks.fields(model)) if model else []


def _model(place: Sequence[Any], whole: type[BaseModel]) -> type[BaseModel] | None:
    """The model at a path; None if there are plain values."""
    field = _field(place, whole)
    return marks.model_of(field) if field else whole
