"""The script `relay`, as people call it."""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_no_module_of_the_folder_that_it_is_called_in_is_loaded(tmp_path: Path) -> None:
    """Another clone has packages of the same names, and a stranger's folder may have any."""
    for name in ("ops", "typer", "json"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the folder's {name}')")
    command = [str(PROJECT / "relay"), "--help"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "verify" in ended.stdout
