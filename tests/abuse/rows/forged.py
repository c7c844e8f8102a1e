"""Mail from outside that says to be from somebody: judged once, by us (RFC 8601, RFC 9989)."""

from abuse.mutants import SHUT, UNJUDGED
from abuse.place import Place
from abuse.probes import deliver, sent
from abuse.row import Mutant, Probe, refused, rows, served

BANK = "From: Your bank <ceo@{bank}>"
# every way in which a stranger could tell one of our judges what it is to say
FORGED = {
    "a bank": BANK,
    "a bank's bare address": "From: ceo@{bank}",
    "a bank in capitals": "FROM: CEO@{bank}",
    "a bank, from nobody": BANK,
    "results of ours": f"Authentication-Results: {{host}}; dkim=pass header.d={{bank}}\r\n{BANK}",
    "results of ours with ARC": "Authentication-Results: {host}; dkim=pass header.d={bank}; "
    f"arc=pass arc.chain=x\r\n{BANK}",
    "results of ours with a version": "Authentication-Results: {host} 1; dkim=pass "
    f"header.d={{bank}}\r\n{BANK}",
    "results of ours in capitals": "AUTHENTICATION-RESULTS: {host}; dkim=pass header.d={bank}\r\n"
    + BANK,
    "results of ours behind a comment": "Authentication-Results: (x) {host}; dkim=pass "
    f"header.d={{bank}}\r\n{BANK}",
    "results of ours in quotes": 'Authentication-Results: "{host}"; dkim=pass header.d={bank}\r\n'
    + BANK,
    "results of ours, folded": "Authentication-Results:\r\n {host};\r\n dkim=pass\r\n "
    f"header.d={{bank}}\r\n{BANK}",
    "results with a space before the colon": "Authentication-Results : {host}; dkim=pass "
    f"header.d={{bank}}\r\n{BANK}",
    "results that say dmarc=pass": "Authentication-Results: {host}; dmarc=pass header.from={bank}"
    f"\r\n{BANK}",
    "an SPF header of ours": f"Received-SPF: pass (x) client-ip=198.51.100.1; "
    f'envelope-from="x@{{bank}}"; receiver={{host}}\r\n{BANK}',
    "a seal of ARC": "ARC-Authentication-Results: i=1; {host}; dmarc=pass header.from={bank}\r\n"
    f"ARC-Seal: i=1; a=rsa-sha256; cv=none; d={{bank}}; s=s; b=AAAA\r\n{BANK}",
    "a signature whose identity is a result": "DKIM-Signature: v=1; a=rsa-sha256; d={evil}; s=s; "
    "i=x=3Bdkim=3Dpass=20header.d=3D{bank}=20header.i=3D@{evil}; h=from; bh=AAAA; b=AAAA\r\n"
    + BANK,
    "a signature with a result in its selector": "DKIM-Signature: v=1; a=rsa-sha256; d={evil}; "
    f"s=s;dkim=pass; h=from; bh=AAAA; b=AAAA\r\n{BANK}",
    "a signature of the bank without a key": "DKIM-Signature: v=1; a=rsa-sha256; d={bank}; s=s; "
    f"h=from; bh=AAAA; b=AAAA\r\n{BANK}",
    "an attacker before the bank": "From: x@{evil}\r\nFrom: ceo@{bank}",
    "the bank before an attacker": "From: ceo@{bank}\r\nFrom: x@{evil}",
    "an empty one before the bank": "From:\r\nFrom: ceo@{bank}",
    "a blank one before the bank": "From: \t\r\nFrom: ceo@{bank}",
    "two authors": "From: ceo@{bank}, x@{evil}",
    "two authors, the other way": "From: x@{evil}, ceo@{bank}",
    "a name with a comma": "From: Doe, Jane <ceo@{bank}>",
    "a comment that never ends": "From: ceo@{bank} (Boss",
    "a quote that never ends": 'From: "Boss <ceo@{bank}>',
    "a group": "From: Bank: ceo@{bank};",
    "a source route": "From: <@{evil}:ceo@{bank}>",
    "two pairs of brackets": "From: <x@{evil}> <ceo@{bank}>",
    "an address as the name of another": "From: x@{evil} <ceo@{bank}>",
    "an encoded address": "From: =?utf-8?q?ceo=40{bank}?=",
    "a final dot": "From: ceo@{bank}.",
    "a space before the colon": "From : ceo@{bank}",
    "a folded address": "From:\r\n ceo@{bank}",
    "a quoted local part": 'From: "ceo"@{bank}',
    "two at signs": "From: x@{evil}@{bank}",
    "a name of a hundred thousand octets": f"From: {'x' * 100_000} <ceo@{{bank}}>",
    "an empty author": "From:",
    "no author at all": "X-Mailer: x",
    "a domain that does not exist below the bank": "From: ceo@no-such.{listed}",
}
OURS = {
    "a login of ours": "From: The Boss <{login}>",
    "another of ours": "From: The Boss <{boss}>",
    "one of ours in capitals": "From: BOSS@{ours}",
    "one of ours without a domain": "From: boss",
    "the host's root": "From: root@{host}",
    "one below the gateway's domain": "From: boss@sub.{above}",
    "one of ours in results of ours": "Authentication-Results: {host}; dmarc=pass "
    "header.from={ours}\r\nFrom: {boss}",
}


