"""The command line for day 2."""
