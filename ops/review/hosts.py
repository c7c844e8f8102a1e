"""Hosts that are created, rebuilt, restarted or removed, and their data that is kept."""

import base64
import binascii
import email
import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ops.review.change import Change
from ops.review.markdown import code, listed, turned
from ops.review.preview import SAME, UNKNOWN, Step
from settings import architecture

# Estimates for AWS: a first boot installs its packages in about five minutes, and a stop and start
# takes about two.
REBUILD_SECONDS = 300
RESTART_SECONDS = 120
NAMED_FILES = 4
BOOT = "mail-relay-boot"  # the part of user data that fetches the set-up object


def sentences(change: Change) -> Iterator[str]:
    """The changes of each host."""
    if change.renamed:
        old, new = change.renamed
        yield (
            f"The gateway {old} becomes {new}: a new host with a new address, reverse name and "
            "certificate and an empty queue."
        )
    yield from _server(change)
    yield from _drained(change)
    gateways = {gateway.name for gateway in change.after.gateways}
    steps = sorted(change.preview.of("Instance"), key=lambda s: (s.name not in gateways, s.name))
    for step in steps:
        if step.name not in (change.renamed or ()):
            yield from _instance(change, step)
    for step in change.preview.of("Volume"):
        if step.op == "update" and "size" in step.changed:
            sizes = [f"{(inputs or {}).get('size')} GiB" for inputs in (step.before, step.after)]
            yield (
                f"The data volume of {step.name} grows: {turned(*sizes)}, used whole from the next "
                "boot on."
            )


def _server(change: Change) -> Iterator[str]:
    """The name that mail programs and clients connect to, if it changes."""
    yield from _balanced(change)
    new = change.after.submission_name
    old = change.before.submission_name if change.before else new
    if old == new:
        return
    stays = old in {gateway.name for gateway in change.after.gateways}
    yield f"587 and 465 are reached as {new} instead of {old}: " + (
        "mail programs that have the old name go on to work."
        if stays
        else "mail programs have to be told the new server."
    )


def _balanced(change: Change) -> Iterator[str]:
    """The load balancer, if it is added or removed."""
    after = change.after.submission
    if change.before is None or change.before.submission.load_balancer == after.load_balancer:
        return
    name = change.after.submission_name
    if after.load_balancer:
        yield (
            f"587 and 465 of {name} are a load balancer's from now on. Those of the gateways are "
            "open to it alone: programs that use a gateway's own name no longer reach them."
        )
    else:
        yield f"{name} leads to the gateways themselves again; the load balancer goes."


def _drained(change: Change) -> Iterator[str]:
    before = {g.name: g.drains for g in change.before.gateways} if change.before else {}
    for gateway in change.after.gateways:
        if gateway.drains and not before.get(gateway.name):
            yield (
                f"The gateway {gateway.name} takes no mail any more and sends what it has, so that "
                "it can be taken away."
            )
        elif before.get(gateway.name) and not gateway.drains:
            yield f"The gateway {gateway.name} takes mail again."


def those_left(change: Change, host: str) -> set[str]:
    """The gateways that take mail while this one is rebuilt or restarted."""
    left = {gateway.name for gateway in change.after.taking}
    if change.before:  # the name leads to one whose drain ends only after the rebuild
        left &= {gateway.name for gateway in change.before.taking}
    if not change.after.wait.minutes:
        left -= {s.name for s in change.preview.of("Instance") if is_touched(s)}
    return left - {host}


def is_touched(step: Step) -> bool:
    """Whether an instance's host goes down or comes up, at least for a restart."""
    return step.op != SAME and (step.op != "update" or "instanceType" in step.changed)


def _instance(change: Change, step: Step) -> Iterator[str]:
    host = change.host(step.name)
    is_gateway = host.startswith("gateway ")
    match step.op:
        case "create":
            serves = "takes mail" if is_gateway else "can send"
            yield f"The {host} is made; it {serves} about {REBUILD_SECONDS} s after its start."
        case "delete":
            yield f"The {host} is taken away."
        case "replace":
            yield (
                f"The {host} is rebuilt ({_why(change, step)}): "
                f"{_pause(change, step.name, REBUILD_SECONDS)}; {_kept(change, step.name)}."
            )
        case "update" if "instanceType" in step.changed:
            yield (
                f"The {host} is stopped and started ({_why(change, step)}): "
                f"{_pause(change, step.name, RESTART_SECONDS)}; nothing is lost."
            )


