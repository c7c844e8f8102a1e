"""Changes of settings other than hosts, domains, logins and forwards."""

from collections.abc import Iterator
from typing import Any

from ops.review.change import Change
from ops.review.markdown import code, turned
from settings import Settings

# Settings that other parts of the report cover; "*" is any item of a list.
TOLD = {
    ("gateway", "name"),
    ("gateway", "instanceType"),
    ("gateway", "dataVolumeGiB"),
    ("gateway", "dataVolume"),
    ("gateways", "*", "name"),
    ("gateways", "*", "instanceType"),
    ("gateways", "*", "dataVolumeGiB"),
    ("gateways", "*", "dataVolume"),
    ("backup",),
    ("gateways", "*", "drain"),
    ("submission", "name"),
    ("submission", "loadBalancer"),
    *(
        (key,)
        for key in (
            "image",
            "operator",
            "protect",
            "ssh",
            "zones",
            "forwards",
            "tags",
            "mailboxes",
            "smarthost",
        )
    ),
    ("inbound", "dmarc"),
    ("inbound", "srsSecret"),
    ("acme", "directory"),
    *(("clients", "*", key) for key in ("name", "instanceType", "sendAs")),
    *(("logins", "*", key) for key in ("address", "password", "enabled", "sendAs")),
    *(
        ("domains", "*", key)
        for key in ("selectors", "retired", "keys", "dmarc", "spf", "txt", "a", "ttl", "mx", "name")
    ),
}
# Lists whose items other parts report as a whole when they are added or removed.
ITEMS = ("gateways", "clients", "logins", "domains")
Path = tuple[str, ...]


def sentences(change: Change) -> Iterator[str]:
    """The changes of the operator, inbound mail, certificates, SSH, protection, and all others."""
    if not change.settings_compare or change.before is None:
        return
    before, after = change.before, change.after
    if before.operator != after.operator:
        yield f"What the hosts report goes to {after.operator} instead of {before.operator}."
    if before.inbound.dmarc != after.inbound.dmarc:
        does = {"enforce": "refused where that says so", "mark": "only marked"}[after.inbound.dmarc]
        yield f"Inbound mail that fails its sender's DMARC policy is {does} from now on."
    if before.acme.directory != after.acme.directory:
        source = after.acme.directory or "Let's Encrypt"
        yield f"Certificates come from {source} from now on."
    if before.ssh.public_key != after.ssh.public_key:
        yield "The SSH key of the user admin changes."
    if before.protect != after.protect:
        verb = "are" if after.protect else "are no longer"
        yield f"Addresses, data volumes and keys {verb} protected from being deleted."
    yield from _backups(before, after)
    yield from _rest(change)


def _backups(before: Settings, after: Settings) -> Iterator[str]:
    """Daily snapshots, and what new data volumes start from."""
    if before.backup != after.backup:
        if after.backup is None:
            yield (
                "Data volumes get no daily snapshots any more, and leave no last one when they are "
                "deleted; those that there are stay, and cost."
            )
        else:
            yield (
                f"Each data volume gets a snapshot a day, of which {after.backup.days} are kept, "
                "and leaves a last one when it is deleted."
            )
    starts = {gateway.name: gateway.data_volume for gateway in before.gateways}
    for gateway in after.gateways:
        start = gateway.data_volume
        if start.snapshot and start != starts.get(gateway.name):
            held = "; its queue is held" if start.hold else ""
            yield (
                f"A new data volume of {gateway.name} starts from {start.snapshot}{held}; one that "
                "stands stays as it is."
            )
    if before.inbound.srs_secret != after.inbound.srs_secret:
        yield (
            "The key of forwarded mail's senders (SRS) changes: bounces to what was forwarded "
            "before are refused."
        )


def _rest(change: Change) -> Iterator[str]:
    """The changed settings that no other part of the report covers."""
    assert change.start  # there is something to compare
    both = change.start.settings, change.end.settings
    # the only gateway may be in `gateways` before, and in `gateway` after, or the reverse
    listed = any(settings.listed_gateways for settings in both)
    one, two = (_flat(_given(settings, listed)) for settings in both)
    secret = change.start.secret | change.end.secret
    # only items in both: a key that is new or gone in one of these, such as a limit, is a change
    in_both = {path[:2] for path in one} & {path[:2] for path in two}
    for path in sorted(one.keys() | two.keys()):
        if one.get(path) == two.get(path) or _is_told(path):
            continue
        if path[0] in ITEMS and path[:2] not in in_both:
            continue
        if path[0] in change.end.secret and not change.secrets_compare:
            continue
        values = turned(_text(one.get(path)), _text(two.get(path)))
        said = "changes" if path[0] in secret else f"changes: {values}"
        yield f"The setting {code('mail-relay:' + '.'.join(path))} {said}."


def _given(settings: Settings, listed: bool) -> dict[str, Any]:
    """The settings; of a login's or client's own limits only those set, as others follow."""
    found = settings.model_dump(by_alias=True)
    if listed and settings.gateway:
        own = {"zone": None, "drain": False}
        found |= {"gateway": None, "gateways": ({**found["gateway"], **own},)}
    for key, items in (("clients", settings.clients), ("logins", settings.logins)):
        for dumped, item in zip(found[key], items, strict=True):
            if item.limits:
                dumped["limits"] = item.limits.model_dump(by_alias=True, exclude_unset=True)
    return found


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "unset" if value is None else str(value)


def _is_told(path: Path) -> bool:
    starts = (path[:length] for length in range(1, len(path) + 1))
    return any(start in TOLD or (*start[:1], "*", *start[2:]) in TOLD for start in starts)


def _flat(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Values by path; the key of a list's item is its name or address, else its index."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, tuple) and all(isinstance(item, dict) for item in value):
        items = [(i.get("name") or i.get("address") or n, i) for n, i in enumerate(value)]
    else:
        return {path: value}
    found: dict[Path, Any] = {}
    for key, item in items:
        found |= _flat(item, (*path, str(key)))
    return found
