"""mail-relay: mail relays in the cloud, from one stack file."""

import json
from typing import Any

import pulumi

from components.stack import declare
from settings import Settings, SettingsError, read
from settings.advice import advice

KEYS = [str(field.alias) for field in Settings.model_fields.values()]


def parsed(text: str) -> Any:
    """A setting from Pulumi, which passes objects and numbers as JSON and text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> None:
    """Read the settings, declare the stack and export its outputs."""
    config = pulumi.Config("mail-relay")
    raw = {key: parsed(text) for key in KEYS if (text := config.get(key)) is not None}
    # Wrong settings end the program before any resource is declared, without a traceback.
    try:
        settings = read(raw)
    except SettingsError as error:
        raise pulumi.RunError("wrong settings:\n  " + "\n  ".join(error.lines)) from None
    encrypted = {key for key in KEYS if pulumi.runtime.is_config_secret(f"mail-relay:{key}")}
    for line in advice(settings, encrypted):
        pulumi.log.warn(line)
    outputs = declare(settings, pulumi.Config("aws").require("region"))
    for name, value in outputs.items():
        pulumi.export(name, value)


main()
