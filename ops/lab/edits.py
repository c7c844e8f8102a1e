"""The differences of a lab's stack from the example that it was made from."""

import yaml

from lab.lab import Lab
from ops import stack_yaml
from ops.lab import stack

# The setting that the lab sets to its laptop's key.
_OURS = ("mail-relay:ssh", "publicKey")


def of(lab: Lab, key: str) -> tuple[list[str], list[str]]:
    """The settings of the example `key` gone or changed, and new ones; StackError if unreadable."""
    example = stack.PROJECT / "examples" / f"Pulumi.{key}.yaml"
    before = yaml.safe_load(stack.adapted(lab, example))["config"]
    return differences(before, stack_yaml.config(stack.own_file(lab)))


def differences(before: dict[str, object], now: dict[str, object]) -> tuple[list[str], list[str]]:
    """The same for two `config`s. Secrets are not compared: each encryption differs."""
    other, new = [], []
    for key in {**before, **now}:
        name = key.removeprefix("mail-relay:")
        if key not in before:
            new.append(name)
            continue
        was, is_ = (_plain(content.get(key), key) for content in (before, now))
        if was == is_:
            continue
        if not (isinstance(was, list) and isinstance(is_, list)):
            other.append(f"{name} ({'changed' if key in now else 'gone'})")
            continue
        items, present = _by_name(was), _by_name(is_)
        for item, value in items.items():
            if present.get(item) != value:
                fate = "changed" if item in present else "gone"
                other.append(f"{name} {item} ({fate})")
        new += [f"{name} {item}" for item in present if item not in items]
    return other, new


def _by_name(items: list[object]) -> dict[str, object]:
    """The items of a list by their name, address or user."""
    found: dict[str, object] = {}
    for item in items:
        fields = item if isinstance(item, dict) else {}
        named = fields.get("name") or fields.get("address") or fields.get("user") or item
        found[str(named)] = item
    return found


def _plain(value: object, key: str = "") -> object:
    """A value as text, without secrets and without the lab's own setting.

    As text, since `pulumi config set` writes 20 as "20".
    """
    if isinstance(value, dict):
        kept = {k: _plain(v) for k, v in value.items() if (key, k) != _OURS}
        return {k: v for k, v in kept.items() if not (isinstance(v, dict) and set(v) == {"secure"})}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
