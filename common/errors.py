"""What a user can put right."""


class RelayError(Exception):
    """The root of the project's errors; the command line prints the text as one line.

    What is none of these is a fault of the program, and shows its traceback.
    """
