"""Record sets in the form of a zone's master file (RFC 1035, 5)."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import dns.exception
import dns.rdata
import dns.zonefile

from mail import txt

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True)
class RecordSet(Generic[Value]):
    """The records of one name and type.

    The name has no final dot, `values` are in the form of `value`, the TTL is in seconds. Values
    that are known only later may be of another type than text.
    """

    name: str
    kind: str
    ttl: int
    values: tuple[Value, ...]

    def lines(self: "RecordSet[str]") -> list[str]:
        """One line for each record."""
        quoted = [txt.quoted(v) if self.kind == "TXT" else v for v in self.values]
        return [line(self.name, self.kind, self.ttl, v) for v in quoted]


def line(name: str, kind: str, ttl: int, value: str) -> str:
    """One record; its value is in a zone file's form, so a text is in quotation marks."""
    return f"{name}. {ttl} IN {kind} {value}"


def read(text: str) -> list[RecordSet[str]]:
    """Parse a zone file with absolute names; ValueError if it is none."""
    try:
        found = dns.zonefile.read_rrsets(text, rdclass=None)
    except dns.exception.DNSException as error:
        raise ValueError(str(error)) from None
    return [
        RecordSet(
            rrset.name.to_text(omit_final_dot=True),
            rrset.rdtype.name,
            rrset.ttl,
            tuple(value(record) for record in rrset),
        )
        for rrset in found
    ]


def value(record: dns.rdata.Rdata) -> str:
    """A record's value: a TXT record's strings as one text, others in a zone file's form."""
    strings = getattr(record, "strings", None)
    if strings is not None:
        octets = b"".join(strings)
        try:
            return octets.decode()
        except UnicodeDecodeError:  # a record of somebody else
            return octets.decode("latin-1")
    return record.to_text().lower()
