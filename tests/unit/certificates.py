"""Certificates for tests."""

import tempfile
from functools import cache
from pathlib import Path

from lab.internet.authority import Authority


@cache
def root() -> str:
    """The certificate of an authority that nobody trusts, PEM."""
    with tempfile.TemporaryDirectory() as folder:
        return Authority(Path(folder)).certificate.read_text()
