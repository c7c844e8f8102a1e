"""User data as EC2 takes it: gzip'ed MIME, at most 16,384 bytes before base64 (AWS limit)."""

import base64
import gzip

import pulumi_cloudinit as provider

from cloudinit.parts import Part

LIMIT = 16_384


class UserDataTooLong(ValueError):
    """More than EC2 takes; the text says which parts take the room."""


def user_data(parts: list[Part]) -> str:
    """Base64 for `user_data_base64`; raises UserDataTooLong."""
    rendered = provider.get_config(
        gzip=True,
        base64_encode=True,
        boundary="==mail-relay==",
        parts=[
            provider.GetConfigPartArgs(
                content=part.content, content_type=part.content_type, filename=part.filename
            )
            for part in parts
        ],
    ).rendered
    size = len(base64.b64decode(rendered))
    if size > LIMIT:
        room = {part.filename: len(gzip.compress(part.content.encode())) for part in parts}
        takes = ", ".join(f"{name} {bytes_:,}" for name, bytes_ in room.items())
        raise UserDataTooLong(
            f"the user data is {size:,} bytes compressed, EC2 takes {LIMIT:,}; its parts: {takes}"
        )
    return rendered
