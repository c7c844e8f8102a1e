"""The command line imports what a command needs when it is called, and nothing before."""

import io
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import click
import pytest
from typer.testing import CliRunner

from common.errors import RelayError
from common.release import release
from ops import cli, terminal
from ops.cli import COMMANDS, app, loaded
from ops.errors import StackError
from ops.examples import EXAMPLES

HEAVY = {"agent", "boto3", "botocore", "components", "lab", "pulumi", "pulumi_aws", "settings"}

# They hand over to another program; a report is a page, for people.
WITHOUT_RESULT = {"lab shell", "lab logs", "pulumi", "report", "shell"}


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    for name in COMMANDS:
        command = loaded(name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", found) for sub, found in command.commands.items())
        else:
            yield name, command


LEAVES = dict(leaves())


@pytest.mark.parametrize("arguments", [["--help"], ["no-such-command"], []])
def test_help_and_a_wrong_command_load_no_commands(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from ops.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print('LOADED', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    names = result.stdout.partition("LOADED")[2].split()
    assert "typer" in names
    assert not HEAVY & set(names)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says_first(name: str) -> None:
    command = loaded(name)
    first = (command.help or "").partition("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name][1]


@pytest.mark.parametrize(
    ("words", "meant"), [(["verfy"], "verify"), (["users", "lst"], "list"), (["lab", "ups"], "up")]
)
def test_a_command_that_is_nearly_one_is_suggested_once(words: list[str], meant: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.output.count(f"Did you mean '{meant}'?") == 1


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["help"], "'help'; there is lab, users, domains, "),
        (["domains", "delete", "x.example"], "'delete'; there is list, add, "),
        (["lab", "stop"], "'stop'; there is up, "),
        (["status"], "'status'; did you mean `lab status`?"),
        (["flush"], "'flush'; did you mean `queue flush`?"),
    ],
)
def test_a_command_that_there_is_not_is_told_with_those_that_there_are(
    words: list[str], there: str
) -> None:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"No such command {there}" in result.output


def test_options_that_do_not_go_together_are_one_line() -> None:
    command = [sys.executable, "-m", "ops.cli", "queue", "hold"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: name queue ids, or give --all, or --from or --to\n"


def test_an_option_that_typer_finds_wrong_is_shown_with_its_name() -> None:
    result = CliRunner().invoke(app, ["trace", "me@shop.example", "--limit=many"])
    assert result.exit_code == 2
    assert "--limit" in result.output


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["rotate", "--all", "--wait=banana"], "--wait"),
        (["rotate", "--all", "--every=5"], "--every"),
        (["env", "up", "try", "--ttl=1w"], "--ttl"),
        (["test", "--timeout=x"], "--timeout"),
        (["test", "--timeout=99999999999d"], "--timeout"),  # more than a date can have
        (["env", "up", "try", "--ttl=9999999d"], "--ttl"),
    ],
)
def test_a_duration_that_is_none_is_shown_with_its_option(words: list[str], option: str) -> None:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': " in result.output
    assert "give a number with its unit, such as 90s, 30m, 4h or 7d, and 3650d at most" in (
        result.output
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["queue", "--lab", "dev"], "queue needs a command before --lab: list, "),
        (["users", "--json", "list"], "users needs a command before --json: list, add, "),
        (["lab", "--lab=dev"], "lab needs a command before --lab: up, send, "),
        (["--lab=dev", "users", "list"], "relay needs a command before --lab: lab, users, "),
        (["users", "--hepl"], "Did you mean '--help'?"),
    ],
)
def test_an_option_before_its_command_is_told_from_one_that_there_is_not(
    words: list[str], said: str
) -> None:
    result = CliRunner().invoke(app, words, prog_name="relay", env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert said in result.output


def test_a_review_of_a_lab_has_no_base_and_is_told_without() -> None:
    result = CliRunner().invoke(app, ["review", "--base=origin/main", "--lab=try"])
    assert str(result.exception).endswith("with what is up in it: ./relay review --lab try")


@pytest.mark.parametrize("name", sorted(LEAVES.keys() - WITHOUT_RESULT))
def test_a_command_with_a_result_has_it_for_programs(name: str) -> None:
    assert "--json" in {word for param in LEAVES[name].params for word in param.opts}


@pytest.mark.parametrize("name", LEAVES)
def test_no_option_silently_undoes_another(name: str) -> None:
    """Of click's own pairs (`--on/--off`) the last one counts, and nobody is told."""
    for param in LEAVES[name].params:
        assert not param.secondary_opts, param.name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["lab", "up", "--example=basics", "--file=Pulumi.dev.yaml"],
            "give --example or --file, not both",
        ),
        (
            ["lab", "up", "--block-port-25", "--open-port-25"],
            "give --block-port-25 or --open-port-25, not both",
        ),
        (["users", "change", "me@a.example", "--password-stdin", "--new-password"], "not both"),
        (["rotate", "--all", "--domain=a.example"], "give --domain or --all, not both"),
        (["queue", "hold", "--all", "A1"], "--from or --to: only one of these"),
        (["domains", "change", "a.example", "--reset=ttl", "--ttl=60"], "give one or the other"),
    ],
)
def test_options_that_exclude_each_other_are_refused(words: list[str], said: str) -> None:
    assert said in str(CliRunner().invoke(app, words).exception)


