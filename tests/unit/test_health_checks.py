"""Route53's health checks and multivalue answers, with real connections and real DNS queries."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dns.message
import dns.query
import pytest
from botocore.exceptions import ClientError
from region_service import serving

from lab.region import backends, dns_server, health
from lab.region.health import CHECKERS, Health, View
from lab.region.memory import Memory
from lab.wait import until

CHECK = {"Type": "TCP", "IPAddress": "203.0.113.9", "Port": 465}
NAME = "submission.multi.example."


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Service:
    """A region's Route53 and its DNS."""

    memory: Memory
    route53: Any
    zone: str
    dns_port: int

    def change(self, *changes: tuple[str, Mapping[str, Any]]) -> None:
        batch = [{"Action": a, "ResourceRecordSet": r} for a, r in changes]
        self.route53.change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": batch}
        )

    def check(self, **changes: Any) -> str:
        made = self.route53.create_health_check(
            CallerReference=str(time.monotonic_ns()), HealthCheckConfig={**CHECK, **changes}
        )
        return made["HealthCheck"]["Id"]

    def tell(self, identity: str, healthy: bool) -> None:
        """All checkers find the endpoint healthy or not."""
        check = backends.route53().health_checks[identity]
        for key, region in self.memory.health.watching(check).items():
            self.memory.health.view(key, region).healthy = healthy

    def ask(self, name: str = NAME) -> tuple[int, list[str]]:
        """TTL and values in the order of an answer to a question for A."""
        query = dns.message.make_query(name, "A")
        answer = dns.query.udp(query, "127.0.0.1", port=self.dns_port, timeout=5)
        (found,) = answer.answer
        return found.ttl, [item.to_text() for item in found]

    def answers(self) -> list[str]:
        return sorted(self.ask()[1])


@pytest.fixture
def service() -> Iterator[Service]:
    backends.route53().zones.clear()
    backends.route53().health_checks.clear()
    memory = Memory()
    for _ in range(20):  # a port that is free for UDP may be somebody's for TCP
        dns_port = free_port(socket.SOCK_DGRAM)
        try:
            dns_server.serve(memory, "127.0.0.1", dns_port)
            break
        except OSError:
            continue
    else:
        pytest.fail("no port is free for DNS")
    with serving(memory) as (client, _):
        route53 = client("route53")
        made = route53.create_hosted_zone(Name="multi.example", CallerReference="m")
        yield Service(memory, route53, made["HostedZone"]["Id"], dns_port)


def record(identifier: str, value: str, check: str | None = None, **changes: Any) -> dict[str, Any]:
    """A multivalue answer."""
    found: dict[str, Any] = {
        "Name": NAME,
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": identifier,
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": value}],
    }
    if check:
        found["HealthCheckId"] = check
    return {k: v for k, v in {**found, **changes}.items() if v is not None}


def simple(value: str = "203.0.113.1") -> dict[str, Any]:
    return record("", value, SetIdentifier=None, MultiValueAnswer=None)


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


