"""What an environment's settings are, from those of the stack that it is a copy of."""

import copy
import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from certificates import root

from ops.edit.encrypted import PREFIX, readable
from ops.environments import make as make_
from ops.environments import mapping
from ops.environments.make import make
from ops.environments.mapping import Wanted, environment
from ops.errors import StackError
from ops.target import AwsTarget
from settings import Settings, SettingsError, read

EXPIRES = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
ROOT = root()


def dev() -> dict[str, Any]:
    with open("Pulumi.dev.yaml") as file:  # noqa: PTH123
        return copy.deepcopy(yaml.safe_load(file)["config"])


def made(config: dict[str, Any], name: str = "try") -> tuple[dict[str, Any], Settings]:
    """The environment's `config` and its settings, checked as the program would."""
    base = read(readable(config))
    found = environment(config, base, Wanted(name, EXPIRES, ROOT))
    return found, read(readable(found))


def test_the_dev_stack_moves_below_a_zone_of_the_environments_own() -> None:
    config, settings = made(dev())
    assert settings.delegation is not None
    assert (settings.delegation.zone, settings.delegation.parent) == (
        "try.relay.example",
        "relay.example",
    )
    assert settings.hosted_zones == ("try.relay.example",)
    assert settings.gateways[0].name == "mail.try.relay.example"
    assert [d.name for d in settings.domains] == ["shop.example.try.relay.example"]
    assert [c.name for c in settings.clients] == ["app.shop.example.try.relay.example"]
    assert [x.address for x in settings.logins] == ["me@shop.example.try.relay.example"]
    assert settings.operator == "ops@inbox.example"
    assert config["aws:region"] == "us-east-1"


def test_a_domain_that_takes_no_mail_takes_none_in_an_environment() -> None:
    config = dev()
    parked = {"mx": [{"host": "."}], "spf": {"mechanisms": [], "all": "-all"}}
    config[f"{PREFIX}domains"].append({"name": "parked.example", **parked})
    _, settings = made(config)
    (domain,) = [d for d in settings.domains if d.name == "parked.example.try.relay.example"]
    assert [exchange.value for exchange in domain.mx] == ["0 ."]
    assert settings.spf_policies()[domain.name] == "v=spf1 -all"


def test_it_is_small_unprotected_short_lived_and_of_the_staging_authority() -> None:
    config = dev()
    config[f"{PREFIX}protect"] = True
    config[f"{PREFIX}monitoring"] = {"enabled": True}
    config[f"{PREFIX}tags"] = {"Team": "mail"}
    config[f"{PREFIX}acme"] = {"email": "certificates@inbox.example"}
    config[f"{PREFIX}clients"].append({"name": "big.shop.example", "instanceType": "m7i.large"})
    _, settings = made(config)
    assert settings.gateways[0].instance_type == "t4g.micro"
    assert [c.instance_type for c in settings.clients] == ["t4g.micro", "t3.micro"]
    assert settings.protect is False
    assert settings.monitoring.enabled is False
    assert settings.tags == {"Team": "mail", "Expires": "2026-11-25T12:30:00Z"}
    assert settings.acme.directory == "https://acme-staging-v02.api.letsencrypt.org/directory"
    assert settings.acme.root == ROOT
    assert settings.acme.email == "certificates@inbox.example"


@pytest.mark.parametrize(
    ("key", "value", "moved"),
    [
        (
            "logins",
            [{"address": "me@shop.example", "sendAs": ["me@shop.example", "@relay.example"]}],
            [
                {
                    "address": "me@shop.example.try.relay.example",
                    "sendAs": ["me@shop.example.try.relay.example", "@try.relay.example"],
                }
            ],
        ),
        (  # passwords and keys are of the other stack
            "logins",
            [{"address": "me@shop.example", "password": {"secure": "v1:x"}}],
            [{"address": "me@shop.example.try.relay.example"}],
        ),
        (
            "domains",
            [{"name": "shop.example", "selectors": ["s1"], "keys": {"s1": {"secure": "v1:x"}}}],
            [{"name": "shop.example.try.relay.example", "selectors": ["s1"]}],
        ),
        (
            "domains",
            [
                {
                    "name": "shop.example",
                    "spf": {"mechanisms": ["+a:mail.relay.example", "include:_spf.inbox.example"]},
                    "txt": ["owner=shop.example"],
                    "a": "mail.relay.example",
                    "dmarc": {"reports": ["dmarc@inbox.example"]},
                }
            ],
            [
                {
                    "name": "shop.example.try.relay.example",
                    "spf": {
                        "mechanisms": ["+a:mail.try.relay.example", "include:_spf.inbox.example"]
                    },
                    "txt": ["owner=shop.example"],
                    "a": "mail.try.relay.example",
                    "dmarc": {"reports": ["dmarc@inbox.example"]},
                }
            ],
        ),
        (  # a target of ours moves; one elsewhere stays, even if its local part looks like ours
            "forwards",
            [
                {"address": "info@shop.example", "to": ["all@shop.example", "me@inbox.example"]},
                {"address": "all@shop.example", "to": ["shop.example@inbox.example"]},
            ],
            [
                {
                    "address": "info@shop.example.try.relay.example",
                    "to": ["all@shop.example.try.relay.example", "me@inbox.example"],
                },
                {
                    "address": "all@shop.example.try.relay.example",
                    "to": ["shop.example@inbox.example"],
                },
            ],
        ),
        # the domain is ours, its mail is not: nobody would get it in the environment
        ("operator", "boss@shop.example", "boss@shop.example"),
    ],
)
def test_names_move_and_people_elsewhere_stay(key: str, value: Any, moved: Any) -> None:
    config = dev()
    if key == "operator":
        del config[f"{PREFIX}forwards"]
    config[f"{PREFIX}{key}"] = value
    found, _ = made(config)
    got = found[f"{PREFIX}{key}"]
    assert got == moved


