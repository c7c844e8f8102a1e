"""Mail from outside is judged once, by us: nothing that a stranger writes counts as a verdict."""

from collections.abc import Iterator

import pytest
from outside import answer, domain, letter, signed
from world import GATEWAY, World

from lab.internet import send
from lab.internet.stranger import Stranger

pytestmark = pytest.mark.usefixtures("unhurried")

INFO = "info@shop.example"
RESULTS = "Authentication-Results"


@pytest.fixture(scope="module")
def bank(world: World) -> Iterator[str]:
    """Somebody whose policy says to refuse what he has not signed."""
    with domain(world) as name:
        yield name


# `{bank}` is who is forged, `{own}` the stranger's domain, for which SPF passes.
FORGED = {
    "plain": ["From: ceo@{bank}"],
    "a verdict of ours": [RESULTS + ": {host}; dkim=pass header.d={bank}", "From: ceo@{bank}"],
    "capitals and a space": [
        "AUTHENTICATION-RESULTS : {host}; dkim=pass header.d={bank}",
        "From: ceo@{bank}",
    ],
    "folded": [RESULTS + ":\r\n {host};\r\n\tdkim=pass\r\n\theader.d={bank}", "From: ceo@{bank}"],
    "with what OpenDKIM cannot read": [
        RESULTS + ": {host}; dkim=pass header.d={bank}; arc=pass arc.chain=x",
        "From: ceo@{bank}",
    ],
    "several": [RESULTS + ": {host}; dkim=pass header.d={bank}"] * 3 + ["From: ceo@{bank}"],
    "at the end": ["From: ceo@{bank}", RESULTS + ": {host}; dmarc=pass header.from={bank}"],
    "of ARC": [
        "ARC-Authentication-Results: i=1; {host}; dkim=pass header.d={bank}",
        "From: ceo@{bank}",
    ],
    "in a signature's identity": [
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={own}; s=x; h=from;"
        " i=x=3Bdkim=3Dpass=20header.d=3D{bank}=20header.i=3D@{own}; bh=eA==; b=eA==",
        "From: ceo@{bank}",
    ],
    "in a signature's first tag, folded": [
        "DKIM-Signature:\r\n i\r\n =\r\n x=3Bdkim=3Dpass=20header.d=3D{bank}=20header.i=3D@{own};"
        " v=1; a=rsa-sha256; c=relaxed/relaxed; d={own}; s=x; h=from; bh=eA==; b=eA==",
        "From: ceo@{bank}",
    ],
    "in a signature's selector": [
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={own}; s=x header.d={bank};"
        " h=from; bh=eA==; b=eA==",
        "From: ceo@{bank}",
    ],
    "two fields": ["From: me@{own}", "From: ceo@{bank}"],
    "two fields, the other way round": ["From: ceo@{bank}", "From: me@{own}"],
    "an empty one first": ["From:", "From: ceo@{bank}"],
    "a folded empty one first": ["From:\r\n ", "From: ceo@{bank}"],
    "two spellings of the name": ["FROM : me@{own}", "From: ceo@{bank}"],
    "two authors": ["From: me@{own}, ceo@{bank}"],
    "an unquoted comma": ["From: Doe, Jane <ceo@{bank}>"],
    "a group": ["From: us: ceo@{bank};"],
    "an open comment": ["From: ceo@{bank} (Boss"],
    "an open quotation": ['From: "Boss <ceo@{bank}>'],
    "two pairs of brackets": ["From: <me@{own}> <ceo@{bank}>"],
    "a route": ["From: <@{own}:ceo@{bank}>"],
    "an address before the brackets": ["From: ceo@{bank} <me@{own}>"],
    "longer than the judge reads": ["From: " + "x" * 1500 + " <ceo@{bank}>"],
    "longer, on several lines": ["From: " + "x\r\n " * 600 + "<ceo@{bank}>"],
    "a backslash at the end": ["From: ceo@{bank}\\"],
    "no author": [],
    "an empty author": ["From: <>"],
    "a name without an address": ["From: The Boss"],
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_forgers_are_refused_however_they_write(
    world: World, friend: Stranger, bank: str, headers: list[str]
) -> None:
    names = {"{bank}": bank, "{own}": friend.domain, "{host}": GATEWAY}
    lines = []
    for line in headers:
        for name, value in names.items():
            line = line.replace(name, value)
        lines.append(line)
    code, text = answer(world, INFO, letter("", "x", *lines), friend.address)
    assert code == 550, text


def test_a_name_with_a_comma_is_taken_if_its_domain_has_signed(
    world: World, friend: Stranger
) -> None:
    """OpenDMARC cannot read it; the guard can, and wants a signature."""
    subject = send.unique("Acme, Inc.")
    content = letter(f"From: Acme, Inc. <{friend.address}>", subject)
    assert answer(world, INFO, content, friend.address)[0] == 550
    assert answer(world, INFO, signed(friend, content), friend.address)[0] == 250
    assert f"dmarc=pass header.from={friend.domain}" in world.arrived(subject).raw


@pytest.mark.parametrize(
    "sender",
    [
        '"a@{bank}"@{own}',
        "@{bank}:a@{own}",
        '"a b"@{own}',
        "a@{bank}@{own}",
        '"a\\@{bank}"@{own}',
        '"<a@{bank}>"@{own}',
        "a(@{bank})@{own}",
    ],
)
def test_an_envelope_sender_that_is_read_in_two_ways_is_refused(
    world: World, friend: Stranger, bank: str, sender: str
) -> None:
    sender = sender.replace("{bank}", bank).replace("{own}", friend.domain)
    code, text = answer(world, INFO, letter(f"From: ceo@{bank}", "x"), sender)
    assert 500 <= code < 600, text


@pytest.mark.parametrize("helo", ["x; dmarc=pass header.from=a.example", "a..b", "-"])
def test_a_helo_that_is_no_name_is_refused(world: World, friend: Stranger, helo: str) -> None:
    with world.session(25) as session:
        session.docmd("EHLO", helo)
        session.docmd("MAIL", f"FROM:<{friend.address}>")
        code, text = session.docmd("RCPT", f"TO:<{INFO}>")
    assert code in (501, 503, 550), text


def test_no_verdict_of_somebody_elses_arrives(world: World, friend: Stranger) -> None:
    subject = send.unique("verdicts")
    foreign = [
        f"{RESULTS}: {GATEWAY}; dmarc=pass (p=reject dis=none) header.from=bank.example",
        f"{RESULTS}: other.example; dkim=pass header.d=bank.example",
        "ARC-Seal: i=1; a=rsa-sha256; d=far.example; s=x; cv=none; b=eA==",
    ]
    message = send.compose(friend.address, INFO, subject)
    content = "\r\n".join(foreign).encode() + b"\r\n" + friend.signed(message)
    assert answer(world, INFO, content, friend.address)[0] == 250
    found = world.arrived(subject)
    assert found.verdict.passes()
    ours = [str(v) for v in found.parsed.get_all(RESULTS, []) if str(v).startswith(GATEWAY)]
    assert len(ours) == 3
    assert "bank.example" not in found.raw
    assert "ARC-Seal" not in found.raw


def test_an_attached_message_keeps_its_header(world: World, friend: Stranger) -> None:
    """Only the message's own header is cleaned, or its signature would break."""
    subject = send.unique("attached")
    attached = send.compose("boss@bank.example", INFO, "inner")
    attached[RESULTS] = "mx.bank.example; dkim=pass header.d=bank.example"
    message = send.compose(friend.address, INFO, subject)
    message.add_attachment(attached)
    assert answer(world, INFO, friend.signed(message), friend.address)[0] == 250
    found = world.arrived(subject)
    assert found.verdict.passes()
    assert "mx.bank.example" in found.raw


@pytest.mark.parametrize(
    "field",
    [
        "Authentication-Results: x",
        "authentication-RESULTS\t: x",
        "Authentication-Results:\n mail.relay.example;\n dkim=pass",
        "ARC-Authentication-Results: i=1; x",
        "ARC-Seal: i=1; x",
        "ARC-Message-Signature: i=1; x",
        "DKIM-Signature: v=1; d=a.example; i=@a.example=3B",
        "DKIM-Signature: v=1; b=(x); d=a.example",
        "DKIM-Signature:s=x y=z; d=a.example",
        'DKIM-Signature: v=1; d="a.example"',
    ],
)
def test_what_a_judge_cannot_bear_does_not_reach_it(world: World, field: str) -> None:
    said = world.run(GATEWAY, "postmap", "-q", field, "pcre:/etc/postfix/inbound_headers")
    assert said.strip() == "IGNORE"


def test_an_ordinary_signature_reaches_its_judge(world: World, friend: Stranger) -> None:
    signed = friend.signed(send.compose(friend.address, INFO, "x")).decode().splitlines()
    field = "\n".join([signed[0], *(line for line in signed[1:12] if line.startswith(" "))])
    table = "pcre:/etc/postfix/inbound_headers"
    assert world.run(GATEWAY, "postmap", "-q", field, table, check=False).strip() == ""


@pytest.mark.parametrize("count", [3, 9])
def test_many_signatures_are_no_reason_to_refuse(
    world: World, friend: Stranger, count: int
) -> None:
    """OpenDKIM looks at three if not told otherwise, OpenDMARC reads 1,024 octets."""
    subject = send.unique("signatures")
    content = friend.signed(send.compose(friend.address, INFO, subject))
    foreign = "".join(
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=list{n}.{friend.domain};"
        f" s=a-selector-with-a-long-name-{n}; h=from; bh=eA==; b=eA==\r\n"
        for n in range(count)
    )
    code, text = answer(world, INFO, foreign.encode() + content, "me@inbox.example")
    assert code == 250, text


@pytest.mark.parametrize(
    ("author", "code"),
    [
        ("ceo@relay.example", 550),
        ("The Boss <ceo@mail.relay.example>", 550),
        ("ceo@SHOP.example", 550),
        ("ceo@nobodys.relay.example", 550),
        ("ceo@em.shop.example", 250),
    ],
)
def test_a_forward_lends_nobody_our_name(
    world: World, friend: Stranger, author: str, code: int
) -> None:
    """Whatever the domain's record says: the forward's envelope would pass for ours elsewhere."""
    subject = send.unique("lent")
    said, text = answer(world, INFO, letter(f"From: {author}", subject), friend.address)
    assert said == code, text


def test_a_header_that_is_too_long_to_judge_is_refused_for_good(
    world: World, friend: Stranger
) -> None:
    padding = [f"X-Pad-{n}: {'x' * 900}" for n in range(1300)]
    code, text = answer(
        world, INFO, letter(f"From: {friend.address}", "x", *padding), friend.address
    )
    assert 500 <= code < 600, text


def test_more_signatures_than_a_verdict_has_room_for_do_no_harm(
    world: World, friend: Stranger
) -> None:
    with domain(world, policy="none") as other:
        foreign = [
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={'x' * 40}{n}.{other};"
            f" s=selector{n}; h=from; bh=eA==; b={n:04}eA=="
            for n in range(60)
        ]
        content = letter(f"From: me@{other}", "x", *foreign)
        code, text = answer(world, INFO, content, friend.address)
    assert code == 250, text


def test_a_header_of_seventy_thousand_octets_is_taken(world: World, friend: Stranger) -> None:
    subject = send.unique("long header")
    padding = [f"X-Pad-{n}: {'x' * 900}" for n in range(80)]
    content = signed(friend, letter(f"From: {friend.address}", subject, *padding))
    code, text = answer(world, INFO, content, friend.address)
    assert code == 250, text
    assert world.arrived(subject).verdict.passes()


def test_the_judge_of_signatures_cannot_read_the_signers_keys(world: World) -> None:
    keys = world.run(GATEWAY, "sh", "-c", "ls /srv/mail/tables/current/keys/*/*.pem").split()
    for unit in ("opendkim-verify.service", "opendmarc.service"):
        pid = world.run(GATEWAY, "systemctl", "show", "-P", "MainPID", unit).strip()
        uid = world.run(GATEWAY, "stat", "-c", "%u", f"/proc/{pid}").strip()
        as_it = ["nsenter", "-t", pid, "-m", "setpriv", f"--reuid={uid}", "--clear-groups", "cat"]
        said = world.run(GATEWAY, *as_it, keys[0], check=False)
        assert "PRIVATE KEY" not in said
        plain = ["setpriv", f"--reuid={uid}", "--clear-groups", "cat", keys[0]]
        assert "PRIVATE KEY" not in world.run(GATEWAY, *plain, check=False)
