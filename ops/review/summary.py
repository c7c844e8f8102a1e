"""The effects of a change on mail, in sentences."""

from ops.review import access, accounts, domains, hosts, other_settings
from ops.review.change import Change

TAGS = {"tags", "tagsAll"}


def sentences(change: Change) -> list[str]:
    """The sentences, the most disruptive first: hosts, domains, accounts, access, others."""
    parts = (hosts, domains, accounts, access, other_settings)
    found = [sentence for part in parts for sentence in part.sentences(change)]
    tables = any(s.name.startswith("tables-") for s in change.preview.changes())
    touched = any(hosts.is_touched(step) for step in change.preview.of("Instance"))
    if tables and not found:
        found.append("The hosts' tables change; their content is secret.")
    if tables and not touched:
        found.append("No host is rebuilt or restarted: hosts fetch their tables within a minute.")
    if not found and change.preview.errors:
        found.append("Not known: the preview fails.")
    if not found:
        only_tags = all(
            step.op == "update" and set(step.changed) <= TAGS for step in change.preview.changes()
        )
        found.append(
            "Nothing changes for mail."
            if only_tags
            else "No host, record, login or forward changes; the operations do something else."
        )
    return list(dict.fromkeys(found))
