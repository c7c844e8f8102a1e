"""`leftovers --keep` imports one resource for each place, whatever bears its tags."""

import pytest

from ops.errors import StackError
from ops.leftovers.keep import the_one


@pytest.mark.parametrize("used", [{}, {"vol-1": False}, {"vol-1": True}])
def test_what_is_alone_is_kept_whether_it_is_in_use_or_not(used: dict[str, bool]) -> None:
    assert the_one(used, "data volume of mail.relay.example") == [*used]


def test_of_several_the_one_in_use_is_kept_and_the_others_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert the_one({"vol-1": False, "vol-2": True}, "data volume of mx1") == ["vol-2"]
    assert "is vol-2, which is in use, and not vol-1" in capsys.readouterr().err


@pytest.mark.parametrize("is_used", [True, False])
def test_where_nobody_can_tell_nothing_is_kept_silently(is_used: bool) -> None:
    with pytest.raises(StackError, match=r"vol-1, vol-2\. Take the tag Name off"):
        the_one(dict.fromkeys(("vol-1", "vol-2"), is_used), "data volume of mx1")
