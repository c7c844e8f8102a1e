"""A stack's file as it stands, for who reads of it and changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from ops.errors import StackError
from ops.plain_words import no_yaml
from ops.terminal import shown_path
from settings.raw import mistakes


class NoYaml(Exception):
    """What a parser cannot read, or what no stack file may have; `said` of the file, by line."""

    def __init__(self, said: list[str]) -> None:
        super().__init__("\n".join(said))
        self.said = said


def content(file: Path, name: str = "") -> dict[str, Any]:
    """A stack's file, its settings unchecked; StackError if it is none, with its name."""
    name = name or shown_path(file)
    try:
        found = parsed(file.read_bytes(), name, yaml.safe_load) or {}
    except OSError as error:
        raise StackError(f"{name} cannot be read: {error.strerror}") from None
    except NoYaml as error:
        raise StackError(str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("config") or {}, dict):
        raise StackError(f"{name} is no stack file: `config:`, and settings with their keys below")
    return found


def config(file: Path, name: str = "") -> dict[str, Any]:
    """The `config` of a stack's file, unchecked; StackError if it is none."""
    return content(file, name).get("config") or {}


def parsed(octets: bytes, name: str, load: Callable[[str], Any]) -> Any:
    """What a parser reads in a file of that name; NoYaml, whatever the parser raises.

    All its keys are text, and it is not too deep for who reads it level by level.
    """
    text = ""
    try:
        text = octets.decode()
        found = load(text)
        str(found)  # a hexadecimal number may be too long for it
    except Exception as error:  # parsers raise what the types of their values do
        raise NoYaml([f"{name} {no_yaml(error, _place(text))}"]) from None
    if wrong := dict.fromkeys(mistakes(found)):
        raise NoYaml([f"{name}: {written(place)}: {right}" for place, right in wrong])
    return found


def written(place: Sequence[str | int]) -> str:
    """A path as people write it, without the `config` that all settings are in."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".config.").removeprefix(".")


def _place(text: str) -> yaml.Mark | None:
    """Where the first value is that is not what it looks like, such as the date 2020-13-45."""
    try:
        nodes = list(_scalars(yaml.compose(text, yaml.SafeLoader), set()))
    except Exception:  # the text itself is no YAML
        return None
    for node in nodes:
        try:
            str(yaml.SafeLoader("").construct_object(node))
        except Exception:  # whatever is wrong with it
            return node.start_mark
    return None


def _scalars(node: yaml.Node | None, seen: set[int]) -> Iterator[yaml.ScalarNode]:
    """All plain values, each once."""
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
