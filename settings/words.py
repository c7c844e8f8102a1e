"""Annotated string types: each checks one kind of value, and its error says what is right."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from mail import dkim, dmarc, idn, names, spf, txt
from settings.marks import Mark

# Users and passwords that Postfix's smtp_sasl_password_maps can hold as USER:PASSWORD on a line.
ACCOUNT_USER = re.compile(r"[!-9;-~]{1,255}")
ACCOUNT_PASSWORD = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")
# Instance families with Graviton processors: "g" follows the generation's number.
ARM_TYPE = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\.")
INSTANCE_TYPE = re.compile(r"[a-z]+\d*[a-z0-9-]*\.(nano|micro|small|medium|large|metal|\d*xlarge)")
# Families on Xen, as EC2's guide to instance types lists them ("Hypervisor type"). All others are
# of the Nitro System, whose disks are NVMe devices.
XEN = re.compile(
    r"(t1|t2|m[1-4]|c[134]|cc[12]|cr1|r[34]|x1e?|i[23]|d2|h1|hi1|hs1|cg1|g2|g3s?|p[23]|f1)\.(?!metal)"
)
HOST_NAME_MAX = 64
# The exchanger of a domain that takes no mail (RFC 7505, 3).
NULL_MX = "."
# Characters that every service of AWS accepts in tags (Tagging AWS Resources User Guide, "Tag
# naming limits"); each resource has at most 50.
TAG = re.compile(r"[\w .:/=+@-]*")
TAG_CHARACTERS = "letters, digits, spaces and _ . : / = + - @"
# the last one is on data volumes alone (components/backup.py)
OWN_TAGS = ("Project", "Stack", "Name", "DailySnapshots")
TAGS = 50 - len(OWN_TAGS)
ZONE_ID = re.compile("[A-Z0-9]{1,32}")
HTTPS = re.compile(r"https://\S+")
SNAPSHOT_ID = re.compile(r"snap-([0-9a-f]{8}|[0-9a-f]{17})")
AVAILABILITY_ZONE = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d[a-z]")


def _wrong(remedy: str) -> PydanticCustomError:
    # the remedy is text, not a format
    return PydanticCustomError("setting", "{remedy}", {"remedy": remedy})


def _domain(value: str) -> str:
    if problem := names.domain_problem(value):
        form = None if value.isascii() else idn.ascii_form(value)
        raise _wrong(f"write it in its ASCII form: {form}" if form else problem)
    return value


def _exchange(value: str) -> str:
    if found := re.fullmatch(r"(\d+)\s+(\S+)", value):
        raise _wrong(f"give each its key: {{host: {found[2]}, preference: {found[1]}}}")
    return value if value == NULL_MX else _domain(value)


def _host(value: str) -> str:
    _domain(value)
    if len(value) > HOST_NAME_MAX:
        raise _wrong(
            f"it has {len(value)} characters, and Linux takes host names of at most "
            f"{HOST_NAME_MAX} (hostname(7)); choose a shorter one"
        )
    return value


def _address(value: str) -> str:
    if value.startswith("*@"):
        raise _wrong("it is nobody's address; give one that somebody reads")
    if problem := names.address_problem(value):
        local, at, domain = value.rpartition("@")
        form = None if domain.isascii() else idn.ascii_form(domain)
        if form and local.isascii():
            problem = f"write it in its ASCII form: {local.lower()}{at}{form}"
        raise _wrong(problem)
    return value


def _send_as(value: str) -> str:
    if value.startswith("*@"):
        raise _wrong(f"for every address of the domain, give {value[1:]}")
    if value.startswith("@"):
        _domain(value[1:])
        return value
    return _address(value)


def _received(value: str) -> str:
    local = _send_as(value).rpartition("@")[0]
    if routing := sorted(set(local) & set("%!")):
        raise _wrong(
            f"with {' and '.join(routing)} in it, Postfix takes it for a route to another host and "
            "refuses it to strangers (allow_untrusted_routing); choose another local part"
        )
    return value


def _mailbox(value: str) -> str:
    if problem := names.mailbox_problem(_address(value)):
        raise _wrong(problem)
    return value


def _selector(value: str) -> str:
    if problem := names.selector_problem(value):
        raise _wrong(problem)
    return value


def is_ipv4(value: str) -> bool:
    """Whether a text is an IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True


