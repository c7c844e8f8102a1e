"""What is published about mail, as RFCs have it."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mail import dkim, dmarc, names, records, spf, txt, zonefile


@pytest.mark.parametrize("length", [0, 1, 255, 256, 510, 511, 1000])
def test_a_long_text_is_cut_into_strings_of_255_octets(length: int) -> None:
    text = "x" * length
    pieces = txt.pieces(text)
    assert "".join(pieces) == text
    assert all(len(piece) <= 255 for piece in pieces)


def test_quotation_marks_are_escaped_for_route53() -> None:
    assert txt.route53_value('say "hi" \\') == 'say \\"hi\\" \\\\'
    assert txt.route53_value("a" * 256) == "a" * 255 + '""' + "a"


@pytest.mark.parametrize(
    ("kind", "values", "null"),
    [
        ("MX", ["0 ."], True),
        ("MX", ["10 ."], True),
        ("MX", ["0 .", "10 mx.far.example."], False),
        ("MX", ["10 mx.far.example."], False),
        ("MX", [], False),
        ("TXT", ["0 ."], False),
    ],
)
def test_a_null_mx_is_told_as_what_it_is(kind: str, values: list[str], null: bool) -> None:
    assert ("takes no mail" in records.meaning(kind, values)) is null


def test_spf_policies() -> None:
    assert spf.gateways(["192.0.2.1", "192.0.2.2"]) == "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all"


@pytest.mark.parametrize(
    ("terms", "all_", "record"),
    [
        (["gateways"], "~all", "v=spf1 include:_spf.relay.example ~all"),
        (
            ["gateways", "include:b.example"],
            "~all",
            "v=spf1 include:_spf.relay.example include:b.example ~all",
        ),
        (["+ip4"], "-all", "v=spf1 +ip4:192.0.2.1 +ip4:192.0.2.2 -all"),
        (["+a", "+mx", "+ip4"], "~all", "v=spf1 +a +mx +ip4:192.0.2.1 +ip4:192.0.2.2 ~all"),
        (
            ["a:mail.b.example", "ip4:192.0.2.9"],
            "?all",
            "v=spf1 a:mail.b.example ip4:192.0.2.9 ?all",
        ),
    ],
)
def test_a_domains_spf_terms(terms: list[str], all_: str, record: str) -> None:
    addresses = ["192.0.2.1", "192.0.2.2"]
    assert spf.domain(terms, all_, include="_spf.relay.example", addresses=addresses) == record


def test_the_published_key_is_the_private_keys_other_half() -> None:
    pem = dkim.generate()
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    record = dkim.record(pem)
    assert record.startswith("v=DKIM1; k=rsa; p=")
    published = serialization.load_der_public_key(base64.b64decode(record.partition("p=")[2]))
    assert published == key.public_key()


@pytest.mark.parametrize("record", ["v=DKIM1; k=rsa; p=AAAA", " v=DKIM1 ; p=AAAA", "k=rsa; p=AAAA"])
def test_a_key_record_may_say_its_version_first(record: str) -> None:
    assert dkim.read(record) == dkim.KeyRecord("AAAA", testing=False)


@pytest.mark.parametrize("record", ["k=rsa; v=DKIM1; p=AAAA", "p=AAAA; v=DKIM1"])
def test_a_key_record_that_says_its_version_later_is_none(record: str) -> None:
    """RFC 6376, 3.6.1: verifiers must discard it."""
    with pytest.raises(ValueError, match="its v= is not the first tag"):
        dkim.read(record)


def test_consent_to_reports_is_below_who_gets_them() -> None:
    """RFC 9990, 4: the domain whose reports they are comes first."""
    name = dmarc.report_authorization("shop.example", "relay.example")
    assert name == "shop.example._report._dmarc.relay.example"


def test_dmarc_policies() -> None:
    assert dmarc.record({"p": "none"}) == "v=DMARC1; p=none"
    reports = dmarc.uris(["a@x.example", "b@x.example"])
    assert (
        dmarc.record({"rua": reports, "pct": "50", "p": "quarantine"})
        == "v=DMARC1; p=quarantine; pct=50; rua=mailto:a@x.example,mailto:b@x.example"
    )


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("example.com", True),
        ("a.b-c.example", True),
        ("xn--bcher-kva.example", True),
        ("example", False),
        ("Example.com", False),
        ("example.com.", False),
        ("a..example", False),
        ("a_b.example", False),
        ("x" * 64 + ".example", False),
        (".".join(["x" * 60] * 5), False),
    ],
)
def test_domain_names(name: str, right: bool) -> None:
    assert (names.domain_problem(name) is None) is right


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("me@example.com", True),
        ("first.last+tag@example.com", True),
        ("me", False),
        ("@example.com", False),
        ("a..b@example.com", False),
        ('"a b"@example.com', False),
        ("Me@example.com", False),
        ("x" * 65 + "@example.com", False),
    ],
)
def test_addresses(address: str, right: bool) -> None:
    assert (names.address_problem(address) is None) is right


def test_what_is_not_ascii_is_octal_for_route53_and_decimal_in_a_zone_file() -> None:
    assert txt.route53_value("Straße 1") == "Stra\\303\\237e 1"
    assert txt.quoted("Straße 1") == '"Stra\\195\\159e 1"'
    assert txt.zone_file(r'"Gr\303\274\303\237e" "a\052b" "\\303 \""') == (
        r'"Gr\195\188\195\159e" "a\042b" "\\303 \""'
    )


@pytest.mark.parametrize(
    "text",
    ["v=spf1 -all", 'a "quoted" \\ word', "x" * 700, "", "\\303 ü", "ü" * 700, "x" + "ü" * 200],
)
def test_txt_strings_are_read_as_they_were_written(text: str) -> None:
    assert "".join(txt.strings(txt.route53_value(text))) == text
    (read,) = zonefile.read(zonefile.line("example.com", "TXT", 60, txt.quoted(text)))
    assert read.values == (text,)
