"""The guard's policies: what leaves, and what is said to who may not send it."""

import pytest
from authors.corpus import by_postfix, legitimate

from agent.guard import originating
from agent.guard.author import read
from agent.guard.message import Message, Verdict
from agent.guard.tables import Login, Tables

ME, OTHER = "me@shop.example", "you@relay.example"
LOGINS = {
    ME: Login("1", frozenset({ME})),
    "all@relay.example": Login("1", frozenset({"@relay.example"})),
}
TABLES = Tables(
    gateways=("mail.relay.example",),
    signed_by={
        "shop.example": "shop.example",
        "relay.example": "relay.example",
        "mail.relay.example": "relay.example",
        "new.example": None,
    },
    logins=LOGINS,
)


def judged(
    value: bytes | str, *more: tuple[str, bytes], login: str = ME, d: str = "shop.example"
) -> Verdict:
    raw = value.encode() if isinstance(value, str) else value
    signature = f" v=1; a=rsa-sha256; c=relaxed/relaxed; d={d};\n\ts=s1; h=from; bh=d=;\n\tb=x"
    headers = [("DKIM-Signature", signature.encode()), ("From", raw), *more]
    return originating.by_login(Message(login=login, headers=headers), TABLES, TABLES)


@pytest.mark.parametrize("value", legitimate(ME), ids=repr)
def test_what_programs_write_is_taken(value: bytes) -> None:
    seen = by_postfix(value)
    assert isinstance(seen, bytes), seen
    assert read(seen).address == ME
    assert judged(seen) == Verdict()


# Each with a word of what is said to the sender.
REFUSED = [
    ("", "empty"),
    (" ", "empty"),
    ("\n ", "empty"),
    (f" {OTHER}", "this login may send as me@shop.example"),
    (" ceo@bank.example", "no domain of this server"),
    (f" {ME}, {OTHER}", "not one author"),
    (f" {ME}, Me <{ME}>", "not one author"),
    (f" Me <{ME}>, You <{OTHER}>", "not one author"),
    (f" {OTHER} (x", "not closed"),
    (f" {OTHER}(", "not closed"),
    (f' "x <{ME}>', "not closed"),
    (f" Me <{ME}", "not one author"),
    (f" <{ME}> <{OTHER}>", "not one author"),
    (f" <<{ME}>>", "not one author"),
    (f" <{ME}> Me", "not one author"),
    (f" Friends: {ME};", "not one author"),
    (" Undisclosed:;", "not one author"),
    (" Me", "no address"),
    (" <>", "not one author"),
    (f' "{ME}"', "not one author"),
    (f" <@relay.example:{ME}>", "not one author"),
    (' "me"@shop.example', "not one author"),
    (" me@[127.0.0.1]", "not one author"),
    (" me @ shop.example", "not one author"),
    (" me@shop .example", "not one author"),
    (" me@shop.example.", "not plain"),
    (" m(x)e@shop.example", "not one author"),
    (" me@shop(x).example", "not one author"),
    (" me..you@shop.example", "not plain"),
    (f" {'x' * 1000} <{ME}>", "longer than 998"),
    (f" x\n \n <{ME}>", "empty line"),
    (f" \x1b$B@P@n\x1b(B <{ME}>", "control character"),
    (f" x\r<{ME}>", "control character"),
    # names that show another's address, however it is written
    (f' "{OTHER}" <{ME}>', "shows another address: you@relay.example"),
    (f" {OTHER} <{ME}>", "@"),
    (f' "sales@shop.example" <{ME}>', "shows another address"),
    (f" ({OTHER}) {ME}", "shows another address"),
    (f" {ME} (x@y)", "shows another address"),
    (f' {ME} ("x"@shop.example)', "shows another address"),
    (f' "me\\@shop.example@shop.example" <{ME}>', "shows another address"),
    (f' "boss@?bank.example" <{ME}>', "shows another address"),
    (f" {ME} (boss@bank.example)", "shows another address"),
    (f' "<boss@bank>" <{ME}>', "shows another address"),
    (f" =?utf-8?q?you=40relay=2Eexample?= <{ME}>", "shows another address"),
    (f" =?utf-8?b?eW91QHJlbGF5LmV4YW1wbGU=?= <{ME}>", "shows another address"),
    (f" =?utf-8?b?Ym9zcw==QHNob3AuZXhhbXBsZQ==?= <{ME}>", "shows another address"),
    (f" =?utf-7?q?boss+AEA-bank.example?= <{ME}>", "shows another address"),
    (f" =?UTF-16BE?b?AGIAQABjAC4AZA==?= <{ME}>", "shows another address"),
    (f" =?cp037?q?=82=7C=83=4B=84=85?= <{ME}>", "shows another address"),
    (f" =?utf-8?q?boss=EF=BC?= =?utf-8?q?=A0bank.example?= <{ME}>", "shows another address"),
    (f' "boss\N{FULLWIDTH COMMERCIAL AT}bank.example" <{ME}>', "shows another address"),
    (f' "boss\N{SMALL COMMERCIAL AT}bank\N{IDEOGRAPHIC FULL STOP}example" <{ME}>', "shows another"),
    (f' "boss@\N{ZERO WIDTH SPACE}bank.exa\N{SOFT HYPHEN}mple" <{ME}>', "shows another address"),
    (f' "boss @ bank.example" <{ME}>', "shows another address"),
    (f' "boss@" "bank.example" <{ME}>', "shows another address"),
    (f' "boss\\@bank.example" <{ME}>', "shows another address"),
    (f' "\\"boss@bank.example" <{ME}>', "shows another address"),
    (f" =?x-none?q?boss?= <{ME}>", "unknown charset"),
    # for who decodes the field before he parses it
    (" me+=?utf-8?q?=20=3Cboss=40bank.example=3E?=@shop.example", "not plain"),
    (f" =?utf-8?q?boss=40bank.example=20 <{ME}> (?=)", "shows another address"),
]


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=repr)
def test_what_is_refused_says_what_is_wrong_with_it(value: str, why: str) -> None:
    raw = value.encode()
    seen = by_postfix(raw)
    if isinstance(seen, bytes):
        verdict = judged(seen)
        assert verdict.code == "550"
        assert why in verdict.text
    else:
        assert why in seen
    # and the guard alone takes nothing that Postfix does not
    assert judged(raw).code == "550"
    assert "\n" not in judged(raw).text
    assert judged(raw).text.isascii()


