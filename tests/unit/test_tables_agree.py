"""Whatever the settings take, a host installs, and every file that it writes says the same.

The readers here are written from the manuals, not from what writes the files.
"""

import json
import random
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args
from unittest.mock import patch

import pytest
import yaml
from pydantic import BaseModel
from recorder import declare
from wild_settings import HOST, MAKERS, Maker, Wild, base

from agent import bundle, gateway_files, mailbox_files, main, smarthost
from agent.install import File
from cloudinit import files
from cloudinit.hosts import ClientHost, GatewayHost
from components import bundles, gateway
from mail import dkim, names
from mail.names import GATEWAY_USERS
from settings import Settings, SettingsError, marks, read
from settings.words import Address

EXAMPLES = ["Pulumi.dev.yaml", *sorted(str(path) for path in Path("examples").glob("*.yaml"))]
ROUNDS, ENOUGH = 500, 150
NOT_IN_TABLES = {
    "delegation.parent",
    "delegation.zone",
    "discard",
    "domains.a",
    "domains.dmarc.reports",
    "domains.dmarc.ruf",
    "domains.mx.host",
    "domains.spf.mechanisms",
    "monitoring.notify",
    "smarthost.spf",
    "zones.name",
}


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


def destination(settings: Settings) -> str:
    return f"[{settings.smarthost.host}]:587" if settings.smarthost else ""


def tables(settings: Settings) -> dict[str, Any]:
    """The gateway's object as it lies in the bucket."""
    logins = [*(c.login for c in settings.clients), *(x.address for x in settings.logins)]
    accounts = settings.smarthost.accounts if settings.smarthost else ()
    table = {
        "destination": destination(settings),
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
        spares={},
    )
    return json.loads(json.dumps(content))


def check(settings: Settings) -> None:
    """The host takes it, and its files say what the settings say."""
    given = tables(settings)
    for host in settings.gateways:
        assert bundle.parse(json.dumps(given).encode(), host.name, "gateway") == given
    taken = given
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
            at = account.sender or destination(settings)
            assert accounts[at].partition(":")[::2] == (
                account.user,
                account.password.get_secret_value(),
            )
    check_host(settings)
    check_clients(settings)


def check_clients(settings: Settings) -> None:
    """Each client takes its own tables, and Postfix reads in its files what the settings say."""
    for client in settings.clients:
        content = json.dumps(bundles.client(settings, client, password="secret-of-a-host"))
        taken = bundle.parse(content.encode(), client.name, "client")
        assert taken == json.loads(content)
        written: dict[str, File] = {}
        puts = patch.object(main, "put", lambda _, __, found, to=written: to.update(found))
        own = SimpleNamespace(read_text=lambda: f"{settings.submission_name}\n")
        with puts, patch.object(main, "GATEWAY", own):
            main.client(taken, Path())
        texts = {name: table(file.octets.decode()) for name, file in written.items()}
        sender = settings.own_sender(client)
        several = [gateway.name for gateway in settings.gateways] if settings.shared_name else []
        proves = [settings.submission_name, *several]
        assert texts == {
            "sasl_passwords": {
                f"[{settings.submission_name}]:587": f"relay@{client.name}:secret-of-a-host"
            },
            "own_senders": {f"@{client.name}": sender} if sender else {},
            "tls_policy": {f"[{settings.submission_name}]:587": f"secure match={':'.join(proves)}"},
        }
        if sender:
            assert sender in settings.send_as(client)


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
    store = SimpleNamespace(url="s3://bucket/{}".format, status_key="status/{}".format)
    shared = SimpleNamespace(
        settings=settings, region="us-east-1", store=store, metrics=None, ship=None
    )
    return gateway.fixed(cast("Any", shared), settings.gateways[0], None)


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
        "app.shop.example", "shop.example", HOST, "a@b.example", "x", "y", "z", None, 30, 14
    )
    for made in (files(gateway_host(settings)), files(client)):
        laid = {p.removeprefix("usr/local/lib/mail-relay/") for p in made}
        agents = [text for path, text in made.items() if path.endswith(".py")]
        for module, name in re.findall(r"^from (agent|mail) import (\w+)", "\n".join(agents), re.M):
            optional = name in ("mailbox_files", "smarthost")
            assert optional or f"{module}/{name}.py" in laid


def accepted(maker: Maker) -> Iterator[Settings]:
    rng = random.Random(f"seed of {maker.__name__}")  # noqa: S311
    for _ in range(ROUNDS):
        try:
            yield read(maker(rng))
        except SettingsError:
            continue


@pytest.mark.parametrize("maker", MAKERS)
def test_whatever_the_settings_take_the_host_installs(maker: Maker) -> None:
    count = 0
    for settings in islice(accepted(maker), ENOUGH):
        check(settings)
        count += 1
    assert count > 20  # the fuzz makes right ones as well


def wild(value: Any, place: str = "") -> Iterator[str]:
    """The settings that a maker has made up, as `clients.name`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from wild(item, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from wild(item, place)
    elif isinstance(value, Wild):
        yield place


def named(model: type[BaseModel], place: str = "") -> Iterator[str]:
    """The settings that are names in DNS or addresses, in the same form."""
    for key, field in marks.fields(model).items():
        found, inner = f"{place}.{key}".lstrip("."), marks.model_of(field)
        kinds = (marks.Mark.NAME, marks.Mark.PERSON, *get_args(Address)[1:])
        if inner:
            yield from named(inner, found)
        elif any(kind in marks.parts(field) for kind in kinds):
            yield found


def test_every_name_and_address_that_a_host_gets_is_made_up() -> None:
    made = set[str]()
    for maker in MAKERS:
        rng = random.Random(1)  # noqa: S311
        made.update(*(wild(maker(rng)) for _ in range(50)))
    assert made == set(named(Settings)) - NOT_IN_TABLES


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
