"""mail-relay: mail relays in the cloud, from one stack file."""

import pulumi

from cloudinit import UserDataTooLong
from components.stack import Stack
from settings import Settings, SettingsError, read

KEYS = [str(field.alias) for field in Settings.model_fields.values()]


def main() -> None:
    """Read the settings, declare the stack, export what its user needs."""
    config = pulumi.Config("mail-relay")
    raw = {key: value for key in KEYS if (value := config.get_object(key)) is not None}
    # Text settings are no JSON of their own
    raw |= {key: text for key in ("operator", "image") if (text := config.get(key)) is not None}
    # What is wrong is told before there is any resource, and without a traceback.
    try:
        settings = read(raw)
    except SettingsError as error:
        raise pulumi.RunError("wrong settings:\n  " + "\n  ".join(error.lines)) from None
    try:
        stack = Stack(settings, pulumi.Config("aws").require("region"))
    except UserDataTooLong as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in stack.outputs().items():
        pulumi.export(name, value)


main()
