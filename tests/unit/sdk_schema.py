"""What the providers' own Python types say against inputs, as they go over the wire.

The SDKs are generated from the providers' schemas; the lab's plug-in knows only what it was told.
"""

import enum
import inspect
import sys
import types
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names, is_output_type

SECRET = "4dabf18193072939515e22adb298388d"  # the key that marks secrets on the wire
SIMPLE: dict[Any, tuple[type, ...]] = {str: (str,), bool: (bool,), float: (int, float)}


def resource_problems(kind: str, inputs: Mapping[str, Any]) -> list[str]:
    """Unknown, missing and wrong inputs of a resource, such as aws:ec2/instance:Instance."""
    package, module, name = _parts(kind)
    made = getattr(import_module(f"pulumi_{package}{module}"), name)
    home = sys.modules[made.__module__]
    # the plain name may be that of a nested type of another resource
    arguments = getattr(home, f"{name}InitArgs", None) or getattr(home, f"{name}Args")
    return list(_object(arguments, inputs, kind))


def call_problems(token: str, arguments: Mapping[str, Any]) -> list[str]:
    """The same of a function, such as aws:ec2/getAmi:getAmi.

    Which of its arguments must be given, no type of the SDK says.
    """
    package, module, name = _parts(token)
    plain = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    function = getattr(import_module(f"pulumi_{package}{module}"), plain)
    hints = _hints(function)
    known = {_camel(key): hint for key, hint in hints.items() if key not in ("opts", "return")}
    return list(_fields(known, set(), arguments, token))


def _parts(token: str) -> tuple[str, str, str]:
    package, module, name = token.split(":")
    space = module.partition("/")[0]
    return package, "" if space == "index" else f".{space}", name


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@cache
def _hints(function: Any) -> dict[str, Any]:
    space = {**vars(pulumi), **vars(sys.modules[function.__module__])}
    return typing.get_type_hints(function, {**space, "Output": pulumi.Output})


def _object(made: type, given: Any, where: str) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"{where}: {given!r} is no {made.__name__}"
        return
    hints, names = _hints(made.__init__), input_type_py_to_pulumi_names(made)
    parameters = inspect.signature(made.__init__).parameters
    required = {names[n] for n, p in parameters.items() if n in names and p.default is p.empty}
    yield from _fields({names[n]: hints[n] for n in names}, required, given, where)


def _fields(
    known: Mapping[str, Any], required: set[str], given: Mapping[str, Any], where: str
) -> Iterator[str]:
    given = {key: value for key, value in given.items() if value is not None}
    for key in sorted(required - set(given)):
        yield f"{where}.{key}: missing"
    for key, value in given.items():
        if key in known:
            yield from _value(known[key], value, f"{where}.{key}")
        else:
            yield f"{where}.{key}: there is no such input"


def _value(hint: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, Mapping) and SECRET in value:
        value = value["value"]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return
    if origin in (typing.Union, types.UnionType):
        found = [list(_value(part, value, where)) for part in parts if _is_plain(part)]
        yield from min(found, key=len)
    elif origin is Sequence:
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from _value(parts[0], item, f"{where}[{number}]")
    elif origin is Mapping:
        if not isinstance(value, Mapping):
            yield f"{where}: {value!r} is no map"
            return
        for key, item in value.items():
            yield from _value(parts[1], item, f"{where}.{key}")
    elif hint is int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            yield f"{where}: {value!r} is no int"
    elif hint in SIMPLE:
        if not isinstance(value, SIMPLE[hint]) or (hint is float and isinstance(value, bool)):
            yield f"{where}: {value!r} is no {hint.__name__}"
    elif issubclass(hint, enum.Enum):
        if value not in {member.value for member in hint}:
            yield f"{where}: {value!r} is none of {hint.__name__}"
    else:
        yield from _object(hint, value, where)


def _is_plain(hint: Any) -> bool:
    """Not a form that a value has before it goes over the wire, and not the same once more."""
    waits = typing.get_origin(hint) in (pulumi.Output, Awaitable) or hint is type(None)
    again = typing.is_typeddict(hint) or (isinstance(hint, type) and is_output_type(hint))
    return not waits and not again
