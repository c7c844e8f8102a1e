"""The stack's file, edited as a careful person would: comments kept, and all or nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab import lab as lab_
from lab.lab import Lab
from ops import target
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.lab import stack
from settings import SettingsError

TEXT = """\
# our mail
config:
  aws:region: us-east-1
  mail-relay:operator: "ops@inbox.example" # a mailbox elsewhere
  mail-relay:gateway:
    name: mail.relay.example
  mail-relay:domains:
    # the shop's
    - name: shop.example
      dmarc: {policy: none, reports: [dmarc@inbox.example]} # for now
    - name: relay.example
  mail-relay:logins:
    - address: me@shop.example
      password: # of 2024
        secure: v1:abc:def
encryptionsalt: v1:salt
"""
Change = Callable[[StackFile], None]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(target.engine, "PROJECT", tmp_path)
    made = tmp_path / "Pulumi.test.yaml"
    made.write_text(TEXT)
    made.chmod(0o640)
    return made


def edited(file: Path, change: Change) -> str:
    found = StackFile(target.AwsTarget("test"))
    change(found)
    found.save()
    return file.read_text()


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (
            lambda f: f.add("logins", {"address": "you@shop.example", "sendAs": ["@shop.example"]}),
            "encryptionsalt",
            "    - address: you@shop.example\n      sendAs: ['@shop.example']\nencryptionsalt",
        ),
        (
            lambda f: f.change("logins", "me@shop.example", {"sendAs": ["a@shop.example"]}),
            "        secure: v1:abc:def\n",
            "        secure: v1:abc:def\n      sendAs: [a@shop.example]\n",
        ),
        (
            lambda f: f.change("logins", "me@shop.example", {"password": None}),
            "      password: # of 2024\n        secure: v1:abc:def\n",
            "",
        ),
        (
            lambda f: f.change("domains", "shop.example", {"dmarc": {"policy": "reject"}}),
            "policy: none, ",
            "policy: reject, ",
        ),
        (
            lambda f: f.add("forwards", {"address": "a@shop.example", "to": ["b@inbox.example"]}),
            "encryptionsalt",
            "  mail-relay:forwards:\n    - address: a@shop.example\n      to: [b@inbox.example]\n"
            "encryptionsalt",
        ),
        (
            lambda f: f.add("mailboxes", {"address": "me@shop.example", "quotaMiB": None}),
            "encryptionsalt",
            "  mail-relay:mailboxes:\n    - address: me@shop.example\nencryptionsalt",
        ),
    ],
)
def test_an_edit_changes_its_own_lines_alone(
    file: Path, change: Change, before: str, after: str
) -> None:
    assert edited(file, change) == TEXT.replace(before, after)
    assert file.stat().st_mode & 0o777 == 0o640


def test_the_last_item_takes_its_list_with_it(file: Path) -> None:
    text = edited(file, lambda f: f.remove("logins", "me@shop.example"))
    assert "logins" not in text
    assert "# the shop's" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda f: f.add("logins", {"address": "me@shop.example"}),
            "'me@shop.example' is listed already",
        ),
        (lambda f: f.add("logins", {"address": "Me"}), "give a whole address"),
        (
            lambda f: f.add("forwards", {"address": "a@far.example", "to": ["b@inbox.example"]}),
            "its domain is none of ours",
        ),
        (lambda f: f.add("mailboxes", {"address": "you@shop.example"}), "add a login of this"),
        (lambda f: f.remove("domains", "shop.example"), "mail-relay:logins[0].address"),
        (lambda f: f.remove("logins", "you@shop.example"), "there is me@shop.example"),
        (lambda f: f.remove("logins", "me@shpo.example"), "did you mean me@shop.example?"),
        (
            lambda f: f.remove("forwards", "you@shop.example"),
            "Pulumi.test.yaml: ./relay forwards add adds one, and another stack is named by "
            "--stack or --lab",
        ),
        (
            lambda f: f.change("domains", "shop.example", {"dmarc": {"policy": "refuse"}}),
            "'refuse': give 'none', 'quarantine' or 'reject'",
        ),
    ],
)
def test_a_wrong_edit_is_refused_and_leaves_the_file(file: Path, change: Change, said: str) -> None:
    with pytest.raises(SettingsError, match=r"(?s).*") as caught:
        edited(file, change)
    assert said in str(caught.value)
    assert file.read_text() == TEXT
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "config: [",
            "Pulumi.test.yaml is not valid YAML at line 1, column 10 "
            "(expected the node content, but found '<stream end>')",
        ),
        (
            "config:\n  a: b: c\n",
            "Pulumi.test.yaml is not valid YAML at line 2, column 7 "
            "(mapping values are not allowed here)",
        ),
        # its values may be secret
        (
            "config:\n  a: *pass1\n",
            "Pulumi.test.yaml is not valid YAML at line 2, column 6 (found undefined alias)",
        ),
        (
            "config:\n  a b: pass1\n  a b: pass2\n",
            "Pulumi.test.yaml is not valid YAML at line 3, column 3 (the key a b is there twice)",
        ),
        (
            "config: \x07",
            "Pulumi.test.yaml is not valid YAML at line 1, column 9 "
            "(special characters are not allowed)",
        ),
        (
            "config:\n  a: \x07",
            "Pulumi.test.yaml is not valid YAML at line 2, column 6 "
            "(special characters are not allowed)",
        ),
        (
            "config:\n\tmail-relay:protect: true\n",
            "Pulumi.test.yaml is not valid YAML at line 2, column 1 (a tab: indent with spaces)",
        ),
        *(
            (
                f"config:\n  a:b: {value}\n",
                "Pulumi.test.yaml cannot be read at line 2, column 8: the value is not a valid "
                "date, number or whatever YAML takes it for",
            )
            for value in ("2020-13-45", "9" * 5000, f"0x{'f' * 5000}", "!!int x", "!!bool x")
        ),
        (
            f"config:\n  a:b: {'[' * 3000}{']' * 3000}\n",
            "Pulumi.test.yaml cannot be read: lists or keys inside each other go too deep",
        ),
        (f"config:\n  a:b: {'[' * 400}{']' * 400}\n", "Pulumi.test.yaml: a:b[0]: it goes too deep"),
        ("config: &a\n  a:b: *a\n", "Pulumi.test.yaml: a:b.a:b: it goes too deep"),
        ("config:\n  ~: 1\n", "Pulumi.test.yaml: null: put the key in quotation marks, or YAML"),
        (
            "config:\n  mail-relay:tags: {[a, b]: y}\n",
            "Pulumi.test.yaml: mail-relay:tags.[a, b]: put the key in quotation marks, or YAML",
        ),
        *(
            (text, "Pulumi.test.yaml has no settings: they are below `config:`")
            for text in ("config: {}", "", "# all\nencryptionsalt: v1:x\n", "config: {a:b: c}")
        ),
        *(
            (TEXT.replace("config:", key), f"{key} there is no such key; did you mean config?")
            for key in ("confg:", "Config:", "settings:")
        ),
        ("confg: {}", "Pulumi.test.yaml: confg: there is no such key; did you mean config?"),
        (
            f"{TEXT}mail-relay:protect: true\n",
            "mail-relay:protect: nobody reads it there: settings are below `config:`, indented",
        ),
        *(
            (
                TEXT.replace("mail-relay:", f"{wrong}:"),
                f"{wrong}:operator: nobody reads this key; did you mean mail-relay:operator?\n",
            )
            for wrong in ("mailrelay", "mail_relay", "Mail-Relay", "relay")
        ),
        ("- config", "Pulumi.test.yaml: give keys with their values"),
        ("config: [1]", "Pulumi.test.yaml: config: give keys with their values"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_wrong_already_is_told_first(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        StackFile(target.AwsTarget("test"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("mailrelay:operator", "mailrelay:operator: nobody reads this key"),
        ("mailrelay:gateway", "mailrelay:gateway: nobody reads this key"),
        ("gateway", "gateway: nobody reads this key"),
        ("mail-relay:domans", "mail-relay:domans: there is no such key"),
    ],
)
def test_a_misspelt_key_is_the_only_error(file: Path, key: str, said: str) -> None:
    right = f"mail-relay:{'domains' if key.endswith('domans') else key.rpartition(':')[2]}"
    file.write_text(TEXT.replace(right, key))
    said_as = right.removeprefix("mail-relay:") if key.startswith("mail-relay:") else right
    with pytest.raises(SettingsError) as caught:
        StackFile(target.AwsTarget("test"))
    assert caught.value.lines == [f"{said}; did you mean {said_as}?"]


def test_a_folder_is_no_stack_file(file: Path) -> None:
    file.unlink()
    file.mkdir()
    with pytest.raises(StackError, match="cannot be read: Is a directory"):
        StackFile(target.AwsTarget("test"))


def test_the_lab_takes_a_zone_by_its_name_where_the_account_needs_its_id(tmp_path: Path) -> None:
    source = tmp_path / "Pulumi.prod.yaml"
    zones = [{"name": "shop.example", "id": "Z0123456789"}, "relay.example"]
    source.write_text(yaml.safe_dump({"config": {"mail-relay:zones": zones, "a:b": "ü"}}))
    taken = yaml.safe_load(stack.adapted(Lab("none"), source))["config"]
    assert taken == {"mail-relay:zones": [{"name": "shop.example"}, "relay.example"], "a:b": "ü"}


def test_the_lab_takes_a_copy_of_its_own_file_and_no_other_stacks_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    lab, text = Lab("dev"), "encryptionsalt: v1:own\nconfig: {'a:b': c}\n"
    stack.work_dir(lab).mkdir(parents=True)
    (stack.work_dir(lab) / f"Pulumi.{stack.STACK}.yaml").write_text(text)
    source = tmp_path / "my.yaml"
    for given in (text, "config: {'a:b': c}\n"):
        source.write_text(given)
        assert stack.adapted(lab, source) == text
    source.write_text(text.replace("own", "other"))
    with pytest.raises(StackError, match="encrypted for its own stack"):
        stack.adapted(lab, source)


ANCHORS = """\
config:
  mail-relay:operator: ops@inbox.example
  mail-relay:gateway: {name: mail.relay.example}
  mail-relay:domains: [{name: shop.example}]
  mail-relay:logins:
    - &one
      address: me@shop.example
      sendAs: &same [a@shop.example]
    - {<<: *one, address: you@shop.example}
    - {address: they@shop.example, sendAs: *same}
