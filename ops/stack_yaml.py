"""A stack's file as it is, for readers that change nothing."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ops import engine
from ops.errors import StackError
from ops.plain_words import no_yaml, unreadable
from ops.terminal import shown_path
from settings.raw import mistakes

OURS, CONFIG = "mail-relay:", "config"


class NoYaml(Exception):
    """A file that a parser cannot read, or that is no stack file; `said` has the errors' lines."""

    def __init__(self, said: list[str]) -> None:
        super().__init__("\n".join(said))
        self.said = said


def project_name() -> str:
    """The project's name, a part of every stack's."""
    return yaml.safe_load((engine.PROJECT / "Pulumi.yaml").read_text())["name"]


def content(file: Path, name: str = "") -> dict[str, Any]:
    """The content of a stack's file, unchecked; StackError, with `name`, if it is no stack file."""
    name = name or shown_path(file)
    try:
        found = parsed(file.read_bytes(), name, yaml.safe_load) or {}
    except OSError as error:
        raise StackError(unreadable(name, error)) from None
    except NoYaml as error:
        raise StackError(str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("config") or {}, dict):
        raise StackError(f"{name} is not a stack file: it needs `config:`, with the settings below")
    if lines := list(misplaced(found, name)):
        raise StackError("\n".join(lines))
    return found


def misplaced(found: Mapping[str, Any], name: str) -> Iterator[str]:
    """A line for each key of a stack's file that has settings, or is one, and is not `config`."""
    for key, value in found.items():
        inside = value if isinstance(value, dict) and key != CONFIG else {}
        alike = CONFIG not in found and difflib.get_close_matches(key.lower(), [CONFIG])
        if key.startswith(OURS):
            yield f"{name}: {key}: nobody reads it there: settings are below `config:`, indented"
        elif alike or any(each.startswith(OURS) for each in inside):
            yield f"{name}: {key}: there is no such key; did you mean {CONFIG}?"


def config(file: Path, name: str = "") -> dict[str, Any]:
    """The `config` of a stack's file, unchecked; StackError if it is no stack file."""
    return content(file, name).get("config") or {}


def parsed(octets: bytes, name: str, load: Callable[[str], Any]) -> Any:
    """The content of a file, parsed by `load`; NoYaml for any error of the parser.

    All keys are text, and the nesting is not too deep for recursive readers.
    """
    text = ""
    try:
        text = octets.decode()
        found = load(text)
        str(found)  # raises ValueError for a hexadecimal number that is too long
    except Exception as error:  # constructors of values may raise any exception
        raise NoYaml([f"{name} {no_yaml(error, text, _place(text))}"]) from None
    if wrong := dict.fromkeys(mistakes(found)):
        raise NoYaml([f"{name}: {written(place)}: {right}" for place, right in wrong])
    return found


def written(place: Sequence[str | int]) -> str:
    """A path as people write it, without the leading `config`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".config.").removeprefix(".")


def _place(text: str) -> yaml.Mark | None:
    """The position of the first value that cannot be constructed, such as the date 2020-13-45."""
    try:
        nodes = list(_scalars(yaml.compose(text, yaml.SafeLoader), set()))
    except (yaml.YAMLError, RecursionError):  # no YAML, or too deep: the parser's error says where
        return None
    for node in nodes:
        try:
            str(yaml.SafeLoader("").construct_object(node))
        except Exception:  # any error of a constructor
            return node.start_mark
    return None


def _scalars(node: yaml.Node | None, seen: set[int]) -> Iterator[yaml.ScalarNode]:
    """All scalars, each once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, seen)
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for item in pair:
                yield from _scalars(item, seen)
