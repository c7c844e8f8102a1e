"""`./relay verify`: nothing to say of a stack that is well, and what is broken is named."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_07_lab import relay
from world import CLIENT, GATEWAY, PROJECT, World

from lab.wait import until
from ops.lab import region


def verify(world: World, *arguments: str) -> dict[str, Any]:
    """The command's own JSON; its exit code agrees with it."""
    world.flush_resolver()
    result = relay("verify", f"--lab={world.lab.name}", "--json", *arguments)
    assert "Traceback" not in result.stderr
    found = json.loads(result.stdout)
    assert result.returncode == (1 if found["errors"] else 0), result.stderr
    return found


def codes(found: dict[str, Any]) -> set[tuple[str, str]]:
    """(code, subject) of everything that is wrong."""
    return {
        (problem["code"], check["subject"])
        for check in found["checks"]
        for problem in [*check["errors"], *check["warnings"]]
    }


def test_a_stack_that_is_well_has_no_error_and_no_warning(world: World) -> None:
    world.pull_tables()
    found = verify(world)
    assert codes(found) == set()
    assert (found["errors"], found["warnings"], found["skipped"]) == (0, 0, 0)
    made = {check["check"] for check in found["checks"]}
    assert made >= {"zone", "address", "ptr", "helo", "port", "mx", "spf", "dkim", "dmarc"}
    assert made >= {"services", "tables", "queue", "signing", "egress"}


def test_one_domain_can_be_looked_at(world: World) -> None:
    found = verify(world, "--domain=shop.example")
    assert {c["subject"] for c in found["checks"] if c["check"] == "dmarc"} == {"shop.example"}
    wrong = relay("verify", f"--lab={world.lab.name}", "--domain=nobody.example")
    assert wrong.returncode == 1
    assert "there is relay.example, shop.example" in wrong.stderr


def test_a_host_that_looks_for_tables_at_this_moment_is_well(world: World) -> None:
    unit = "mail-relay-tables.service"
    folder = f"/run/systemd/system/{unit}.d"
    slow = f"mkdir {folder} && printf '[Service]\\nExecStartPre=sleep 6\\n' > {folder}/slow.conf"
    begin = f"systemctl daemon-reload && systemctl start --no-block {unit}"
    world.run(GATEWAY, "sh", "-c", f"{slow} && {begin}")
    try:
        assert codes(verify(world)) == set()
    finally:
        world.run(GATEWAY, "sh", "-c", f"rm -r {folder} && systemctl daemon-reload")


@contextmanager
def record_withheld(world: World) -> Iterator[None]:
    world.region.call("PUT", "dns/withhold", {"names": ["_dmarc.shop.example"]})
    try:
        yield
    finally:
        world.region.call("DELETE", "dns/withhold")


@contextmanager
def record_changed(world: World) -> Iterator[None]:
    """Somebody edits SPF by hand."""
    zone, before = _held(world, "shop.example", "TXT")
    changed = {**before, "ResourceRecords": [{"Value": '"v=spf1 ip4:192.0.2.1 -all"'}]}
    _upsert(world, zone, changed)
    try:
        yield
    finally:
        _upsert(world, zone, before)


def _held(world: World, name: str, kind: str) -> tuple[str, dict[str, Any]]:
    with world.network():
        route53 = world.client("route53")
        zones = {z["Name"]: z["Id"] for z in route53.list_hosted_zones()["HostedZones"]}
        zone = zones[f"{name}."]
        sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (found,) = [s for s in sets if (s["Name"], s["Type"]) == (f"{name}.", kind)]
    return zone, found


def _upsert(world: World, zone: str, record: dict[str, Any]) -> None:
    changes = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    with world.network():
        world.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)


@contextmanager
def pointer_reset(world: World) -> Iterator[None]:
    """The address gets Amazon's own reverse name back."""
    with world.network():
        ec2 = world.client("ec2")
        addresses = [world.gateway.address]
        found = ec2.describe_addresses(PublicIps=addresses)["Addresses"]
        identity = found[0]["AllocationId"]
        ec2.reset_address_attribute(AllocationId=identity, Attribute="domain-name")
    try:
        yield
    finally:
        with world.network():
            ec2.modify_address_attribute(AllocationId=identity, DomainName=GATEWAY)