"""


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.change("logins", "me@shop.example", {"sendAs": ["b@shop.example"]}),
        lambda f: f.remove("logins", "me@shop.example"),
    ],
)
def test_an_edit_that_would_change_another_item_is_refused(file: Path, change: Change) -> None:
    file.write_text(ANCHORS)
    with pytest.raises(StackError, match="By hand: "):
        edited(file, change)
    assert file.read_text() == ANCHORS
    after = edited(
        file, lambda f: f.change("logins", "they@shop.example", {"sendAs": ["c@shop.example"]})
    )
    assert after == ANCHORS.replace("*same", "[c@shop.example]")


BEGIN = """\
config:
  mail-relay:operator: ops@inbox.example
  mail-relay:gateway: {name: mail.relay.example}
  mail-relay:domains: [{name: shop.example}]
"""
ITEM = {"address": "new@shop.example", "sendAs": ["@shop.example"]}
ADD: Change = lambda f: f.add("logins", ITEM)  # noqa: E731
CHANGE: Change = lambda f: f.change("logins", "me@shop.example", {"sendAs": ["b@shop.example"]})  # noqa: E731
REMOVE: Change = lambda f: f.remove("logins", "me@shop.example")  # noqa: E731
TO_ADD = "add in mail-relay:logins:\n  - address: new@shop.example\n    sendAs: ['@shop.example']"
TO_SET = "set in mail-relay:logins[0]:\n  sendAs: [b@shop.example]"
LIST = f"{BEGIN}  mail-relay:logins:\n"


@pytest.mark.parametrize(
    ("text", "change", "why", "by_hand"),
    [
        (
            f"{LIST}    - address: me@shop.example\n".replace("\n", "\r"),
            ADD,
            "line 1 ends with CR alone",
            TO_ADD,
        ),
        (
            f"{LIST}    - address: me@shop.example\n      ? sendAs\n      : [a@shop.example]\n",
            CHANGE,
            "line 7 has a key with a question mark",
            TO_SET,
        ),
        (
            f"{BEGIN}  other:x: &l\n    - address: me@shop.example\n  mail-relay:logins: *l\n",
            ADD,
            "line 7 repeats a value from elsewhere (*l)",
            TO_ADD,
        ),
        (
            f"{LIST}    - address: me@shop.example\n      sendAs: &s [a@shop.example]\n"
            "    - {address: you@shop.example, sendAs: *s}\n",
            CHANGE,
            "line 8 (*s) repeats what is in line 7 (&s)",
            TO_SET,
        ),
        (
            f"{LIST}    - &one\n      address: me@shop.example\n"
            "    - {<<: *one, address: you@shop.example}\n",
            REMOVE,
            "line 8 (*one) repeats what is in line 6 (&one)",
            "take mail-relay:logins[0] away",
        ),
        (
            f"{BEGIN}  other:x: &m {{enabled: false}}\n  mail-relay:logins:\n"
            "    - <<: *m\n      address: me@shop.example\n",
            lambda f: f.change("logins", "me@shop.example", {"enabled": None}),
            "line 7 takes enabled from elsewhere (<<)",
            "take mail-relay:logins[0].enabled away",
        ),
    ],
)
def test_an_edit_that_is_refused_says_what_is_in_the_way_and_what_to_write(
    file: Path, text: str, change: Change, why: str, by_hand: str
) -> None:
    file.write_bytes(text.encode())
    with pytest.raises(StackError) as caught:
        edited(file, change)
    assert f"Pulumi.test.yaml is left as it is: {why}" in str(caught.value)
    assert str(caught.value).endswith(f"By hand: {by_hand}")
    assert file.read_bytes() == text.encode()
