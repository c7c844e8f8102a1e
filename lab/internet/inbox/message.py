"""A message as the provider keeps it: its SMTP session, and the verdicts of both judges."""

import email
import email.policy
import re
from email.message import EmailMessage

from pydantic import BaseModel, ConfigDict


class Verdict(BaseModel):
    """Results by the names of RFC 8601: pass, fail, softfail, neutral, none, temperror, ..."""

    model_config = ConfigDict(frozen=True)

    spf: str
    dkim: str
    dmarc: str

    def passes(self) -> bool:
        """Whether all three pass."""
        return (self.spf, self.dkim, self.dmarc) == ("pass", "pass", "pass")


class Message(BaseModel):
    """One delivered message; `arrived` in seconds since 1970, addresses of the envelope."""

    model_config = ConfigDict(frozen=True)

    queue_id: str
    arrived: float
    sender: str
    recipient: str
    client_address: str
    client_name: str
    helo: str
    verdicts: dict[str, Verdict]
    raw: str

    @property
    def parsed(self) -> EmailMessage:
        """The message itself; `raw` maps bytes to characters one to one (Latin-1)."""
        content = self.raw.encode("latin-1")
        return email.message_from_bytes(content, policy=email.policy.default)

    @property
    def subject(self) -> str:
        """Decoded subject; a fold may stand at its beginning (RFC 5322, 2.2.3)."""
        return str(self.parsed["Subject"] or "").strip()

    @property
    def readable(self) -> str:
        """The message as a mail program shows it: its header, and its text decoded."""
        parsed = self.parsed
        header = "".join(f"{name}: {str(value).strip()}\n" for name, value in parsed.items())
        body = parsed.get_body(("plain", "html"))
        return f"{header}\n{body.get_content() if body else ''}"

    @property
    def verdict(self) -> Verdict:
        """The verdicts of both judges; where they differ, the field reads "python/milter"."""
        first, second = self.verdicts["python"], self.verdicts["milter"]
        both = {
            field: a if a == b else f"{a}/{b}"
            for field, a in first.model_dump().items()
            for b in [getattr(second, field)]
        }
        return Verdict(**both)

    @property
    def _received(self) -> list[str]:
        """The Received headers of SMTP hops, in the order of the hops."""
        received = [str(value) for value in reversed(self.parsed.get_all("Received", []))]
        return [value for value in received if re.search(r"\bwith E?SMTP", value)]

    @property
    def hops(self) -> list[str]:
        """TLS of each hop: a version, or "none", by the Received headers (RFC 5321, 4.4)."""
        versions = [re.search(r"using (TLSv[\d.]+)", value) for value in self._received]
        return [match.group(1) if match else "none" for match in versions]

    @property
    def receivers(self) -> list[str]:
        """The receiving host of each hop."""
        return [_word("by", value) for value in self._received]


def _word(keyword: str, received: str) -> str:
    match = re.search(rf"\b{keyword} ([\w.-]+)", received)
    return match.group(1) if match else ""
