"""Pulumi's errors that name no file and no remedy: text in, text out."""

import re

# If the last `pulumi` on a stack was killed, or another one is running.
_KILLED = (
    "stack is currently locked",
    "Another update is currently in progress",
    "pending operations from previous deployment",
    # a name became the alias of a load balancer, or answers again, and the state does not know
    "Tried to delete resource record set",
)
_BROKEN = "invalid YAML file"
# If a value after `secure:` is not this stack's.
_UNDECRYPTED = re.compile(
    r"decrypt|stack config: bad value|nonce size|message authentication failed"
)
_NO_STACK = "no stack named"
_OTHER_SALT = "incorrect passphrase"
_NO_ADDRESS = "AddressLimitExceeded"


def hinted(
    said: str, whole: str, *, file: str, settle: str, secret: str, init: str, doctor: str
) -> str:
    """The error with the file and the command that repairs it, if Pulumi's words show its cause.

    `whole` is all that Pulumi said; `settle` is the command for a stack whose `pulumi` was killed,
    `secret` the one that sets a secret, `init` what makes the stack, `doctor` looks at the account.
    """
    said = said.replace(_BROKEN, f"{file} is not valid YAML")
    if any(sign in whole for sign in _KILLED):
        said += f"\nIf the last `pulumi` was killed: {settle}"
    if _NO_STACK in said:
        said += f"\n{file} is there, the stack is not: {init}"
    if _UNDECRYPTED.search(said):
        said += (
            f"\n{file}: a value after `secure:` was changed by hand, or is another stack's: give "
            f"it again, {secret}"
        )
    if _NO_ADDRESS in whole:
        said += (
            "\nThe account has no Elastic IP left, and an `up` asks for new ones before it gives "
            f"others back: {doctor} has the numbers, and how to ask for more"
        )
    if _OTHER_SALT in said:
        said += (
            f"\n{file}: its `encryptionsalt` belongs to another passphrase: give that one "
            "(PULUMI_CONFIG_PASSPHRASE), or put the line back as it was"
        )
    return said
