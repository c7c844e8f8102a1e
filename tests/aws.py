"""AWS's command-line tool in little: `aws SERVICE OPERATION --OPTION VALUE...`, in a shell's lines.

The true one (awscli) wants botocore in another version than moto does. Both derive the names of
operations and options from botocore's models in the same way, which is all that is needed here.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name

SERVICES = {"s3api": "s3"}
OWN = ("query", "output", "max-items")


def run(line: str, url: str) -> str:
    """Run a shell's line of such commands on the region at this URL; what it prints."""
    command = [sys.executable, "-P", str(Path(__file__).resolve()), url]
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(folder) / "aws"
        tool.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        tool.chmod(0o755)
        environment = {"PATH": f"{folder}:/usr/bin:/bin"}
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", line],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def client(service: str, url: str) -> Any:
    """A client of the region at this URL."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _call(client: Any, operation: str, *arguments: str) -> str:
    models = client.meta.service_model
    if operation == "wait":
        what, *rest = arguments
        waiter = client.get_waiter(what.replace("-", "_"))
        waiter.wait(**_parameters(models.operation_model(waiter.config.operation), rest)[0])
        return ""
    (name,) = [n for n in models.operation_names if xform_name(n, "-") == operation]
    parameters, options = _parameters(models.operation_model(name), arguments)
    if most := options.get("max-items"):
        parameters["MaxKeys"] = int(most[0])
    answer = getattr(client, xform_name(name))(**parameters)
    return json.dumps(jmespath.search(options.get("query", ["@"])[0], answer), default=str)


def _parameters(
    model: Any, arguments: Sequence[str]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What an operation is called with, and the tool's own options."""
    members = model.input_shape.members
    names = {xform_name(member, "-"): member for member in members}
    given: dict[str, list[str]] = {}
    for argument in arguments:
        if argument.startswith("--"):
            given[argument[2:]] = []
        else:
            given[list(given)[-1]].append(argument)
    own = {option: given.pop(option) for option in OWN if option in given}
    return {names[o]: _value(members[names[o]], values) for o, values in given.items()}, own


def _value(shape: Any, given: list[str]) -> Any:
    """An option's value by the type that the API wants."""
    if shape.type_name == "list" and shape.member.type_name == "string":
        return given
    (text,) = given
    return text if shape.type_name == "string" else json.loads(text)


if __name__ == "__main__":
    url_, service_, *rest = sys.argv[1:]
    print(_call(client(SERVICES.get(service_, service_), url_), *rest))
