"""Headers that claim an author, from a grammar of RFC 5322 and its obsolete forms, and mutated.

Nearly all are to be refused; whatever is not is to have one author for every reader.
"""

import base64
import codecs
import encodings.aliases
import random
from collections.abc import Callable

ME = "me@shop.example"
OTHERS = (
    "boss@shop.example",
    "you@relay.example",
    "ceo@bank.example",
    "root@mail.relay.example",
    "postmaster@shop.example",
    "me@shop.example.bank.example",
    "x.me@shop.example",
)
SPECIALS = '()<>[]:;@\\,."'
CHARSETS = sorted({*encodings.aliases.aliases.values(), "utf-8", "iso-8859-8-i", "none"})


class Fuzz:
    """Headers by number: the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (no secret)

    def header(self) -> bytes:
        """A message's header fields but the harmless ones, ended by CRLF."""
        pick = self._random
        names = ["From"] * 12 + ["FROM", "from", "From ", "From\t", "fRoM"]
        fields = [(pick.choice(names), self.value())]
        if pick.random() < 0.06:
            fields.insert(pick.randrange(2), (pick.choice(names), self.value()))
        if pick.random() < 0.03:
            fields.append((pick.choice(["Sender", "Resent-From"]), self.address().encode()))
        if pick.random() < 0.02:
            fields = [(name, value) for name, value in fields if name.strip().lower() != "from"]
        if pick.random() < 0.03:
            fields.insert(0, (pick.choice(["DKIM-Signature", "X"]), b"v=1; d=shop.example; b=x"))
        lines = [name.encode() + b":" + value + b"\r\n" for name, value in fields]
        return b"".join(lines)

    def value(self) -> bytes:
        """A From field's value, from the colon on."""
        pick = self._random
        form = pick.choices(
            [self.mailbox, self.several, self.group, self.junk, lambda: ""], [16, 2, 1, 1, 0.3]
        )[0]
        value = (pick.choice(["", " ", " ", " ", "\t", "\r\n "]) + form()).encode(
            "utf-8", "surrogateescape"
        )
        for _ in range(pick.choices([0, 1, 2, 4], [10, 5, 2, 1])[0]):
            value = self._mutated(value)
        return value

    def address(self) -> str:
        """Mostly the login's own, or one that it may not use, or an odd spelling of one."""
        pick = self._random
        plain = ME if pick.random() < 0.6 else pick.choice(OTHERS)
        if pick.random() < 0.75:
            return plain
        local, _, domain = plain.partition("@")
        return pick.choice(
            [
                f'"{local}"@{domain}',
                f"{local} @ {domain}",
                f"{local}@({pick.choice(OTHERS)}){domain}",
                f"({plain}){local}@{domain}",
                f"{local}+tag@{domain}",
                f"{local}@{domain}.",
                f"{local}@{domain.replace('.', ' . ')}",
                f"{local}@[{domain}]",
                f"@{pick.choice(OTHERS).partition('@')[2]}:{plain}",
                f"{local}%{domain}@{ME.partition('@')[2]}",
                f"{local}\r\n @{domain}",
                f"{plain.upper()}",
                f"{local}@\u202e{domain}",
                f"mailto:{plain}",
                f"{local}\\@{domain}@{ME.partition('@')[2]}",
                f'"{plain}"@shop.example',
            ]
        )

    def word(self) -> str:
        """A word of a name."""
        pick = self._random
        return pick.choice(
            [
                "Jane",
                "Doe",
                "J.",
                "O'Neill",
                "Müller",
                "山田",
                "[Shop]",
                "Shop:",
                "Doe,",
                self.address(),
                f'"{self.text()}"',
                f'"{self.text()}\\"{self.text()}"',
                f"({self.text()})",
                f"({self.text()} ({self.text()}))",
                self.encoded(),
                self.encoded() + pick.choice(["", " ", "\r\n "]) + self.encoded(),
                pick.choice(SPECIALS),
                "=?utf-8?q?" + self.text() + "?=",
            ]
        )

    def text(self) -> str:
        """What stands in quotes, comments and encoded words."""
        pick = self._random
        return pick.choice(
            [
                "Jane Doe",
                "Doe, Jane",
                self.address(),
                f"<{self.address()}>",
                pick.choice(SPECIALS),
                "\\\\",
                "",
                "a" * pick.choice([3, 70, 400]),
            ]
        )

    def encoded(self) -> str:
        """An encoded word in any charset that Python has (RFC 2047, 2)."""
        pick = self._random
        charset, text = pick.choice(CHARSETS), self.text()
        try:
            raw = codecs.lookup(charset).encode(text, "replace")[0]
            raw = raw if isinstance(raw, bytes) else text.encode()
        except Exception:  # codecs raise what they like
            raw = text.encode()
        if pick.random() < 0.5:
            content = "".join(f"={octet:02X}" for octet in raw)
            return f"=?{charset}?{pick.choice('qQ')}?{content}?="
        letters = base64.b64encode(raw).decode()
        cut = pick.randrange(len(letters) + 1)
        letters = letters if pick.random() < 0.7 else f"{letters[:cut]}={letters[cut:]}"
        return f"=?{charset}?{pick.choice('bB')}?{letters}?="

    def mailbox(self) -> str:
        """Name and address, or an address alone."""
        pick = self._random
        words = [self.word() for _ in range(pick.randrange(4))]
        address = self.address()
        if words or pick.random() < 0.5:
            space = pick.choice(["", " ", " ", "\r\n "])
            address = f"{pick.choice(['<', '<', '<', '< '])}{address}>"
            address = pick.choice([" ", " ", "  ", "\r\n ", ""]).join(words) + space + address
        return address + pick.choice(["", "", "", f" ({self.text()})", " ", ",", ";", self.word()])

    def several(self) -> str:
        """More than one author."""
        count = self._random.randrange(2, 4)
        return self._random.choice([", ", ",", "; ", " ", ",, "]).join(
            self.mailbox() for _ in range(count)
        )

    def group(self) -> str:
        """RFC 5322's group."""
        return f"{self.word()}: {self.several()}{self._random.choice([';', ''])}"

    def junk(self) -> str:
        """Specials and words in any order."""
        pick = self._random
        parts = [pick.choice([*SPECIALS, " ", ME, *OTHERS]) for _ in range(pick.randrange(12))]
        return "".join(parts)

    def _mutated(self, value: bytes) -> bytes:
        pick = self._random
        at = pick.randrange(len(value) + 1)
        ways: list[Callable[[], bytes]] = [
            lambda: value[:at] + value[at + 1 :],
            lambda: value[:at] + pick.choice(SPECIALS).encode() + value[at:],
            lambda: value[:at] + b"\r\n " + value[at:],
            lambda: value[:at]
            + bytes([pick.choice([0, 1, 9, 11, 12, 27, 127, 128, 160, 255])])
            + value[at:],
            lambda: value[:at] + value[at:] * 2,
            lambda: value[:at] + b" " * pick.choice([1, 20, 900]) + value[at:],
            lambda: value[:at] + b"\r\n \r\n " + value[at:],
        ]
        return pick.choice(ways)()
