"""Environments: throw-away stacks beside the dev stack, each below a zone of its own."""
