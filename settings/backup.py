"""Backups: daily snapshots of the data volumes, and volumes that start from a snapshot."""

from typing import Annotated

from pydantic import Field

from settings.base import Model as _Model
from settings.words import SnapshotId

# "up to a maximum of 1000" (Amazon Data Lifecycle Manager, API reference, RetainRule)
MOST_SNAPSHOTS = 1000


class Backup(_Model):
    """Daily snapshots of every data volume, of which the newest `days` are kept.

    A volume that is deleted leaves a last one, which nobody deletes.
    """

    days: Annotated[int, Field(ge=1, le=MOST_SNAPSHOTS)]


class DataVolume(_Model):
    """What a gateway's new data volume starts from: a snapshot, or nothing.

    With `hold` the mail that waited in the snapshot's queue waits on, until it is released.
    """

    snapshot: SnapshotId | None = None
    hold: bool = False
