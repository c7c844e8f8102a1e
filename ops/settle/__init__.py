"""Repair of a stack whose `pulumi up` was killed: it is unlocked, and its state is completed."""
