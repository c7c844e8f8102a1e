"""A host's files without what their readers find in the repository: user data has little room."""

import ast
import io
import tokenize

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef)


def python(source: str) -> str:
    """Python without comments, docstrings and empty lines; every other line as it stands.

    Lines are taken out, nothing is written anew, so that the result is the same whichever Python
    runs the program: another text would be another host.
    """
    lines, gone = source.splitlines(), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row, column = token.start[0] - 1, token.start[1]
        if token.type == tokenize.COMMENT:
            lines[row] = lines[row][:column].rstrip()
        elif (
            token.type == tokenize.NL and not lines[row].strip()
        ):  # an empty line of a text has no NL
            gone.add(row)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node) is not None:
            text = node.body[0]
            gone.update(range(text.lineno - 1, text.end_lineno or 0))
            if len(node.body) == 1 and not isinstance(node, ast.Module):
                gone.remove(text.lineno - 1)
                lines[text.lineno - 1] = " " * text.col_offset + "pass"
    return "".join(f"{line}\n" for row, line in enumerate(lines) if row not in gone)


def lua(source: str) -> str:
    """Lua without the lines that are comments."""
    return _without(source, "--")


def configuration(text: str) -> str:
    """Configuration or shell without the lines that are comments; `#!` is none."""
    return _without(text, "#")


def _without(text: str, mark: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(n for n in lines if not n.lstrip().startswith(mark) or n.startswith("#!"))
