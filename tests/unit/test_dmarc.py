"""DMARC as RFC 9989 has it: records written and read, and whose policy counts."""

from collections.abc import Mapping

import pytest

from mail import dmarc


@pytest.mark.parametrize(
    ("text", "policy", "subdomains", "nonexistent", "reports"),
    [
        ("v=DMARC1; p=none", "none", "none", "none", ()),
        ("v=DMARC1;p=Reject;", "reject", "reject", "reject", ()),
        ("v = DMARC1 ; p = none ; sp=reject", "none", "reject", "reject", ()),
        ("v=DMARC1; p=reject; np=none", "reject", "reject", "none", ()),
        ("v=DMARC1; p=none; sp=quarantine; np=reject", "none", "quarantine", "reject", ()),
        ("v=DMARC1; rua=mailto:a@x.example", "none", "none", "none", ("a@x.example",)),
        ("v=DMARC1; p=rejct; rua=mailto:a@x.example", "none", "none", "none", ("a@x.example",)),
        ("v=DMARC1; p=none; rua=MAILTO:a@x.example!10m", "none", "none", "none", ("a@x.example",)),
        (
            "v=DMARC1; p=none; ruf=mailto:a%25b@x.example",
            "none",
            "none",
            "none",
            ("a%b@x.example",),
        ),
        ("v=DMARC1; p=none; later=thing; nothing; fo=1", "none", "none", "none", ()),
    ],
)
def test_a_record_is_read_as_receivers_read_it(
    text: str, policy: str, subdomains: str, nonexistent: str, reports: tuple[str, ...]
) -> None:
    found = dmarc.read(text)
    assert (found.policy, found.subdomains, found.nonexistent) == (policy, subdomains, nonexistent)
    assert found.reports == reports


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=DMARC2; p=none",
        "v=dmarc1; p=none",
        "p=none; v=DMARC1",
        "v=DMARC1 p=none",
        "v=DMARC1",
        "v=DMARC1; p=rejct",
        "v=DMARC1; p=reject; sp=rejct",
        "v=DMARC1; rua=https://x.example",
    ],
)
def test_a_record_that_receivers_ignore_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"begin with v=DMARC1|is none of none"):
        dmarc.read(text)


@pytest.mark.parametrize(
    ("text", "applied"),
    [
        ("p=reject; t=y", "quarantine"),
        ("p=quarantine; t=y", "none"),
        ("p=none; t=y", "none"),
        ("p=reject; t=n", "reject"),
    ],
)
def test_a_policy_that_is_tried_is_applied_one_level_less(text: str, applied: str) -> None:
    assert dmarc.read(f"v=DMARC1; {text}").applied == applied


@pytest.mark.parametrize(
    ("options", "right"),
    [("0", True), ("1", True), ("1:d:s", True), ("d", True), ("d:s", True), ("s:0", True)]
    + [(bad, False) for bad in ("", "2", "0:1", "d:d", "1:", ":", "D", "1 : d")],
)
def test_options_of_failure_reports(options: str, right: bool) -> None:
    assert (dmarc.failures_problem(options) is None) is right


def test_an_address_in_a_uri_is_escaped() -> None:
    """RFC 6068, 2; a "!" would begin a size for receivers that still follow RFC 7489."""
    address = "a!5%/?#&=b+c@x.example"
    written = dmarc.uris([address])
    assert written == "mailto:a%215%25%2F%3F%23%26%3Db+c@x.example"
    assert dmarc.read(f"v=DMARC1; p=none; rua={written}").reports == (address,)


def asked(domain: str, records: Mapping[str, str]) -> tuple[str, list[str]]:
    names: list[str] = []

    def look_up(name: str) -> list[str]:
        names.append(name.removeprefix("_dmarc."))
        return [records[names[-1]]] if names[-1] in records else []

    return dmarc.organizational_by_walk(domain, look_up), names


NONE, SUFFIX, OWN = "v=DMARC1; p=none", "v=DMARC1; p=none; psd=y", "v=DMARC1; p=none; psd=n"


@pytest.mark.parametrize(
    ("domain", "records", "found"),
    [  # the standard's own examples first (RFC 9989, 4.10.2)
        ("a.mail.example.com", {"mail.example.com": NONE, "example.com": NONE}, "example.com"),
        ("a.mail.example.com", {"mail.example.com": OWN, "example.com": NONE}, "mail.example.com"),
        ("a.mail.example.com", {"com": SUFFIX}, "example.com"),
        ("mail.example.com", {"example.com": SUFFIX}, "mail.example.com"),
        ("example.com", {"example.com": SUFFIX}, "example.com"),
        ("a.example.com", {}, "a.example.com"),
        ("a.example.com", {"example.com": "v=spf1 -all"}, "a.example.com"),
        ("a.example.com", {"example.com": "v=DMARC1; p=nothing"}, "a.example.com"),
    ],
)
def test_the_organizational_domain_is_found_by_a_walk_up_the_tree(
    domain: str, records: dict[str, str], found: str
) -> None:
    assert asked(domain, records)[0] == found


def test_several_records_at_a_name_count_as_none() -> None:
    several = {"_dmarc.example.com": [NONE, OWN]}
    assert dmarc.organizational_by_walk("a.example.com", lambda n: several.get(n, [])) == (
        "a.example.com"
    )


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("mail.example.com", ["mail.example.com", "example.com", "com"]),
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            [
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com",
            ],
        ),
    ],
)
def test_a_walk_asks_at_most_eight_times(domain: str, names: list[str]) -> None:
    assert asked(domain, {})[1] == names


@pytest.mark.parametrize(
    ("author", "other", "records", "aligned"),
    [
        ("mail.example.com", "example.com", {"example.com": NONE}, True),
        ("mail.example.com", "example.com", {"example.com": SUFFIX}, False),  # the walk differs
        ("example.com", "other.example", {"example.com": NONE, "other.example": NONE}, False),
        ("a.example.co.uk", "b.example.co.uk", {"example.co.uk": NONE}, True),
        ("example.co.uk", "other.co.uk", {"co.uk": OWN}, False),  # the list differs
    ],
)
def test_aligned_is_what_both_kinds_of_receivers_find_aligned(
    author: str, other: str, records: dict[str, str], aligned: bool
) -> None:
    def look_up(name: str) -> list[str]:
        held = records.get(name.removeprefix("_dmarc."))
        return [held] if held else []

    assert dmarc.aligned(author, other, False, look_up) is aligned
    assert dmarc.aligned(author, author, True, look_up)
