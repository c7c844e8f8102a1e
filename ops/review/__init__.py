"""What a change means for mail, from a preview and the settings before and after it."""
