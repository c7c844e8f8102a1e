"""Commands that edit the settings in a stack's file, and test the running stack."""