def _pause(change: Change, host: str, seconds: int) -> str:
    """What the time means for mail: of the other gateways those count to which mail comes."""
    if host not in {gateway.name for gateway in change.after.gateways}:
        return f"its programs cannot hand over mail for about {seconds} s"
    if those_left(change, host):
        return f"the others serve meanwhile, for about {seconds} s, and are rebuilt one by one"
    return f"senders retry for about {seconds} s, mail programs show an error"


def _kept(change: Change, host: str) -> str:
    address, volume = change.identity("Eip", host), change.identity("Volume", host)
    kept = ["address"] if address and address.stays else []
    if volume and volume.stays:
        kept = ["queue", *kept, "certificates"]
    if not volume:
        said = f"its {listed(kept)} is kept, " if kept else ""
        return f"{said}mail in its queue is lost"
    return f"{listed(kept)} {'are' if len(kept) > 1 else 'is'} kept" if kept else "nothing is kept"


def _why(change: Change, step: Step) -> str:
    before, after = step.before or {}, step.after or {}
    reasons = dict.fromkeys((*step.reasons, *step.changed))
    found: list[str] = []
    for key in sorted(reasons):
        if key == "ami":
            found.append(_images(change, step))
        elif key == "instanceType":
            types = str(before.get(key)), str(after.get(key))
            old, new = map(architecture, types)
            other = f", another architecture: {old} → {new}" if old != new else ""
            found.append(f"instance type {turned(*types)}{other}")
        elif key == "userDataBase64":
            files = _files(change, step)
            more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
            found.append(f"its set-up changes: {', '.join(map(code, files[:NAMED_FILES]))}{more}")
        elif key not in ("tags", "tagsAll"):
            found.append(f"its {key} changes")
    return "; ".join(found)


def _images(change: Change, step: Step) -> str:
    types = [str((inputs or {}).get("instanceType")) for inputs in (step.before, step.after)]
    if change.before is None:
        return f"another image, {code(change.after.image_of(types[1]))}"
    images = change.before.image_of(types[0]), change.after.image_of(types[1])
    return f"image {turned(*images)}"


def _files(change: Change, step: Step) -> list[str]:
    """The differences in a host's set-up: files by path, parts of user data by name."""
    objects = [s for s in change.preview.of("BucketObjectv2") if s.name == f"setup-{step.name}"]
    setup = objects[0] if objects else None
    one = _laid(setup and setup.before) | _given(step.before)
    two = _laid(setup and setup.after) | _given(step.after)
    # BOOT, which has the files' hash, is not compared
    return sorted(k for k in one.keys() | two.keys() if one.get(k) != two.get(k)) or [BOOT]


def _laid(setup: Mapping[str, Any] | None) -> dict[str, Any]:
    """The files of a set-up object."""
    content = (setup or {}).get("content")
    if not isinstance(content, str) or content == UNKNOWN:
        return {}
    return {f"/{path}": text for path, text in json.loads(content).items()}


def _given(instance: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parts of user data, without the script that all hosts have."""
    user_data = (instance or {}).get("userDataBase64")
    if not isinstance(user_data, str) or user_data == UNKNOWN:
        return {}
    try:
        content = gzip.decompress(base64.b64decode(user_data))
    except (binascii.Error, OSError, EOFError):
        return {"user data": user_data}
    found: dict[str, Any] = {}
    for part in email.message_from_bytes(content).walk():
        text = part.get_payload(decode=True)
        if not isinstance(text, bytes):
            continue
        if part.get_content_type() == "text/cloud-config":
            found |= json.loads(text.decode().partition("\n")[2])
        elif part.get_filename() != BOOT:
            found[part.get_filename() or part.get_content_type()] = text
    return found
