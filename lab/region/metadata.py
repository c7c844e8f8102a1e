"""The instance metadata service, with version 2 required if the calling instance's options say so.

Paths and answers follow "Instance metadata categories" of the EC2 User Guide; a path without a
category is a 404, as on AWS.
"""

import base64
import datetime
import json
import secrets
import socket
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.region import backends
from lab.region.memory import Memory

TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 (a header's name)
LONGEST_TTL = 21_600
SESSION_HOURS = 6


def tree(memory: Memory, instance: Any) -> dict[str, Any]:
    """The categories of one instance, with folders as dicts."""
    interface = backends.primary_interface(instance)
    address = interface.private_ip_address
    name = f"ip-{address.replace('.', '-')}.ec2.internal"
    zone = interface.subnet.availability_zone
    public = backends.public_address(interface)
    network = {
        "device-number": "0",
        "interface-id": interface.id,
        "local-hostname": name,
        "local-ipv4s": address,
        "mac": interface.mac_address,
        "owner-id": backends.ACCOUNT,
        "security-groups": "\n".join(g.name for g in interface.group_set),
        "security-group-ids": "\n".join(g.id for g in interface.group_set),
        "subnet-id": interface.subnet.id,
        "subnet-ipv4-cidr-block": interface.subnet.cidr_block,
        "vpc-id": interface.subnet.vpc_id,
    }
    found: dict[str, Any] = {
        "ami-id": instance.image_id,
        "ami-launch-index": "0",
        "block-device-mapping": {"ami": "xvda", "root": "/dev/xvda"},
        "hostname": name,
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": name,
        "local-ipv4": address,
        "mac": interface.mac_address,
        "network": {"interfaces": {"macs": {interface.mac_address: network}}},
        "placement": {"availability-zone": zone, "region": backends.REGION},
        "profile": "default-hvm",
        "reservation-id": "r-00000000000000000",
        "security-groups": network["security-groups"],
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if public:
        found["public-ipv4"] = public
        dashed = public.replace(".", "-")
        found["public-hostname"] = f"ec2-{dashed}.compute-1.amazonaws.com"
        network["public-ipv4s"] = public
    if role := role_of(instance):
        found["iam"] = {
            "info": json.dumps({"Code": "Success", "InstanceProfileArn": profile_of(instance).arn}),
            "security-credentials": {role: json.dumps(credentials(memory, role))},
        }
    return found


def profile_of(instance: Any) -> Any:
    """The instance's profile, or None."""
    given = instance.iam_instance_profile
    association = backends.ec2().iam_instance_profile_associations.get(instance.id)
    if association is not None:
        return association.iam_instance_profile
    return given if hasattr(given, "arn") else None


def role_of(instance: Any) -> str | None:
    """The name of the instance's role, or None."""
    profile = profile_of(instance)
    return profile.roles[0].name if profile is not None and profile.roles else None


def credentials(memory: Memory, role: str) -> dict[str, str]:
    """Credentials of the role, renewed when half of their time is over."""
    now = datetime.datetime.now(datetime.UTC)
    kept = memory.credentials.get(role)
    half = datetime.timedelta(hours=SESSION_HOURS / 2)
    if kept is None or datetime.datetime.fromisoformat(kept["Expiration"]) - now < half:
        key = "ASIA" + secrets.token_hex(8).upper()
        memory.sessions[key] = role
        ends = now + datetime.timedelta(hours=SESSION_HOURS)
        kept = {
            "Code": "Success",
            "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Type": "AWS-HMAC",
            "AccessKeyId": key,
            "SecretAccessKey": secrets.token_urlsafe(30),
            "Token": secrets.token_urlsafe(64),
            "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        memory.credentials[role] = kept
    return kept


def document(instance: Any) -> str:
    """The instance identity document."""
    interface = backends.primary_interface(instance)
    arm = instance.architecture == "arm64"
    return json.dumps(
        {
            "accountId": backends.ACCOUNT,
            "architecture": "arm64" if arm else "x86_64",
            "availabilityZone": interface.subnet.availability_zone,
            "imageId": instance.image_id,
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "privateIp": interface.private_ip_address,
            "region": backends.REGION,
            "version": "2017-09-30",
        },
        indent=2,
    )


def find(memory: Memory, instance: Any, path: str) -> bytes | None:
    """The answer to a path such as /latest/meta-data/instance-id, or None."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return b"latest\n2021-03-23"
    rest = parts[1:]
    if not rest:
        return b"dynamic\nmeta-data\nuser-data"
    if rest == ["user-data"]:
        data = instance.user_data
        return base64.b64decode(str(data)) if data else None
    if rest[0] == "dynamic":
        document_path = ["dynamic", "instance-identity", "document"]
        if rest == document_path:
            return document(instance).encode()
        below = document_path[len(rest)] if rest == document_path[: len(rest)] else None
        return below.encode() if below else None
    if rest[0] != "meta-data":
        return None
    node: Any = tree(memory, instance)
    for part in rest[1:]:
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    if isinstance(node, dict):
        names = [
            f"{k}/" if isinstance(v, dict) and rest[-1] != "macs" else k for k, v in node.items()
        ]
        if rest[-1] == "macs":
            names = [f"{k}/" for k in node]
        return "\n".join(names).encode()
    return str(node).encode()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, memory: Memory, *given: Any) -> None:
        self.memory = memory
        super().__init__(*given)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: cloud-init asks a hundred times."""

    def _instance(self) -> Any:
        caller = self.client_address[0]
        if caller.startswith("127."):  # unit tests have no machines
            caller = self.headers.get("X-Lab-Instance-Address", caller)
        for instance in backends.instances():
            interface = backends.primary_interface(instance)
            if interface is not None and interface.private_ip_address == caller:
                return instance
        return None

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        """Give a token; the IP packets of the answer have the instance's hop limit as their TTL."""
        instance = self._instance()
        if instance is None or self.path != "/latest/api/token":
            return self._answer(404)
        if "X-Forwarded-For" in self.headers:  # as on AWS, requests through a proxy are refused
            return self._answer(403)
        ttl = self.headers.get(TTL_HEADER, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= LONGEST_TTL:
            return self._answer(400)
        hops = instance.metadata_options.http_put_response_hop_limit
        # the lab's router adds no hop between the service and the host
        self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        token = secrets.token_urlsafe(40)
        self.memory.tokens[token] = (instance.id, time.monotonic() + int(ttl))
        return self._answer(200, token.encode(), **{TTL_HEADER: ttl})

    def do_GET(self) -> None:
        """Answer a path, for requests with a token."""
        instance = self._instance()
        if instance is None:
            return self._answer(404)
        token = self.headers.get(TOKEN_HEADER)
        required = instance.metadata_options.http_tokens == "required"
        if token is None and required:
            return self._answer(401)
        if token is not None:
            owner, ends = self.memory.tokens.get(token, ("", 0.0))
            if owner != instance.id or time.monotonic() > ends:
                return self._answer(401)
        found = find(self.memory, instance, self.path)
        return self._answer(404) if found is None else self._answer(200, found)

    do_HEAD = do_GET


def serve(memory: Memory, address: str, port: int) -> None:
    """Listen, in a thread of its own."""
    server = ThreadingHTTPServer((address, port), partial(Handler, memory))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
