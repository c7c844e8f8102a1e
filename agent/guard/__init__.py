"""The gateway's last look at every message: a milter for Postfix, with a policy for each way in.

Everything but `__main__` is text in, verdict out. It is the last milter of each list, so it sees
what the others have added to the header.
"""
