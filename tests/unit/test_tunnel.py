"""Tunnels through an endpoint: our side of them against the lab's, without TLS."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from region_service import serving
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from lab.region import backends, tunnels
from lab.region.memory import Memory
from lab.wait import until
from ops import tunnel
from ops.errors import StackError
from ops.on_host import NoAnswer
from ops.outputs import Endpoint, Host

# A VPC of loopback addresses, so that its hosts are there.
VPC, HOST, OTHERS = "127.0.0.0/16", "127.0.0.1", "10.20.0.4"
ADMINISTRATOR = ("lab", "lab")


class Place:
    """A region with an endpoint, its tunnels, and a host that sends back what it gets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, client: Any, memory: Memory) -> None:
        self.memory, self.client = memory, client
        ec2, memory.endpoint_seconds = client("ec2"), 0.0
        self.vpc = ec2.create_vpc(CidrBlock=VPC)["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="127.0.1.0/24")["Subnet"]
        made = ec2.create_instance_connect_endpoint(SubnetId=subnet["SubnetId"])
        found = made["InstanceConnectEndpoint"]
        endpoint = Endpoint(id=found["InstanceConnectEndpointId"], dns_name=found["DnsName"])
        self.host = self.at(HOST, endpoint)
        echo, server = socket.create_server((HOST, 0)), socket.create_server((HOST, 0))
        self.port, self.tunnel_port = echo.getsockname()[1], server.getsockname()[1]
        server.close()
        threading.Thread(target=_echo, args=(echo,), daemon=True).start()
        monkeypatch.setattr(tunnels, "entered", lambda _: nullcontext())
        monkeypatch.setattr(tunnels, "PORTS", (self.port,))
        monkeypatch.setattr(tunnel, "PORT", self.port)
        monkeypatch.setattr(tunnel, "connect", self._connect)
        tunnels.serve(memory, "mr-x", self.tunnel_port)

    def _connect(self, url: str, **options: Any) -> Any:
        assert url.startswith("wss://")
        link = socket.create_connection((HOST, self.tunnel_port))
        given = {**options, "ssl": None, "sock": link, "proxy": None}
        return connect(url.replace("wss://", "ws://", 1), **given)

    @staticmethod
    def at(address: str, endpoint: Endpoint) -> Host:
        return Host(
            name="mail.relay.example",
            instance_id="i-1",
            private_address=address,
            tables="",
            status="",
            endpoint=endpoint,
        )

    def opened(self, host: Host | None = None, who: tuple[str, str] = ADMINISTRATOR) -> Any:
        return tunnel.opened(host or self.host, lambda: session(who), self.why)

    def why(self, host: Host) -> str:
        return tunnel.why_not(self.client, host, "pulumi up --refresh")

    def user(self, *statements: dict[str, Any]) -> tuple[str, str]:
        """The access key of a new user with a policy of these statements."""
        iam = self.client("iam")
        iam.create_user(UserName="ann")
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        if statements:
            iam.put_user_policy(UserName="ann", PolicyName="tunnel", PolicyDocument=policy)
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


def session(who: tuple[str, str], region: str = "us-east-1") -> boto3.Session:
    key, secret = who
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)


def _echo(server: socket.socket) -> None:
    while True:
        link, _ = server.accept()
        with link:
            while content := link.recv(65536):
                link.sendall(content)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    memory = Memory()
    with serving(memory) as (client, _):
        yield Place(monkeypatch, client, memory)
    for backend in (backends.ec2(), backends.iam()):
        backend.reset()


def test_what_ssh_sends_comes_to_the_host_and_back(place: Place) -> None:
    """With the program that hands ssh its end, as ssh calls it."""
    with tunnel.through(place.opened()) as through:
        command, fd_pass = through.options[1], through.options[3]
        assert fd_pass == "ProxyUseFdpass=yes"
        ours, proxys = socket.socketpair(socket.AF_UNIX)
        words = command.removeprefix("ProxyCommand=").split()
        assert words[0] == sys.executable
        with subprocess.Popen(words, stdout=proxys.fileno()) as proxy:
            _, (fd,), _, _ = socket.recv_fds(ours, 1, 1)
            assert proxy.wait(20) == 0
        with socket.socket(fileno=fd) as link:
            content = bytes(range(256)) * 1024
            threading.Thread(target=link.sendall, args=(content,)).start()
            back = b""
            while len(back) < len(content):
                back += link.recv(65536)
            assert back == content
    assert through.ended == ""