WHERE = f"[Action=CREATE, Name={NAME}, Type=A, SetIdentifier={{}}]"
RECORDS = {
    "no policy": (
        record("a", "203.0.113.1", MultiValueAnswer=None),
        "InvalidInput",
        "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or "
        "MultiValueAnswer], but found none in Change with " + WHERE.format("a"),
    ),
    "no identifier": (
        record("a", "203.0.113.1", SetIdentifier=None),
        "InvalidInput",
        "Invalid request: Missing field 'SetIdentifier' in Change with " + WHERE.format("null"),
    ),
    "a health check of a simple record": (
        {**simple(), "HealthCheckId": "x"},
        "InvalidInput",
        "Invalid request: Missing field 'SetIdentifier' in Change with " + WHERE.format("null"),
    ),
    "another policy": (
        record("a", "203.0.113.1", MultiValueAnswer=None, Weight=1),
        "InvalidInput",
        "the lab has no routing policy Weight in " + WHERE.format("a"),
    ),
    "an unknown health check": (
        record("a", "203.0.113.1", "none"),
        "NoSuchHealthCheck",
        "A health check with id none does not exist.",
    ),
    "two values": (
        record("a", "", ResourceRecords=[{"Value": "203.0.113.1"}, {"Value": "203.0.113.2"}]),
        "InvalidChangeBatch",
        "can only have one value",
    ),
    "a CNAME": (
        record("a", "x.example.", Type="CNAME"),
        "InvalidChangeBatch",
        "this type of RRSet is not supported",
    ),
    "a long identifier": (record("a" * 129, "203.0.113.1"), "InvalidInput", "equal to 128"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_set_has_a_whole_policy(service: Service, case: str) -> None:
    given, code, text = RECORDS[case]
    found = refused(lambda: service.change(("CREATE", given)))
    assert found[0] == code
    assert text in found[1]


def test_multivalue_answers_and_a_simple_record_are_not_beside_each_other(
    service: Service,
) -> None:
    service.change(("CREATE", simple()))
    first = record("a", "203.0.113.1")
    assert refused(lambda: service.change(("CREATE", first))) == (
        "InvalidChangeBatch",
        f"[RRSet with DNS name {NAME}, type A, SetIdentifier a cannot be created because a non "
        "multivalue answer rrset exists with the same name and type.]",
    )
    service.change(("DELETE", simple()), ("CREATE", first))
    assert refused(lambda: service.change(("CREATE", simple()))) == (
        "InvalidChangeBatch",
        f"[RRSet with DNS name {NAME}, type A cannot be created as other RRSets exist with the "
        "same name and type.]",
    )


def test_a_record_set_is_one_by_its_identifier(service: Service) -> None:
    check = service.check()
    first, second = record("a", "203.0.113.1", check), record("b", "203.0.113.2")
    service.change(("CREATE", second), ("CREATE", first))
    code, said = refused(lambda: service.change(("CREATE", first)))
    assert "set-identifier='a'] but it already exists" in said
    service.change(("UPSERT", record("b", "203.0.113.3", TTL=30)))
    pages = service.route53.get_paginator("list_resource_record_sets")
    listed = [
        r
        for page in pages.paginate(HostedZoneId=service.zone)
        for r in page["ResourceRecordSets"]
        if r["Name"] == NAME
    ]
    # the last TTL is all records'
    assert listed == [
        {**record("a", "203.0.113.1", check), "TTL": 30},
        {**record("b", "203.0.113.3"), "TTL": 30},
    ]
    code, said = refused(lambda: service.change(("DELETE", {**listed[0], "HealthCheckId": "x"})))
    assert (code, "do not match the current values" in said) == ("InvalidChangeBatch", True)
    service.change(("DELETE", listed[0]))
    assert service.ask() == (30, ["203.0.113.3"])


def test_dns_answers_with_the_healthy_and_with_all_if_none_is(service: Service) -> None:
    checks = [service.check() for _ in range(2)]
    for number, check in enumerate([*checks, None]):
        service.change(("CREATE", record(f"g{number}", f"203.0.113.{number}", check)))
    every = ["203.0.113.0", "203.0.113.1", "203.0.113.2"]
    assert service.answers() == every  # new health checks are healthy
    service.tell(checks[0], False)
    assert service.answers() == every[1:]
    service.tell(checks[1], False)
    assert service.answers() == every[2:]  # without a health check: always healthy
    service.change(("DELETE", record("g2", every[2])))
    assert service.answers() == every[:2]
    service.tell(checks[1], True)
    assert service.answers() == [every[1]]
    service.route53.delete_health_check(HealthCheckId=checks[1])
    assert service.answers() == every[:2]  # what is deleted is not healthy


def test_dns_answers_with_eight_by_chance_in_any_order(service: Service) -> None:
    for number in range(10):
        service.change(("CREATE", record(f"g{number}", f"203.0.113.{number}")))
    found = [service.ask() for _ in range(60)]
    assert {(ttl, len(set(values))) for ttl, values in found} == {(60, 8)}
    assert len(Counter(value for _, values in found for value in values)) == 10
    assert len({values[0] for _, values in found}) > 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"IPAddress": "10.20.0.5"}, "forbidden IP address"),
        ({"IPAddress": "127.0.0.1"}, "forbidden IP address"),
        ({"IPAddress": "100.64.0.1"}, "forbidden IP address"),
        ({"IPAddress": "mail.example"}, "not an IPv4 address"),
        ({"Port": 0}, "between 1 and 65535"),
        ({"RequestInterval": 20}, "10 or 30"),
        ({"FailureThreshold": 11}, "between 1 and 10"),
        ({"Regions": ["us-east-1", "us-west-1"]}, "at least 3"),
        ({"Regions": ["us-east-1", "us-west-1", "eu-central-1"]}, "at least 3 of"),
        ({"FullyQualifiedDomainName": "mail.example"}, "must not have a fully qualified domain"),
        ({"ResourcePath": "/"}, "must not have a resource path"),
        ({"Type": "HTTP"}, "TCP only"),
    ],
)
def test_a_bad_health_check_is_refused(service: Service, change: Any, said: str) -> None:
    code, text = refused(lambda: service.check(**change))
    assert (code, said in text) == ("InvalidInput", True), text
    check = service.check()
    if set(change) & {"IPAddress", "Port", "FailureThreshold", "Regions", "ResourcePath"}:
        update = service.route53.update_health_check
        assert refused(lambda: update(HealthCheckId=check, **change)) == (code, text)


