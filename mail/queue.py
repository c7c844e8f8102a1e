"""The lifetime of mail that a server cannot deliver yet: 4 to 5 days (RFC 5321, 4.5.4.1)."""

from datetime import timedelta

# Postfix's maximal_queue_lifetime, as set on the hosts (templates/gateway/etc/postfix/main.cf.j2).
LIFETIME = timedelta(days=5)
# bounce_queue_lifetime: what has the null sender is dropped then.
BOUNCE_LIFETIME = timedelta(days=1)
