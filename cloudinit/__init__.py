"""The set-up object and the user data of a host; pure, except the encoding by `user_data`."""

from cloudinit.parts import (
    AnyHost,
    ClientHost,
    GatewayHost,
    Guessing,
    Part,
    SetupObject,
    Smarthost,
    Strangers,
    files,
    parts,
    setup_object,
)
from cloudinit.user_data import user_data

__all__ = [
    "AnyHost",
    "ClientHost",
    "GatewayHost",
    "Guessing",
    "Part",
    "SetupObject",
    "Smarthost",
    "Strangers",
    "files",
    "parts",
    "setup_object",
    "user_data",
]
