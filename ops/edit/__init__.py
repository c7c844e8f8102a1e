"""Commands that edit the settings in a stack's file, and try what it then serves."""