def stopped(unit: str) -> Callable[[World], AbstractContextManager[None]]:
    @contextmanager
    def stop(world: World) -> Iterator[None]:
        world.run(GATEWAY, "systemctl", "stop", unit)
        try:
            yield
        finally:
            world.run(GATEWAY, "systemctl", "start", unit)

    return stop


def group_without(direction: str, *ports: int) -> Callable[[World], AbstractContextManager[None]]:
    """Somebody removes rules ("ingress" or "egress") of the gateway's security group."""

    @contextmanager
    def closed(world: World) -> Iterator[None]:
        key = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
        with world.network():
            ec2 = world.client("ec2")
            groups = ec2.describe_security_groups()["SecurityGroups"]
            (group,) = [g for g in groups if g["Description"].startswith("gateway of ")]
            rules = [p for p in group[key] if p.get("FromPort") in ports]
            change = {"GroupId": group["GroupId"], "IpPermissions": rules}
            getattr(ec2, f"revoke_security_group_{direction}")(**change)
        try:
            until("the rules are gone", lambda: not _opened(world, direction, ports))
            yield
        finally:
            with world.network():
                getattr(ec2, f"authorize_security_group_{direction}")(**change)
            until("the rules are back", lambda: _opened(world, direction, ports) == set(ports))

    return closed


def _opened(world: World, direction: str, ports: tuple[int, ...]) -> set[int]:
    """Those of the ports that the lab's firewall lets in or out of the gateway's machine."""
    way = "in" if direction == "ingress" else "out"
    chain = f"  chain {way}-m-{world.machine(GATEWAY).removeprefix('i-')[:8]} {{"
    rules = (world.lab.directory / "rules.nft").read_text().partition(chain)[2].partition("}")[0]
    return {port for port in ports if f"dport {port}-{port}" in rules}


way_out_closed = group_without("egress", 25)


def block_list(
    zone: str, mode: str, *entries: str
) -> Callable[[World], AbstractContextManager[None]]:
    """A block list of the lab's internet has an address or a domain, or refuses to answer."""

    @contextmanager
    def listed(world: World) -> Iterator[None]:
        _ask_lists(world, zone, mode, *(entry.format(world.gateway.address) for entry in entries))
        try:
            yield
        finally:
            _ask_lists(world, zone, "answers")

    return listed


def _ask_lists(world: World, zone: str, mode: str, *entries: str) -> None:
    code = "127.0.1.2" if zone.startswith("dbl.") else "127.0.0.2"
    body = {"mode": mode, "listed": {entry: [code] for entry in entries}}
    world.region.call("PUT", f"dns/block-lists/{zone}", body)
    world.run(GATEWAY, "rm", "-f", "/srv/mail/block_lists.json")
    # a run that is under way may have looked before
    for unit in ("block-lists", "status"):
        world.run(GATEWAY, "systemctl", "restart", f"mail-relay-{unit}.service")


def test_block_lists_are_asked_by_the_gateway_itself(world: World) -> None:
    """Spamhaus refuses AWS's resolver, and takes what the gateway asks from its own address."""
    _ask_lists(world, "zen.spamhaus.org", "answers")
    (found,) = [c for c in verify(world)["checks"] if c["check"] == "lists"]
    assert (found["status"], len(found["seen"])) == ("ok", 1)
    assert found["seen"][0].startswith("6 block lists asked for 3 names")
    look = "import dns.resolver; print(*dns.resolver.resolve('2.0.0.127.zen.spamhaus.org'))"
    assert world.run(GATEWAY, "python3", "-c", look).strip() == "127.255.255.254"


def test_a_list_that_gives_no_usable_answer_is_mentioned_and_lists_nobody(world: World) -> None:
    """Others of the kind, such as one that has ended, are tried in tests/unit."""
    with block_list("zen.spamhaus.org", "refuses")(world):
        (found,) = [c for c in verify(world)["checks"] if c["check"] == "lists"]
        assert (found["status"], len(found["seen"])) == ("ok", 2)
        assert found["seen"][1].startswith("Spamhaus ZEN cannot be asked: ")


ways_in_closed = group_without("ingress", 25, 587, 465)


@contextmanager
def way_out_blocked(world: World) -> Iterator[None]:
    """Port 25 is blocked, as on a new AWS account."""
    region.block_port_25(world.lab, True)
    try:
        yield
    finally:
        region.block_port_25(world.lab, False)


