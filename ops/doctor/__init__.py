"""`relay doctor`: an AWS account, before the first `up` of a stack, against what the stack needs.

Each check queries AWS with the user's own credentials, by calls that only read, and returns its
findings in a `Result`. A call that AWS refuses is a finding as well (`answers.py`).
"""
