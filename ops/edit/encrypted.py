"""Encrypted values of a stack's file, which are known to Pulumi alone.

The program gets them decrypted, so whatever they are, edits of other settings are possible. To
check the rest of the settings, each is replaced by a value that is valid where it stands.
"""

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from mail import dkim
from ops import stack_yaml
from settings import Settings, SettingsError, read
from settings.marks import item_keys

PREFIX = "mail-relay:"
# In place of a value that is left out, so that its default counts.
_LEFT_OUT = object()
_LISTS = {(name,) for name in item_keys(Settings)}
_ELSEWHERE = "encrypted.invalid"  # a name that nobody has (RFC 6761, 6.4)


@dataclass
class _Secret:
    """An encrypted value, at a place in the settings, and what stands there to check the rest."""

    place: tuple[str | int, ...]
    choices: Sequence[Any]
    # A part of each choice that is a text, and of no other text.
    mark: str
    choice: int = 0

    @property
    def key(self) -> str:
        return PREFIX + stack_yaml.written(self.place)

    @property
    def is_left_out(self) -> bool:
        return self.choices[self.choice] is _LEFT_OUT

    def is_why(self, line: str) -> bool:
        """Whether a line of SettingsError is about the value, or about what is below it."""
        behind = line.removeprefix(self.key)
        if self.is_left_out and self.place[:-1]:  # what it leaves empty counts as missing
            above = PREFIX + stack_yaml.written(self.place[:-1])
            if line.startswith(f"{above}: missing"):
                return True
        return self.mark in line or (behind != line and behind[:1] in (":", ".", "[", " "))


def is_encrypted(value: Any) -> bool:
    """Whether a value of a stack's file is one that Pulumi has encrypted."""
    return isinstance(value, Mapping) and set(value) == {"secure"}


def needed(place: Sequence[str | int]) -> str:
    """The line of an error: an edit needs the value at a place, with its prefix, in clear."""
    key = stack_yaml.written(place)
    return (
        f"{key}: it is encrypted, and edits of what depends on it need it in clear: "
        f"pulumi config set --plaintext --path '{key}' VALUE, or an edit by hand"
    )


def checked(config: Mapping[str, Any], file: str) -> Settings:
    """The settings of a file's `config`, with valid values for encrypted ones; SettingsError."""
    raw, secrets = _chosen(config)
    try:
        return read(raw, config, file)
    except SettingsError as error:
        found: dict[str, None] = {}
        for line in error.lines:
            cause = next((secret for secret in secrets if secret.is_why(line)), None)
            found[needed((cause.key,)) if cause else line] = None
        for secret in secrets:  # the errors may be about what is in such a list
            if secret.is_left_out and secret.place in _LISTS:
                found[needed((secret.key,))] = None
        raise SettingsError(list(found)) from None


def readable(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in plain types, with encrypted values replaced by valid ones."""
    return _chosen(config)[0]


def _chosen(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[_Secret]]:
    """The settings with a value for each encrypted one that is no cause of an error, if any is."""
    ours = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX)}
    secrets = list(_secrets(ours))
    raw = _with_choices(ours, secrets)
    while wrong := [secret for secret in secrets if _can_be_another(secret)]:
        lines = _lines(raw)
        wrong = [secret for secret in wrong if any(map(secret.is_why, lines))]
        if not wrong:
            break
        for secret in wrong:
            secret.choice += 1
        raw = _with_choices(ours, secrets)
    return raw, secrets


def _can_be_another(secret: _Secret) -> bool:
    return secret.choice + 1 < len(secret.choices)


def _lines(raw: Mapping[str, Any]) -> list[str]:
    try:
        read(raw)
    except SettingsError as error:
        return error.lines
    return []


def _with_choices(ours: Mapping[str, Any], secrets: Sequence[_Secret]) -> dict[str, Any]:
    made = copy.deepcopy(dict(ours))
    for secret in secrets:
        inside: Any = made
        for key in secret.place[:-1]:
            inside = inside[key]
        if secret.is_left_out:
            del inside[secret.place[-1]]
        else:
            inside[secret.place[-1]] = copy.deepcopy(secret.choices[secret.choice])
    return made


def _secrets(ours: Mapping[str, Any]) -> Iterator[_Secret]:
    """Each encrypted value, first with what it is mostly: a password, or a key."""
    one_of_ours = list(islice(_names(ours), 1))
    for place, value in _places(ours, ()):
        # different for each, so that another value is seen as a change
        mark = f"encrypted-{hashlib.sha256(str(value['secure']).encode()).hexdigest()}"
        left_out = [] if isinstance(place[-1], int) else [_LEFT_OUT]
        if "keys" in place[1:]:
            yield _Secret(place, [_some_key(), *left_out], mark)
            continue
        label = mark[:32]  # a label and a local part have up to 63 octets
        addresses = [f"{label}@{name}" for name in (_ELSEWHERE, *one_of_ours)]
        others = [*addresses, *([each] for each in addresses)]
        # hosts, domains and zones with an invented name would be looked for in the world
        is_ours = place[-1] == "name" or place[0] == "zones"
        names = [] if is_ours else [f"{label}.{_ELSEWHERE}"]
        yield _Secret(place, [mark, *left_out, *others, *names, True, 1], label)


def _places(
    value: Any, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    if is_encrypted(value):
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _places(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, (*place, index))


def _names(ours: Mapping[str, Any]) -> Iterator[str]:
    """The names of the domains, which only some addresses may be in."""
    listed = ours.get("domains")
    for domain in listed if isinstance(listed, list) else []:
        if isinstance(domain, Mapping) and isinstance(name := domain.get("name"), str):
            yield name


@cache
def _some_key() -> str:
    return dkim.generate()
