"""The gateway's last check of every message: a milter for Postfix, with a policy for each way in.

Everything but `__main__` is text in, verdict out. The guard is the last milter of each list, so it
sees the header fields that the others have added.
"""
