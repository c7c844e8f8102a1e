"""What has a new certificate serve, run with the commands that it calls played."""

import os
import subprocess
from pathlib import Path

import pytest
from test_user_data import KEEPS_MAIL

from cloudinit import files

SCRIPT = "usr/local/lib/mail-relay/certificate-installed"
# 587 and 465 are open once nothing is disabled
OPENS = "postconf -e master_service_disable="
ACTIVE = "systemctl is-active --quiet postfix.service"
DOVECOT = "systemctl reload-or-restart dovecot.service"
STEPS = [
    "sync",
    OPENS,
    ACTIVE,
    "postfix reload",
    DOVECOT,
    "systemctl restart --no-block mail-relay-status.service",
]


def run(folder: Path, fails: str = "") -> tuple[list[str], int]:
    """What it called, one of which failed, and its exit code."""
    calls, bin_ = folder / "calls", folder / "bin"
    bin_.mkdir()
    for name in {step.split()[0] for step in STEPS}:
        stub = bin_ / name
        stub.write_text(
            f'#!/bin/sh\ncall="{name}${{*:+ $*}}"\necho "$call" >>{calls}\n'
            f'[ "$call" != "{fails}" ]\n'
        )
        stub.chmod(0o755)
    script = folder / "script"
    script.write_text(files(KEEPS_MAIL)[SCRIPT])
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}
    interpreter = script.read_text().splitlines()[0].removeprefix("#!").split()
    done = subprocess.run([*interpreter, str(script)], env=environment, check=False)
    return calls.read_text().splitlines(), done.returncode


def test_all_that_uses_the_certificate_gets_it_and_submission_comes_first(tmp_path: Path) -> None:
    assert run(tmp_path) == (STEPS, 0)


@pytest.mark.parametrize("fails", [step for step in STEPS if step not in ("sync", ACTIVE)])
def test_a_step_that_fails_keeps_no_other_from_being_done_and_is_told(
    tmp_path: Path, fails: str
) -> None:
    """Dovecot's reload, say: 587 and 465 are open all the same."""
    calls, code = run(tmp_path, fails)
    assert calls == STEPS
    assert code != 0


def test_files_that_the_kernel_writes_later_keep_nothing_from_being_done(tmp_path: Path) -> None:
    assert run(tmp_path, "sync") == (STEPS, 0)


def test_a_postfix_that_does_not_run_is_not_reloaded(tmp_path: Path) -> None:
    """It is being set up, and begins with submission open."""
    assert run(tmp_path, ACTIVE) == ([step for step in STEPS if step != "postfix reload"], 0)
