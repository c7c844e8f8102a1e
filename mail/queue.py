"""The lifetime of mail that a server cannot deliver yet: 4 to 5 days (RFC 5321, 4.5.4.1)."""

from datetime import UTC, datetime, timedelta

# Postfix's maximal_queue_lifetime, as set on the hosts (templates/gateway/etc/postfix/main.cf.j2).
LIFETIME = timedelta(days=5)
# bounce_queue_lifetime: what has the null sender is dropped then.
BOUNCE_LIFETIME = timedelta(days=1)


def is_last_day(arrived: str, *, is_bounce: bool) -> bool:
    """Whether a message, by the time it came (ISO 8601), is returned when it is put off once more.

    Postfix counts its age whether it was on hold or not (qmgr_active.c); half a day is margin.
    """
    lifetime = BOUNCE_LIFETIME if is_bounce else LIFETIME
    age = datetime.now(UTC) - datetime.fromisoformat(arrived)
    return age > lifetime - timedelta(hours=12)
