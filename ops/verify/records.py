"""Record sets of the stack that no other check covers."""

from mail import records
from ops.verify import spf
from ops.verify.result import Result
from ops.verify.world import World, short


def check(world: World) -> list[Result]:
    """One result for each of these record sets."""
    e = world.expected
    # hosts, domains and their selectors have checks of their own
    others = [one for host in e.hosts for one in records.host(host.name, "")]
    for domain in e.domains:
        keys = dict.fromkeys(domain.selectors, "")
        others += records.domain(domain.name, policy="", keys=keys, exchanges=("",))
    known = {(one.name, one.kind) for one in others} | {
        (e.submission.host, kind) for kind in ("A", "CNAME")
    }
    results = []
    for record in e.records:
        if (record.name, record.kind) in known or spf.policies(record.values):
            continue
        result = Result("record", f"{record.name} {record.kind}")
        if world.compare(result, record, "record"):
            result.seen.append(", ".join(map(short, record.values)))
        results.append(result)
    return results
