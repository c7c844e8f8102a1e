"""The field Authentication-Results (RFC 8601): a server's checks of a message, and results."""

import re
from dataclasses import dataclass

_RESULT = re.compile(r"\s*([a-z0-9-]+)\s*(?:/\s*\d+\s*)?=\s*([a-z0-9-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Results:
    """A field: its authserv-id (`by`), and its methods with results, in order, in lower case."""

    by: str
    found: tuple[tuple[str, str], ...]

    def of(self, method: str) -> str:
        """A method's result: pass if one of several passes, else the first result, or ""."""
        results = [result for name, result in self.found if name == method]
        return "pass" if "pass" in results else next(iter(results), "")


def read(value: str) -> Results | None:
    """Parse the field's content, without its name (RFC 8601, 2.2); None if it is malformed."""
    parts = _parts(value)
    who = parts[0].split() if parts else []
    if not who or not parts[1:]:
        return None
    matches = (_RESULT.match(part) for part in parts[1:])
    found = tuple((m[1].lower(), m[2].lower()) for m in matches if m)
    return Results(who[0].strip('"').lower(), found)


def _parts(value: str) -> list[str]:
    """The parts between semicolons, without comments; [] if a comment or a quote is not closed."""
    parts, depth, quoted, escaped = [""], 0, False, False
    for letter in value:
        if escaped or (letter == "\\" and (depth or quoted)):
            escaped = not escaped
        elif letter == '"' and not depth:
            quoted = not quoted
        elif letter in "()" and not quoted:
            depth += 1 if letter == "(" else -1
            letter = " "
        elif letter == ";" and not depth and not quoted:
            parts.append("")
            continue
        if depth <= 0:
            parts[-1] += letter
    return [] if depth or quoted else parts