def verdicts(place: Place, raw: str) -> str:
    """How many results under our name arrived, and whether one is not ours."""
    head = raw.replace("\r\n", "\n").partition("\n\n")[0].replace("\n ", " ").replace("\n\t", " ")
    mine = [
        line
        for line in head.splitlines()
        if line.lower().startswith("authentication-results:") and place.names["host"] in line
    ]
    return "forged" if any("forged" in line for line in mine) else "none forged"


SIGNED: dict[str, str] = {
    "a friend": "From: {friend}",
    "a friend's name": "From: My Friend <{friend}>",
    "a friend's name in UTF-8": "From: =?utf-8?q?J=C3=B6rg?= <{friend}>",
    "a friend's quoted name with a comma": 'From: "Doe, Jane" <{friend}>',
    "a friend's comment": "From: {friend} (My Friend)",
    "a friend's folded name": "From: My\r\n Friend <{friend}>",
    "a friend with another's results": "Authentication-Results: mx.far.example; dkim=fail\r\n"
    "From: {friend}",
}


# A receiver with OpenDKIM finds none good beside these, so they end where they are forwarded to.
NO_SIGNATURES = {
    "a friend behind a signature without a domain": "DKIM-Signature: v=1; a=rsa-sha256; d=; s=s; "
    "h=from; bh=AAAA; b=AAAA\r\nFrom: {friend}",
    "a friend behind a signature without a selector": "DKIM-Signature: v=1; a=rsa-sha256; "
    "d={evil}; s=; h=from; bh=AAAA; b=AAAA\r\nFrom: {friend}",
}


def returned() -> Probe:
    """A list hands on what one of ours wrote, as it was signed here."""

    def probe(place: Place) -> str:
        from abuse.place import token
        from abuse.probes import content, hand_over, is_refusal

        word, login = token(), place.names["login"]
        message = content(place, "From: {login}", "Hello.\r\n", word, place.names["inbox"])
        said = hand_over(place.session(), login, place.names["inbox"], message)
        found = None if is_refusal(said) else place.arrived(word)
        if found is None or isinstance(found, str):
            return f"it did not come out: {said}"
        # from the signature of ours on, without what the receiver wrote above it
        raw = found.raw[found.raw.index("DKIM-Signature:") :].encode("latin-1")
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        with place.greeted(25) as talk:
            return hand_over(talk, f"list@{place.names['evil']}", place.names["taken"], raw)

    return probe


