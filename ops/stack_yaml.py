"""A stack's file as it stands, for who reads of it and changes nothing."""

from pathlib import Path
from typing import Any

import yaml

from ops.errors import StackError
from ops.plain_words import no_yaml
from ops.terminal import shown_path


def content(file: Path, name: str = "") -> dict[str, Any]:
    """A stack's file, its settings unchecked; StackError if it is none, with its name."""
    name = name or shown_path(file)
    try:
        found = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise StackError(f"{name} cannot be read: {error.strerror}") from None
    except (UnicodeError, yaml.YAMLError) as error:
        raise StackError(f"{name} {no_yaml(error)}") from None
    if not isinstance(found, dict) or not isinstance(found.get("config") or {}, dict):
        raise StackError(f"{name} is no stack file: `config:`, and settings with their keys below")
    return found


def config(file: Path, name: str = "") -> dict[str, Any]:
    """The `config` of a stack's file, unchecked; StackError if it is none."""
    return content(file, name).get("config") or {}
