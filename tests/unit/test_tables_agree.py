"""Whatever the settings take, a host installs, and every file that it writes says the same.

The readers here are written from the manuals, not from what writes the files.
"""

import json
import random
import re
import shlex
import string
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from recorder import declare

from agent import bundle, gateway_files, mailbox_files, smarthost
from cloudinit import files
from cloudinit.hosts import ClientHost, GatewayHost
from components import bundles, gateway
from mail import dkim, names
from mail.names import GATEWAY_USERS
from settings import Settings, SettingsError, read

HOST = "mail.relay.example"
OURS = ("shop.example", "xn--bcher-kva.example", "deep.er.shop.example")
FAR = ("inbox.example", "xn--strae-oqa.example", "a-b.co.example")
EXAMPLES = ["Pulumi.dev.yaml", *sorted(str(path) for path in Path("examples").glob("*.yaml"))]
ROUNDS = 4000


@cache
def key() -> str:
    return dkim.generate()


def table(text: str) -> dict[str, str]:
    """A texthash table as Postfix reads it (postmap(1), "TABLE FILE FORMAT")."""
    found: dict[str, str] = {}
    logical: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            logical[-1] += line
        else:
            logical.append(line)
    for line in logical:
        name, _, value = line.partition(" ")
        assert '"' not in name
        assert "\\" not in name
        assert name not in found
        found[name] = value.strip()
    return found


def passwd_file(text: str) -> dict[str, list[str]]:
    """Dovecot's passwd-file: fields between colons, "#" begins a comment."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {fields[0]: fields[1:] for fields in (line.split(":") for line in lines)}


def tables(settings: Settings) -> dict[str, Any]:
    """The gateway's object as it lies in the bucket."""
    logins = [*(c.login for c in settings.clients), *(x.address for x in settings.logins)]
    accounts = settings.smarthost.accounts if settings.smarthost else ()
    table = {
        "destination": "[smtp.far.example]:587",
        "accounts": [
            {**account.model_dump(), "password": account.password.get_secret_value()}
            for account in accounts
        ],
    }
    content = bundles.gateway(
        settings,
        keys={d.name: dict.fromkeys(d.selectors, key()) for d in settings.mail_domains},
        passwords={x: f"secret-of-{n}" for n, x in enumerate(logins)}
        | {x.address: x.password.get_secret_value() for x in settings.logins if x.password},
        srs_secret="a-secret-of-SRS",
        smarthost=table if settings.smarthost else None,
        hosts=["203.0.113.7"],
    )
    return json.loads(json.dumps(content))


def check(settings: Settings) -> None:
    """The host takes it, and its files say what the settings say."""
    given = tables(settings)
    taken = bundle.parse(json.dumps(given).encode(), settings.gateways[0].name, "gateway")
    assert taken == given
    owners = table(gateway_files.sender_logins(taken))
    for login in (*settings.clients, *settings.logins):
        name = login.address if hasattr(login, "address") else login.login  # pyright: ignore
        for item in settings.send_as(login):
            assert name in owners[item].split(",")
    forwards = table(gateway_files.forwards(taken))
    for forward in settings.forwards:
        assert forwards[forward.address].split(", ") == list(forward.to)
    users = table(gateway_files.gateway_users(taken))
    assert set(users.values()) == {settings.operator, gateway_files.ENDS_HERE}
    signing = {domain: entry["selectors"][-1]["name"] for domain, entry in taken["domains"].items()}
    for line in gateway_files.key_table(signing).splitlines():
        domain, _, rest = line.partition(" ")
        assert rest.split(":") == [
            domain,
            signing[domain],
            f"{gateway_files.TABLES}/keys/{domain}/{signing[domain]}.pem",
        ]
        assert not set(f"{domain}{signing[domain]}") & set("/: \n")
    passwords = passwd_file(gateway_files.passwords(taken, taken["logins"]))
    assert passwords == {n: [f"{{PLAIN}}{x['password']}"] for n, x in taken["logins"].items()}
    if settings.mailboxes:
        users = mailbox_files.texts(taken)
        assert table(users["mailboxes"]).keys() == {m.address for m in settings.mailboxes}
        assert passwd_file(users["mailbox_users"]).keys() >= {m.address for m in settings.mailboxes}
        for address, fields in passwd_file(users["mailbox_users"]).items():
            assert address.count("@") == 1
            assert re.fullmatch(r"/srv/mail/mailboxes/[a-z0-9.-]+/[a-z0-9._-]+", fields[4])
    if settings.smarthost:
        accounts = table(smarthost.passwords(taken["smarthost"]))
        for account in settings.smarthost.accounts:
            at = account.sender or "[smtp.far.example]:587"
            assert accounts[at].partition(":")[::2] == (
                account.user,
                account.password.get_secret_value(),
            )
    check_host(settings)


