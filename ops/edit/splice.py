"""Edits of YAML text: one value set, appended or removed, and every other character kept.

The parser gives the position of each value; the text is cut and joined there, never dumped anew. A
new value is one line in flow style, except a list of mappings and its items. A path names a value
by keys and indexes from the top.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.representer import SafeRepresenter

Keys = Sequence[str | int]
# The text between a block sequence's start, or an item's end, and the next item's dash.
_TO_DASH = re.compile(r"([&!][^\s]*|\s|#[^\n]*)*")
_COLON = re.compile(r"\s*:")
_REST_OF_LINE = re.compile(r"[ \t]*,?[ \t]*(#[^\n]*?)?(?=\r?\n|\Z)")
_NOTHING_BEHIND = re.compile(r"[ \t]*(#[^\n]*)?(\r?\n|\Z)")
_TO_COMMA = re.compile(r"(\s|#[^\n]*)*,")


class NoPlace(Exception):
    """The value cannot be placed in the text; the message says what is there instead, and where."""


@dataclass(frozen=True)
class _Node:
    """A value, text[start:end] without the comments after it; `is_flow` for [...] and {...}."""

    kind: str
    start: int
    end: int
    is_flow: bool = False
    entries: tuple["_Entry", ...] = ()
    anchor: str | None = None

    def index(self, key: str | int) -> int | None:
        """The position of an entry by its key or index, or None."""
        if self.kind == "sequence":
            return key if isinstance(key, int) and key < len(self.entries) else None
        keys = [entry.key for entry in self.entries]
        return keys.index(str(key)) if key in keys else None


@dataclass(frozen=True)
class _Entry:
    """A pair of a mapping, or an item of a sequence with its dash: text[start:value.end].

    Between `end_of_key` and the value is the colon.
    """

    key: str | None
    start: int
    end_of_key: int
    value: _Node


def load(text: str) -> Any:
    """The content of the text in plain types (YAML 1.2); raises YAMLError."""
    return YAML(typ="safe", pure=True).load(text)


def put(text: str, path: Keys, value: Any) -> str:
    """The text with a mapping's key set: its value replaced, or the pair added at the end."""
    parent = _at(text, path[:-1])
    found = parent.index(path[-1])
    if parent.kind != "mapping":
        raise NoPlace(f"line {_line(text, parent.start)} has no keys")
    if found is None:
        return _added(text, parent, str(path[-1]), value)
    return _replaced(text, parent.entries[found], value)


def append(text: str, path: Keys, item: Any) -> str:
    """The text with an item added at the end of a list, which may be empty or missing."""
    parent = _at(text, path[:-1])
    found = parent.index(path[-1])
    if found is None:
        return put(text, path, [item])
    entry = parent.entries[found]
    if entry.value.kind == "sequence":
        return _added(text, entry.value, None, item)
    if entry.value.start < entry.value.end or parent.is_flow:
        return _replaced(text, entry, [item])
    lines = _lines(None, item, 0)
    column = _column(text, entry.start) + _offset(text, parent)
    return _with_lines(text, entry.value.end, column, lines)


def remove(text: str, path: Keys) -> str:
    """The text without a value, and without parents that it leaves empty."""
    parent = _at(text, path[:-1])
    found = parent.index(path[-1])
    if found is None:
        raise NoPlace(_elsewhere(text, parent, path[-1]))
    if len(parent.entries) == 1 and len(path) > 1:
        return remove(text, path[:-1])
    before, after = parent.entries[:found], parent.entries[found + 1 :]
    entry = parent.entries[found]
    first, end = _line_start(text, entry.start), entry.value.end
    rest = _REST_OF_LINE.match(text, end)
    comma = _TO_COMMA.match(text, end) if parent.is_flow else None
    far = comma and "\n" in comma[0] and comma.end()  # a comma that begins a later line
    if not text[first : entry.start].strip() and rest and not far:  # on lines of its own
        return _without(text, first, rest.end())
    if not parent.is_flow:  # on the line of a dash
        if not after:
            raise NoPlace(f'line {_line(text, entry.start)} has another mark, such as "?"')
        return text[: entry.start] + text[after[0].start :]
    if after and "\n" not in text[end : after[0].start]:
        return text[: entry.start] + text[after[0].start :]
    if not far and before and not after and "\n" not in text[before[-1].value.end : entry.start]:
        return text[: before[-1].value.end] + text[end:]
    if far:
        return text[: entry.start] + text[end : far - 1] + text[far:]
    return text[: entry.start] + text[comma.end() if comma else end :]


