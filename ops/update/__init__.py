"""`relay update`: what is older than it should be, and the change that mends it."""
