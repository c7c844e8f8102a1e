"""`relay leftovers`: what of a stack is in the account and not in its state."""
