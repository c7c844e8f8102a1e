"""`relay test`: sends a real test message and reports its fate."""