@pytest.mark.parametrize("name", LEAVES)
def test_every_argument_and_option_has_its_help(name: str) -> None:
    for param in LEAVES[name].params:
        assert getattr(param, "help", None), param.name


# Of the workflows, this computer's tools and labs; environments are found by the dev stack.
OF_NO_STACK = {
    "env": {"--lab"},
    "github": set[str](),
    "lab": {"--lab"},
    "lab send": {"--lab", "--stack"},
    "pulumi": {"--lab"},  # it has a --stack of its own
    "setup": set[str](),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_stack_is_named_in_one_way_by_every_command(name: str) -> None:
    words = {word for param in LEAVES[name].params for word in param.opts}
    of_group = OF_NO_STACK.get(name.partition(" ")[0], {"--stack", "--lab"})
    wanted = OF_NO_STACK.get(name, of_group)
    assert words & {"--stack", "--lab"} == wanted


@pytest.mark.parametrize("name", [name for name in LEAVES if name.startswith("lab ")])
def test_a_lab_is_named_as_in_all_other_commands(name: str) -> None:
    (option,) = [param for param in LEAVES[name].params if param.name == "name"]
    assert option.opts == ["--lab"]


def test_the_former_name_of_the_option_still_means_it() -> None:
    wrong = CliRunner().invoke(app, ["lab", "status", "--name", "Not_A_Name"])
    assert "Not_A_Name" in str(wrong.exception)
    assert "--name" not in CliRunner().invoke(app, ["lab", "status", "--help"]).output


@pytest.mark.parametrize(
    "words", [[], ["lab"], ["lab", "up"], ["pulumi"], ["trace"], ["users", "add"]]
)
def test_help_is_short_for_help(words: list[str]) -> None:
    short, long = (CliRunner().invoke(app, [*words, option]) for option in ("-h", "--help"))
    assert short.exit_code == long.exit_code == 0
    assert short.output == long.output != ""


def test_the_version_is_the_projects() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"mail-relay {release()}\n")


def test_a_list_of_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(terminal.notes, "_file", text)
    terminal.print_table("forwards", [])
    assert text.getvalue() == "forwards: none\n"


def test_a_table_has_no_values_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(terminal.results, "_file", text)
    terminal.print_table("domains", [{"name": "a.example", "dkim": ["s1", "s2"], "in": True}])
    # as in a pipe: no borders, and nothing but the table
    assert text.getvalue().splitlines() == [
        "name       dkim    in",
        "a.example  s1, s2  yes",
    ]


def table(width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A table as a terminal of this width shows it."""
    text = io.StringIO()
    monkeypatch.setattr(terminal.results, "_file", text)
    monkeypatch.setattr(terminal.results, "_width", width)
    row = {"host": "mail.example.com", "instance": "i-320f08904ef46285d", "is": "not serving yet"}
    terminal.print_table("lab dev", [row])
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 60, 56, 52, 40])
def test_a_table_cuts_no_word_however_narrow_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = table(width, monkeypatch)
    assert all(len(line) <= width for line in lines)
    words = " ".join(lines).split()
    assert {"mail.example.com", "i-320f08904ef46285d", "serving"} <= set(words)


def test_a_terminal_that_is_too_narrow_for_the_words_shows_a_line_for_each_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [line.rstrip() for line in table(40, monkeypatch)] == [
        "lab dev",
        "host      mail.example.com",
        "instance  i-320f08904ef46285d",
        "is        not serving yet",
        "",
    ]


@pytest.mark.parametrize(("count", "said"), [(0, "0 mice"), (1, "1 mouse"), (2, "2 mice")])
def test_one_is_one(count: int, said: str) -> None:
    assert terminal.several(count, "mouse", "mice") == said


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_an_example(name: str) -> None:
    assert EXAMPLES.get(name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_call_that_its_command_takes(name: str) -> None:
    for line in EXAMPLES[name]:
        call = line[line.index("./relay ") :]
        assert f"{call} ".startswith(f"./relay {name} ")
        arguments = shlex.split(call)[1 + len(name.split()) :]
        with suppress(RelayError):  # its file is not here
            # a UsageError if an option is none of its own
            LEAVES[name].make_context(name, arguments)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_shown_a_line_each_where_a_terminal_has_80_columns(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"})
    shown = [line.strip() for line in result.stdout.splitlines()]
    assert set(EXAMPLES[name]) <= set(shown)


def test_an_error_of_pulumis_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise StackError("error: could not decrypt")

    text = io.StringIO()
    monkeypatch.setattr(terminal.notes, "_file", text)
    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit):
        cli.main()
    assert text.getvalue() == "error: could not decrypt\n"


def test_a_full_disk_is_said_in_one_line() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = subprocess.run(
            [sys.executable, "-m", "ops.cli", "leftovers", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == "error: no room is left where the output or a file is written\n"
