"""What the RFCs say about sending mail: text in, text out, no network."""
