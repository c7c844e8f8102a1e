"""Errors of a stack or its account that the user can fix."""

from common.errors import RelayError


class StackError(RelayError):
    """A command on the stack failed or is refused; the text is its output or the reason."""


class AwsError(RelayError):
    """AWS did not answer or refused a call; the text is botocore's message."""
