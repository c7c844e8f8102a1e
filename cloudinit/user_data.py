"""User data as EC2 takes it: gzip'ed MIME in base64."""

import pulumi
import pulumi_cloudinit as provider

from cloudinit.parts import Part


def user_data(parts: list[Part]) -> pulumi.Output[str]:
    """The value of `user_data_base64`: about 2,000 of the 16,384 bytes that EC2 allows."""
    return provider.get_config_output(
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
