"""AWS's command-line tool in little: lines of `aws SERVICE OPERATION --OPTION VALUE...; ...`.

The true one (awscli) wants botocore in another version than moto does. Both derive the names of
operations and options from botocore's models in the same way, which is all that is needed here.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import jmespath
from botocore import xform_name

SERVICES = {"s3api": "s3"}


def run(line: str, client: Callable[[str], Any]) -> str:
    """Run a shell's line of such commands, with $(...) in double quotes; the last one's output."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    output, words = "", list[str]()
    for word in [*lexer, ";"]:
        if word != ";":
            words.append(run(word[2:-1], client) if word.startswith("$(") else word)
            continue
        tool, service, *rest = words
        assert tool == "aws"
        output, words = _call(client(SERVICES.get(service, service)), *rest), []
    return output


def _call(client: Any, operation: str, *arguments: str) -> str:
    models = client.meta.service_model
    if operation == "wait":
        what, *rest = arguments
        waiter = client.get_waiter(what.replace("-", "_"))
        waiter.wait(**_parameters(models.operation_model(waiter.config.operation), rest)[0])
        return ""
    (name,) = [n for n in models.operation_names if xform_name(n, "-") == operation]
    parameters, options = _parameters(models.operation_model(name), arguments)
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
    own = {option: given.pop(option) for option in ("query", "output") if option in given}
    return {names[o]: _value(members[names[o]], values) for o, values in given.items()}, own


def _value(shape: Any, given: list[str]) -> Any:
    """An option's value by the type that the API wants."""
    if shape.type_name == "list" and shape.member.type_name == "string":
        return given
    (text,) = given
    return text if shape.type_name == "string" else json.loads(text)
