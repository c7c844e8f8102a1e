"""The release of the program that brought the stack up, against that of this one."""

from common.release import numbers, release
from ops.outputs import Outputs
from ops.verify.result import Result

PAGE = "docs/tasks/take-a-new-version.md"


def check(expected: Outputs) -> Result:
    """An older program takes a stack back to what it knows."""
    result = Result("release", "mail-relay")
    here, last = release(), expected.release
    if numbers(last) > numbers(here):
        text = f"the last `up` was by release {last}, and this is {here}: its `up` would go back"
        result.warn("program-older", text, f"Take the newer one: {PAGE}")
    else:
        result.seen.append(f"{here}; the last `up` was by {last or 'one before 0.2.0'}")
    return result