ROWS = (
    *rows(
        "forged",
        UNJUDGED,
        refused(r"5\d\d "),
        {
            tries: deliver(head, sender="" if "nobody" in tries else "bounce@{evil}")
            for tries, head in FORGED.items()
        },
    ),
    *rows(
        "forged",
        UNJUDGED,
        refused(r"5\d\d "),
        {
            "a bank with its own envelope": deliver(BANK, sender="ceo@{bank}"),
            "a bank's address in quotes as the envelope": deliver(BANK, sender='"a@{bank}"@{evil}'),
        },
    ),
    *rows(
        "forged",
        UNJUDGED,
        refused(r"5\d\d "),
        {tries: deliver(head) for tries, head in OURS.items()},
    ),
    *rows(
        "forged",
        Mutant(
            "results of others are kept",
            master={
                "inbound/unix/header_checks": "",
                "smtp/inet/smtpd_milters": "unix:/run/opendkim-verify/opendkim.sock",
            },
        ),
        refused("arrived none forged"),
        {
            f"results {tries} do not arrive": deliver(
                f"Authentication-Results: {text} (forged)\r\nFrom: {{friend}}",
                sender="{friend}",
                signed=True,
                look=verdicts,
            )
            for tries, text in {
                "that say dmarc=pass": "{host}; dmarc=pass header.from={bank}",
                "of nothing": "{host}; none",
                "with a version": "{host} 1; dmarc=pass",
                "in capitals": "{host} ; DMARC=PASS",
                "of a kind that is unknown": "{host}; x-kind=pass",
            }.items()
        },
    ),
    *rows(
        "honest",
        SHUT,
        served("arrived"),
        {
            tries: deliver(head, sender="{friend}", signed=True, arrives=True)
            for tries, head in SIGNED.items()
        },
    ),
    *rows(
        "honest",
        SHUT,
        served("250 "),
        {
            tries: deliver(head, sender="{friend}", signed=True)
            for tries, head in NO_SIGNATURES.items()
        },
    ),
    *rows(
        "honest",
        SHUT,
        served("arrived"),
        {
            "a stranger without a signature, by SPF": deliver(
                "From: x@{evil}", sender="x@{evil}", arrives=True
            ),
            "an old phone's dots": deliver("From: x@{evil}", sender="a..b.@{evil}", arrives=True),
            "an old phone's dots in quotes": deliver(
                "From: x@{evil}", sender='"a..b."@{evil}', arrives=True
            ),
            "a friend through another's server": deliver(
                "From: {friend}", sender="list@{evil}", signed=True, arrives=True
            ),
            "a domain without any record": deliver(
                "From: x@{quiet}", sender="x@{quiet}", arrives=True
            ),
            "a provider below our domain": deliver(
                "From: News <news@news.{ours}>", sender="bounces@news.{ours}", arrives=True
            ),
            "a provider's return path below our domain": deliver(
                "From: {friend}", sender="bounces@news.{ours}", signed=True, arrives=True
            ),
            "without Date": deliver(
                "From: {friend}\r\nX-Without: Date", sender="{friend}", signed=True, arrives=True
            ),
            "a bounce of a friend's server": deliver(
                "From: MAILER-DAEMON@{far}", sender="", signed=True, arrives=True
            ),
        },
    ),
    *rows(
        "honest",
        SHUT,
        served("arrived"),
        {
            "twelve signatures": deliver(
                "".join(
                    f"DKIM-Signature: v=1; a=rsa-sha256; d={{evil}}; s=s{number}; h=from; "
                    "bh=AAAA; b=AAAA\r\n"
                    for number in range(12)
                )
                + "From: {friend}",
                sender="{friend}",
                to="{mailbox}",
                signed=True,
                arrives=True,
            ),
            "a friend without a signature, by SPF": deliver(
                "From: {friend}", sender="{friend}", to="{mailbox}", arrives=True
            ),
        },
        needs="mailboxes",
    ),
    *rows(
        "honest",
        SHUT,
        served("250 "),
        {"one of ours, by a list that changes nothing": returned()},
    ),
    *rows(
        "honest",
        Mutant(
            "mail with attachments is not taken",
            master={"submit/unix/mime_header_checks": "pcre:{{/^Content-Disposition:/ REJECT}}"},
        ),
        served("arrived"),
        {
            "an attachment from a login": sent(
                "From: {login}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b",
                "--b\r\n\r\nSee.\r\n--b\r\nContent-Type: application/pdf\r\n"
                "Content-Disposition: attachment; filename=a.pdf\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n",
            )
        },
    ),
)
