"""The guard's rules for port 25: who is an author, which verdicts count, what a sender is told."""

import re
from dataclasses import replace

import pytest
from authors.corpus import legitimate

from agent.guard import from_outside, results
from agent.guard.inbound import Rules, judge
from agent.guard.message import Change, Message, Verdict
from agent.guard.tables import Tables

HOST = "mail.relay.example"
RULES = Rules(HOST, enforce=True, registered="relay.example")
NOBODY = f"nobounce+v.example=a@{HOST}"
LONG = f"nobounce+v.example={'a' * 34}@{HOST}"
TABLES = Tables(
    gateways=(HOST, "mx2.relay.example"),
    signed_by={"relay.example": "relay.example", "shop.example": None},
)


def message(
    author: str = "friend@far.example",
    dmarc: str = "pass (p=reject dis=none)",
    dmarc_of: str = "",
    spf: str = "pass smtp.mailfrom=far.example",
    dkim: str = "dkim=none",
    mail_from: str = "<friend@far.example>",
    recipients: tuple[str, ...] = ("<info@shop.example>",),
    extra: tuple[tuple[str, bytes], ...] = (),
) -> Message:
    """A message as the judges leave it."""
    verdicts = [f"dmarc={dmarc} header.from={dmarc_of or author.rpartition('@')[2].strip('> ')}"]
    verdicts += [f"spf={spf}", dkim]
    headers = [(results.FIELD, f" {HOST}; {said}".encode()) for said in verdicts]
    headers += [("From", f" {author}".encode()), *extra]
    return Message(mail_from=mail_from, recipients=recipients, headers=headers)


def verdict(found: Message, rules: Rules = RULES) -> Verdict:
    return judge(rules, found, TABLES)


@pytest.mark.parametrize(
    "field",
    [
        "a@b.example",
        " <a@b.example>",
        "Doe Jane <a@B.Example>",
        '"Doe, Jane" <a@b.example>',
        '"Jane \\"JD\\" (x) <y@z.example>" <a@b.example>',
        "a@b.example (Jane (JD) Doe)",
        "(x) Jane (y, z) < a@b.example > (z)",
        "a@b.example <a@b.example>",
        "[Ticket: 1] Jane <a@b.example>",
        "Jane's\r\n <o'brien+x/y=z@b.example>",
        "=?ISO-2022-JP?B?GyRCQFBAbhsoQg==?= <a@b.example>",
        "J\u00fcrgen <a@b.example>",
        '"a b"@b.example',
        "<a..b.@b.example>",
    ],
)
def test_an_author_is_found_as_people_write_him(field: str) -> None:
    assert from_outside.domain([field.encode()]) == "b.example"


def test_what_programs_write_is_read_but_for_lists_without_quotes() -> None:
    refused = []
    for value in legitimate("me@shop.example"):
        try:
            assert from_outside.domain([value]) == "shop.example"
        except from_outside.Unreadable:
            refused.append(value.decode("latin-1"))
    # a comma or semicolon outside quotes is a list, and one reader's author another's second
    assert [value for value in refused if not re.search("[,;]| @ ", value)] == []


@pytest.mark.parametrize(
    ("author", "signer", "code"),
    [
        ("Acme, Inc. <a@acme.example>", "acme.example", ""),
        ("Acme, Inc. <a@acme.example>", "evil.example", "550"),
        ("Acme, Inc. <a@acme.example>", "example", "550"),
        ("b@evil.example, <a@acme.example>", "acme.example", "550"),
        ("Acme, <a@acme.example>, Inc.", "acme.example", "550"),
        ("Acme, <b@evil.example> <a@acme.example>", "acme.example", "550"),
        ("Doe, Jane <ceo@shop.example>", "shop.example", ""),
    ],
)
def test_a_name_with_a_comma_is_taken_where_the_author_has_signed(
    author: str, signer: str, code: str
) -> None:
    found = message(author=author, dkim=f"dkim=pass header.d={signer} header.i=@x")
    # OpenDMARC has not judged
    found = replace(found, headers=[pair for pair in found.headers if b"dmarc=" not in pair[1]])
    taken = verdict(found)
    assert taken.code == code
    if not code:
        assert f"dmarc=pass header.from={signer}" in str(taken.changes[0].value)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["a@b.example", "a@b.example"],
        [""],
        ["  \r\n "],
        ["<>"],
        ["Jane <>"],
        ["Jane"],
        ["Jane Doe <jane>"],
        ["Doe, Jane <a@b.example>"],
        ["a@b.example, c@d.example"],
        ["a@b.example c@d.example"],
        ["a@b.example <c@d.example>"],
        ["<a@b.example> <c@d.example>"],
        ["<a@b.example> x"],
        ["<a@b.example>,"],
        ["friends: a@b.example;"],
        ["friends:;"],
        ["a@b.example (Boss"],
        ["a@b.example Boss)"],
        ['"Boss <a@b.example>'],
        ['"Boss\\" <a@b.example>'],
        ["Boss \\ <a@b.example>"],
        ["<@c.example:a@b.example>"],
        ["a@[192.0.2.1]"],
        ["a@localhost"],
        ["a@b@c.example"],
        ['"a@b.example"@c.example'],
        ["a @b.example"],
        ["a@b.example\\"],
        ["a@b\x00.example"],
        ["a@b\u00fc.example"],
        ["x" * 1000 + " <a@b.example>"],
    ],
)
def test_where_readers_could_differ_there_is_no_author(fields: list[str]) -> None:
    with pytest.raises(from_outside.Unreadable):
        from_outside.domain([field.encode() for field in fields])
    found = message(author="a@b.example")
    headers = [pair for pair in found.headers if pair[0] != "From"]
    headers += [("From", field.encode()) for field in fields]
    assert verdict(replace(found, headers=headers)).status == "5.6.0"


