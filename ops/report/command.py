"""`relay report`."""

from pathlib import Path
from typing import Annotated

import typer

from ops.errors import StackError
from ops.options import LabOption, StackOption, target
from ops.plain_words import unreadable
from ops.report.facts import gather
from ops.report.page import page
from ops.target import Target
from ops.terminal import notes, results, shown_path

HOURS = 24
BEGIN = b"<!doctype html>"


def command(
    html: Annotated[
        Path, typer.Option("--html", metavar="FILE", help="Where the page goes; - prints it.")
    ],
    hours: Annotated[
        int, typer.Option(min=1, max=24 * 90, help="The hours of mail that it tells of.")
    ] = HOURS,
    stack: StackOption = None,
    lab: LabOption = None,
) -> None:
    """The state of the stack as one page: mail, verdicts, queue, alarms, certificates, DNS.

    The page loads nothing, so it can be sent or kept. It has addresses of senders and recipients.
    """
    chosen = target(stack, lab)
    if str(html) == "-":
        results.out(page(gather(chosen, hours)), end="")
        return
    write(chosen, html, hours)


def write(chosen: Target, html: Path, hours: int = HOURS) -> None:
    """Write the page, over nothing but an older one; StackError if it cannot be written."""
    _check(html)
    content = page(gather(chosen, hours))
    try:
        html.write_text(content)
    except OSError as error:
        raise StackError(f"--html {html}: {error.strerror}") from None
    notes.print(f"{shown_path(html)}: open it in a browser", soft_wrap=True)


def _check(html: Path) -> None:
    """StackError, before anything is asked, if the file is no place for a page."""
    try:
        if html.is_file() and not html.read_bytes().startswith(BEGIN):
            raise StackError(f"--html {html}: it exists and is no report; give another name")
    except OSError as error:
        raise StackError(f"--html {unreadable(html, error)}") from None
    if html.is_dir():
        raise StackError(f"--html {html}: it is a folder; give a file's name")
    if not html.parent.is_dir():
        raise StackError(f"--html {html}: there is no folder {html.parent}")
