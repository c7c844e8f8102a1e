"""The corpus of legitimate From fields, and Postfix' rules as it reads them."""

import re
from pathlib import Path

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "templates/gateway/etc/postfix/author_headers.j2"
_ESCAPE = re.compile(rb"\\(n|t|\\|x[0-9a-f]{2})")
_MEANS = {b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


def legitimate(address: str) -> list[bytes]:
    r"""Raw values of From, from the colon on. The file has \n, \t, \\ and \xNN for octets."""
    values: list[bytes] = []
    for line in (HERE / "legitimate.txt").read_bytes().splitlines():
        if line.startswith(b"From:"):
            value = line.removeprefix(b"From:").replace(b"{me}", address.encode())
            values.append(
                _ESCAPE.sub(lambda m: _MEANS.get(m[1]) or bytes.fromhex(m[1][1:].decode()), value)
            )
    return values


def by_postfix(value: bytes) -> bytes | str:
    """A From field's value after Postfix' header checks, or the words by which it is refused."""
    line = "From:" + value.decode("latin-1")
    for rule in RULES.read_text().splitlines():
        if not rule.startswith("/"):
            continue
        pattern, _, action = rule[1:].rpartition("/ ")
        if not pattern:
            continue
        found = re.search(pattern, line, re.IGNORECASE | re.DOTALL)
        if found is None:
            continue
        verb, _, text = action.partition(" ")
        if verb == "REJECT":
            return text
        if verb == "REPLACE":
            line = re.sub(r"\$(\d)", lambda m, found=found: found[int(m[1])], text)
            return line.removeprefix("From:").encode("latin-1")
    return value
