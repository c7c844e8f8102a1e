"""An edit of a YAML file leaves every line alone that is not its item's."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ops.edit import splice

Edit = Callable[[str], str]
NEW = {"address": "new@x.example", "sendAs": ["@x.example"]}
FLOW = "{address: new@x.example, sendAs: ['@x.example']}"


def appended(text: str) -> str:
    return splice.append(text, ("config", "logins"), NEW)


def removed(index: int) -> Edit:
    return lambda text: splice.remove(text, ("config", "logins", index))


def set_(value: Any) -> Edit:
    return lambda text: splice.put(text, ("config", "logins", 0, "sendAs"), value)


CASES: dict[str, tuple[str, Edit, str]] = {
    "the next key's comment is not the last login's": (
        "config:\n  logins:\n    - address: a\n\n  # of the forwards\n  forwards: [] # none\n",
        removed(0),
        "config:\n\n  # of the forwards\n  forwards: [] # none\n",
    ),
    "a section that is last in the file, without a final newline": (
        "config:\n  a:  1\n  logins:\n    - address: a",
        removed(0),
        "config:\n  a:  1",
    ),
    "an item at the end of a file without a final newline": (
        "config:\n  logins:\n    - address: a # one",
        appended,
        "config:\n  logins:\n    - address: a # one\n    - address: new@x.example\n"
        "      sendAs: ['@x.example']",
    ),
    "an item between comments": (
        "config:\n  logins:\n  # one\n  - address: a # of a\n    # in a\n    sendAs: [b]\n"
        "  # two\n  - address: b\n  # end\n",
        removed(0),
        "config:\n  logins:\n  # one\n  # two\n  - address: b\n  # end\n",
    ),
    "an item goes below the last one, above what follows": (
        'config:\n  logins:\n  - address: "a"   # of a\n  # end\n\nsalt: v1\n',
        appended,
        'config:\n  logins:\n  - address: "a"   # of a\n  - address: new@x.example\n'
        "    sendAs: ['@x.example']\n  # end\n\nsalt: v1\n",
    ),
    "four spaces, and a list that is not there yet": (
        "config:\n    domains:\n    -   name: x\n\n# end\n",
        appended,
        "config:\n    domains:\n    -   name: x\n    logins:\n    - address: new@x.example\n"
        "      sendAs: ['@x.example']\n\n# end\n",
    ),
    "a list of nothing": (
        "config:\n  logins: [ ] # none\n  a: 1\n",
        appended,
        f"config:\n  logins: [ {FLOW}] # none\n  a: 1\n",
    ),
    "a key without a value": (
        "config:\n  logins: # none\n  a: 1\n",
        appended,
        "config:\n  logins: # none\n    - address: new@x.example\n      sendAs: ['@x.example']\n"
        "  a: 1\n",
    ),
    "no value at the end": (
        "config:\n  logins:\n    - address: a\n      sendAs:\n\n  # b\n  b: {c: , d}",
        appended,
        "config:\n  logins:\n    - address: a\n      sendAs:\n    - address: new@x.example\n"
        "      sendAs: ['@x.example']\n\n  # b\n  b: {c: , d}",
    ),
    "CRLF": (
        "config:\r\n  logins:\r\n    - address: a\r\n  # b\r\n",
        appended,
        "config:\r\n  logins:\r\n    - address: a\r\n    - address: new@x.example\r\n"
        "      sendAs: ['@x.example']\r\n  # b\r\n",
    ),
    "CRLF, and not everywhere": (
        "config:\r\n  logins:\n    - address: a\n  # b\r\n",
        appended,
        "config:\r\n  logins:\n    - address: a\n    - address: new@x.example\n"
        "      sendAs: ['@x.example']\n  # b\r\n",
    ),
    "CRLF, and the last item": (
        "config:\r\n  a: 1\r\n  logins:\r\n    - address: a\r\n",
        removed(0),
        "config:\r\n  a: 1\r\n",
    ),
    "a list in one line": (
        "config: {logins: [{address: a}, {address: b}], a: 1}",
        removed(1),
        "config: {logins: [{address: a}], a: 1}",
    ),
    "the first of a list in one line": (
        "config:\n  logins: [{address: a}, {address: b} ] # two\n",
        removed(0),
        "config:\n  logins: [{address: b} ] # two\n",
    ),
    "a list in brackets on lines of their own": (
        "config:\n  logins: [\n    {address: a}, # of a\n    {address: b}, # of b\n  ]\n",
        removed(1),
        "config:\n  logins: [\n    {address: a}, # of a\n  ]\n",
    ),
    "another for a list in brackets": (
        "config:\n  logins: [\n    {address: a}, # of a\n  ]\n",
        appended,
        f"config:\n  logins: [\n    {{address: a}}, {FLOW}, # of a\n  ]\n",
    ),
    "a value of some lines": (
        "config:\n  logins:\n    - sendAs: # of a\n        # first\n        - a # 1\n"
        "\n        - b\n"
        "      # of the address\n      address: a\n",
        set_(["c"]),
        "config:\n  logins:\n    - sendAs: [c] # of a\n        # first\n"
        "      # of the address\n      address: a\n",
    ),
    "a value with its comment": (
        "config:\n  logins:\n    - {address: a, sendAs: ['a', \"b\"]} # of a\n",
        set_(["c"]),
        "config:\n  logins:\n    - {address: a, sendAs: [c]} # of a\n",
    ),
    "a value that is missing, above the comments of the next item": (
        "config:\n  logins:\n    -\n      address: |-\n        a\n\n    # of b\n    - address: b\n",
        set_(["c"]),
        "config:\n  logins:\n    -\n      address: |-\n        a\n      sendAs: [c]\n\n    # of b\n"
        "    - address: b\n",
    ),
    "a first key goes and leaves the dash": (
        "config:\n  logins:\n    - sendAs: [a] # of a\n      address: a # more\n",
        lambda text: splice.remove(text, ("config", "logins", 0, "sendAs")),
        "config:\n  logins:\n    - address: a # more\n",
    ),
    "anchors elsewhere": (
        "config:\n  a: &a {b: 1}\n  logins: &l\n    # of a\n    - &x\n      address: a\n"
        "    - address: b\n  c: *a\n",
        removed(1),
        "config:\n  a: &a {b: 1}\n  logins: &l\n    # of a\n    - &x\n      address: a\n  c: *a\n",
    ),
    "an alias is the last value": (
        "config:\n  a: &a [x, y]\n  logins:\n    - address: a\n      sendAs: *a # both\n  b: 1\n",
        appended,
        "config:\n  a: &a [x, y]\n  logins:\n    - address: a\n      sendAs: *a # both\n"
        "    - address: new@x.example\n      sendAs: ['@x.example']\n  b: 1\n",
    ),
    "a value in braces on lines of its own, below its key": (
        "config:\n  logins:\n    - {address: a,\n       sendAs:\n         [x, y], b: 1}\n",
        set_(["c"]),
        "config:\n  logins:\n    - {address: a,\n       sendAs:\n         [c], b: 1}\n",
    ),
    "a last value in braces, below its key": (
        "config:\n  logins:\n    -\n      {address: a, sendAs:\n       [x]}\n",
        set_(["c"]),
        "config:\n  logins:\n    -\n      {address: a, sendAs:\n       [c]}\n",
    ),
    "commas that begin lines, the first": (
        "config:\n  logins: [\n    {address: a} # of a\n  , {address: b} # of b\n  ]\n",
        removed(0),
        "config:\n  logins: [\n     # of a\n   {address: b} # of b\n  ]\n",
    ),
    "commas that begin lines, the last": (
        "config:\n  logins: [\n    {address: a}\n  , {address: b}\n  ,]\n",
        removed(1),
        "config:\n  logins: [\n    {address: a}\n  , \n  ]\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_edit_changes_nothing_but_its_item(name: str) -> None:
    before, edit, after = CASES[name]
    assert edit(before) == after


OTHERWISE = (
    "yes no on off y n true false null ~ 010 0o7 0x1F 0b1 1_000 12:30:45 1:30 190:20:30.15 .5 1e3 "
    "1E3 1.5e+3 .inf -.INF .nan 2026-01-01 2026-01-01T12:00:00Z 2026-13-45 = << ! & * - ? : @a "
    "a:b a, [x] {x #x x#y %x `x | > ::1 a:"
)


@pytest.mark.parametrize(
    "text",
    [
        *OTHERWISE.split(),
        "Yes",
        "NO",
        "a: b",
        "a #b",
        " a ",
        "",
        "'",
        '"',
        "a\tb",
        "ü",
        "\x85",
        "a\nb",
        "\u2028",
    ],
)
def test_a_text_that_is_written_is_that_text_to_every_reader_of_yaml(text: str) -> None:
    made = splice.put("config: {}\n", ("config", text), [text, {text: text}])
    made = splice.put(f"{made}rows:\n  - a: 1\n", ("rows", 0, "a"), text)
    wanted = {"config": {text: [text, {text: text}]}, "rows": [{"a": text}]}
    assert splice.load(made) == wanted
    assert yaml.safe_load(made) == wanted


@pytest.mark.parametrize("text", ["a@shop.example", "v=spf1", "mx.x.example", "a b", "-all"])
def test_a_text_that_needs_no_quotation_marks_has_none(text: str) -> None:
    assert splice.put("a: 1\n", ("a",), text) == f"a: {text}\n"


def test_a_key_that_shares_its_line_with_a_mark_has_no_place() -> None:
    text = "config:\n  logins:\n    - address: a\n      ? sendAs\n      : [b]\n"
    with pytest.raises(splice.NoPlace):
        splice.remove(text, ("config", "logins", 0, "sendAs"))


def _item(chance: random.Random, at: int) -> tuple[list[str], dict[str, Any]]:
    """An item, below its dash, in some style."""
    data: dict[str, Any] = {"address": f"u{at}@x.example"}
    send_as = chance.choice([None, ["a@x.example"], ["@x.example", "b@x.example"]])
    quoted = chance.choice(["{}", '"{}"', "'{}'"]).format(data["address"])
    note = chance.choice(["", f" # of {at}", f"   #{at}: 'x'"])
    if send_as is None:
        return [f"address: {quoted}{note}"], data
    data["sendAs"] = send_as
    texts = [f"'{each}'" for each in send_as]
    style = chance.randrange(3)
    if style == 0:
        return [f"{{address: {quoted}, sendAs: [{', '.join(texts)}]}}{note}"], data
    if style == 1:
        return [f"address: {quoted}{note}", f"sendAs:  [ {' , '.join(texts)} ]"], data
    inner = [f"- {text}{note}" for text in texts]
    return [f"address: {quoted}", f"# inside {at}", f"sendAs:{note}", *inner], data


def _file(chance: random.Random) -> tuple[list[list[str]], list[dict[str, Any]], int]:
    """Lines in groups (what is before, each item, what is after), the items, and the dash."""
    step, dash = chance.choice([2, 4]), chance.choice([0, 2])
    indent = " " * step
    between = ["", f"{indent}# a comment", "# at the margin", f"{indent}    # deep"]
    loose = lambda: chance.sample(between, chance.randrange(3))  # noqa: E731
    groups = [["---"] if chance.random() < 0.2 else [], []]
    groups[1] = [*loose(), "config: # all", f"{indent}other:   'x'  # kept", *loose()]
    groups[1] += [f"{indent}logins: # people"]
    items = []
    for at in range(chance.randrange(1, 4)):
        lines, data = _item(chance, at)
        items.append(data)
        groups.append(loose())
        pad = " " * (step + dash)
        groups.append([f"{pad}{'  ' if n else '- '}{line}" for n, line in enumerate(lines)])
    after = [*loose(), f"{indent}last: {{a: [1,2],  b: ~}}", *loose(), "salt: v1:x", *loose()]
    groups.append(chance.choice([after, loose()]))
    return groups, items, step + dash


@pytest.mark.parametrize("seed", range(300))
def test_every_other_line_is_as_it_was_and_the_values_are_the_wanted_ones(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    groups, items, column = _file(chance)
    at = chance.randrange(len(items))
    newline = chance.choice(["\n", "\r\n"])
    ending = chance.choice(["", newline])
    text = newline.join(line for group in groups for line in group) + ending
    content = splice.load(text)
    assert content["config"]["logins"] == items
    place = ("config", "logins", at)
    group = 3 + 2 * at
    match chance.randrange(3):
        case 0:
            made = splice.append(text, place[:2], NEW)
            items.append(NEW)
            pad = " " * column
            new = [f"{pad}- address: {NEW['address']}", f"{pad}  sendAs: ['@x.example']"]
            groups[-2] += new
            assert made == newline.join(line for group in groups for line in group) + ending
        case 1:
            made = splice.remove(text, place)
            del items[at]
            groups[group] = []
            if not items:
                groups[1].pop()
                groups[2] = []
                del content["config"]["logins"]
            assert made == newline.join(line for group in groups for line in group) + ending
        case _:
            made = splice.put(text, (*place, "sendAs"), ["c@x.example"])
            items[at]["sendAs"] = ["c@x.example"]
            first = sum(map(len, groups[:group]))
            left = sum(map(len, groups[group + 1 :]))
            lines, was = made.split(newline), text.split(newline)
            assert lines[:first] == was[:first]
            assert (
                lines[len(lines) - left - bool(ending) :] == was[len(was) - left - bool(ending) :]
            )
    assert splice.load(made) == {**content, "config": {**content["config"], **_kept(items)}}


def _kept(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"logins": items} if items else {}
