"""Tunnels of EC2 Instance Connect Endpoints: WebSockets that lead to a host's port 22.

Each endpoint connects from a network namespace of its own, so security groups hold for it. What a
client sends is read in AWS's own command line (aws-cli v2, awscli/customizations/
ec2instanceconnect/eicesigner.py); a target that does not answer closes the WebSocket with the
reason "Unable to connect to target" (https://github.com/aws/aws-cdk/issues/26226). AWS documents no
other answer: the codes and texts of the lab's are its own.
"""

import hmac
import ipaddress
import json
import logging
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_sockets

from lab.access import NotRunning, entered
from lab.region import backends, signatures
from lab.region.balancers import namespace_of
from lab.region.errors import ApiError
from lab.region.instance_connect import READY, Endpoint
from lab.region.memory import Memory
from lab.region.rules import permissions

SERVICE = "ec2-instance-connect"
PORTS = (22, 3389)
# EC2 User Guide, "Connect using EC2 Instance Connect Endpoint", "Limitations"
MOST_TUNNELS, MOST_SECONDS = 20, 3600
CONNECT_SECONDS = 10
CHUNK = 65_000


@dataclass(frozen=True)
class Asked:
    """A request for a tunnel that is granted."""

    endpoint: Endpoint
    address: str
    port: int
    seconds: int


@dataclass(frozen=True)
class Tunnels:
    """What serves tunnels; `prefix` is the lab's namespace, with which the endpoints' begin."""

    memory: Memory
    prefix: str

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a request for a tunnel, or None: it is granted."""
        try:
            with self.memory.lock:
                asked = judged(self.memory, request.headers.get("Host", ""), request.path)
        except (ApiError, ValueError) as raised:
            wrong = ApiError("InvalidParameter", str(raised))  # no number, no address, no date
            error = raised if isinstance(raised, ApiError) else wrong
            body = json.dumps({"ErrorCode": error.code, "Message": error.message}).encode()
            headers = Headers({"Content-Type": "application/json", "Connection": "close"})
            headers["Content-Length"] = str(len(body))
            status = HTTPStatus(error.status)
            return Response(status.value, status.phrase, headers, body)
        setattr(connection, "asked", asked)  # noqa: B010
        return None

    def handle(self, connection: ServerConnection) -> None:
        """Connect with the target, and pass on what comes until either side or the time ends."""
        asked: Asked = getattr(connection, "asked")  # noqa: B009
        with self.memory.lock:
            asked.endpoint.tunnels += 1
        try:
            self._pass_on(connection, asked)
        finally:
            with self.memory.lock:
                asked.endpoint.tunnels -= 1

    def _pass_on(self, connection: ServerConnection, asked: Asked) -> None:
        try:
            with entered(namespace_of(self.prefix, asked.endpoint.interface.id)):
                target = socket.create_connection((asked.address, asked.port), CONNECT_SECONDS)
        except (OSError, NotRunning):  # the host is down, or the endpoint is being deleted
            connection.close(1011, "Unable to connect to target")
            return
        target.settimeout(None)
        end = threading.Timer(asked.seconds, connection.close)
        end.daemon = True
        end.start()
        outward = threading.Thread(target=_to_client, args=(target, connection), daemon=True)
        outward.start()
        try:
            for message in connection:
                target.sendall(message if isinstance(message, bytes) else message.encode())
        except (ConnectionClosed, OSError):
            pass
        finally:
            end.cancel()
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
            outward.join()
            target.close()


def _to_client(target: socket.socket, connection: ServerConnection) -> None:
    with suppress(ConnectionClosed, OSError):
        while content := target.recv(CHUNK):
            connection.send(content)
    connection.close()


def judged(memory: Memory, host: str, path: str) -> Asked:
    """The tunnel that a request asks for; ApiError if it is refused."""
    parts = urlsplit(path)
    given = dict(parse_qsl(parts.query))
    endpoint = memory.endpoints.get(given.get("instanceConnectEndpointId", ""))
    if parts.path != "/openTunnel" or endpoint is None or host != endpoint.dns_name:
        raise ApiError("ResourceNotFound", "There is no such instance connect endpoint", 404)
    key = _signed(memory, host, path, given)
    seconds = given.get("maxTunnelDuration", str(MOST_SECONDS))
    context = {
        f"{SERVICE}:remotePort": [given.get("remotePort", "")],
        f"{SERVICE}:privateIpAddress": [given.get("privateIpAddress", "")],
        f"{SERVICE}:maxTunnelDuration": [seconds],
    }
    permissions.judge(memory, key, f"{SERVICE}:OpenTunnel", endpoint.arn, context)
    if endpoint.state != READY:
        raise ApiError("InvalidState", f"The endpoint {endpoint.id} is {endpoint.state}")
    port = int(given.get("remotePort", "0"))
    if port not in PORTS:
        raise ApiError("InvalidParameter", f"The remote port {port} is not supported")
    if not 1 <= int(seconds) <= MOST_SECONDS:
        raise ApiError("InvalidParameter", f"maxTunnelDuration is 1 to {MOST_SECONDS} seconds")
    vpc = backends.ec2().get_vpc(endpoint.interface.subnet.vpc_id)
    address = given.get("privateIpAddress", "")
    if ipaddress.ip_address(address) not in ipaddress.ip_network(vpc.cidr_block):
        raise ApiError("InvalidParameter", f"The address {address} is not in the VPC {vpc.id}")
    if endpoint.tunnels >= MOST_TUNNELS:
        raise ApiError("TooManyTunnels", f"There are {MOST_TUNNELS} connections already", 429)
    return Asked(endpoint, address, port, int(seconds))


def _signed(memory: Memory, host: str, path: str, given: Mapping[str, str]) -> str:
    """The access key that signed a request, in the query (SigV4); ApiError if it is wrong."""
    key, _, scope = given.get("X-Amz-Credential", "").partition("/")
    holder = signatures.credentials(memory, key)
    wanted_scope = f"/{backends.REGION}/{SERVICE}/aws4_request"
    if holder is None or not scope.endswith(wanted_scope):
        raise _forbidden("The security token included in the request is invalid")
    made = datetime.strptime(given.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    lasts = timedelta(seconds=int(given.get("X-Amz-Expires", "0")))
    if datetime.now(UTC) > made + lasts:
        raise _forbidden("Signature expired")
    if (holder.token or "") != given.get("X-Amz-Security-Token", ""):
        raise _forbidden("The security token included in the request is invalid")
    plain = urlencode([(k, v) for k, v in given.items() if k != "X-Amz-Signature"])
    request = AWSRequest("GET", f"https://{host}{urlsplit(path).path}?{plain.replace('+', '%20')}")
    request.context["timestamp"] = given["X-Amz-Date"]
    signer = SigV4QueryAuth(holder, SERVICE, backends.REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    wanted = str(signer.signature(text, request))
    if not hmac.compare_digest(wanted, given.get("X-Amz-Signature", "")):
        raise _forbidden("The request signature we calculated does not match")
    return key


def _forbidden(text: str) -> ApiError:
    return ApiError("AccessDenied", text, 403)


def serve(memory: Memory, prefix: str, port: int) -> None:
    """Serve tunnels on a port of loopback, in threads of their own."""
    logging.getLogger("websockets").setLevel(logging.ERROR)
    tunnels = Tunnels(memory, prefix)
    server = serve_sockets(
        tunnels.handle,
        "127.0.0.1",
        port,
        process_request=tunnels.answer,
        compression=None,
        max_size=None,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
