"""What a domain's settings would publish is right as receivers read it, or refused with the form to
write."""

import itertools
import time
from typing import Any

import pytest
from raw_settings import SMARTHOST, changed, lines

from mail import dmarc, spf
from settings import SettingsError, read


def domain(**keys: Any) -> dict[str, Any]:
    return changed(domains=[{"name": "shop.example", **keys}])


def mechanisms(*terms: str, **keys: Any) -> dict[str, Any]:
    return domain(spf={"mechanisms": list(terms), **keys})


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Shop.Example", "shop.example"),
        ("shop.example.", "shop.example"),
        ("SHOP.example.", "shop.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example.", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),  # IDNA 2003 makes it strasse.example
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("例え。example", "xn--r8jz45g.example"),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "gateway",
        "domains",
        "zones",
        "clients",
        "mx",
        "operator",
        "logins",
        "sendAs",
        "forwards",
        "to",
        "reports",
    ],
)
def test_a_domain_in_another_form_is_refused_with_the_form_to_write(
    place: str, name: str, right: str
) -> None:
    raw = {
        "gateway": changed(gateway={"name": f"mail.{name}"}),
        "domains": changed(domains=[{"name": name}]),
        "zones": changed(zones=[name]),
        "clients": changed(clients=[{"name": f"app.{name}"}]),
        "mx": domain(mx=[{"host": f"mx.{name}"}]),
        "operator": changed(operator=f"ops@{name}"),
        "logins": changed(logins=[{"address": f"me@{name}"}]),
        "sendAs": changed(clients=[{"name": "app.shop.example", "sendAs": [f"@{name}"]}]),
        "forwards": changed(forwards=[{"address": f"@{name}", "to": ["me@far.example"]}]),
        "to": changed(forwards=[{"address": "a@shop.example", "to": [f"me@{name}"]}]),
        "reports": domain(dmarc={"reports": [f"me@{name}"]}),
    }[place]
    (line,) = lines(raw)
    assert line.endswith(right)


@pytest.mark.parametrize("name", ["a b.example", "ex_ample.org", "1.2.3.4", "a..b", "☺.example"])
def test_a_name_that_has_no_right_form_is_refused(name: str) -> None:
    (line,) = lines(changed(operator=f"me@{name}"))
    assert "me@" in line


@pytest.mark.parametrize(
    "term",
    [
        "redirect=_spf.example.net",
        "ip4:999.1.2.3",
        "ip4:300.1.1.1",
        "ip4:1.2.3.4/33",
        "ip4:01.2.3.4",
        "ip6:::::",
        "ip6:2001:db8::/129",
        "a:192.0.2.7",
        "a/99",
        "a/24/24",
        "mx//129",
        "include:shop.example",
        "include:..",
        "include:a..b.example",
        "include:http://x.example",
        "include:x.example,",
        "include",
        "exists:%",
        "exists:%{y}.example",
        "exists:",
        "foo:x.example",
        "-ip4",
        "~ip4",
        "?ip4",
        "all",
        "-all",
        "exp=x.example",
        "v=spf1",
        "include:x.example include:y.example",
        "",
    ],
)
def test_a_term_that_spf_does_not_take_is_refused_by_its_name(term: str) -> None:
    (line,) = lines(mechanisms("gateways", term))
    assert line.startswith("mail-relay:domains[0].spf.mechanisms")
    assert repr(term) in line or f"gateways {term}" in line


@pytest.mark.parametrize(
    "term",
    [
        "gateways",
        "ip4",
        "+ip4",
        "+a",
        "mx",
        "mx:mail.example.net/24//64",
        "?include:_spf.example.net",
        "-ip4:192.0.2.7",
        "ip4:192.0.2.0/24",
        "ip6:2001:db8::/32",
        "exists:%{i}._spf.%{d2}",
        "ptr:example.net",
        "a:a_b.example.net.",
    ],
)
def test_a_right_term_is_taken(term: str) -> None:
    read(mechanisms(term))


def test_a_mechanism_in_unicode_is_refused_with_the_form_to_write() -> None:
    (line,) = lines(mechanisms("include:bücher.example"))
    assert line.endswith("write it in its ASCII form: include:xn--bcher-kva.example")


def test_the_smarthosts_term_is_held_to_the_same() -> None:
    account = {"user": "me", "password": "secret-123"}
    given = {"host": "smtp.far.example", "spf": "ip4:1.2.3.400", "accounts": [account]}
    (line,) = lines(changed(smarthost=given))
    assert "smarthost.spf: 'ip4:1.2.3.400'" in line


def test_policies_that_include_each_other_are_refused() -> None:
    raw = changed(
        domains=[
            {"name": "shop.example", "spf": {"mechanisms": ["gateways", "include:b.example"]}},
            {"name": "b.example", "spf": {"mechanisms": ["gateways", "include:shop.example"]}},
        ]
    )
    found = lines(raw)
    assert [line.split(": ")[0] for line in found] == [
        "mail-relay:domains[0].spf.mechanisms (shop.example)",
        "mail-relay:domains[1].spf.mechanisms (b.example)",
    ]
    assert all("it includes itself" in line for line in found)


