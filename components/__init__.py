"""Pulumi component resources: settings in, resources out."""
