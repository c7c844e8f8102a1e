"""Destroy an environment from its state alone, without its file and its program."""

from ops import stack_yaml
from ops.environments.backend import Environment, restore_file
from ops.errors import StackError
from ops.leftovers.find import owned
from ops.settle.settle import settle
from ops.terminal import notes


def refuse_protected(environment: Environment) -> None:
    """StackError if `pulumi destroy` would stop midway at protected resources; names a remedy."""
    if environment.protected:
        stack, pulumi = environment.target.stack, environment.target.command
        ways = "\n".join(
            f"  {pulumi} state unprotect --yes --stack {stack} '{urn}'"
            for urn in environment.protected
        )
        raise StackError(
            f"{environment.name} holds what is protected, so nothing was destroyed. If it is to go:"
            f"\n{ways}"
        )


def destroy(environment: Environment) -> None:
    """Destroy all resources and remove the stack. Raises StackError with Pulumi's message."""
    refuse_protected(environment)
    restore_file(environment)
    target = environment.target
    settle(target)
    if environment.resources:
        try:
            target.operate("destroy", "--yes", "--skip-preview")
        except StackError:
            # an address whose PTR was just reset cannot be released for some minutes
            notes.print("not everything could be destroyed at once: once more")
            target.operate("destroy", "--yes", "--skip-preview", "--refresh")
    _check_left(environment)
    target.operate("stack", "rm", "--yes", "--remove-backups")
    target.file.unlink(missing_ok=True)


def _check_left(environment: Environment) -> None:
    if environment.provider is None:
        return
    with environment.target.account(environment.provider) as client:
        if left := list(owned(stack_yaml.project_name(), environment.target.stack, client)):
            lines = "\n".join(f"  {item.what} {item.name}: {item.remove}" for item in left)
            raise StackError(f"{environment.name} is destroyed, and this is left:\n{lines}")