def check_host(settings: Settings) -> None:
    """The operator's address, where the host's own files have it."""
    made = files(gateway_host(settings))
    lines = [x for x in made["etc/postfix/virtual"].splitlines() if not x.startswith("#")]
    assert {line.rpartition(" ")[2] for line in lines} == {settings.operator}
    assert [line.partition("@")[0] for line in lines] == [*GATEWAY_USERS, "root"]
    script = made["usr/local/lib/mail-relay/certificate"]
    (line,) = [line for line in script.splitlines() if "--email " in line]
    words = shlex.split(line.rstrip("\\"))
    assert words[words.index("--email") + 1] == (settings.acme.email or settings.operator)
    for path, text in made.items():
        if path.startswith("etc/systemd"):  # where %, $ and quotes mean something
            assert settings.operator not in text


def gateway_host(settings: Settings) -> GatewayHost:
    return gateway.fixed(
        settings,
        settings.gateways[0],
        region="us-east-1",
        tables="s3://bucket/gateway.json",
        status="s3://bucket/status",
        smarthost=None,
    )


@pytest.mark.parametrize("file", EXAMPLES)
def test_every_examples_tables_are_taken_by_its_hosts(file: str) -> None:
    config = yaml.safe_load(Path(file).read_text())["config"]
    for account in config.get("mail-relay:smarthost", {}).get("accounts", ()):
        account["password"] = "a-password"  # which the page has its user set
    graph = declare({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})
    made = [r for r in graph.of("BucketObjectv2") if r.name.startswith("tables-")]
    for name, content in ((r.name, r.inputs["content"]["value"]) for r in made):
        found = json.loads(content)
        role = "gateway" if name == "tables-gateway.json" else "client"
        for host in found["gateways"] if role == "gateway" else [found["host"]]:
            assert bundle.parse(content.encode(), host, role)
    assert made


def test_a_host_has_the_grammar_that_its_agent_imports() -> None:
    settings = read(base())
    client = ClientHost(
        "app.shop.example", "shop.example", HOST, "a@b.example", "x", "y", "z", None, 30
    )
    for made in (files(gateway_host(settings)), files(client)):
        laid = {p.removeprefix("usr/local/lib/mail-relay/") for p in made}
        agents = [text for path, text in made.items() if path.endswith(".py")]
        for module, name in re.findall(r"^from (agent|mail) import (\w+)", "\n".join(agents), re.M):
            optional = name in ("mailbox_files", "smarthost")
            assert optional or f"{module}/{name}.py" in laid


def base(**keys: Any) -> dict[str, Any]:
    return {
        "gateway": {"name": HOST},
        "domains": [{"name": name} for name in OURS],
        "operator": "ops@inbox.example",
        **keys,
    }


Maker = Callable[[random.Random], str]
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
ATEXT = string.ascii_lowercase + string.digits + "!#$%&'*+/=?^_`{|}~-"


def local(rng: random.Random) -> str:
    """A local part: mostly a right one with odd characters, now and then anything."""
    letters = rng.choice(
        [ATEXT, ATEXT, "ab+-_.'", "".join(map(chr, range(0x20, 0x7F))), "aßÄ@\t\n"]
    )
    text = "".join(rng.choice(letters) for _ in range(rng.choice([1, 2, 5, 20, 64, 65])))
    odd = rng.choice("#-+|/!\"'%$")
    return rng.choice(
        [text, text, f"a{text}", f"{text}.b", f"me+{text}", f"{odd}{text}", text.upper()]
    )


def ours(rng: random.Random) -> str:
    return f"{local(rng)}@{rng.choice(OURS)}"


def far(rng: random.Random) -> str:
    domain = rng.choice(
        [*FAR, *FAR, "x" * 64 + ".example", "1.2.3.4", "a_b.example", "Far.example."]
    )
    return f"{local(rng)}@{domain}"


def selector(rng: random.Random) -> str:
    letters = rng.choice(["ab1-", "ab1-.", "a_.B/:\n ", string.printable])
    return "".join(rng.choice(letters) for _ in range(rng.choice([1, 3, 8, 63, 64])))


def password(rng: random.Random) -> str:
    letters = rng.choice([string.printable, PRINTABLE.strip(), "äö\0"])
    return "".join(rng.choice(letters) for _ in range(rng.choice([7, 8, 20, 128, 129])))


