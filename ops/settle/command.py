"""`relay settle`."""

from rich.text import Text

from ops.options import Json, LabOption, StackOption, target
from ops.settle.settle import MEANINGS, Settlement, settle
from ops.terminal import notes, print_json, results, step


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """After a `pulumi up` or `destroy` that was killed: make the state know what there is.

    Takes away the lock of a `pulumi` that is dead, looks up in the account what was being made,
    puts it into the state, and keeps an export of the state as it was. Then `pulumi up` goes on.
    """
    chosen = target(stack, lab)
    with step(f"the stack {chosen.stack}, and what there is of it in the account"):
        done = settle(chosen)
    if json:
        print_json({"stack": chosen.stack, **done.as_json()})
        return
    _show(done, chosen.option)
    if done:
        notes.print(f"Next: {chosen.apply_command}", soft_wrap=True)


def _show(done: Settlement, option: str) -> None:
    if not done:
        results.print("There is nothing to settle.")
    if done.unlocked:
        results.print("The lock of a `pulumi` that was killed is taken away.")
    for found in done.findings:
        what = f"{found.name} {found.id}".strip()
        meaning = MEANINGS[found.result].format(option=option)
        results.print(Text(found.result, "cyan"), f"{what}: {meaning}", soft_wrap=True)
    if done.export:
        results.print(f"The state as it was: {done.export}", soft_wrap=True)
