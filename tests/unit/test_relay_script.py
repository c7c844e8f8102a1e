"""The script `relay`, as people call it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def test_no_module_of_the_folder_that_it_is_called_in_is_loaded(tmp_path: Path) -> None:
    """Another clone has packages of the same names, and a stranger's folder may have any."""
    for name in ("ops", "typer", "json"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the folder's {name}')")
    command = [str(PROJECT / "relay"), "--help"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "verify" in ended.stdout


def relay(*arguments: str, redirect: str = "", **environment: str) -> subprocess.CompletedProcess:
    """`./relay ARGUMENTS` by a shell, which redirects its descriptors."""
    return subprocess.run(
        ["sh", "-c", f'"$0" "$@" {redirect}', str(PROJECT / "relay"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_link_to_it_is_as_good(tmp_path: Path) -> None:
    link = tmp_path / "relay"
    link.symlink_to(PROJECT / "relay")
    ended = subprocess.run([str(link), "--version"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("mail-relay ")


@pytest.mark.parametrize("redirect", ["<&-", "2>&-", "<&- 2>&-"])
def test_it_runs_without_standard_input_or_error(redirect: str) -> None:
    ended = relay("--version", redirect=redirect)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("mail-relay ")


def test_a_closed_standard_output_is_told() -> None:
    """As `cat` does: what nobody can read was not done."""
    ended = relay("domains", "list", "--stack=dev", redirect=">&-")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "relay: standard output is closed; for no output there is /dev/null\n"


def test_a_variable_of_typers_that_is_no_number_is_none() -> None:
    ended = relay("--version", TERMINAL_WIDTH="abc")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "words"), [("typer", ("--version",)), ("ruamel", ("users", "list"))]
)
def test_ctrl_c_while_it_starts_ends_it_at_once(
    tmp_path: Path, module: str, words: tuple[str, ...]
) -> None:
    """An import that is broken off would be a traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Breaks:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Breaks())\n"
    )
    command = [str(PROJECT / "relay"), *words]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    # a shell has its background commands ignore it, which is inherited
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    signal.signal(signal.SIGINT, before)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")
