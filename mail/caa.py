"""CAA records, which allow or forbid an authority to issue certificates (RFC 8659)."""

import re
from collections.abc import Sequence

LETS_ENCRYPT = "letsencrypt.org"
CRITICAL = 128
KNOWN = ("issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone")
RECORD = re.compile(r'\s*(\d{1,3})\s+([A-Za-z0-9]+)\s+"?([^"]*)"?\s*')


def forbids(records: Sequence[str], authority: str, method: str) -> bool:
    """Whether one CAA record set (values as in zone files) forbids the authority to issue.

    `method` is the validation method, such as dns-01 (RFC 8657, 4: `validationmethods`).
    """
    issuers: list[str] = []
    for record in records:
        match = RECORD.fullmatch(record)
        if not match:
            continue
        flags, tag, value = int(match[1]), match[2].lower(), match[3]
        if flags & CRITICAL and tag not in KNOWN:
            return True
        if tag == "issue":
            issuers.append(value)
    return bool(issuers) and not any(_allows(value, authority, method) for value in issuers)


def _allows(value: str, authority: str, method: str) -> bool:
    issuer, *parameters = (part.strip() for part in value.split(";"))
    given = {key.strip().lower(): what.strip() for key, _, what in map(_parted, parameters)}
    # each volume gets a new ACME account, so no existing record can name it
    bound = "accounturi" in given
    methods = given.get("validationmethods", method).split(",")
    return issuer.lower() == authority and method in methods and not bound


def _parted(parameter: str) -> tuple[str, str, str]:
    return parameter.partition("=")
