"""The effects of a change on mail, from a preview and the settings before and after it."""
