"""Rules for records: sizes of DKIM keys, and Route53's limits for TXT records."""

from collections.abc import Iterator

from mail import dkim, txt
from policy.rules.rule import Resource

RECORD = "aws:route53/record:Record"
VALUES = 4000  # octets of all strings of a record set (Route53's limit)


def texts(resource: Resource) -> list[str]:
    """The known values of a TXT record set."""
    if resource.type != RECORD or resource.props.get("type") != "TXT":
        return []
    values = resource.props.get("records")
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def key_size(resource: Resource) -> Iterator[str]:
    """RSA keys of at least 2,048 bits (RFC 8301, 3.2)."""
    if "._domainkey." not in str(resource.props.get("name")):
        return
    for value in texts(resource):
        try:
            bits = dkim.bits("".join(txt.strings(value)))
        except ValueError as error:
            yield f"it is no DKIM key record: {error}"
            continue
        if bits is not None and bits < dkim.BITS:
            yield f"its RSA key has {bits} bits"


def lengths(resource: Resource) -> Iterator[str]:
    """Strings of at most 255 octets (RFC 1035, 3.3.14), 4,000 octets in all."""
    strings = [string for value in texts(resource) for string in txt.strings(value)]
    for string in strings:
        if (size := len(string.encode())) > txt.STRING:
            yield f"a string of it has {size} octets, DNS takes {txt.STRING}"
    if (size := sum(len(string.encode()) for string in strings)) > VALUES:
        yield f"it has {size:,} octets, Route53 takes {VALUES:,}"