def with_operator(r: random.Random) -> dict[str, Any]:
    return base(operator=far(r), acme={"email": far(r)} if r.random() < 0.3 else {})


def with_login(r: random.Random) -> dict[str, Any]:
    login = {"address": ours(r), "sendAs": [ours(r), f"@{r.choice(OURS)}"]}
    given = {"password": password(r)} if r.random() < 0.3 else {}
    return base(logins=[{**login, **given}])


def with_forward(r: random.Random) -> dict[str, Any]:
    address = r.choice([ours(r), f"@{r.choice(OURS)}"])
    return base(forwards=[{"address": address, "to": [far(r) for _ in range(r.choice([1, 3]))]}])


def with_mailbox(r: random.Random) -> dict[str, Any]:
    address = ours(r)
    forwards = [{"address": ours(r), "to": [address]}]
    return base(mailboxes=[{"address": address}], logins=[{"address": address}], forwards=forwards)


def with_selectors(r: random.Random) -> dict[str, Any]:
    return base(domains=[{"name": "shop.example", "selectors": [selector(r), selector(r)]}])


def with_smarthost(r: random.Random) -> dict[str, Any]:
    accounts = [{"user": password(r), "password": password(r)}]
    accounts.append({"user": "me", "password": "secret 123", "sender": ours(r)})
    return base(
        smarthost={"host": "smtp.far.example", "spf": "include:far.example", "accounts": accounts}
    )


MAKERS = [with_operator, with_login, with_forward, with_mailbox, with_selectors, with_smarthost]


def accepted(maker: Callable[[random.Random], dict[str, Any]]) -> Iterator[Settings]:
    rng = random.Random(f"seed of {maker.__name__}")  # noqa: S311
    for _ in range(ROUNDS // len(MAKERS)):
        try:
            yield read(maker(rng))
        except SettingsError:
            continue


@pytest.mark.parametrize("maker", MAKERS)
def test_whatever_the_settings_take_the_host_installs(
    maker: Callable[[random.Random], dict[str, Any]],
) -> None:
    count = 0
    for settings in accepted(maker):
        check(settings)
        count += 1
    assert count > 20  # the fuzz makes right ones as well


@pytest.mark.parametrize(
    "address",
    [
        "jane+mail_relay@inbox.example",
        "jane+a+b@inbox.example",
        "o'brien@inbox.example",
        "a%b@inbox.example",
        "a!b@inbox.example",
        "$home@inbox.example",
        "`id`@inbox.example",
        "x#y@inbox.example",
        "{a|b}@inbox.example",
        "+x@inbox.example",
    ],
)
def test_odd_addresses_are_the_same_for_settings_and_host(address: str) -> None:
    own = address.replace("inbox", "shop")
    logins = [{"address": own, "sendAs": [own]}]
    forwards = [{"address": own, "to": [address]}]
    if {"%", "!"} & set(address):
        forwards[0]["address"] = "info@shop.example"
    keys = {"operator": address, "acme": {"email": address}}
    check(read(base(forwards=forwards, logins=logins, **keys)))


@pytest.mark.parametrize("address", ["a%b@shop.example", "far.example!a@shop.example"])
def test_an_address_that_postfix_takes_for_a_route_is_no_forward(address: str) -> None:
    with pytest.raises(SettingsError, match="a route to another host"):
        read(base(forwards=[{"address": address, "to": ["a@inbox.example"]}]))


@pytest.mark.parametrize("address", ["#a@shop.example", "-a@shop.example", "a..b@shop.example"])
def test_what_a_table_would_read_otherwise_is_refused_by_both(address: str) -> None:
    assert not names.is_address(address)
    with pytest.raises(SettingsError):
        read(base(forwards=[{"address": address, "to": ["a@inbox.example"]}]))
    with pytest.raises(SettingsError):
        read(base(logins=[{"address": "a@shop.example", "sendAs": [address]}]))


def test_a_disabled_login_is_in_no_table_and_its_mailbox_is_in_all() -> None:
    people = {
        "operator": "ops@inbox.example",
        "gateway": {"name": "mail.relay.example"},
        "domains": [{"name": "shop.example"}],
        "mailboxes": [{"address": "me@shop.example"}],
        "forwards": [{"address": "info@shop.example", "to": ["me@shop.example"]}],
    }
    login = {"address": "me@shop.example", "password": "secret-123"}
    on, off = (
        tables(read({**people, "logins": [{**login, "enabled": enabled}]}))
        for enabled in (True, False)
    )
    assert set(on["logins"]) == {"me@shop.example"}
    assert off == {**on, "logins": {}}
    assert bundle.parse(json.dumps(off).encode(), "mail.relay.example", "gateway") == off
