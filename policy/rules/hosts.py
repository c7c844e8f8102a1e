"""Rules for instances, their disks and user data, and for access to their SSH."""

import base64
import binascii
import gzip
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.rules.rule import UNKNOWN, Resource

INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
SSH_PORT = 22
# The widest network that SSH is opened to, as in the settings: /8.
SSH_PREFIX = 8
# Secrets that must not be in a host's set-up: keys in PEM, AWS's access keys.
SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(\\n|\s)+[\w+/=]{32}"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an AWS secret key": re.compile(r"(?i)aws_secret_access_key\W{1,5}[0-9a-z/+]{40}\b"),
}


def metadata(resource: Resource) -> Iterator[str]:
    """The metadata service requires tokens (IMDSv2) and has a hop limit of 1."""
    if resource.type != INSTANCE:
        return
    options = resource.props.get("metadataOptions") or {}
    if options is UNKNOWN:
        return
    if options.get("httpTokens") not in ("required", UNKNOWN):
        yield "its metadata service answers without a token (IMDSv1)"
    hops = options.get("httpPutResponseHopLimit", 1)
    if hops is not UNKNOWN and hops > 1:
        yield f"its metadata service answers over {hops:.0f} hops"


def disks(resource: Resource) -> Iterator[str]:
    """Volumes, root devices and other disks that are attached at launch are encrypted."""
    if resource.type == VOLUME:
        yield from _plain_disks("the volume", [resource.props])
    if resource.type == INSTANCE:
        yield from _plain_disks("its root device", [resource.props.get("rootBlockDevice") or {}])
        yield from _plain_disks("a disk of it", resource.props.get("ebsBlockDevices") or ())


def _plain_disks(what: str, found: Iterable[Any]) -> Iterator[str]:
    for disk in found:
        if disk is not UNKNOWN and disk.get("encrypted") not in (True, UNKNOWN):
            yield f"{what} is not encrypted"


def ssh(resource: Resource) -> Iterator[str]:
    """Port 22 is open to named networks only, in each resource type that can open it."""
    props = resource.props
    match resource.type:
        case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
            rules = [
                (props.get("ipProtocol"), props, [props.get("cidrIpv4"), props.get("cidrIpv6")])
            ]
        case "aws:ec2/securityGroupRule:SecurityGroupRule" if props.get("type") == "ingress":
            rules = [(props.get("protocol"), props, _networks(props))]
        case "aws:ec2/securityGroup:SecurityGroup":
            inline = [rule for rule in props.get("ingress") or () if rule is not UNKNOWN]
            rules = [(rule.get("protocol"), rule, _networks(rule)) for rule in inline]
        case _:
            return
    for protocol, ports, networks in rules:
        if _has_ssh(protocol, ports):
            for network in networks:
                if (
                    isinstance(network, str)
                    and ipaddress.ip_network(network).prefixlen < SSH_PREFIX
                ):
                    yield f"SSH is open to {network}"


def _networks(rule: Mapping[str, Any]) -> list[Any]:
    both = (rule.get("cidrBlocks"), rule.get("ipv6CidrBlocks"))
    return [network for given in both if isinstance(given, list) for network in given]


def _has_ssh(protocol: Any, ports: Mapping[str, Any]) -> bool:
    first, last = ports.get("fromPort"), ports.get("toPort")
    if protocol in ("-1", "all"):
        return True
    if protocol not in ("tcp", "6") or not isinstance(first, int | float):
        return False
    return first <= SSH_PORT <= (last if isinstance(last, int | float) else first)


def user_data(resource: Resource) -> str:
    """An instance's user data as text; "" if it is not known yet."""
    encoded, text = (resource.props.get(k) for k in ("userDataBase64", "userData"))
    if isinstance(text, str):
        return text
    if not isinstance(encoded, str):
        return ""
    try:
        content = base64.b64decode(encoded)
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (binascii.Error, OSError, EOFError):
        return ""
    return content.decode(errors="replace")


def secrets(resource: Resource) -> Iterator[str]:
    """No secrets in set-up objects, or in user data, which all who describe instances can read."""
    text = set_up(resource)
    for what, pattern in SECRETS.items():
        if pattern.search(text):
            yield f"its {'user data' if resource.type == INSTANCE else 'content'} holds {what}"


def set_up(resource: Resource) -> str:
    """The text of an instance's user data or of a set-up object; neither is a secret."""
    if resource.type == INSTANCE:
        return user_data(resource)
    content = resource.props.get("content")
    is_ours = resource.type == OBJECT and str(resource.props.get("key")).startswith("setup/")
    return content if is_ours and isinstance(content, str) else ""
