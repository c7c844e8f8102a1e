"""Record sets of the stack that no other check has."""

from mail import dkim, dmarc
from ops.verify import spf
from ops.verify.result import Result
from ops.verify.world import World


def check(world: World) -> list[Result]:
    """One result for each."""
    e = world.expected
    known = {(host.name, kind) for host in e.hosts for kind in ("A", "TXT")}
    for domain in e.domains:
        known |= {(domain.name, "TXT"), (domain.name, "MX"), (dmarc.name(domain.name), "TXT")}
        known |= {(dkim.name(selector, domain.name), "TXT") for selector in domain.selectors}
    results = []
    for record in e.records:
        if (record.name, record.kind) in known or spf.policies(record.values):
            continue
        result = Result("record", f"{record.name} {record.kind}")
        if world.compare(result, record, "record"):
            result.seen.append(", ".join(record.values))
        results.append(result)
    return results
