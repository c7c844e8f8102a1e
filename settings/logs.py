"""Logs: how long the hosts keep what became of mail."""

from typing import Annotated, Literal

from pydantic import Field

from settings.base import Model as _Model


class Logs(_Model):
    """The days that a host keeps its mail log; a gateway's is on its data volume.

    With `ship: cloudwatch` it is in CloudWatch Logs too.
    """

    days: Annotated[int, Field(ge=1, le=90)] = 14
    ship: Literal["none", "cloudwatch"] = "none"

    @property
    def most_mib(self) -> int:
        """The most that it takes: two files of 200 MB, and the others compressed (logrotate)."""
        return 400 + 20 * self.days
