"""The base class of errors that a user can fix."""


class RelayError(Exception):
    """The root of the project's errors; the command line prints the text as one line.

    Any other exception is a fault of the program, and shows its traceback.
    """
