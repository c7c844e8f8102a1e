"""A stack's settings file, edited line by line and checked as the program would."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAMLError

from ops import stack_yaml
from ops.edit import replacing, splice
from ops.edit.encrypted import PREFIX, checked, is_encrypted, needed
from ops.errors import StackError
from ops.known import meant
from ops.plain_words import unreadable
from ops.target import Target
from ops.terminal import shown_path
from settings import Settings, SettingsError
from settings.marks import item_keys

CONFIG = "config"
# The key that identifies an item, by list.
ITEM_KEYS = item_keys(Settings)


class StackFile:
    """The settings file of a stack; it is written only if all of it is valid.

    An edit changes the lines of its own item alone. Raises SettingsError if the file is invalid
    already, StackError if an edit would change more than it should.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        name = shown_path(target.file)
        try:
            self._octets = target.file.read_bytes()
            self._content = _plain(stack_yaml.parsed(self._octets, name, splice.load) or {})
        except OSError as error:
            raise StackError(unreadable(name, error)) from None
        except stack_yaml.NoYaml as error:
            raise SettingsError(error.said) from None
        self._text = self._octets.decode()
        for where, found in ((name, self._content), (f"{name}: config", self._config)):
            if not isinstance(found, dict):
                raise SettingsError([f"{where}: give keys with their values"])
        if lines := list(stack_yaml.misplaced(self._content, name)):
            raise SettingsError(lines)
        self._before = self.settings()

    @property
    def _config(self) -> Any:
        return self._content.get(CONFIG) or {} if isinstance(self._content, dict) else {}

    def settings(self) -> Settings:
        """The settings, checked; encrypted values are replaced by valid ones."""
        return checked(self._config, shown_path(self._target.file))

    def value(self, key: str) -> Any:
        """A setting by its whole key, such as aws:region, or None."""
        return self._config.get(key)

    def items(self, section: str) -> list[Any]:
        """The items of a list, as they stand in the file; SettingsError if they have no names."""
        key = f"{PREFIX}{section}"
        found = self._config.get(key) or []
        if is_encrypted(found):
            raise SettingsError([needed((key,))])
        for index, item in enumerate(found):
            for place, value in (((), item), ((ITEM_KEYS[section],), item.get(ITEM_KEYS[section]))):
                if is_encrypted(value):
                    raise SettingsError([needed((key, index, *place))])
        return found

    def find(self, section: str, name: str) -> Any:
        """An item by its name; SettingsError, with the known names, if there is none."""
        return self.items(section)[self._index(section, name)]

    def _index(self, section: str, name: str) -> int:
        names = [item[ITEM_KEYS[section]] for item in self.items(section)]
        if name in names:
            return names.index(name)
        known = meant(name, names) if names else self._add_one(section)
        raise SettingsError([f"{PREFIX}{section}: {name!r} is not listed; {known}"])

    def _add_one(self, section: str) -> str:
        """What to do about a list that is empty."""
        command = "users" if section == "logins" else section
        return (
            f"there is none in {shown_path(self._target.file)}: ./relay {command} add adds one, "
            "and another stack is named by --stack or --lab"
        )

    def add(self, section: str, item: Mapping[str, Any]) -> None:
        """Add an item at the end of a list, with its keys that have a value.

        SettingsError if the list has an item of its name.
        """
        key = ITEM_KEYS[section]
        name = item[key]
        if name in [there[key] for there in self.items(section)]:
            where = f"{PREFIX}{section}: {name!r}"
            raise SettingsError([f"{where} is listed already; change it, or remove it first"])
        path, given = (CONFIG, f"{PREFIX}{section}"), _given(item)
        expected = _plain(self._content)
        expected[CONFIG][path[1]] = [*self.items(section), given]
        self._edit(
            path, lambda: splice.append(self._text, path, given), expected, _by_hand(path, given)
        )

    def change(self, section: str, name: str, values: Mapping[str, Any]) -> None:
        """Set keys of an item, also in mappings inside it; a value of None removes the key."""
        path = (CONFIG, f"{PREFIX}{section}", self._index(section, name))
        self._merge(path, self.find(section, name), values)

    def change_gateway(self, name: str, values: Mapping[str, Any]) -> None:
        """Like `change`, of the gateway with this name, listed or the only one."""
        key = f"{PREFIX}gateway"
        only = self._config.get(key)
        if isinstance(only, dict) and only.get("name") == name:
            self._merge((CONFIG, key), only, values)
        else:
            self.change("gateways", name, values)

    def set(self, section: str, values: Mapping[str, Any]) -> None:
        """Set keys of a setting that is a mapping, such as `inbound`."""
        key = f"{PREFIX}{section}"
        there = self._config.get(key)
        if is_encrypted(there):
            raise SettingsError([needed((key,))])
        if there:
            self._merge((CONFIG, key), there, values)
        else:
            self._put((CONFIG, key), _given(values))

    def put(self, key: str, value: str) -> None:
        """Set a setting that is one value, by its whole key."""
        self._put((CONFIG, key), value)

    def _merge(
        self, path: splice.Keys, there: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        for key, value in values.items():
            place = (*path, key)
            if (
                is_encrypted(there.get(key))
                and isinstance(value, Mapping)
                and not is_encrypted(value)
            ):
                raise SettingsError([needed(place)])
            if isinstance(value, Mapping) and isinstance(there.get(key), Mapping):
                self._merge(place, there[key], value)
            elif value is None or value == {}:
                if key in there:
                    self._remove(place)
            else:
                self._put(place, _given(value))

    def remove(self, section: str, name: str) -> None:
        """Remove an item from its list, and the list if that leaves it empty."""
        self._remove((CONFIG, f"{PREFIX}{section}", self._index(section, name)))

    def _put(self, path: splice.Keys, value: Any) -> None:
        expected = _plain(self._content)
        _inside(expected, path[:-1])[path[-1]] = value
        by_hand = _by_hand(path[:-1], value, str(path[-1]))
        self._edit(path, lambda: splice.put(self._text, path, value), expected, by_hand)

    def _remove(self, path: splice.Keys) -> None:
        expected = _plain(self._content)
        for end in range(len(path) - 1, -1, -1):
            del _inside(expected, path[:end])[path[end]]
            if _inside(expected, path[:end]):
                break
        by_hand = f"take {stack_yaml.written(path)} away"
        self._edit(path, lambda: splice.remove(self._text, path), expected, by_hand)

    def _edit(
        self, path: splice.Keys, make: Callable[[], str], expected: Any, by_hand: str
    ) -> None:
        """Accept the new text if its content is exactly the expected one; else StackError."""
        no_place = ""
        try:
            text = make()
            right = splice.load(text) == expected
        except splice.NoPlace as error:
            text, right, no_place = "", False, str(error)
        except YAMLError:
            text, right = "", False
        if not right:
            why = splice.obstacle(self._text, path, no_place)
            raise StackError(
                f"{shown_path(self._target.file)} is left as it is: {why}, so an edit here would "
                f"change more than it should. By hand: {by_hand}"
            )
        self._text, self._content = text, expected

    def secret(self, value: str) -> dict[str, Any]:
        """The value as Pulumi encrypts it for the stack."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"Pulumi.{self._target.name}.yaml"
            # JSON is YAML
            file.write_text(json.dumps({**self._content, CONFIG: {}}))
            key = f"{PREFIX}new"
            arguments = ("config", "set", "--secret", key, "--config-file", str(file))
            self._target.pulumi(*arguments, text=value)
            written = splice.load(file.read_text())
        for name, setting in written.items():  # a salt that Pulumi has just made
            if name not in self._content:
                self._put((name,), setting)
        return dict(written[CONFIG][key])

    def save(self) -> bool:
        """Check the whole file, and write it if the settings have changed.

        Returns whether they have; SettingsError leaves the file as it was, and StackError too, if
        it cannot be written or was changed since it was read.
        """
        if self.settings() == self._before:
            return False
        octets = self._text.encode()
        replacing.replace(self._target.file, self._octets, octets)
        self._octets = octets
        return True


def _by_hand(path: splice.Keys, value: Any, key: str | None = None) -> str:
    """The instruction for an edit by hand: a list's new item, or a key of a mapping."""
    lines = "".join(f"\n  {line}" for line in splice.lines(key, value))
    return f"{'set' if key else 'add'} in {stack_yaml.written(path)}:{lines}"


def _plain(value: Any) -> Any:
    """A deep copy in which nothing is shared, also not the values of YAML aliases."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _given(value: Any) -> Any:
    """A plain copy without the keys that have no value."""
    if isinstance(value, Mapping):
        return {k: given for k, v in value.items() if (given := _given(v)) not in (None, {})}
    return _plain(value)


def _inside(content: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        content = content[key]
    return content
