"""Tunnels through an EC2 Instance Connect Endpoint: a WebSocket that leads to a host's port 22.

The request is signed with the user's AWS credentials and is what AWS's own command line sends
(aws-cli v2, awscli/customizations/ec2instanceconnect). ssh gets its end by a Unix socket in a
folder that only the user can enter.
"""

import json
import shlex
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlencode

import boto3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from ops.account import Clients
from ops.errors import StackError
from ops.on_host import NoAnswer
from ops.outputs import Host

SERVICE, ACTION = "ec2-instance-connect", "ec2-instance-connect:OpenTunnel"
PORT = 22
# The most that AWS gives (EC2 User Guide, "Connect using EC2 Instance Connect Endpoint"); policies
# may have a condition for it, so it is named.
TUNNEL_SECONDS = 3600
# The signed request is for one use, at once.
EXPIRES = 60
OPEN_SECONDS = 15
CHUNK = 65_000  # as much as AWS's own command line sends in a frame
# The end of a tunnel without a fault (RFC 6455, 7.4.1).
NORMAL = 1000
# ssh that has heard the end of its command leaves by itself.
LEAVING_SECONDS = 0.5
HAND_OVER = str(Path(__file__).with_name("hand_over.py"))


class Refused(StackError):
    """AWS does not open the tunnel, or is not asked; the text says why."""


def signed_url(host: Host, session: boto3.Session) -> str:
    """The URL that opens a tunnel to a host; Refused without credentials."""
    assert host.endpoint
    try:
        credentials = session.get_credentials()
        frozen = credentials and credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"no way into {host.name}: {error}") from None
    if not frozen:
        raise Refused(
            f"no way into {host.name}: its endpoint asks for AWS credentials, and there are none: "
            "aws:profile in the stack's file, AWS_PROFILE, AWS_ACCESS_KEY_ID or `aws configure`"
        )
    asked = {
        "instanceConnectEndpointId": host.endpoint.id,
        "remotePort": PORT,
        "privateIpAddress": host.private_address,
        "maxTunnelDuration": TUNNEL_SECONDS,
    }
    url = f"https://{host.endpoint.dns_name}/openTunnel?{urlencode(asked)}"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(frozen, SERVICE, session.region_name, expires=EXPIRES).add_auth(request)
    return f"wss{str(request.url).removeprefix('https')}"


def opened(
    host: Host,
    session: Callable[[], boto3.Session],
    why: Callable[[Host], str],
    trust: SSLContext | None = None,
    link: socket.socket | None = None,
) -> ClientConnection:
    """A tunnel to a host; Refused or NoAnswer if there is none.

    `why` says what is wrong with the endpoint, or "". `trust` verifies the endpoint's name, instead
    of the computer's trust store; `link` is the connection with it, instead of one that is made (by
    HTTPS_PROXY, if that is set).
    """
    try:
        url = signed_url(host, session())
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"no way into {host.name}: {error}") from None
    given: dict[str, Any] = {} if link is None else {"sock": link, "proxy": None}
    try:
        return connect(
            url,
            ssl=trust,
            compression=None,
            max_size=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=None,  # ssh itself asks whether its peer is there
            **given,
        )
    except InvalidStatus as error:
        raise Refused(_refusal(host, error, why)) from None
    # ImportError: the library for a SOCKS proxy, which the environment names, is not there
    except (ImportError, OSError, WebSocketException) as error:
        said = str(error) or type(error).__name__
        unanswered = f"no way into {host.name}: {_named(host)} does not answer ({said})"
        raise NoAnswer(why(host) or unanswered) from None


def why_not(client: Clients, host: Host, again: str) -> str:
    """Why a host's endpoint opens no tunnel by its state, or "". `again` is the command to remake.

    Raises botocore's errors.
    """
    assert host.endpoint
    try:
        (found,) = client("ec2").describe_instance_connect_endpoints(
            InstanceConnectEndpointIds=[host.endpoint.id]
        )["InstanceConnectEndpoints"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInstanceConnectEndpointId.NotFound":
            raise
        return f"{_named(host)} is gone, the way into {host.name}: {again}"
    state = found["State"]
    if state == "create-in-progress":
        return f"{_named(host)} is still being made, which takes some minutes: wait"
    if state.startswith("delete") or state == "create-failed":
        why = found.get("StateMessage")
        return f"{_named(host)} is {state}{f' ({why})' if why else ''}: {again}"
    return ""


def _named(host: Host) -> str:
    return f"the endpoint {host.endpoint.id if host.endpoint else ''}"


def _refusal(host: Host, error: InvalidStatus, why: Callable[[Host], str]) -> str:
    """The refusal in one line. AWS's answer is JSON, with ErrorCode and Message."""
    answer = error.response
    text = (answer.body or b"").decode(errors="replace")
    with suppress(ValueError, TypeError, KeyError):
        text = json.loads(text)["Message"]
    said = " ".join(str(text).split()) or answer.reason_phrase
    refused = f"{_named(host)} refuses a way into {host.name}: {said}"
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"{refused}. The AWS user needs {ACTION} (docs/tasks/reach-a-host.md)"
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return f"{refused}. End another session, or wait"
    return why(host) or refused


@dataclass
class Tunnel:
    """An open tunnel: the options that make ssh use it, and why it ended, once it has."""

    options: list[str]
    ended: str = ""


@contextmanager
def through(connection: ClientConnection) -> Iterator[Tunnel]:
    """A tunnel for one ssh, by a Unix socket that it fetches with its ProxyCommand."""
    # $TMPDIR may be longer than a socket's path can be (unix(7))
    short = "/tmp"  # noqa: S108 (the folder in it has a name of its own, and is the user's alone)
    with tempfile.TemporaryDirectory(prefix="mail-relay-", dir=short) as folder, connection:
        path = Path(folder) / "tunnel"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(1)
        # ssh expands tokens that begin with % (ssh_config(5))
        command = shlex.join([sys.executable, "-IS", HAND_OVER, str(path)]).replace("%", "%%")
        options = [f"ProxyCommand={command}", "ProxyUseFdpass=yes"]
        tunnel = Tunnel([part for option in options for part in ("-o", option)])
        work = threading.Thread(target=_serve, args=(tunnel, listener, connection), daemon=True)
        work.start()
        try:
            yield tunnel
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # if ssh has not come
            connection.close()
            work.join()
            listener.close()


def _serve(tunnel: Tunnel, listener: socket.socket, connection: ClientConnection) -> None:
    """Pass on what comes from ssh and what comes from the host, until either ends."""
    try:
        link, _ = listener.accept()
    except OSError:
        return
    left = threading.Event()  # ssh has: how the tunnel ends after that is no reason for anything
    with link:
        outward = threading.Thread(target=_to_host, args=(link, connection, left), daemon=True)
        outward.start()
        try:
            for message in connection:
                link.sendall(message if isinstance(message, bytes) else message.encode())
        except ConnectionClosed:
            pass
        except OSError:
            left.set()
            connection.close()
        if connection.close_code not in (None, NORMAL) and not left.wait(LEAVING_SECONDS):
            tunnel.ended = connection.close_reason or f"closed with {connection.close_code}"
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        outward.join()


def _to_host(link: socket.socket, connection: ClientConnection, left: threading.Event) -> None:
    with suppress(ConnectionClosed):
        while content := _received(link):
            connection.send(content)
        left.set()
    connection.close()


def _received(link: socket.socket) -> bytes:
    """What ssh sends next, b"" once it has ended."""
    try:
        return link.recv(CHUNK)
    except OSError:
        return b""