@pytest.mark.parametrize("example", ["basics", "gateway", "handson", "resilient", "sendas"])
def test_an_example_has_an_environment_as_well(example: str) -> None:
    config = yaml.safe_load(Path(f"examples/Pulumi.{example}.yaml").read_text())["config"]
    _, settings = made(config)
    assert settings.delegation is not None
    assert settings.hosted_zones == (settings.delegation.zone,)
    assert len(settings.receiving) == len(read(readable(config)).receiving)


def test_two_environments_share_no_name_and_no_network() -> None:
    one, two = (made(dev(), name)[1] for name in ("one", "two"))
    assert one.network.cidr != two.network.cidr
    names = [{s.gateways[0].name, *(d.name for d in s.mail_domains)} for s in (one, two)]
    assert not names[0] & names[1]


def test_its_hosts_are_in_the_zones_of_the_others() -> None:
    """A load balancer takes one subnet of a zone, and gateways keep the zones that they name."""
    config = {**dev(), "mail-relay:network": {"cidr": "10.99.0.0/16", "zone": "us-east-1c"}}
    config["mail-relay:gateway"] = {}
    config["mail-relay:gateways"] = [{"name": "mail.relay.example", "zone": "us-east-1a"}]
    _, settings = made(config)
    assert settings.network.zone == "us-east-1c"
    assert settings.network.cidr != "10.99.0.0/16"
    assert settings.gateways[0].own_zone == "us-east-1a"


def test_the_parent_is_the_zone_that_there_is_even_if_the_gateways_domain_is_deeper() -> None:
    config = dev()
    del config[f"{PREFIX}forwards"]
    config[f"{PREFIX}gateway"] = {"name": "mail.mx.relay.example"}
    config[f"{PREFIX}zones"] = ["relay.example", "shop.example"]
    _, settings = made(config)
    assert settings.delegation is not None
    assert settings.delegation.zone == "try.mx.relay.example"
    assert settings.delegation.parent == "relay.example"


@pytest.mark.parametrize("name", ["", "Try", "1st", "a.b", "x-", "-x", "a" * 21, "pr_7"])
def test_a_name_that_is_no_label_is_refused(name: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"'{name}' is no name of an environment"):
        mapping.checked(name)


def test_what_is_encrypted_for_the_other_stack_is_refused_by_its_key() -> None:
    config = dev()
    base = read(readable(config))
    config[f"{PREFIX}messageSizeLimitMiB"] = {"secure": "v1:x"}
    with pytest.raises(SettingsError, match="mail-relay:messageSizeLimitMiB: it is encrypted"):
        environment(config, base, Wanted("try", EXPIRES, ROOT))


def test_accounts_at_a_provider_are_not_for_environments() -> None:
    config = yaml.safe_load(Path("examples/Pulumi.smarthost.yaml").read_text())["config"]
    for account in config[f"{PREFIX}smarthost"]["accounts"]:
        account["password"] = {"secure": "v1:x"}
    with pytest.raises(SettingsError, match="mail-relay:smarthost: accounts at a provider"):
        made(config)


def test_the_parent_zone_is_found_by_its_id_where_the_dev_stacks_is() -> None:
    config = dev()
    by_id = {"name": "relay.example", "id": "Z0123456789"}
    config["mail-relay:zones"] = [by_id, "shop.example"]
    _, settings = made(config)
    assert settings.delegation is not None
    assert settings.delegation.parent_id == "Z0123456789"
    (above,) = settings.existing_zones
    assert above.model_dump() == by_id


