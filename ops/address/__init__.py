"""`relay address`: replaces a gateway's public address in steps, each of them safe by itself."""