def _network(value: str) -> str:
    try:
        ipaddress.IPv4Network(value)
    except ValueError:
        raise _wrong("give an IPv4 network without host bits, such as 10.20.0.0/16") from None
    return value


def _private_network(value: str) -> str:
    if not ipaddress.IPv4Network(_network(value)).is_private:
        raise _wrong(
            "give a private network, such as 10.20.0.0/16: nobody is asked for a password there"
        )
    return value


def _password(value: SecretStr) -> SecretStr:
    if not names.is_password(value.get_secret_value()):
        raise _wrong("give 8 to 128 printable ASCII characters without spaces and colons")
    return value


def _account_user(value: str) -> str:
    if not ACCOUNT_USER.fullmatch(value):
        raise _wrong("give the user name as the provider says it, without spaces and colons")
    return value


def _account_password(value: SecretStr) -> SecretStr:
    if not ACCOUNT_PASSWORD.fullmatch(value.get_secret_value()):
        raise _wrong("give up to 255 printable ASCII characters, with no space at either end")
    return value


def _private_key(value: SecretStr) -> SecretStr:
    try:
        return SecretStr(dkim.brought_in(value.get_secret_value()))
    except ValueError as error:
        raise _wrong(f"{error}; give the private key in PEM, RSA of {dkim.BITS} bits") from None


def _public_key(value: str) -> str:
    try:
        serialization.load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong("give the line of a .pub file, as ssh-ed25519 AAAA... you@laptop") from None
    return value


def _certificates(value: str) -> str:
    try:
        found = x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise _wrong("give certificates in PEM, -----BEGIN CERTIFICATE----- ...") from None
    # hosts get the certificates only: no text between them, no key after them
    return "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in found)


def _instance_type(value: str) -> str:
    if not INSTANCE_TYPE.fullmatch(value):
        raise _wrong("give an EC2 instance type, such as t4g.small")
    if XEN.match(value):
        raise _wrong(
            "this older family runs on Xen, where a host does not find its data volume; choose one "
            "of the Nitro System, such as t4g.small or t3.small"
        )
    return value


def _zone_id(value: str) -> str:
    if not ZONE_ID.fullmatch(value):
        raise _wrong("give the hosted zone's id, such as Z0123456789ABCDEFGHIJ")
    return value


def _snapshot_id(value: str) -> str:
    if not SNAPSHOT_ID.fullmatch(value):
        raise _wrong("give a snapshot's id, such as snap-0123456789abcdef0")
    return value


def _acme_directory(value: str) -> str:
    if not HTTPS.fullmatch(value):
        raise _wrong("give the https:// URL of an ACME directory (RFC 8555, 7.1.1)")
    return value


def _notified(value: str) -> str:
    if HTTPS.fullmatch(value):
        return value
    if "://" in value or "@" not in value:
        raise _wrong("give a mail address, or an https:// URL that takes SNS's notifications")
    return _address(value)


def _availability_zone(value: str) -> str:
    if not AVAILABILITY_ZONE.fullmatch(value):
        raise _wrong(
            "give an availability zone of the stack's region, as eu-central-1a is of eu-central-1"
        )
    return value


