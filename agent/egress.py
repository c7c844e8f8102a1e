"""Whether mail can leave a gateway, tried by connecting to where it goes."""

import contextlib
import json
import smtplib
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

from agent import state_file
from agent.bounded import within
from agent.gateway_files import receiving
from agent.host_status import Egress
from agent.install import write

FILE = Path("/run/mail-relay/egress.json")
BUNDLE = Path("/srv/mail/tables/bundle.json")
LINE = 300
SECONDS = 10
ADDRESSES = 2  # that are tried of each exchanger
# Servers of others are not to be asked every minute whether port 25 is open.
AGAIN_SECONDS, FAILED_SECONDS = 3600, 300
# A large provider's domain, for an operator whose mail is taken here.
PROVIDER = "gmail.com"


def last(way: str) -> Egress | None:
    """The last attempt to let mail leave; None if there was none by this way."""

    def form(found: Any) -> Egress | None:
        seconds = state_file.amount(time.monotonic() - found["at"])
        if found["way"] != way:
            return None
        return Egress(str(found["exchange"]), str(found["problem"]), seconds)

    return state_file.read(FILE, form, None)


def tried(way: str, host: str) -> bool:
    """Try again whether mail can leave, if that is due; return whether it was tried."""
    before = last(way)
    if before and before.seconds < (FAILED_SECONDS if before.problem else AGAIN_SECONDS):
        return False
    ways = exchanges(way[1:], host) if way.startswith("@") else [way]
    if not ways:  # DNS has no exchangers, or does not answer: port 25 may be open or not
        return False
    exchange, problem = _try(ways)
    at = time.monotonic()
    result = {"way": way, "exchange": exchange, "problem": problem, "at": at}
    write(FILE, json.dumps(result))
    return True


def exchanges(domain: str, host: str) -> list[str]:
    """Mail exchangers of a domain, the preferred one first; a large provider's if it has none.

    Those of a domain whose mail we take are no way out, and would be remembered as missing (RFC
    2308) by whoever was asked before they are published.
    """
    import dns.exception  # installed with the packages
    import dns.resolver

    ours = state_file.read(BUNDLE, receiving, set())
    for name in (PROVIDER,) if domain in ours else (domain, PROVIDER):
        with contextlib.suppress(dns.exception.DNSException, OSError, EOFError):
            answer = dns.resolver.resolve(name, "MX", lifetime=SECONDS)
            found = sorted((record.preference, str(record.exchange)[:-1]) for record in answer)
            if others := [exchange for _, exchange in found if exchange not in (host, "")]:
                return others
    return []


def _try(ways: list[str]) -> tuple[str, str]:
    """The first way with a greeting, or all ways and the problem, in some seconds for all."""
    problem, deadline = "", time.monotonic() + 2 * SECONDS
    for way in ways:
        name, _, port = way.partition(":")
        try:
            kind = (int(port or 25), socket.AF_INET, socket.SOCK_STREAM)
            left = max(deadline - time.monotonic(), 0.1)
            found = within(left, partial(socket.getaddrinfo, name, *kind))
            for *_, address in found[:ADDRESSES]:
                left = min(SECONDS / 2, deadline - time.monotonic())
                if left <= 0:
                    return ", ".join(ways), problem
                smtp = smtplib.SMTP_SSL if port.endswith("465") else smtplib.SMTP
                greets = partial(_greets, smtp, str(address[0]), int(address[1]), left)
                with contextlib.suppress(TimeoutError):
                    within(left, greets)  # smtplib limits the time of each octet alone
                    return way, ""
                problem = "TimeoutError: timed out"
        except (OSError, smtplib.SMTPException) as error:
            problem = f"{type(error).__name__}: {error}"[:LINE]
    return ", ".join(ways), problem


def _greets(smtp: type[smtplib.SMTP], address: str, port: int, seconds: float) -> None:
    """Return once a server has greeted; raises OSError or SMTPException."""
    session = smtp(address, port, timeout=seconds)
    session.putcmd("quit")  # whose answer nobody waits for
    session.close()