def test_good_mail_is_taken_and_says_whom_it_reached() -> None:
    assert verdict(message()) == Verdict(
        changes=(Change("Delivered-To", 0, " info@shop.example"),),
    )


@pytest.mark.parametrize(
    "forged",
    [
        "mail.relay.example; dkim=pass header.d=bank.example header.i=@x; arc=pass arc.chain=x",
        "mail.relay.example; dmarc=pass (p=reject dis=none) header.from=far.example",
        "other.example; dkim=pass header.d=bank.example header.i=@x",
        "mail.relay.example; dkim=pass header.d=a.example header.d=bank.example",
        "mail.relay.example; dkim=pass",
        "mail.relay.example; dkim=pass header.d= header.i=@",
        "mail.relay.example (x) ; dkim=pass header.d=bank.example header.i=@x",
    ],
)
def test_a_verdict_of_somebody_elses_is_refused_should_one_ever_arrive(forged: str) -> None:
    found = message(extra=((results.FIELD, f" {forged}".encode()),))
    assert verdict(found).code == "550"


# What OpenDKIM 2.11.0~beta2-9.1 says of signatures that are none.
@pytest.mark.parametrize(
    "said",
    [
        "dkim=permerror header.d=(null) header.i=@ header.a=rsa-sha1 header.s=(null) header.b=AAAA",
        "dkim=permerror header.d=x.example header.i= header.a=rsa-sha1 header.s=s header.b=AAAA",
        "dkim=permerror header.d=x.example header.i=@x.example header.a=rsa-sha1 header.s=(null) "
        "header.b=AAAA",
        "dkim=permerror header.d=x.example header.i=@x.example header.a=rsa-sha256 header.s=s "
        "header.b=",
        'dkim=fail reason="key revoked" header.d=x.example header.i=ab@x.example '
        "header.a=rsa-sha256 header.s=s header.b=AAAA",
    ],
)
def test_a_broken_signature_is_no_signature(said: str) -> None:
    found = message(dkim=f"{said}; dkim-atps=neutral")
    assert verdict(found).code == ""
    good = "dkim=pass header.d=far.example header.i=@far.example header.a=rsa-sha256 header.b=x"
    values = message(dkim=f"{said}; {good}; dkim-atps=neutral").values(results.FIELD)
    assert results.read(values, HOST).dkim == {"far.example"}


def test_the_verdicts_are_read_as_the_judges_write_them() -> None:
    dkim = (
        '\r\n\tdkim=fail reason="signature verification failed" (2048-bit key; unprotected)'
        " header.d=a.example header.i=@a.example header.a=rsa-sha256 header.s=s header.b=Ab/+c0=="
        ";\r\n\tdkim=pass (2048-bit key) header.d=B.example header.i=@B.example"
        " header.a=rsa-sha256 header.s=s1 header.b=x;\r\n\tdkim-atps=neutral"
    )
    values = [
        f" {HOST}; dmarc=fail (p=quarantine dis=none) header.from=far.example".encode(),
        f" {HOST}; spf=fail smtp.mailfrom=far.example".encode(),
        f" {HOST};{dkim}".encode(),
    ]
    assert results.read(values, HOST) == results.Results(
        dkim=frozenset({"b.example"}),
        spf="",
        dmarc="fail",
        policy="quarantine",
        dmarc_of="far.example",
        dmarc_index=1,
    )


