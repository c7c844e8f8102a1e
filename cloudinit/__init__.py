"""What a host is made from: set-up object and user data. Pure but for the last step, gzip."""

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