@pytest.mark.parametrize(
    ("breakage", "wrong", "remedy"),
    [
        (
            record_withheld,
            {("dmarc-missing", "shop.example")},
            '_dmarc.shop.example. 300 IN TXT "v=DMARC1; p=none; rua=mailto:{operator}"',
        ),
        (
            record_changed,
            {("spf-differs", "shop.example")},
            'shop.example. 300 IN TXT "v=spf1 include:_spf.relay.example ~all"',
        ),
        (pointer_reset, {("ptr-differs", GATEWAY)}, f"IN PTR {GATEWAY}."),
        (
            stopped("opendkim-verify.service"),
            {("service-stopped", GATEWAY)},
            "systemctl restart opendkim-verify.service",
        ),
        (
            stopped("postfix.service"),
            {("service-stopped", GATEWAY)},
            "systemctl restart postfix.service",
        ),
        (
            stopped("opendkim.service"),
            {("service-stopped", GATEWAY)},
            "systemctl restart opendkim.service",
        ),
        (
            stopped("mail-relay-guard.service"),
            {("service-stopped", GATEWAY)},
            "systemctl restart mail-relay-guard.service",
        ),
        (
            block_list("zen.spamhaus.org", "answers", "{}"),
            {("address-listed", GATEWAY)},
            "https://check.spamhaus.org",
        ),
        (
            block_list("dbl.spamhaus.org", "answers", "shop.example"),
            {("domain-listed", "shop.example")},
            "https://check.spamhaus.org",
        ),
        (way_out_closed, {("group-closed", GATEWAY)}, "pulumi up --refresh"),
        (ways_in_closed, {("group-closed", GATEWAY)}, "pulumi up --refresh"),
        (way_out_blocked, {("egress-blocked", GATEWAY)}, "lab up --lab {lab} --open-port-25"),
    ],
)
def test_what_is_broken_is_named_with_its_remedy(
    world: World,
    breakage: Callable[[World], AbstractContextManager[None]],
    wrong: set[tuple[str, str]],
    remedy: str,
) -> None:
    with breakage(world):
        found = verify(world)
        assert codes(found) == wrong
        instructions = [text for check in found["checks"] for text in check["instructions"]]
        expected = remedy.format(operator=world.operator, lab=world.lab.name)
        assert any(expected in text for text in instructions), instructions
    world.flush_resolver()


def test_a_review_looks_whether_mail_passes_before_dmarc_is_tightened(
    world: World, tmp_path: Path
) -> None:
    content = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())
    content["config"]["mail-relay:domains"][0]["dmarc"] = {"policy": "reject"}
    file = tmp_path / "Pulumi.tight.yaml"
    file.write_text(yaml.safe_dump(content))

    def warned() -> list[str]:
        world.flush_resolver()
        command = ("review", f"--lab={world.lab.name}", f"--file={file}", "--json")
        found = json.loads(relay(*command).stdout)
        assert "DMARC of shop.example" in " ".join(found["sentences"])
        return [w["text"] for w in found["warnings"] if w["kind"] == "dmarc-tightened"]

    assert warned() == []
    with record_changed(world):
        (text,) = warned()
        assert text.endswith("its mail does not pass SPF and DKIM now.")
    world.flush_resolver()


def test_all_is_well_again(world: World) -> None:
    until("nothing is wrong", lambda: codes(verify(world)) == set(), 60, every=2)
    assert world.failed_units(GATEWAY) == world.failed_units(CLIENT) == ""


def test_leftovers_tells_an_orphan_from_a_stack_that_is_up(world: World) -> None:
    command = ("leftovers", f"--lab={world.lab.name}", "--json")
    result = relay(*command)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["left"] == []
    assert {"instance", "elastic IP", "bucket", "record"} <= {b["what"] for b in found["belongs"]}
    with world.network():
        ec2 = world.client("ec2")
        tags = [{"Key": "Project", "Value": "mail-relay"}, {"Key": "Stack", "Value": "lab"}]
        specification = [{"ResourceType": "volume", "Tags": tags}]
        volume = ec2.create_volume(
            AvailabilityZone="us-east-1a", Size=8, TagSpecifications=specification
        )["VolumeId"]
    try:
        result = relay(*command)
        assert result.returncode == 1
        (orphan,) = json.loads(result.stdout)["left"]
        assert (orphan["id"], orphan["remove"].split()[-1]) == (volume, volume)
    finally:
        with world.network():
            world.client("ec2").delete_volume(VolumeId=volume)
