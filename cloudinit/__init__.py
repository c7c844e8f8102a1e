"""The set-up object and the user data of a host; pure, except the encoding by `user_data`.

The kinds of host are in `cloudinit.hosts`.
"""

from cloudinit.parts import (
    Part,
    SetupObject,
    files,
    parts,
    setup_object,
)
from cloudinit.user_data import user_data

__all__ = [
    "Part",
    "SetupObject",
    "files",
    "parts",
    "setup_object",
    "user_data",
]
