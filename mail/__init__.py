"""The rules of RFCs for sending mail: text in, text out, no network."""