def test_a_host_name_that_the_environment_makes_too_long_is_told_with_what_to_do(
    tmp_path: Path,
) -> None:
    config = dev()
    config["mail-relay:clients"] = [{"name": "application-server-number-1.shop.example"}]
    source, authority = tmp_path / "Pulumi.dev.yaml", tmp_path / "root.pem"
    source.write_text(yaml.safe_dump({"config": config}))
    authority.write_text(ROOT)
    with pytest.raises(SettingsError) as caught:
        make(
            "pull-request-1234",
            timedelta(hours=4),
            source,
            authority,
            AwsTarget("unused"),
            wait=True,
        )
    first, last = caught.value.lines
    long = "application-server-number-1.shop.example.pull-request-1234.relay.example"
    assert first.startswith(f"mail-relay:clients[0].name: '{long}': it has 72 characters")
    assert f"longer than those in {source}: choose a shorter NAME" in last


@dataclasses.dataclass(frozen=True)
class Place:
    """An environment's target, as far as its file is concerned."""

    file: Path
    apply_command: str = "pulumi up --stack env-try"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "Pulumi.env-try.yaml")
    make_._write(found.file, dev())
    return found


def check(place: Any) -> None:
    make_._check_unedited(place, dev(), Path("Pulumi.dev.yaml"))


def test_a_change_in_an_environments_own_file_is_not_lost(place: Place) -> None:
    text = place.file.read_text()
    changed = text.replace("me@shop.example", "you@shop.example", 1)
    assert changed != text
    place.file.write_text(changed)
    with pytest.raises(StackError, match=r"different are mail-relay:\w+\. .*--stack env-try; to"):
        check(place)
    assert place.file.read_text() == changed


def test_an_environments_file_is_written_anew_if_nobody_has_changed_it(place: Place) -> None:
    check(place)
    with place.file.open("a") as file:  # Pulumi's own, with a passphrase
        file.write("encryptionsalt: v1:x\n")
    check(place)
    place.file.unlink()
    check(place)


def rewrite(place: Place, config: dict[str, Any]) -> None:
    """Have another program write the settings: the comment with the digest stays."""
    first = place.file.read_text().partition("\n")[0]
    place.file.write_text(f"{first}\n{yaml.safe_dump({'config': config})}")


def expiring(config: dict[str, Any], day: int) -> dict[str, Any]:
    tags = {mapping.EXPIRES: mapping.expiry(EXPIRES.replace(day=day))}
    return {**config, f"{PREFIX}tags": tags}


def test_a_change_that_the_dev_stacks_file_has_as_well_is_not_refused(place: Any) -> None:
    changed = {**dev(), f"{PREFIX}operator": "you@inbox.example"}
    rewrite(place, expiring(changed, 1))
    make_._check_unedited(place, expiring(changed, 2), Path("Pulumi.dev.yaml"))


def test_of_an_edited_file_only_what_would_be_lost_is_named(place: Any) -> None:
    rewrite(place, expiring({**dev(), f"{PREFIX}operator": "you@inbox.example"}, 1))
    with pytest.raises(StackError, match=r"different are mail-relay:operator\."):
        make_._check_unedited(place, expiring(dev(), 2), Path("Pulumi.dev.yaml"))


def test_numbers_that_pulumi_has_written_as_texts_are_no_change(place: Place) -> None:
    config = {**dev(), f"{PREFIX}protect": False, f"{PREFIX}messageSizeLimitMib": 30}
    make_._write(place.file, config)
    rewrite(place, {**config, f"{PREFIX}protect": "false", f"{PREFIX}messageSizeLimitMib": "30"})
    check(place)


@pytest.mark.parametrize("first", ["", "encryptionsalt: v1:x\n"])
def test_a_change_is_found_wherever_the_digest_stands(place: Place, first: str) -> None:
    text = first + place.file.read_text()
    place.file.write_text(text)
    check(place)
    place.file.write_text(text.replace("me@shop.example", "you@shop.example", 1))
    with pytest.raises(StackError, match="was changed"):
        check(place)


def test_a_file_without_a_digest_is_written_anew_only_if_nothing_is_lost(place: Place) -> None:
    text = place.file.read_text().partition("\n")[2]
    place.file.write_text(text)
    check(place)
    place.file.write_text("encryptionsalt: v1:x\n")  # as `pulumi stack init` leaves it
    check(place)
    place.file.write_text(text.replace("me@shop.example", "you@shop.example", 1))
    with pytest.raises(StackError, match="was changed"):
        check(place)
