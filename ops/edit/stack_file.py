"""A stack's settings file, edited with its comments kept and checked as the program would."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from mail import dkim
from ops.errors import StackError
from ops.target import Target
from settings import Settings, SettingsError, read
from settings.marks import item_keys

PREFIX = "mail-relay:"
# What an item of each list is known by.
ITEM_KEYS = item_keys(Settings)


class StackFile:
    """The settings of a stack; nothing is written before the whole of it is right.

    Raises SettingsError where the file is wrong already.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 1000
        self._yaml.indent(mapping=2, sequence=4, offset=2)
        try:
            self._content = self._yaml.load(target.file.read_text()) or CommentedMap()
        except FileNotFoundError:
            raise StackError(f"there is no {target.file}") from None
        except (YAMLError, UnicodeError) as error:
            raise SettingsError([f"{target.file.name} is no YAML: {error}"]) from None
        self._config = self._content.setdefault("config", CommentedMap())
        self.settings()

    def settings(self) -> Settings:
        """The settings, checked; encrypted values are stood in for by ones that are valid."""
        return read(readable(self._config))

    def value(self, key: str) -> Any:
        """A setting by its whole key, such as aws:region, or None."""
        return self._config.get(key)

    def items(self, section: str) -> list[Any]:
        """The items of a list, as they stand in the file."""
        return self._config.get(f"{PREFIX}{section}") or []

    def find(self, section: str, name: str) -> Any:
        """One item by its name; SettingsError with the names that there are."""
        key = ITEM_KEYS[section]
        for item in self.items(section):
            if item[key] == name:
                return item
        known = ", ".join(item[key] for item in self.items(section)) or "none"
        raise SettingsError([f"{PREFIX}{section}: {name!r} is not listed; there is {known}"])

    def add(self, section: str, item: Mapping[str, Any]) -> None:
        """Put an item at the end of a list, with its keys that have a value."""
        if not self.items(section):
            self._config[f"{PREFIX}{section}"] = CommentedSeq()
        self._config[f"{PREFIX}{section}"].append(_written(item))

    def change(self, section: str, name: str, values: Mapping[str, Any]) -> None:
        """Set keys of an item, of mappings inside it too; a value of None takes the key away."""
        _merge(self.find(section, name), values)

    def remove(self, section: str, name: str) -> None:
        """Take an item out of its list; a list without items goes as well."""
        self.items(section).remove(self.find(section, name))
        if not self.items(section):
            del self._config[f"{PREFIX}{section}"]

    def secret(self, value: str) -> CommentedMap:
        """The value encrypted as the stack's secrets are, by Pulumi itself."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"Pulumi.{self._target.stack}.yaml"
            kept = {k: v for k, v in self._content.items() if k != "config"}
            with file.open("w") as output:
                self._yaml.dump({**kept, "config": {}}, output)
            key = f"{PREFIX}new"
            arguments = ("config", "set", "--secret", key, "--config-file", str(file))
            self._target.pulumi(*arguments, text=value)
            written = self._yaml.load(file.read_text())
        for name, setting in written.items():  # a salt that Pulumi has just made
            if name != "config":
                self._content.setdefault(name, setting)
        return CommentedMap(written["config"][key])

    def save(self) -> None:
        """Check the whole and write it; SettingsError leaves the file as it was."""
        self.settings()
        with _replaced(self._target.file) as file, file.open("w") as output:
            self._yaml.dump(self._content, output)


@contextmanager
def _replaced(file: Path) -> Iterator[Path]:
    """A new version of a file, written beside it and put in its place as a whole."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.touch(mode=0o600)
        yield beside
        beside.chmod(file.stat().st_mode)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _written(item: Mapping[str, Any]) -> CommentedMap:
    made = CommentedMap()
    _merge(made, item)
    return made


def _merge(item: CommentedMap, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if value is None:
            item.pop(key, None)
        elif isinstance(value, list | tuple):
            item[key] = CommentedSeq(value)
            item[key].fa.set_flow_style()  # on one line, as people write them
        elif isinstance(value, Mapping) and not isinstance(value, CommentedMap):
            _merge(item.setdefault(key, CommentedMap()), value)
            if not item[key]:
                del item[key]
        else:
            item[key] = value


def readable(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in plain types, with encrypted values replaced by ones that are valid."""
    ours = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX)}
    return {key: _readable(value) for key, value in ours.items()}


def _readable(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return _some_key() if name == "keys" else "encrypted-value"
        return {k: _readable(v, "keys" if name == "keys" else k) for k, v in value.items()}
    if isinstance(value, list):
        return [_readable(item, name) for item in value]
    return value


@cache
def _some_key() -> str:
    return dkim.generate()
