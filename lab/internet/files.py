"""The files of a machine of the lab's internet, each at its path, and its certificate."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lab.internet.authority import Authority

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


def lay(root: Path, folder: Path, values: Mapping[str, str]) -> None:
    """Write every file of the folder into the root; they may include the hosts' own templates."""
    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (configuration files, not HTML)
    )
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = file.relative_to(folder)
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(environment.get_template(str(name)).render(values))
        target.chmod(0o755 if name.parts[0] == "usr" else 0o644)


def certify(root: Path, authority: Authority, host: str) -> None:
    """Give Postfix a certificate of the lab's authority."""
    chain, key = authority.issue(host)
    for source, name in ((chain, "chain.pem"), (key, "key.pem")):
        target = root / "etc/postfix" / name
        target.touch(mode=0o600)
        target.write_bytes(source.read_bytes())
