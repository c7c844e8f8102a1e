"""Whether the gateway limits this computer's address, so that its ports look broken."""

from collections.abc import Sequence

from ops import guessing
from ops.outputs import Host
from ops.verify.probes import Probes
from ops.verify.result import Result
from ops.verify.talk import SMTP

LIKE_A_LIMIT = {"port-closed", "port-filtered", "port-silent", "port-broken"}


def check(host: Host, ports: Sequence[Result], probes: Probes) -> list[Result]:
    """Check for a limit if ports for logins fail and port 25, which has no limit, works."""
    broken = {r.subject for r in ports for p in r.errors if p.code in LIKE_A_LIMIT}
    if not broken or f"{host.name}:{SMTP}" in broken:
        return []
    result = Result("limit", host.name)
    try:
        limit = probes.limit(host)
    except guessing.Unknown as error:
        result.skipped = str(error)
        return [result]
    if limit:
        result.warn("client-limited", limit.text, limit.remedy)
    else:
        result.seen.append("our address is not limited for failed logins")
    return [result]
