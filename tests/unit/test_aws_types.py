"""The one table of AWS types goes with what the program declares and the plug-in makes."""

from lab.provider.servicer import KINDS
from ops.leftovers.aws_types import TYPES

# the stack declares none of these yet
WITHOUT_A_ROW = {"aws:sns/topicPolicy:TopicPolicy"}


def test_every_type_of_the_plug_in_has_a_row() -> None:
    assert set(KINDS) - set(TYPES) == WITHOUT_A_ROW


def test_what_is_held_to_tags_takes_tags() -> None:
    assert [t for t, row in TYPES.items() if row.tagged and "tags" not in KINDS[t].inputs] == []


def test_what_is_found_by_tags_has_them() -> None:
    assert [t for t, row in TYPES.items() if row.prefix and not row.tagged] == []
