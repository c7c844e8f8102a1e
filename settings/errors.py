"""Wrong settings, in lines for the one who wrote them."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from common.errors import RelayError

# Keys whose values are never shown: a private key is easily mistaken for its public half.
SECRET = {"password", "keys", "publicKey"}
EXAMPLES = {
    "gateway": "give the gateway's host name, as `gateway: {name: mail.example.com}`",
    "domains": "list the domains that send, as `domains: [{name: example.com}]`",
    "operator": "give the address that gets what the hosts and receivers report",
    "name": "give a name, such as mail.example.com",
    "password": "set it as a secret: pulumi config set --secret --path 'KEY'",
}


class SettingsError(RelayError):
    """Wrong settings; `lines` has one line for each: the key, the value, what would be right."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def lines(raw: Mapping[str, Any], error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line for each thing that the model does not take."""
    details = error.errors(include_url=False)
    for detail in details:
        place = detail["loc"]
        inside = any(d["loc"][: len(place)] == place and d is not detail for d in details)
        # a list is found short when those of its items that are wrong have been told
        if not (detail["type"] == "too_short" and inside):
            yield _line(raw, dict(detail), model)


def _line(raw: Mapping[str, Any], detail: Mapping[str, Any], whole: type[BaseModel]) -> str:
    path = [str(part) for part in detail["loc"]]
    key = _key(detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _known(detail["loc"], whole)
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
        return f"{key}: there is no such key; {hint}"
    if detail["type"] == "missing":
        example = EXAMPLES.get(path[-1], "it must be given")
        return f"{key}: missing; {example.replace('KEY', key)}"
    remedy = detail.get("ctx", {}).get("remedy") or detail["msg"]
    value = _value(raw, detail["loc"])
    if detail["type"] == "string_type" and isinstance(value, int | float):
        remedy = f"put it in quotation marks, or YAML reads a {type(value).__name__}"
    if SECRET & set(path) or _holds_secret(value):
        return f"{key}: {remedy}"
    return f"{key}: {value!r}: {remedy}"


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(SECRET & set(value)) or any(_holds_secret(inner) for inner in value.values())
    return isinstance(value, list) and any(_holds_secret(inner) for inner in value)


def _key(path: tuple[Any, ...]) -> str:
    text = "mail-relay:"
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else ("" if text[-1] == ":" else ".") + part
    return text


def _value(raw: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        raw = raw[part]
    return raw


def _known(path: tuple[Any, ...], whole: type[BaseModel]) -> list[str]:
    """The keys beside the last of the path."""
    model: Any = whole
    for part in path[:-1]:
        if isinstance(part, str):
            fields = {f.alias: f.annotation for f in model.model_fields.values()}
            model = _model_in(fields[part])
    return [str(field.alias) for field in model.model_fields.values()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(a) for a in getattr(annotation, "__args__", ()) if a is not type(None))
    return next((model for model in inner if model is not None), None)
