"""`relay doctor`: an AWS account, before the first `up` of a stack, against what the stack needs.

Each check asks AWS with the user's own credentials, by calls that only read, and says what it found
in a `Result`. What AWS refuses to tell is a finding as well (`answers.py`).
"""
