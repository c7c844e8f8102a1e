"""What user data's script does with the set-up object: it is checked, and laid as a whole."""

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path

from test_user_data import GATEWAY, user_data_of

AWS = "#!/bin/sh\n# `aws s3api get-object ... FILE`\nfor last; do :; done\n"


def fetched(
    folder: Path, files: dict[str, str], *, sha256: str = "", aws: str = "", before: str = ""
) -> int:
    """Run the script of the gateway's user data after some code; its exit code."""
    content = json.dumps({f"{folder}/laid/{path}".lstrip("/"): files[path] for path in files})
    (folder / "object").write_text(content)
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "aws"
    said = json.dumps({"ETag": '"1"', "Metadata": {"release": "1.2.3"}})
    command.write_text(AWS + (aws or f"cp '{folder}/object' \"$last\"\necho '{said}'\n"))
    command.chmod(0o755)
    _, boot = user_data_of(GATEWAY)
    script = boot.content.partition("<<'END-OF-FILE'\n")[2].partition("END-OF-FILE\n")[0]
    assert RELEASE in script
    script = script.replace(RELEASE, f"{folder}/laid/{RELEASE}".lstrip("/"))
    digest = sha256 or hashlib.sha256(content.encode()).hexdigest()
    found = subprocess.run(
        [sys.executable, "-c", before + script, "s3://bucket/setup/x.json", digest],
        env={"PATH": f"{folder}/bin:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    return found.returncode


RELEASE = "usr/local/lib/mail-relay/release"
FILES = {
    "usr/local/lib/mail-relay/setup": "#!/bin/sh\ntrue\n",
    "usr/local/lib/mail-relay/agent/main.py": "import os\n",
    "etc/postfix/main.cf": "# a comment\n",
}


def test_scripts_may_be_executed_and_nothing_else(tmp_path: Path) -> None:
    assert fetched(tmp_path, FILES) == 0
    modes = {path: stat.S_IMODE((tmp_path / "laid" / path).stat().st_mode) for path in FILES}
    assert modes == {
        "usr/local/lib/mail-relay/setup": 0o755,
        "usr/local/lib/mail-relay/agent/main.py": 0o644,
        "etc/postfix/main.cf": 0o644,
    }
    for path, text in FILES.items():
        assert (tmp_path / "laid" / path).read_text() == text


def test_the_release_that_made_the_files_is_kept(tmp_path: Path) -> None:
    assert fetched(tmp_path, FILES) == 0
    assert (tmp_path / "laid" / RELEASE).read_text() == "1.2.3\n"


def test_an_object_that_is_not_the_stacks_is_not_laid(tmp_path: Path) -> None:
    assert fetched(tmp_path, FILES, sha256="0" * 64) == 1
    assert not (tmp_path / "laid").exists()


def test_what_cannot_be_fetched_yet_is_tried_again(tmp_path: Path) -> None:
    refused = "echo AccessDenied >&2; exit 254\n"
    assert fetched(tmp_path, FILES, aws=refused) == 1
    assert not (tmp_path / "laid").exists()


def test_the_power_may_go_whenever_it_likes(tmp_path: Path) -> None:
    """What was written and not synced is lost: here it is cut off before each new name.

    ext4 keeps a file's new name before its content, unless it was synced (ext4(5), auto_da_alloc).
    """
    lost = (
        "import os, pathlib\n"
        "synced = set()\n"
        f"laid = pathlib.Path({str(tmp_path / 'laid')!r})\n"
        "os.sync = lambda: synced.update(laid.rglob('*.new'))\n"
        "os.fsync = lambda _: synced.update(laid.rglob('*.new'))\n"
        "real = os.replace\n"
        "def replace(source, target):\n"
        "    if pathlib.Path(source) not in synced: os.truncate(source, 1)\n"
        "    real(source, target)\n"
        "os.replace = replace\n"
    )
    assert fetched(tmp_path, FILES, before=lost) == 0
    for path, text in FILES.items():
        assert (tmp_path / "laid" / path).read_text() == text
