"""Settings with wild names and addresses: most are right, and some are what a person may mistype.

Each maker takes one part of the settings; what it makes up is `Wild`.
"""

import random
import string
from collections.abc import Callable, Sequence
from typing import Any

HOST = "mail.relay.example"
OURS = ("shop.example", "xn--bcher-kva.example", "deep.er.shop.example")
FAR = ("inbox.example", "xn--strae-oqa.example", "a-b.co.example")
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
ATEXT = string.ascii_lowercase + string.digits + "!#$%&'*+/=?^_`{|}~-"
LABEL = string.ascii_lowercase + string.digits
LABELS = [*[LABEL] * 12, f"{LABEL}-", "ab_-.", "aßÄ\t\n", string.printable]
Random = random.Random
Maker = Callable[[Random], dict[str, Any]]


class Wild(str):
    """A name or an address that was made up."""

    __slots__ = ()


def base(domains: Sequence[str] = OURS, **keys: Any) -> dict[str, Any]:
    gateway = {} if "gateways" in keys else {"gateway": {"name": HOST}}
    return {
        **gateway,
        "domains": [{"name": name} for name in domains],
        "operator": "ops@inbox.example",
        **keys,
    }


def label(r: Random) -> str:
    text = "".join(r.choice(r.choice(LABELS[:-3])) for _ in range(r.choice([1, 2, 5, 12, 20])))
    odd = "".join(r.choice(r.choice(LABELS)) for _ in range(r.choice([1, 5, 62, 63, 64])))
    return r.choice([*[text] * 30, f"{text}-{text}", f"xn--{text}", text.upper(), odd])


def domain(r: Random) -> Wild:
    labels = [label(r) for _ in range(r.choice([1, 1, 2, 2, 3, 9]))]
    end = r.choice([*["example"] * 8, "xn--p1ai", "e", "9", "example.", "1a"])
    return Wild(".".join([*labels, end]))


def domains(r: Random) -> list[str]:
    """Ours, mostly with a wild one, which is last."""
    return [*OURS, domain(r)] if r.random() < 0.8 else [*OURS]


def some(r: Random, own: Sequence[str]) -> str:
    """One of our domains: the wild one as often as all others."""
    return r.choice([own[-1], r.choice(own)])


def host(r: Random, own: Sequence[str]) -> Wild:
    return Wild(f"{label(r)}.{some(r, own)}")


def local(r: Random) -> str:
    """A local part: mostly a right one with odd characters, now and then anything."""
    letters = r.choice([*[ATEXT, LABEL, LABEL] * 3, "ab+-_.'", PRINTABLE, "aßÄ@\t\n"])
    text = "".join(r.choice(letters) for _ in range(r.choice([1, 2, 5, 5, 20, 20, 61, 64, 65])))
    odd = r.choice("#-+|/!\"'%$")
    return r.choice(
        [
            text,
            text,
            text,
            f"a{text}",
            f"a{text}",
            f"{text}.b",
            f"me+{text}",
            f"{odd}{text}",
            text.upper(),
        ]
    )


def ours(r: Random, own: Sequence[str]) -> Wild:
    return Wild(f"{local(r)}@{some(r, own)}")


def sender(r: Random, own: Sequence[str]) -> Wild:
    return r.choice([ours(r, own), Wild(f"@{some(r, own)}")])


def far(r: Random) -> Wild:
    odd = ["x" * 64 + ".example", "1.2.3.4", "a_b.example", "Far.example."]
    return Wild(f"{local(r)}@{r.choice([*FAR, *FAR, domain(r), domain(r), *odd])}")


def selector(r: Random) -> str:
    letters = r.choice([*["ab1"] * 4, "ab1-", "ab1-.", "a_.B/:\n ", string.printable])
    return "".join(r.choice(letters) for _ in range(r.choice([1, 3, 8, 63, 64])))


def password(r: Random) -> str:
    letters = r.choice([string.printable, PRINTABLE.strip(), "äö\0"])
    return "".join(r.choice(letters) for _ in range(r.choice([7, 8, 20, 128, 129])))


def with_operator(r: Random) -> dict[str, Any]:
    return base(operator=far(r), acme={"email": far(r)} if r.random() < 0.3 else {})


def with_login(r: Random) -> dict[str, Any]:
    own = domains(r)
    login = {"address": ours(r, own), "sendAs": [ours(r, own), sender(r, own)]}
    given = {"password": password(r)} if r.random() < 0.3 else {}
    return base(own, logins=[{**login, **given}])


def with_forward(r: Random) -> dict[str, Any]:
    own = domains(r)
    to = [far(r) for _ in range(r.choice([1, 3]))]
    return base(own, forwards=[{"address": sender(r, own), "to": to}])


def with_mailbox(r: Random) -> dict[str, Any]:
    own = domains(r)
    address = ours(r, own)
    return base(
        own,
        mailboxes=[{"address": address}],
        logins=[{"address": address}],
        forwards=[{"address": ours(r, own), "to": [address]}],
    )


def with_selectors(r: Random) -> dict[str, Any]:
    name = r.choice([OURS[0], domain(r)])
    return base() | {"domains": [{"name": name, "selectors": [selector(r), selector(r)]}]}


def with_smarthost(r: Random) -> dict[str, Any]:
    own = domains(r)
    accounts = [{"user": password(r), "password": password(r)}]
    accounts.append({"user": "me", "password": "secret 123", "sender": sender(r, own)})
    given = {"host": domain(r), "spf": "include:far.example", "accounts": accounts}
    return base(own, smarthost=given)


def with_clients(r: Random) -> dict[str, Any]:
    own = domains(r)
    clients = list[dict[str, Any]]()
    for _ in range(r.choice([1, 1, 2])):
        senders = [sender(r, own) for _ in range(r.choice([0, 1, 1, 2]))]
        clients.append({"name": host(r, own), **r.choice([{}, {"sendAs": senders}])})
    return base(own, clients=clients)


def with_gateways(r: Random) -> dict[str, Any]:
    """One or two of them, right below one domain, with a name for 587 and 465."""
    own = [domain(r)]
    names = [{"name": host(r, own)} for _ in range(r.choice([1, 2]))]
    given = {"gateway": names[0]} if len(names) == 1 else {"gateways": names}
    submission = {"submission": {"name": host(r, own)}} if names[1:] or r.random() < 0.5 else {}
    clients = [{"name": host(r, own)}] if r.random() < 0.5 else []
    return base(own, **given, **submission, clients=clients)


MAKERS: list[Maker] = [
    with_operator,
    with_login,
    with_forward,
    with_mailbox,
    with_selectors,
    with_smarthost,
    with_clients,
    with_gateways,
]
