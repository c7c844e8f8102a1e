"""`relay leftovers`: resources of a stack that are in the account but not in its state."""
