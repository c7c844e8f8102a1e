"""The mail flow as a Mermaid flowchart, with changes marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ops.review.change import Change
from ops.review.domains import OF_DOMAIN, domain_of
from ops.review.hosts import is_touched
from ops.review.preview import SAME
from settings import MailDomain, Settings

SHOWN, MOST = 10, 30  # the most boxes of a sort, and of those that change
STYLES = """\
  classDef added fill:#d5f5d9,stroke:#1a7f37,color:#1f2328
  classDef changed fill:#fff3c4,stroke:#9a6700,color:#1f2328
  classDef removed fill:#ffd8d3,stroke:#cf222e,color:#1f2328,stroke-dasharray:5 5"""


@dataclass(frozen=True)
class Node:
    """A box: its mark is "added", "changed", "removed" or ""."""

    label: str
    mark: str


def picture(change: Change) -> str:
    """The text of the chart."""
    lines = ["flowchart LR", *_gateways(change)]
    edge = '{} -- "587 or 465, TLS, AUTH" --> gateway'
    lines += _sort("login", "logins", _logins(change), edge)
    lines += _sort("client", "client hosts", _clients(change), '{} -- "587, TLS, AUTH" --> gateway')
    lines += _way_out(change)
    forwards, mailboxes = _forwards(change), _mailboxes(change)
    if forwards or mailboxes:
        lines += ['  senders["senders elsewhere"] -- "25" --> gateway']
        lines += _sort("forward", "addresses", forwards, 'gateway -- "forwards" --> {}')
        lines += _sort("mailbox", "mailboxes", mailboxes, 'gateway -- "keeps" --> {}')
    lines += _sort("domain", "domains", _domains(change), "receivers -. DNS .-> {}", '[("', '")]')
    return "\n".join([*lines, STYLES])


def _gateways(change: Change) -> Iterator[str]:
    names = [gateway.name for gateway in change.after.gateways]
    if len(names) == 1:
        mark = "added" if change.renamed else _host_mark(change, names[0])
        yield _line("gateway", Node(f"{names[0]}<br/>gateway", mark))
    else:
        kind = "<br/>load balancer" if change.after.submission.load_balancer else ""
        yield f'  subgraph gateway["{change.after.submission_name}{kind}"]'
        for number, name in enumerate(names):
            yield _line(f"gateway{number}", Node(f"{name}<br/>gateway", _host_mark(change, name)))
        yield "  end"
    before = [gateway.name for gateway in change.before.gateways] if change.before else []
    for number, name in enumerate(name for name in before if name not in names):
        yield _line(f"gone{number or ''}", Node(f"{name}<br/>gateway until now", "removed"))


def _way_out(change: Change) -> Iterator[str]:
    """The edge from the gateway to the receivers, or to a smarthost and on."""
    before, after = (settings.smarthost for settings in _both(change))
    if after is None:
        yield '  gateway -- "25, DKIM-signed" --> receivers["receivers"]'
        return
    mark = "" if before == after else "changed" if before else "added"
    yield _line("smarthost", Node(f"{after.host or 'Amazon SES'}<br/>smarthost", mark))
    yield f'  gateway -- "{after.port}, DKIM-signed" --> smarthost'
    yield '  smarthost -- "25" --> receivers["receivers"]'


def _sort(
    sort: str, plural: str, nodes: list[Node], edge: str, open_: str = '["', close: str = '"]'
) -> Iterator[str]:
    """The boxes of a sort with their edges, those that change first; one box for the rest."""
    marked, others = [n for n in nodes if n.mark], [n for n in nodes if not n.mark]
    room = max(SHOWN, min(len(marked), MOST))
    shown, rest = (marked + others)[:room], (marked + others)[room:]
    if rest:
        shown.append(Node(f"{len(rest)} other {plural}", rest[0].mark and "changed"))
    for number, node in enumerate(shown):
        identity = f"{sort}{number}"
        yield _line(identity, node, open_, close)
        yield f"  {edge.format(identity)}"


def _line(identity: str, node: Node, open_: str = '["', close: str = '"]') -> str:
    label = node.label.replace('"', "#quot;")
    return f"  {identity}{open_}{label}{close}" + (f":::{node.mark}" if node.mark else "")


def _host_mark(change: Change, name: str) -> str:
    step = change.identity("Instance", name)
    if step is None or not is_touched(step):
        return ""
    return {"create": "added", "delete": "removed"}.get(step.op, "changed")


def _both(change: Change) -> tuple[Settings, Settings]:
    """The settings before and after; unknown ones before are those after, so nothing is marked."""
    if change.before:
        return change.before, change.after
    if change.preview.is_first:
        nobody: dict[str, Any] = dict.fromkeys(("logins", "clients", "forwards", "mailboxes"), ())
        return change.after.model_copy(update=nobody), change.after
    return change.after, change.after


def _marked(before: dict[str, object], after: dict[str, object]) -> Iterator[tuple[str, str]]:
    """The names in both, each with its mark."""
    for name in dict.fromkeys((*after, *before)):
        if name not in before:
            yield name, "added"
        elif name not in after:
            yield name, "removed"
        else:
            yield name, "" if before[name] == after[name] else "changed"


def _logins(change: Change) -> list[Node]:
    before, after = (
        {x.address: (x.password, x.enabled, s.send_as(x)) for x in s.logins} for s in _both(change)
    )
    if not change.secrets_compare:
        before, after = ({k: v[1:] for k, v in found.items()} for found in (before, after))
    return [Node(name, mark) for name, mark in _marked(dict(before), dict(after))]


def _clients(change: Change) -> list[Node]:
    before, after = ({c.name: s.send_as(c) for c in s.clients} for s in _both(change))
    return [
        Node(f"{name}<br/>client host", _host_mark(change, name) or mark)
        for name, mark in _marked(dict(before), dict(after))
    ]


def _forwards(change: Change) -> list[Node]:
    before, after = ({f.address: f.to for f in s.forwards} for s in _both(change))
    return [Node(_any(name), mark) for name, mark in _marked(dict(before), dict(after))]


def _mailboxes(change: Change) -> list[Node]:
    before, after = ({m.address: m.quota_mib for m in s.mailboxes} for s in _both(change))
    return [Node(f"{name}<br/>mailbox", mark) for name, mark in _marked(dict(before), dict(after))]


def _any(address: str) -> str:
    return f"any other{address}" if address.startswith("@") else address


def _domains(change: Change) -> list[Node]:
    touched = {
        domain_of(step, change.domains)
        for step in change.preview.of("Record")
        if OF_DOMAIN in step.urn and step.op != SAME
    }
    marks = {"create": "added", "delete": "removed"}
    given = {d.name: d for s in _both(change) for d in s.mail_domains}
    return [
        Node(
            f"{name}<br/>{_published(given.get(name))}",
            marks.get(op, "changed" if name in touched else ""),
        )
        for name, op in change.domains.items()
    ]


def _published(domain: MailDomain | None) -> str:
    if domain is None:
        return "DNS"
    return f"DKIM {', '.join(domain.selectors)}; DMARC {domain.dmarc.policy}"