def _txt_string(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        raise _wrong("leave out the quotation marks around it; they would be part of the record")
    if spf.is_policy(value):
        raise _wrong(
            "this is a second SPF policy beside the domain's own, and with two of them none counts "
            "(RFC 7208, 4.5); put its terms into spf.mechanisms"
        )
    if problem := txt.problem(value):
        raise _wrong(problem)
    return value


def _tag_key(value: str) -> str:
    if value in OWN_TAGS:
        raise _wrong(f"the stack sets {', '.join(OWN_TAGS)} itself; choose another key")
    if value.lower().startswith("aws:"):
        raise _wrong("keys that begin with aws: are AWS's own; choose another one")
    if not TAG.fullmatch(value) or not 1 <= len(value) <= 128:
        raise _wrong(f"a tag's key has 1 to 128 characters, {TAG_CHARACTERS}")
    return value


def _tag_value(value: str) -> str:
    if not TAG.fullmatch(value) or len(value) > 256:
        raise _wrong(f"a tag's value has up to 256 characters, {TAG_CHARACTERS}")
    return value


def _mechanism(value: str) -> str:
    if problem := spf.term_problem(value):
        raise _wrong(problem)
    return value


def _failures(value: str) -> str:
    if problem := dmarc.failures_problem(value):
        raise _wrong(problem)
    return value


def _letter(given: Any) -> Any:
    """A letter or digit as text: YAML reads `y` and `n` as booleans, and digits as numbers."""
    if isinstance(given, bool):
        return "y" if given else "n"
    return str(given) if isinstance(given, int) else given


def subnet_number(zone: str) -> int:
    """The number of a zone's subnet in the VPC, by its letter; the first two are the stack's."""
    return 2 + ord(zone[-1]) - ord("a")


def architecture(instance_type: str) -> str:
    """An instance type's architecture in Debian's terms, arm64 or amd64."""
    return "arm64" if ARM_TYPE.match(instance_type) else "amd64"


def hosted_zone(given: Any) -> Any:
    """A zone given by its name alone, as an object."""
    return {"name": _domain(given)} if isinstance(given, str) else given


Domain = Annotated[str, AfterValidator(_domain), Mark.NAME]
Host = Annotated[str, AfterValidator(_host), Mark.NAME]
ExchangeHost = Annotated[str, AfterValidator(_exchange), Mark.NAME]
Address = Annotated[str, AfterValidator(_address)]
OwnAddress = Annotated[Address, Mark.NAME]
Person = Annotated[Address, Mark.PERSON]
SendAs = Annotated[str, AfterValidator(_send_as), Mark.NAME]
ReceivedAddress = Annotated[str, AfterValidator(_received), Mark.NAME]
MailboxAddress = Annotated[str, AfterValidator(_mailbox), Mark.NAME]
Selector = Annotated[str, AfterValidator(_selector)]
Password = Annotated[SecretStr, AfterValidator(_password)]
AccountUser = Annotated[str, AfterValidator(_account_user)]
AccountPassword = Annotated[SecretStr, AfterValidator(_account_password)]
Network = Annotated[str, AfterValidator(_network)]
PrivateNetwork = Annotated[str, AfterValidator(_private_network)]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]
PublicKey = Annotated[str, AfterValidator(_public_key), Mark.HIDDEN]
Certificates = Annotated[str, AfterValidator(_certificates)]
InstanceType = Annotated[str, AfterValidator(_instance_type)]
SnapshotId = Annotated[str, AfterValidator(_snapshot_id)]
ZoneId = Annotated[str, AfterValidator(_zone_id)]
AcmeDirectory = Annotated[str, AfterValidator(_acme_directory)]
AvailabilityZone = Annotated[str, AfterValidator(_availability_zone)]
Notified = Annotated[str, AfterValidator(_notified), Mark.PERSON]
TagKey = Annotated[str, AfterValidator(_tag_key)]
TagValue = Annotated[str, AfterValidator(_tag_value)]
TxtString = Annotated[str, AfterValidator(_txt_string)]
Mechanism = Annotated[str, AfterValidator(_mechanism), Mark.NAME]
DmarcPolicy = Literal["none", "quarantine", "reject"]
Alignment = Literal["r", "s"]
YesNo = Annotated[Literal["y", "n"], BeforeValidator(_letter)]
PublicSuffix = Annotated[Literal["y", "n", "u"], BeforeValidator(_letter)]
FailureOptions = Annotated[str, AfterValidator(_failures), BeforeValidator(_letter)]
# The mechanisms of Debian's libsasl2-modules that use a password.
SaslMechanism = Literal["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
