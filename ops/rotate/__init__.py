"""`relay rotate`: replaces DKIM keys in steps, each of them safe by itself."""
