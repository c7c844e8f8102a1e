"""`relay report`: the state of a stack as one page, for people who do not type commands."""
