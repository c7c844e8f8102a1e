"""mail-relay: mail relays in the cloud, from one stack file."""

import json
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG

from components.account import region_advice
from components.stack import declare
from settings import SettingsError, read
from settings.advice import advice, secrets_in_clear, unread

PREFIX = "mail-relay:"


def parsed(text: str) -> Any:
    """A setting from Pulumi, which passes objects and numbers as JSON and text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> None:
    """Read the settings, declare the stack and export its outputs."""
    # All keys of ours that the file has, also those that we do not know: they are refused.
    given = {key.removeprefix(PREFIX): key for key in CONFIG.get() if key.startswith(PREFIX)}
    raw = {name: parsed(CONFIG.get()[key]) for name, key in given.items()}
    # Wrong settings end the program before any resource is declared, without a traceback.
    try:
        settings = read(raw, CONFIG.get())
    except SettingsError as error:
        raise pulumi.RunError("wrong settings:\n  " + "\n  ".join(error.lines)) from None
    encrypted = {name for name, key in given.items() if pulumi.runtime.is_config_secret(key)}
    for line in (
        *(line for _, line in unread(CONFIG.get())),
        *secrets_in_clear(settings, encrypted),
        *advice(settings),
    ):
        pulumi.log.warn(line)
    region = pulumi.Config("aws").require("region")
    if line := region_advice(region):
        pulumi.log.warn(line)
    outputs = declare(settings, region)
    for name, value in outputs.items():
        pulumi.export(name, value)


main()
