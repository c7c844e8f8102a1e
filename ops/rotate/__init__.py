"""`relay rotate`: DKIM keys turned over in steps that each are safe by themselves."""
