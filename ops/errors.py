"""Errors of a stack or its account that the user can fix."""

from common.errors import RelayError


class StackError(RelayError):
    """A command of the stack failed, or is refused; the text is what it said, or why."""


class AwsError(RelayError):
    """AWS's interface could not be asked, or refused a call; the text is what it said."""
