"""Environments: throw-away stacks beside the dev stack, each with its names in its own zone."""
