"""The help of a command says what its argument is, what it changes, and what stays as it is."""

import pytest
from test_command_line import LEAVES

from ops.examples import EXAMPLES


def text(name: str) -> str:
    """The help of a command and of its arguments, in one line."""
    command = LEAVES[name]
    arguments = [str(getattr(param, "help", "")) for param in command.params]
    return " ".join(" ".join([command.help or "", *arguments]).split())


@pytest.mark.parametrize(
    ("name", "values", "changes", "stays"),
    [
        ("lab break", "such as us-east-1a", "Cut the power", "disks stay as they are"),
        (
            "env up",
            "1 to 20 of a-z, 0-9 and '-'",
            "the stack env-NAME",
            "its file stay as they are",
        ),
        ("env down", "`env list` shows", "Its hosts go", "the dev stack stays"),
        ("mailboxes remove", "`mailboxes list` shows", "can no longer log in", "The login stays"),
        ("forwards remove", "`forwards list` shows", "its mail is refused", "keeps that"),
        ("users remove", "`users list` shows", "open sessions end", "is not removed"),
        ("domains remove", "`domains list` shows", "Remove a domain", "The gateway's own stays"),
    ],
)
def test_what_takes_something_away_says_what_goes_and_what_stays(
    name: str, values: str, changes: str, stays: str
) -> None:
    for said in (values, changes, stays):
        assert said in text(name)
    assert EXAMPLES[name]
