"""User data: from what a host is to what cloud-init runs. Pure but for the last step, gzip."""

from cloudinit.parts import (
    ClientHost,
    GatewayHost,
    Part,
    Smarthost,
    client_parts,
    gateway_parts,
)
from cloudinit.user_data import UserDataTooLong, user_data

__all__ = [
    "ClientHost",
    "GatewayHost",
    "Part",
    "Smarthost",
    "UserDataTooLong",
    "client_parts",
    "gateway_parts",
    "user_data",
]