@pytest.mark.parametrize("name", ["From", "Sender"])
def test_a_field_with_an_address_is_as_long_as_a_line_that_is_never_cut(name: str) -> None:
    def said(octets: int) -> str:
        value = ME.rjust(octets - len(f"{name}:")).encode()
        if name != "From":
            return judged(f" {ME}", (name, value)).text
        return f"{by_postfix(value)!r} {judged(value).text}"

    assert "longer" not in said(998)
    assert said(999).count(f"the {name} field is longer than 998 octets") == (
        2 if name == "From" else 1
    )


@pytest.mark.parametrize("sender", ["you+shop@relay.example", "YOU@Relay.example"])
def test_an_address_is_a_logins_with_anything_after_a_plus_and_in_capitals(sender: str) -> None:
    assert judged(f" <{sender}>", login="all@relay.example", d="relay.example") == Verdict()
    assert judged(" <me+shop@shop.example>") == Verdict()
    assert judged(" <you+me@shop.example>").code == "550"
    assert judged(" <me+x@relay.example>").code == "550"


@pytest.mark.parametrize("name", ["Sender", "Resent-From", "sender"])
def test_no_other_field_shows_somebody_else_as_the_sender(name: str) -> None:
    assert judged(f" {ME}", (name, f" {ME}".encode())) == Verdict()
    assert judged(f" {ME}", (name, b" ceo@bank.example")).code == "550"
    assert judged(f" {ME}", (name, b" ")).code == "550"


def test_there_is_one_from_field() -> None:
    assert "2 From fields" in judged(f" {ME}", ("FROM", f" {ME}".encode())).text
    headers = [("Subject", b" x")]
    verdict = originating.by_login(Message(login=ME, headers=headers), TABLES, TABLES)
    assert "no From" in verdict.text


def test_what_is_not_signed_for_its_domain_waits() -> None:
    assert judged(f" {ME}", d="relay.example").code == "451"
    assert judged(f" {ME}", ("DKIM-Signature", b" d=shop.example;")).code == "451"
    login = {"new": Login("1", frozenset({"@new.example"}))}
    tables = Tables(gateways=("h",), signed_by=TABLES.signed_by, logins=login)
    message = Message(login="new", headers=[("From", b" a@new.example")])
    assert "no DKIM key" in originating.by_login(message, tables, tables).text


@pytest.mark.parametrize(
    "logins",
    [{}, {ME: Login("2", frozenset({ME}))}, {ME: Login("1", frozenset({ME, OTHER}))}],
    ids=["removed", "another password", "other rights"],
)
def test_a_login_that_has_changed_since_the_session_began_is_cut_off(
    logins: dict[str, Login],
) -> None:
    before = Tables(gateways=("h",), signed_by=TABLES.signed_by, logins=logins)
    message = Message(login=ME, headers=[("From", f" {ME}".encode())])
    assert originating.by_login(message, TABLES, before).code == "421"
    assert originating.by_login(message, before, TABLES).code == "421"


@pytest.mark.parametrize(
    ("sender", "author", "taken"),
    [
        ("", "MAILER-DAEMON@relay.example (Mail Delivery System)", True),
        ("root@relay.example", "me@shop.example", True),
        ("www-data@relay.example", "www-data@relay.example (Cron Daemon)", True),
        ("www-data@relay.example", "me@shop.example", False),
        ("root@relay.example", "root@bank.example", False),
    ],
)
def test_the_hosts_users_write_as_themselves(sender: str, author: str, *, taken: bool) -> None:
    domain = author.partition(" ")[0].rpartition("@")[2].encode()
    headers = [("DKIM-Signature", b" d=" + domain), ("From", f" {author}".encode())]
    verdict = originating.by_host(Message(sender=sender, headers=headers), TABLES, TABLES)
    assert (verdict.code == "") is taken


def test_long_lines_of_the_header_are_folded_where_there_is_white_space() -> None:
    ids = " ".join(f"<{number:040}@shop.example>" for number in range(30))
    cc = ", ".join(f"reader{number}@inbox.example" for number in range(60))
    verdict = judged(f" {ME}", ("References", f" {ids}".encode()), ("Cc", f" {cc}".encode()))
    found = {change.name: change.value or "" for change in verdict.changes}
    assert found["References"].replace("\n", "") == f" {ids}"
    assert found["Cc"].replace("\n", "") == f" {cc}"
    assert max(len(line) for value in found.values() for line in value.split("\n")) <= 80


def test_the_corpus_is_wide() -> None:
    assert len(set(legitimate(ME))) >= 150