def _parsed(text: str) -> _Node:
    events = iter(YAML(typ="safe", pure=True).parse(text))
    for event in events:
        if isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent):
            return _node(text, event, events)
    raise NoPlace("it is empty")


def obstacle(text: str, path: Keys, no_place: str = "") -> str:
    """The likely reason that an edit at a path comes out wrong, with its line.

    `no_place` is the message of NoPlace, if that was raised.
    """
    if lone := re.search(r"\r(?!\n)", text):
        return f"line {_line(text, lone.start())} ends with CR alone, not with LF"
    if no_place:
        return no_place
    node = _parsed(text)
    spans = [node]
    for key in path:
        found = node.index(key)
        if found is None:
            break
        node = node.entries[found].value
        spans.append(node)
    if node.kind == "alias":
        return _repeats(text, node)
    parts = [*spans, *_below(node)]
    named = {part.anchor: part.start for part in parts if part.kind != "alias" and part.anchor}
    for other in _below(spans[0]):
        if other.kind == "alias" and other.anchor in named:
            return (
                f"line {_line(text, other.start)} (*{other.anchor}) repeats what is in line "
                f"{_line(text, named[other.anchor])} (&{other.anchor})"
            )
    if mark := re.compile(r"^[ \t-]*(\?)\s", re.MULTILINE).search(text):
        return f"line {_line(text, mark.start(1))} has a key with a question mark"
    return f"line {_line(text, node.start)} is written in a way that cannot be edited here"


def lines(key: str | None, value: Any) -> list[str]:
    """The lines of a pair, or of an item if there is no key."""
    return _lines(key, value, 2)


def _repeats(text: str, alias: _Node) -> str:
    return f"line {_line(text, alias.start)} repeats a value from elsewhere (*{alias.anchor})"


def _below(node: _Node) -> Iterator[_Node]:
    for entry in node.entries:
        yield entry.value
        yield from _below(entry.value)


def _line(text: str, at: int) -> int:
    """The number of the line at an offset, counted as editors do."""
    return len(re.findall(r"\r\n|\r|\n", text[:at])) + 1


def _elsewhere(text: str, parent: _Node, key: str | int) -> str:
    """The reason that a mapping has no such key, although the content has the value."""
    for entry in parent.entries:
        if entry.key == "<<":
            return f"line {_line(text, entry.start)} takes {key} from elsewhere (<<)"
    return f"line {_line(text, parent.start)} has no {key} of its own"


def _node(text: str, event: Any, events: Iterator[Any]) -> _Node:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, AliasEvent):
        return _Node("alias", start, end, anchor=event.anchor)
    if isinstance(event, ScalarEvent):
        if event.style in ("|", ">"):
            end = len(text[:end].rstrip())
        return _Node("scalar", start, end, anchor=event.anchor)
    kind = "mapping" if isinstance(event, MappingStartEvent) else "sequence"
    entries = list[_Entry]()
    reached = start
    for inner in events:
        if isinstance(inner, MappingEndEvent | SequenceEndEvent):
            end = inner.end_mark.index if event.flow_style else reached
            break
        if kind == "mapping":
            key = _node(text, inner, events)
            value = _node(text, next(events), events)
            colon = _COLON.match(text, key.end)
            if value.start == value.end and colon:  # no value: the parser puts it further down
                value = _Node("scalar", colon.end(), colon.end())
            entries.append(_Entry(getattr(inner, "value", None), key.start, key.end, value))
        else:
            value = _node(text, inner, events)
            dash = value.start if event.flow_style else _dash(text, reached)
            entries.append(_Entry(None, dash, dash + 1, value))
        reached = value.end
    return _Node(kind, start, end, bool(event.flow_style), tuple(entries), event.anchor)


def _dash(text: str, after: int) -> int:
    found = _TO_DASH.match(text, after)
    return found.end() if found else after


def _at(text: str, path: Keys) -> _Node:
    node = _parsed(text)
    for key in path:
        found = node.index(key)
        if found is None:
            raise NoPlace(_elsewhere(text, node, key))
        node = node.entries[found].value
        if node.kind == "alias":
            raise NoPlace(_repeats(text, node))
    return node


