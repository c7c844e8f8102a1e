"""From: of a login (RFC 5322, 3.6.2): one author, its own; everything else is refused."""

from abuse.mutants import FUSSY, UNHELD, submission
from abuse.probes import sent, submit
from abuse.row import PASSES, Mutant, refused, rows

# each is refused, whatever some reader would make of it
FORGED: dict[str, str | bytes] = {
    "another of our domain": "From: {boss}",
    "another with a name": "From: The Boss <{boss}>",
    "somebody elsewhere": "From: Your bank <ceo@{bank}>",
    "below our domain": "From: {user}@sub.{ours}",
    "two headers": "From: {login}\r\nFrom: {boss}",
    "two headers, the other way": "From: {boss}\r\nFrom: {login}",
    "two headers, one in capitals": "From: {login}\r\nFROM: {boss}",
    "two headers, the first one empty": "From:\r\nFrom: The Boss <{boss}>",
    "two headers, the first one blank": "From: \t\r\nFrom: {boss}",
    "two headers, the first one folded and empty": "From:\r\n \r\nFrom: {boss}",
    "two headers, one with a space before the colon": "From: {login}\r\nFrom : {boss}",
    "two authors": "From: {login}, {boss}",
    "two authors over two lines": "From: {login},\r\n {boss}",
    "two authors, the second in brackets": "From: {login} <{boss}>",
    "two pairs of brackets": "From: <{login}> <{boss}>",
    "a group": "From: Us: {boss};",
    "an empty group": "From: undisclosed:;",
    "nothing": "From:",
    "nothing but a comment": "From: (nobody)",
    "nothing but a name": "From: The Boss",
    "empty brackets": "From: The Boss <>",
    "behind a comment": "From: ({login}) {boss}",
    "before a comment": "From: {boss} ({login})",
    "before a comment that never ends": "From: {boss} (x",
    "before a comment without a space": "From: {boss}(x",
    "inside a comment that never ends": "From: ({boss}",
    "behind a quote that never ends": 'From: "x <{boss}>',
    "behind a quote with an escape": 'From: "x\\" <{login}>" <{boss}>',
    "by a source route": "From: <@x.example:{boss}>",
    "folded": "From:\r\n {boss}",
    "folded in the middle": "From: The\r\n\tBoss\r\n <{boss}>",
    "with a comment in the middle": "From: boss(x)@{ours}",
    "with spaces around the at sign": "From: boss @ {ours}",
    "with a quoted local part": 'From: "boss"@{ours}',
    "with a final dot": "From: {boss}.",
    "in an encoded word": "From: =?utf-8?q?boss=40{ours}?=",
    "in an encoded word as the address": "From: =?utf-8?q?boss?=@{ours}",
    "in an encoded word behind a plus": ("From: {user}+=?utf-8?q?=20=3Cceo=40{bank}=3E?=@{ours}"),
    "without brackets at the end": "From: The Boss <{boss}",
    "without brackets at the beginning": "From: The Boss {boss}>",
    "with another sign for at": "From: boss\uff20{ours} <{boss}>",
    "over sixty thousand octets": b'From: "' + b"x" * 60_000 + b'" <ceo@bank.example>',
    "behind twenty thousand spaces": b"From: " + b" " * 20_000 + b"<ceo@bank.example>",
    "behind a carriage return": b"From: {login}\rFrom: ceo@bank.example",
    "behind NUL": b"From: ceo@bank.example\0",
    "in raw octets": b"From: \xff\xfe <ceo@bank.example>",
}
# a display name that shows the address of somebody else is read as the sender
SHOWN = {
    "in the name": 'From: "{boss}" <{login}>',
    "in a name without quotes": "From: {boss} <{login}>",
    "of a bank": 'From: "ceo@{bank}" <{login}>',
    "in an encoded name": "From: =?utf-8?q?boss=40{ours}?= <{login}>",
    "in base64": "From: =?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?= <{login}>",
    "in base64 with padding in the middle": (
        "From: =?utf-8?b?Y2VvQA==?= =?utf-8?b?YmFuay5leGFtcGxl?= <{login}>"
    ),
    "in UTF-7": "From: =?utf-7?q?ceo+AEA-bank.example?= <{login}>",
    "in UTF-16": "From: =?utf-16be?b?AGMAZQBvAEAAYgBhAG4AawAuAGUAeABhAG0AcABsAGU=?= <{login}>",
    "with a full-width at sign": 'From: "ceo\uff20{bank}" <{login}>',
    "over two encoded words": "From: =?utf-8?q?ceo=40?= =?utf-8?q?bank=2Eexample?= <{login}>",
    "in an unknown charset": "From: =?x-unknown?q?ceo=40bank.example?= <{login}>",
    "in a comment": "From: {login} (ceo@{bank})",
}
TAKEN = {
    "an address": "From: {login}",
    "an address in brackets": "From: <{login}>",
    "an address in capitals": "From: {capital}",
    "a name": "From: Jane Doe <{login}>",
    "a name in quotes, with a comma": 'From: "Doe, Jane" <{login}>',
    "a name with escaped quotes": 'From: "Jane \\"JD\\" Doe" <{login}>',
    "a name with an apostrophe": "From: Jane O'Brien <{login}>",
    "a name in brackets": 'From: "Jane (Sales)" <{login}>',
    "the address as its own name": 'From: "{login}" <{login}>',
    "a comment behind": "From: {login} (Jane Doe)",
    "a name in UTF-8": "From: =?utf-8?q?J=C3=B6rg?= <{login}>",
    "a name in UTF-8, base64": "From: =?UTF-8?B?SsO2cmc=?= <{login}>",
    "a name in ISO-2022-JP": "From: =?ISO-2022-JP?B?GyRCQFBAbhsoQg==?= <{login}>",
    "a name in Big5": "From: =?Big5?B?pKSk5Q==?= <{login}>",
    "a name in KOI8-R": "From: =?koi8-r?B?6dfBzg==?= <{login}>",
    "a folded name": "From: Jane\r\n Doe <{login}>",
    "an extension": "From: Jane <{user}+shop@{ours}>",
}

ROWS = (
    *rows(
        "author",
        UNHELD,
        refused(r"5\d\d "),
        {tries: submit(head) for tries, head in FORGED.items()},
    ),
    *rows(
        "shown name",
        UNHELD,
        refused(r"5\d\d "),
        {f"an address {tries}": submit(head) for tries, head in SHOWN.items()},
    ),
    *rows(
        "shown name",
        UNHELD,
        refused(r"5\d\d |arrived spf=pass dkim=pass dmarc=pass; no other"),
        {
            f"another's {name}": sent(
                f"From: {{login}}\r\n{name}: The Boss <{{boss}}>",
                look=lambda place, m: (
                    "another"
                    if place.names["boss"] in m.raw.partition("\r\n\r\n")[0]
                    else "no other"
                ),
            )
            for name in ("Sender", "Resent-From", "Resent-Sender")
        },
    ),
    *rows(
        "own name",
        FUSSY,
        PASSES,
        {tries: sent(head) for tries, head in TAKEN.items()},
    ),
    *rows(
        "own name",
        Mutant(
            "what a login leaves out is not added",
            master=submission(local_header_rewrite_clients="", always_add_missing_headers="no"),
        ),
        PASSES,
        {"no header at all": sent("X-Mailer: x")},
    ),
)
