"""`relay github ...`: steps of the workflows, by git and by GitHub's own tool, `gh`."""

import json as json_
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from common.shell import ToolError, run
from ops.errors import StackError
from ops.options import Json, existing_files
from ops.terminal import notes, print_json

app = typer.Typer(
    no_args_is_help=True, help="For the workflows: reviewed plans and pull requests, by `gh`."
)

Repository = Annotated[
    str, typer.Option("--repo", envvar="GITHUB_REPOSITORY", help="OWNER/NAME on GitHub.")
]
BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")


def _gh(*arguments: str, text: str | None = None) -> str:
    if shutil.which("gh") is None:
        raise ToolError("gh is not on PATH; https://cli.github.com tells how to install it")
    return run("gh", *arguments, stdin=text)


@app.command("plan-name")
def plan_name(json: Json = False) -> None:
    """Print the name under which a plan for the files of HEAD is kept."""
    name = _plan_name()
    print_json({"name": name}) if json else print(name)


def _plan_name() -> str:
    # the tree's hash: a merge commit's own differs from that of the merge that was reviewed
    return f"plan-{run('git', 'rev-parse', 'HEAD^{tree}').strip()}"


@app.command()
def plan(repository: Repository, json: Json = False) -> None:
    """Fetch the plan that was reviewed for exactly the files of HEAD, as the file plan.json."""
    name = _plan_name()
    answer = _gh("api", f"repos/{repository}/actions/artifacts?name={name}&per_page=100")
    held = [a["workflow_run"] for a in json_.loads(answer)["artifacts"] if not a["expired"]]
    # only runs of this repository: a fork's pull request can upload an artifact under any name
    ours = [r["id"] for r in held if r["head_repository_id"] == r["repository_id"]]
    if not ours:
        raise StackError(
            f"there is no {name}: nobody reviewed exactly these files; bring the change as a pull "
            "request of a branch of this repository that is up to date with the one it goes to"
        )
    _gh("run", "download", str(ours[0]), "--repo", repository, "--name", name)
    if json:
        print_json({"name": name, "run": ours[0], "file": "plan.json"})


@app.command()
def propose(
    branch: Annotated[str, typer.Argument(help="The branch that holds the change.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            callback=existing_files, metavar="FILE...", help="The files that may be changed."
        ),
    ],
    title: Annotated[str, typer.Option(help="Of the commit and of the pull request.")],
    repository: Repository,
    json: Json = False,
) -> None:
    """Make the change of some files a pull request, or bring the open one up to date.

    Its text is standard input. Without a change, nothing is done.
    """
    named = [str(file) for file in files]
    if not run("git", "status", "--porcelain", "--", *named):
        be = "is as it was" if len(named) == 1 else "are as they were"
        notes.print(f"{', '.join(named)} {be}: nothing to propose")
        if json:
            print_json({"did": "nothing", "branch": branch})
        return
    name, address = BOT
    run("git", "switch", "--quiet", "--force-create", branch)
    who = ("-c", f"user.name={name}", "-c", f"user.email={address}")
    run("git", *who, "commit", "--quiet", "--message", title, "--", *named)
    run("git", "push", "--quiet", "--force", "origin", branch)
    text, where = sys.stdin.read(), ("--repo", repository)
    found = _gh("pr", "list", *where, "--head", branch, "--state", "open", "--json", "number")
    what = ("--title", title, "--body-file", "-")
    opened = json_.loads(found)
    if opened:
        _gh("pr", "edit", str(opened[0]["number"]), *where, *what, text=text)
    else:
        _gh("pr", "create", *where, "--head", branch, *what, text=text)
    if json:
        print_json({"did": "updated" if opened else "created", "branch": branch})