def _added(text: str, node: _Node, key: str | None, value: Any) -> str:
    """The text with a pair, or an item if there is no key, added at the node's end."""
    if not node.is_flow:
        column = _column(text, node.entries[0].start)
        return _with_lines(text, node.end, column, _lines(key, value, _offset(text, node)))
    piece = _flow(value) if key is None else _pair(key, value)
    if not node.entries:
        return text[: node.end - 1] + piece + text[node.end - 1 :]
    end = node.entries[-1].value.end
    return f"{text[:end]}, {piece}{text[end:]}"


def _replaced(text: str, entry: _Entry, value: Any) -> str:
    old, new = entry.value, _flow(value)
    if old.start == old.end:
        return f"{text[: old.start]} {new}{text[old.end :]}"
    first = _line_start(text, old.start)
    if first <= entry.end_of_key or not _NOTHING_BEHIND.match(text, old.end):
        return text[: old.start] + new + text[old.end :]
    colon = text.index(":", entry.end_of_key) + 1
    rest = _without(text, first, _line_end(text, old.end))  # without the value's own lines
    return f"{rest[:colon]} {new}{rest[colon:]}"


def _with_lines(text: str, after: int, column: int, lines: list[str]) -> str:
    """The text with lines added below the line of an offset, at a column."""
    end = _line_end(text, after)
    newline = _newline(text, end)
    made = "".join(f"{newline}{' ' * column}{line}" for line in lines)
    return text[:end] + made + text[end:]


def _without(text: str, start: int, end: int) -> str:
    """The text without whole lines; at its end there is a line break only if there was one."""
    last = text.find("\n", end)
    if last >= 0:
        return text[:start] + text[last + 1 :]
    kept = text[:start]
    return kept.removesuffix("\n").removesuffix("\r")


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if text[at:end].endswith("\r") else end


def _newline(text: str, end: int) -> str:
    """The line break at a line's end; at the end of the text, the one used elsewhere in it."""
    if end < len(text):
        return "\n" if text[end] == "\n" else "\r\n"
    return "\r\n" if "\r\n" in text else "\n"


def _column(text: str, at: int) -> int:
    return len(text[_line_start(text, at) : at].removeprefix("\ufeff"))


def _offset(text: str, mapping: _Node) -> int:
    """The indent of lists below a mapping's keys, taken from the first such list."""
    for entry in mapping.entries:
        lists = entry.value.kind == "sequence" and not entry.value.is_flow
        if lists and entry.key is not None:
            dash = entry.value.entries[0].start
            return _column(text, dash) - _column(text, entry.start)
    return 2


def _lines(key: str | None, value: Any, offset: int) -> list[str]:
    """The lines of a pair, or of an item if there is no key; `offset` is the indent of lists."""
    if key is None:
        pairs = [_pair(k, v) for k, v in value.items()] if _is_mapping(value) else [_flow(value)]
        return [f"{'  ' if at else '- '}{line}" for at, line in enumerate(pairs)]
    if isinstance(value, list) and value and all(map(_is_mapping, value)):
        inner = (line for item in value for line in _lines(None, item, offset))
        return [f"{_flow(key)}:", *(f"{' ' * offset}{line}" for line in inner)]
    return [_pair(key, value)]


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _pair(key: str, value: Any) -> str:
    return _flow({key: value})[1:-1]


class _Representer(SafeRepresenter):
    """Quotes each text that a reader of YAML 1.1 takes for something else, such as yes and 1:30.

    Pulumi and our own commands do not all read the same YAML; ruamel quotes what 1.2 takes so.
    """

    def represent_str(self, data: str) -> Any:
        """The text as a scalar, which is plain only if both read it as this text."""
        try:
            is_plain = yaml.safe_load(f"[{data}]") == [data]
        except (yaml.YAMLError, ValueError):  # no YAML, or a date that there is not
            is_plain = False
        style = None if is_plain else "'" if data.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Representer.add_representer(str, _Representer.represent_str)


def _flow(value: Any) -> str:
    """A value in one line."""
    writer = YAML(typ="safe", pure=True)
    writer.Representer = _Representer
    writer.default_flow_style, writer.width = True, 2**31
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.brace_single_entry_mapping_in_flow_sequence = True
    made = io.StringIO()
    writer.dump([value], made)
    return made.getvalue().strip()[1:-1]
