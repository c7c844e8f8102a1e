"""Inbound mail: what its sender's DMARC policy means, and the key of forwarded mail's senders."""

from typing import Literal

from settings.base import Model as _Model
from settings.words import Password


class Inbound(_Model):
    """Mail that fails its sender's DMARC policy: refused if the policy says so, or only marked.

    `srs_secret` signs the envelope senders of forwarded mail; without one it is generated.
    """

    dmarc: Literal["enforce", "mark"] = "enforce"
    srs_secret: Password | None = None
