"""`relay test`: a message that is really sent, and what became of it."""