@pytest.mark.parametrize(
    ("dmarc", "code"),
    [
        ("fail (p=reject dis=none)", "550"),
        ("fail (p=quarantine dis=none)", ""),
        ("fail (p=none dis=none)", ""),
        ("none (p=none dis=none)", ""),
        ("permerror", ""),
    ],
)
def test_a_policy_that_says_reject_is_followed(dmarc: str, code: str) -> None:
    assert verdict(message(dmarc=dmarc)).code == code
    assert verdict(message(dmarc=dmarc), replace(RULES, enforce=False)).code == ""


def test_a_signature_that_opendmarc_overlooked_counts() -> None:
    dkim = "; ".join(f"dkim=pass header.d=list{n}.example header.i=@l" for n in range(8))
    found = message(
        dmarc="fail (p=reject dis=none)", dkim=f"{dkim}; dkim=pass header.d=far.example header.i=@x"
    )
    taken = verdict(found)
    assert taken.code == ""
    said = f" {HOST}; dmarc=pass header.from=far.example"
    assert Change(results.FIELD, 1, said) in taken.changes


def test_what_cannot_be_judged_is_marked_where_nothing_is_refused() -> None:
    rules = replace(RULES, enforce=False)
    found = message(author="Doe, Jane <ceo@bank.example>", dmarc_of="bank.example")
    taken = verdict(found, rules)
    assert taken.code == ""
    assert taken.changes[0] == Change(results.FIELD, 1, None)
    assert "dmarc=permerror (From: has" in str(taken.changes[1].value)
    ours = message(author="Doe, Jane <ceo@shop.example>", dmarc_of="shop.example")
    assert verdict(ours, rules).code == "550"


@pytest.mark.parametrize("enforce", [True, False])
@pytest.mark.parametrize(
    ("author", "dmarc", "dkim", "code"),
    [
        ("ceo@shop.example", "fail (p=none dis=none)", "dkim=none", "550"),
        ("ceo@shop.example", "none (p=none dis=none)", "dkim=none", "550"),
        ("ceo@shop.example", "permerror", "dkim=none", "550"),
        ("ceo@mail.relay.example", "fail (p=quarantine dis=none)", "dkim=none", "550"),
        ("ceo@never.relay.example", "fail (p=none dis=none)", "dkim=none", "550"),
        ("ceo@norelay.example", "fail (p=none dis=none)", "dkim=none", ""),
        ("ceo@em.shop.example", "fail (p=none dis=none)", "dkim=none", ""),
        ("ceo@shop.example", "pass (p=none dis=none)", "dkim=none", ""),
        (
            "ceo@shop.example",
            "none (p=none dis=none)",
            "dkim=pass header.d=shop.example header.i=@x",
            "",
        ),
    ],
)
def test_our_names_are_for_those_who_prove_them(
    enforce: bool, author: str, dmarc: str, dkim: str, code: str
) -> None:
    found = message(author=author, dmarc=dmarc, dkim=dkim)
    assert verdict(found, replace(RULES, enforce=enforce)).code == code


@pytest.mark.parametrize(
    ("spf", "signer", "mail_from", "sender"),
    [
        ("pass smtp.mailfrom=v.example", "", "<a@v.example>", None),
        ("fail smtp.mailfrom=v.example", "v.example", "<a@v.example>", None),
        ("none smtp.mailfrom=x.v.example", "v.example", "<a@x.v.example>", None),
        # dots that need quotation marks: postsrsd's answer to these is no address
        ("pass smtp.mailfrom=v.example", "", '<"a..b"@v.example>', f"nobounce@{HOST}"),
        ("pass smtp.mailfrom=v.example", "", "<a..b.@v.example>", f"nobounce@{HOST}"),
        ("pass smtp.mailfrom=v.example", "", "<.a@v.example>", f"nobounce@{HOST}"),
        ("fail smtp.mailfrom=v.example", "", "<a.@v.example>", f"nobounce@{HOST}"),
        ("pass smtp.helo=v.example", "", "<>", None),
        ("fail smtp.mailfrom=v.example", "", "<a@v.example>", NOBODY),
        ("none smtp.mailfrom=v.example", "x.v.example", "<a@v.example>", NOBODY),
        ("fail smtp.mailfrom=v.example", "example", "<a@v.example>", NOBODY),
        ("pass smtp.helo=v.example", "", "<a@v.example>", NOBODY),
        # no room for it in an address of ours
        ("pass smtp.mailfrom=v.example", "", f"<{'a' * 33}@v.example>", None),
        ("pass smtp.mailfrom=v.example", "", f"<{'a' * 34}@v.example>", LONG),
        ("pass smtp.mailfrom=v.example", "", f"<{'a' * 60}@v.example>", f"nobounce@{HOST}"),
    ],
)
def test_only_a_proved_sender_gets_notices(
    spf: str, signer: str, mail_from: str, sender: str | None
) -> None:
    dkim = f"dkim=pass header.d={signer} header.i=@x" if signer else "dkim=none"
    found = verdict(message(spf=spf, dkim=dkim, mail_from=mail_from))
    assert (found.code, found.sender) == ("", sender)


