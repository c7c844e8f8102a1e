"""`relay verify`: the world against the stack, one file for each subject.

A check looks at the world through a `Probes` and says what it found in a `Result`. One cause is one
error: `causes.py` lists what each explains, which is then skipped with the cause as the reason.
"""
