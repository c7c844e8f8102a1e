"""The rest of the internet: resolver, certificate authority, packages, a receiving provider."""