def test_our_envelope_is_for_those_who_prove_it() -> None:
    own = message(spf="fail smtp.mailfrom=shop.example", mail_from="<news@Shop.example>")
    assert "587" in verdict(own).text
    by_spf = message(spf="pass smtp.mailfrom=shop.example", mail_from="<news@shop.example>")
    assert verdict(by_spf).code == ""


@pytest.mark.parametrize(
    "mail_from",
    [
        '<"a@bank.example"@evil.example>',
        "<@bank.example:a@evil.example>",
        '<"a b"@evil.example>',
        "<a@bank.example@evil.example>",
        "<a@[192.0.2.1]>",
        "<a>",
        "<a@evil.example;x>",
    ],
)
def test_an_envelope_sender_that_programs_read_otherwise_is_refused(mail_from: str) -> None:
    assert verdict(message(mail_from=mail_from)).status == "5.1.7"


def test_one_reader_gets_one_copy() -> None:
    recipients = (
        "<info+1@shop.example>",
        "<info+2@shop.example>",
        '<"info+3"@shop.example>',
        "<@x.example:Info+4@shop.example>",
        "<sales@shop.example>",
        "<info+1@shop.example>",
    )
    found = verdict(message(recipients=recipients))
    # as Postfix keeps them (cleanup_del_rcpt), without routes and quotation marks
    dropped = ("<info+2@shop.example>", "<info+3@shop.example>", "<Info+4@shop.example>")
    assert found.dropped == dropped
    assert [c for c in found.changes if c.name == "Delivered-To"] == []


@pytest.mark.parametrize(
    "header",
    [
        ("Delivered-To", b" info@shop.example"),
        ("delivered-to", b"\r\n Info@Shop.Example"),
    ],
)
def test_what_comes_back_to_an_address_goes_round(header: tuple[str, bytes]) -> None:
    found = message(recipients=("<Info+x@shop.example>",), extra=(header,))
    assert verdict(found).status == "5.4.6"
    assert verdict(replace(found, recipients=("<sales@shop.example>",))).code == ""


@pytest.mark.parametrize(("times", "status"), [(2, ""), (3, "5.4.6")])
def test_what_comes_by_too_often_goes_round(times: int, status: str) -> None:
    hop = ("Received", b" from x (y [1.2.3.4])\r\n\tby mail.relay.example (Postfix) with ESMTPS")
    elsewhere = ("Received", b" from mail.relay.example by mx.far.example (Postfix)")
    other = (hop[0], hop[1].replace(b"by mail", b"by mx2"))  # another gateway of ours
    found = message(extra=(hop,) * (times - 1) + (other,) + (elsewhere,) * 5)
    assert verdict(found).status == status


@pytest.mark.parametrize("author", ["MAILER-DAEMON", "Mail Delivery <MAILER-DAEMON>", "<>"])
@pytest.mark.parametrize(("mail_from", "code"), [("<>", ""), ("<friend@far.example>", "550")])
def test_a_notice_may_name_its_server_alone(author: str, mail_from: str, code: str) -> None:
    found = message(mail_from=mail_from)
    headers = [(n, v) for n, v in found.headers if n != "From" and b"dmarc" not in v]
    said = verdict(replace(found, headers=[*headers, ("From", f" {author}".encode())]))
    assert said.code == code
    if not code:
        assert "dmarc=permerror" in (said.changes[0].value or "")


@pytest.mark.parametrize("author", ["ceo@bank.example (x", "shop.example <>", "=?utf-8?q?a=40b?="])
def test_a_notice_shows_no_address_and_no_name_of_ours(author: str) -> None:
    found = message(mail_from="<>")
    headers = [(n, v) for n, v in found.headers if n != "From" and b"dmarc" not in v]
    assert (
        verdict(replace(found, headers=[*headers, ("From", f" {author}".encode())])).code == "550"
    )