def test_look_ups_are_counted_through_the_policies_of_the_stack() -> None:
    far = [f"include:{n}.far.example" for n in range(8)]
    inner = {"name": "b.example", "spf": {"mechanisms": far}}
    outer = {"name": "shop.example", "spf": {"mechanisms": ["gateways", "include:b.example"]}}
    read(changed(domains=[inner, outer]))
    outer["spf"]["mechanisms"].append("a")
    (line,) = lines(changed(domains=[inner, outer]))
    assert "it costs 11 DNS look-ups, SPF allows 10" in line


def test_a_policy_that_lets_everybody_pass_is_refused() -> None:
    (line,) = lines(mechanisms("gateways", "ip4:0.0.0.0/0"))
    assert "every address passes" in line


def test_terms_that_are_taken_never_make_a_policy_that_receivers_refuse() -> None:
    """Every pair of odd terms: taken as settings, or a permerror of the whole record."""
    terms = [
        "a",
        "mx",
        "ptr",
        "ip4",
        "include:far.example",
        "exists:%{i}.far.example",
        "a:b",
        "foo",
    ]
    taken = 0
    for pair in itertools.product(terms, repeat=2):
        try:
            settings = read(mechanisms(*pair))
        except SettingsError:
            continue
        taken += 1
        policy = settings.spf_policies()["shop.example"]

        def look_up(name: str, kind: str, policy: str = policy) -> list[str]:
            own = {"shop.example": policy}
            return [own.get(name, "v=spf1 -all")] if kind == "TXT" else ["192.0.2.9"][: kind == "A"]

        found = spf.evaluate("198.51.100.1", "me@shop.example", "far.example", look_up)
        assert found.result in ("softfail", "neutral", "pass")
    assert taken == 30  # none twice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v=spf1 include:_spf.example.net ~all", "put its terms into spf.mechanisms"),
        ("V=SPF1 -all", "put its terms into spf.mechanisms"),
        ("v=spf1", "put its terms into spf.mechanisms"),
        ('"verification=1"', "leave out the quotation marks"),
        ("two\nlines", "a line break"),
        ("tab\there", "a line break"),
        ("", "it is empty"),
        ("x" * 4000, "Route53 takes 4000"),
        ("ü" * 600, "Route53 takes 4000"),
    ],
)
def test_a_string_of_the_apex_that_cannot_be_published_is_refused(text: str, said: str) -> None:
    (line,) = lines(domain(txt=[text]))
    assert line.startswith("mail-relay:domains[0].txt[0]")
    assert said in line


def test_strings_of_the_apex_that_can_be_published_are_taken() -> None:
    read(domain(txt=["Straße 1", "v=spf10", 'say "hi" \\ now', "x" * 3900, "ü" * 480]))
    assert "listed twice" in lines(domain(txt=["a", "a"]))[0]


def test_every_tag_of_dmarc_is_published_as_it_is_set() -> None:
    given = {
        "policy": "none",
        "sp": "reject",
        "np": "reject",
        "psd": False,
        "t": True,
        "pct": 50,
        "adkim": "s",
        "aspf": "r",
        "reports": ["d@example.net"],
        "ruf": ["f@example.net"],
        "fo": 1,
    }
    settings = read(domain(dmarc=given))
    text = settings.dmarc_record(settings.domains[0])
    assert text == (
        "v=DMARC1; p=none; sp=reject; np=reject; psd=n; t=y; pct=50; adkim=s; aspf=r; "
        "rua=mailto:d@example.net; ruf=mailto:f@example.net; fo=1"
    )
    assert dmarc.read(text).reports == ("d@example.net", "f@example.net")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sp": "rejct"}, "dmarc.sp (shop.example): 'rejct'"),
        ({"np": True}, "dmarc.np"),
        ({"psd": "x"}, "dmarc.psd (shop.example): 'x'"),
        ({"t": "perhaps"}, "dmarc.t (shop.example): 'perhaps'"),
        ({"adkim": "strict"}, "dmarc.adkim (shop.example): 'strict'"),
        ({"fo": "0:1"}, "dmarc.fo (shop.example): '0:1': give 0 or 1, d, s"),
        ({"ruf": ["f"]}, "dmarc.ruf[0] (shop.example): 'f': give a whole address"),
        ({"subdomains": "reject"}, "there is no such key"),
        ({"reports": [f"{'d' * 60}-{n}@example.net" for n in range(60)]}, "Route53 takes 4000"),
    ],
)
def test_a_wrong_tag_of_dmarc_is_refused(given: dict[str, Any], said: str) -> None:
    (line,) = lines(domain(dmarc=given))
    assert said in line


@pytest.mark.parametrize("selector", ["s1", "2024.mail", "k3.a", "20240101", "a-b"])
def test_selectors_are_labels_with_dots_between_them(selector: str) -> None:
    settings = read(domain(selectors=[selector]))
    assert settings.domains[0].selectors == (selector,)