def test_an_update_changes_what_it_names(service: Service) -> None:
    regions = ["eu-west-1", "us-east-1", "us-west-1"]
    check = service.check(Regions=regions, RequestInterval=10)
    service.route53.update_health_check(HealthCheckId=check, FailureThreshold=2)
    found = service.route53.get_health_check(HealthCheckId=check)["HealthCheck"]
    config = found["HealthCheckConfig"]
    assert (config["FailureThreshold"], config["RequestInterval"]) == (2, 10)
    assert (config["Port"], config["Regions"]) == (465, regions)
    assert found["HealthCheckVersion"] == 2


def test_what_is_no_health_check_is_not_found(service: Service) -> None:
    for call in ("get_health_check", "get_health_check_status", "delete_health_check"):
        found = refused(lambda call=call: getattr(service.route53, call)(HealthCheckId="none"))
        assert found[0] == "NoSuchHealthCheck"


def test_a_checker_changes_its_mind_after_as_many_checks_in_a_row() -> None:
    view, said = View("us-east-1"), "Connection refused."
    for failure, healthy in [
        (said, True),
        (said, True),
        (None, True),  # in a row
        (said, True),
        (said, True),
        (said, False),
        (None, False),
        (None, False),
        (None, True),
    ]:
        view.note(failure, 3)
        assert view.healthy is healthy


def test_more_than_18_percent_of_the_checkers_make_it_healthy(service: Service) -> None:
    check = service.check()
    found = backends.route53().health_checks[check]
    views = [
        service.memory.health.view(k, r) for k, r in service.memory.health.watching(found).items()
    ]
    assert len(views) == sum(len(at) for at in CHECKERS.values())
    for left in (3, 2):
        for number, view in enumerate(views):
            view.healthy = number < left
        assert service.memory.health.healthy(check) is (left / len(views) > 0.18)
    service.route53.update_health_check(HealthCheckId=check, Inverted=True)
    assert service.memory.health.healthy(check) is True
    service.route53.update_health_check(HealthCheckId=check, Inverted=False, Disabled=True)
    assert service.memory.health.healthy(check) is True


@contextlib.contextmanager
def listening(port: int, seen: set[str]) -> Iterator[None]:
    """A server that notes who connects."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(50)
        server.settimeout(0.05)
        end = threading.Event()

        def accept() -> None:
            while not end.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, (address, _) = server.accept()
                    seen.add(address)
                    connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield
        end.set()
        thread.join()


def test_checkers_connect_and_find_a_server_dead_after_interval_times_threshold(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LOOK_SECONDS", 0.05)
    port, seen, interval, threshold = free_port(), set[str](), 0.2, 4
    checkers = {"us-east-1": ("127.0.0.11", "127.0.0.12"), "us-west-1": ("127.0.0.13",)}
    service.memory.health = found = Health(checkers)
    arguments = {"ip_address": "127.0.0.1", "port": port, "type": "TCP"}
    arguments |= {"request_interval": interval, "failure_threshold": threshold}
    check = backends.route53().create_health_check("r", arguments)

    tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def follow() -> None:
        following = asyncio.create_task(health.follow(found))
        tasks.append((asyncio.get_running_loop(), following))
        with contextlib.suppress(asyncio.CancelledError):
            await following

    def statuses() -> set[tuple[str, str]]:
        given = service.route53.get_health_check_status(HealthCheckId=check.id)
        return {
            (o["IPAddress"], o["StatusReport"]["Status"]) for o in given["HealthCheckObservations"]
        }

    assert statuses() == set()
    with listening(port, seen):
        checking = threading.Thread(target=lambda: asyncio.run(follow()), daemon=True)
        checking.start()
        addresses = {at for each in checkers.values() for at in each}
        until("all checkers have connected", lambda: seen == addresses, 10, every=0.02)
        time.sleep(interval * 2)
        assert found.healthy(check.id)
        assert statuses() == {(at, "Success: TCP connection established.") for at in addresses}
    died = time.monotonic()
    until("it is unhealthy", lambda: not found.healthy(check.id), 10, every=0.01)
    assert time.monotonic() - died >= interval * (threshold - 1)
    assert statuses() == {(at, "Failure: Connection refused.") for at in addresses}
    with listening(port, seen):
        back = time.monotonic()
        until("it is healthy again", lambda: found.healthy(check.id), 10, every=0.01)
        assert time.monotonic() - back >= interval * (threshold - 1)
    ((loop, following),) = tasks
    loop.call_soon_threadsafe(following.cancel)
    checking.join()
