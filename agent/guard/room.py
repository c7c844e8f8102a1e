"""A check for free inodes before a message is taken.

Postfix checks free bytes only (queue_minfree). Without free inodes its cleanup(8) waits and tries
again, and senders hang until they occupy every process.
"""

import os

from agent.guard.message import Verdict, deferred

SPOOL = "/var/spool/postfix"
# Shares of all inodes that must be free; a message needs one or two.
STRANGERS, OWN = 0.1, 0.02
FULL = deferred("there is no room for more messages now; try again later", "4.3.1")


def refusal(daemon: str) -> Verdict | None:
    """The refusal of a message that this daemon would take, or None if there is room.

    Strangers' mail is refused earlier, so that there is room for our own.
    """
    held = os.statvfs(SPOOL)
    if not held.f_files:  # a file system without a fixed number of inodes
        return None
    least = STRANGERS if daemon == "inbound" else OWN
    return FULL if held.f_favail / held.f_files < least else None
