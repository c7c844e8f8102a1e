"""The tables' object is put in one part, so that its ETag is the MD5 that hosts compare."""

import json

import pulumi
import pytest

from components.tables import PART, in_one_part


def test_tables_that_would_be_uploaded_in_parts_are_refused() -> None:
    frame = len(json.dumps({"a": ""}))
    most = {"a": "x" * (PART - frame - 1)}
    assert json.loads(in_one_part("gateway.json", most)) == most
    with pytest.raises(pulumi.RunError, match=r"tables gateway\.json take 5\.0 MiB.*fewer domains"):
        in_one_part("gateway.json", {"a": most["a"] + "x"})


def test_octets_are_counted_not_characters() -> None:
    assert in_one_part("gateway.json", {"a": "é" * 10}).isascii()
