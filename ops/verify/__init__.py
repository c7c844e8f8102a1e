"""`relay verify`: the world against the stack, one file for each subject.

A check queries the world through a `Probes` and returns a `Result`. One cause is one error:
`causes.py` lists the problems that each explains, which are then skipped because of it.
"""