@pytest.mark.parametrize("selector", ["s_1", "a..b", ".a", "a.", "-a", "A", "a b", "", "x" * 64])
def test_a_selector_that_is_none_is_told_in_one_line(selector: str) -> None:
    (line,) = lines(domain(selectors=[selector]))
    assert "RFC 6376, 3.1" in line


@pytest.mark.parametrize("value", [20240101, True, 1.5])
def test_a_value_that_yaml_takes_for_a_number_is_to_be_quoted(value: Any) -> None:
    (line,) = lines(domain(selectors=[value]))
    assert "put it in quotation marks" in line


def test_a_selector_whose_records_name_is_too_long_is_refused() -> None:
    (line,) = lines(domain(selectors=[".".join(["x" * 60] * 4)]))
    assert "DNS takes 253" in line


FORWARD = {"address": "info@shop.example", "to": ["me@far.example"]}


def test_a_domain_that_takes_no_mail_says_so() -> None:
    settings = read(domain(mx=[{"host": "."}]))
    assert [exchange.value for exchange in settings.domains[0].mx] == ["0 ."]
    both = [{"host": "."}, {"host": "mx.far.example"}]
    assert "RFC 7505" in lines(domain(mx=both))[0]
    assert "RFC 7505" in lines({**domain(mx=[{"host": "."}]), "forwards": [FORWARD]})[0]


def test_a_domain_whose_mail_goes_elsewhere_has_no_forwards_here() -> None:
    elsewhere, here = {"host": "mx.far.example"}, {"host": "mail.relay.example", "preference": 20}
    (line,) = lines({**domain(mx=[elsewhere]), "forwards": [FORWARD]})
    start = "mail-relay:domains[0].mx (shop.example): ['mx.far.example']: a forward or a mailbox"
    assert line.startswith(start)
    assert "add mail.relay.example to it" in line
    read({**domain(mx=[elsewhere, here]), "forwards": [FORWARD]})
    read(domain(mx=[elsewhere]))


@pytest.mark.parametrize("host", ["mail.relay.example", "app.shop.example"])
def test_nothing_is_sent_to_a_hosts_name(host: str) -> None:
    (line,) = lines(changed(forwards=[{**FORWARD, "to": [f"you@{host}"]}]))
    start = "mail-relay:forwards[0].to (info@shop.example): "
    assert line.startswith(f"{start}'you@{host}': {host} is a host's name")
    assert "a host's name" in lines(changed(operator=f"root@{host}"))[0]


def test_nobodys_mail_passes_without_mechanisms_a_smarthosts_neither() -> None:
    raw = {**mechanisms(all="-all"), "smarthost": SMARTHOST}
    assert read(raw).spf_policies()["shop.example"] == "v=spf1 -all"


def test_a_login_whose_own_address_takes_no_mail_is_known() -> None:
    settings = read(changed(forwards=[FORWARD]))
    assert settings.unreachable == ("me@shop.example",)
    assert read(changed(forwards=[{**FORWARD, "address": "@shop.example"}])).unreachable == ()
    assert read(changed()).unreachable == ()  # its mail is taken elsewhere
    assert read(domain(mx=[{"host": "."}])).unreachable == ("me@shop.example",)


@pytest.mark.parametrize("network", ["127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16"])
def test_a_network_that_no_vpc_can_have_is_refused(network: str) -> None:
    assert "no VPC can have it" in lines(changed(network={"cidr": network}))[0]


def test_a_smarthost_that_is_a_host_of_the_stack_is_refused() -> None:
    account = {"user": "me", "password": "secret-123"}
    given = {"host": "mail.relay.example", "spf": "include:x.example", "accounts": [account]}
    (line,) = lines(changed(smarthost=given))
    assert "it is a host of the stack" in line


def test_large_stacks_are_read_in_a_moment() -> None:
    """Zones, aliases and circles take time that grows with their number, not with its cube."""
    count = 300
    raw = {
        "gateway": {"name": "mail.relay.example", "dataVolumeGiB": 400},
        "operator": "ops@inbox.example",
        "domains": [{"name": f"d{n}.example"} for n in range(count)],
        "logins": [{"address": f"me@d{n}.example"} for n in range(count)],
        "mailboxes": [{"address": f"me@d{n}.example", "quotaMiB": 100} for n in range(count)],
        "forwards": [
            {"address": f"{name}@d{n}.example", "to": [f"me@d{n}.example"]}
            for n in range(count)
            for name in ("info", "sales")
        ],
    }
    began = time.process_time()
    settings = read(raw)
    assert len(settings.mailbox_aliases[f"me@d{count - 1}.example"]) == 2
    assert len(settings.hosted_zones) == count + 1
    assert time.process_time() - began < 5


def test_many_lists_of_lists_are_no_circle() -> None:
    to = {
        f"a{n}@shop.example": [f"a{n + 1}@shop.example", f"b{n + 1}@shop.example"]
        for n in range(25)
    }
    to |= {f"b{n}@shop.example": to[f"a{n}@shop.example"] for n in range(25)}
    to |= {f"{x}25@shop.example": ["me@far.example"] for x in "ab"}
    began = time.process_time()
    read(changed(forwards=[{"address": a, "to": targets} for a, targets in to.items()]))
    assert time.process_time() - began < 3
