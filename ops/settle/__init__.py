"""A stack whose `pulumi up` was killed: unlocked, and its state made to know what there is."""