@pytest.mark.parametrize(("leaves", "ended"), [(True, ""), (False, "closed with 1006")])
def test_how_a_tunnel_ends_after_ssh_has_left_is_no_reason(leaves: bool, ended: str) -> None:
    """A command that a signal ends has ssh exit with 255, as without a way to the host."""
    dropped = threading.Event()

    def drops(connection: ServerConnection) -> None:
        connection.recv()
        connection.socket.shutdown(socket.SHUT_RDWR)
        dropped.set()

    with serve(drops, HOST, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with tunnel.through(connect(f"ws://{HOST}:{port}", ping_interval=None)) as through:
            link = socket.socket(socket.AF_UNIX)
            link.connect(through.options[1].split()[-1])
            link.sendall(b"SSH-2.0-a\r\n")
            with link:
                assert dropped.wait(10)
                assert leaves or link.recv(1) == b""
        server.shutdown()
    assert through.ended == ended


def test_a_tunnel_that_leads_nowhere_says_so(place: Place) -> None:
    assert place.host.endpoint
    nobody = place.at("127.0.9.9", place.host.endpoint)
    with tunnel.through(place.opened(nobody)) as through:
        path = through.options[1].split()[-1]
        with socket.socket(socket.AF_UNIX) as ssh:
            ssh.connect(path)
            assert ssh.recv(1) == b""
    assert through.ended == "Unable to connect to target"


ARN = "arn:aws:ec2:*:*:instance-connect-endpoint/*"
MAY = {"Effect": "Allow", "Action": "ec2-instance-connect:OpenTunnel", "Resource": ARN}


def conditions(port: int, network: str, seconds: int) -> dict[str, Any]:
    """As in AWS's example of a policy."""
    prefix = "ec2-instance-connect:"
    return {
        **MAY,
        "Condition": {
            "NumericEquals": {f"{prefix}remotePort": str(port)},
            "IpAddress": {f"{prefix}privateIpAddress": network},
            "NumericLessThanEquals": {f"{prefix}maxTunnelDuration": str(seconds)},
        },
    }


def test_a_user_without_the_permission_is_refused_with_its_name(place: Place) -> None:
    with pytest.raises(StackError) as refused:
        place.opened(who=place.user())
    said = str(refused.value)
    assert "user/ann is not authorized to perform: ec2-instance-connect:OpenTunnel" in said
    assert "The AWS user needs ec2-instance-connect:OpenTunnel" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("port", "network", "seconds", "right"),
    [
        (0, "127.0.0.0/24", 3600, True),
        (1, "127.0.0.0/24", 3600, False),
        (0, "127.0.1.0/24", 3600, False),
        (0, "127.0.0.0/24", 3599, False),
    ],
)
def test_the_conditions_of_a_policy_hold(
    place: Place, port: int, network: str, seconds: int, right: bool
) -> None:
    """`port` is how far the policy's is from the tunnel's."""
    who = place.user(conditions(place.port + port, network, seconds))
    if right:
        place.opened(who=who).close()
    else:
        with pytest.raises(tunnel.Refused, match="OpenTunnel"):
            place.opened(who=who)


def test_a_wrong_signature_opens_nothing(place: Place) -> None:
    key, _ = place.user(MAY)
    for who in ((key, "another"), ("lab", "another"), ("AKIAUNKNOWN", "x")):
        with pytest.raises(tunnel.Refused, match=r"signature|security token"):
            place.opened(who=who)
    url = tunnel.signed_url(place.host, session(ADMINISTRATOR))
    for changed in (
        url.replace("privateIpAddress=127.0.0.1", "privateIpAddress=127.0.0.2"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        url.replace("X-Amz-Date=2", "X-Amz-Date=1"),  # a thousand years ago
    ):
        assert changed != url
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tunnel, "signed_url", lambda *_, url=changed: url)
            with pytest.raises(tunnel.Refused, match=r"signature|Signature expired"):
                place.opened()
    with pytest.raises(tunnel.Refused):
        tunnel.opened(place.host, lambda: session(ADMINISTRATOR, "eu-west-1"), place.why)


def test_other_ports_and_addresses_are_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.host.endpoint
    with pytest.raises(tunnel.Refused, match=f"{OTHERS} is not in the VPC {place.vpc}"):
        place.opened(place.at(OTHERS, place.host.endpoint))
    monkeypatch.setattr(tunnel, "PORT", 25)
    with pytest.raises(tunnel.Refused, match="port 25 is not supported"):
        place.opened()


def test_an_endpoint_has_a_limited_number_of_tunnels(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "MOST_TUNNELS", 1)
    (endpoint,) = place.memory.endpoints.values()
    held = place.opened()
    until("it counts", lambda: endpoint.tunnels)
    with pytest.raises(tunnel.Refused, match="End another session, or wait"):
        place.opened()
    held.close()
    until("it counts no more", lambda: not endpoint.tunnels)
    place.opened().close()


def test_what_is_wrong_with_the_endpoint_is_said(place: Place) -> None:
    assert place.host.endpoint
    identity = place.host.endpoint.id
    place.memory.endpoints[identity].create_seconds = 600
    with pytest.raises(tunnel.Refused, match=f"{identity} is still being made"):
        place.opened()
    place.client("ec2").delete_instance_connect_endpoint(InstanceConnectEndpointId=identity)
    with pytest.raises(tunnel.Refused, match="is delete-in-progress: pulumi up --refresh"):
        place.opened()
    del place.memory.endpoints[identity]
    with pytest.raises(tunnel.Refused, match=rf"{identity} is gone, .*: pulumi up --refresh"):
        place.opened()


def test_an_endpoint_that_does_not_answer_is_no_traceback(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object, **__: object) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(tunnel, "connect", nobody)
    with pytest.raises(NoAnswer, match=r"does not answer .*Name or service not known"):
        place.opened()


def test_without_credentials_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Place.at(HOST, Endpoint(id="eice-1", dns_name="eice-1.example"))
    nobody: Any = SimpleNamespace(get_credentials=lambda: None, region_name="us-east-1")
    monkeypatch.setattr(tunnel, "connect", None)
    with pytest.raises(tunnel.Refused, match="asks for AWS credentials, and there are none"):
        tunnel.opened(host, lambda: nobody, lambda _: "")


def test_who_may_not_describe_the_endpoint_gets_no_wrong_reason() -> None:
    def refused(**_: object) -> Any:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "Describe")

    ec2 = SimpleNamespace(describe_instance_connect_endpoints=refused)
    host = Place.at(HOST, Endpoint(id="eice-1", dns_name="eice-1.example"))
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        tunnel.why_not(lambda _: ec2, host, "")
