"""What the table is made of: rows, what must happen in them, and the mutants that they catch."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abuse.place import Place

# Tries something at a set-up and tells what was seen, such as "554 5.7.1 Relay access denied".
Probe = Callable[["Place"], str]


@dataclass(frozen=True)
class Must:
    """What must be seen: a pattern for the beginning of it, and who has it so, in one word."""

    kind: str
    pattern: str

    def holds(self, seen: str) -> bool:
        """Whether that is what was seen."""
        return re.match(self.pattern, seen, re.DOTALL) is not None


def refused(pattern: str = r"5\d\d ") -> Must:
    """The attempt comes to nothing."""
    return Must("refused", pattern)


def served(pattern: str = r"2\d\d ") -> Must:
    """The good sender, or reader, is served."""
    return Must("served", pattern)


# What a receiver finds of a message that left here: both judges are content with all of it.
PASSES = served("arrived spf=pass dkim=pass dmarc=pass")


@dataclass(frozen=True)
class Mutant:
    """A weakened configuration of the running gateway, or of a client.

    `main` are parameters of main.cf, `master` those of a service ("smtp/inet/smtpd_milters"),
    `edits` replace a pattern in files, `files` are files with their text, new or not, and `restart`
    units that read them. For anything else `script` does it and `back` takes it back. Outside the
    host, `opens_groups` lets everybody through the security groups, and `allows` is an action that
    every host's role gets.
    """

    name: str
    main: Mapping[str, str] = field(default_factory=dict)
    master: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    restart: tuple[str, ...] = ()
    script: str = ""
    back: str = ""
    host: str = "gateway"
    opens_groups: bool = False
    allows: str = ""


@dataclass(frozen=True)
class Row:
    """One attempt.

    `needs` are features of a set-up without which it makes no sense (see `Place.features`); a slow
    one waits for something, or does harm for a while, and is left out of the shared lab's tests.
    """

    family: str
    tries: str
    probe: Probe = field(repr=False)
    must: Must
    catches: Mutant
    needs: frozenset[str] = frozenset()
    slow: bool = False

    @property
    def name(self) -> str:
        """The row as one line."""
        return f"{self.family}: {self.tries}"


def rows(
    family: str,
    catches: Mutant,
    must: Must,
    attempts: Mapping[str, Probe],
    needs: str = "",
    slow: bool = False,
) -> tuple[Row, ...]:
    """Rows that have all but the attempt in common; `needs` are words."""
    wanted = frozenset(needs.split())
    return tuple(
        Row(family, tries, probe, must, catches, wanted, slow) for tries, probe in attempts.items()
    )
