"""Many computers on the lab's internet, each with an address of its own."""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from world import World

from common.shell import attempt, run
from lab.access import entered
from lab.lab import Lab
from lab.machines import network

FIRST = 100  # of 198.51.100.0/24


@contextmanager
def addresses(lab: Lab, count: int) -> Iterator[list[str]]:
    """So many addresses besides the probe's own, for as long as this lasts."""
    link = network.other(lab, "probe")
    made = [f"198.51.100.{FIRST + number}" for number in range(count)]
    router = ("ip", "-n", lab.namespace, "route")
    for address in made:
        run("ip", "-n", link.namespace, "address", "replace", f"{address}/32", "dev", "eth0")
        run(*router, "replace", f"{address}/32", "dev", link.interface)
    try:
        yield made
    finally:
        for address in made:
            attempt(*router, "delete", f"{address}/32")
            attempt("ip", "-n", link.namespace, "address", "delete", f"{address}/32", "dev", "eth0")


def session(world: World, source: str, port: int, seconds: float = 30) -> smtplib.SMTP:
    """SMTP from an address; TLS (of whoever it is) except on 25."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    gateway, own = world.gateway.address, "office.example"
    with entered(f"{world.lab.namespace}-probe"):
        if port == 465:
            made: smtplib.SMTP = smtplib.SMTP_SSL(
                gateway, port, own, timeout=seconds, source_address=(source, 0), context=context
            )
        else:
            made = smtplib.SMTP(gateway, port, own, timeout=seconds, source_address=(source, 0))
    made.ehlo()
    if port == 587:
        made.starttls(context=context)
        made.ehlo()
    return made


def guess(made: smtplib.SMTP, name: str, password: str) -> None:
    """Log in by one mechanism; smtplib's own login() tries each, which is a failure each."""
    made.user, made.password = name, password
    made.auth("PLAIN", made.auth_plain)


def login(world: World, source: str, port: int, name: str, password: str) -> str:
    """What became of one log-in by a connection of its own: "yes", "no" or "shut out"."""
    try:
        with contextlib.closing(session(world, source, port)) as made:
            guess(made, name, password)
            return "yes"
    except smtplib.SMTPAuthenticationError as error:
        return "no" if error.smtp_code == 535 else f"{error.smtp_code}"
    except (OSError, smtplib.SMTPException):
        return "shut out"
