"""A steady load on several gateways, counted at the far side, while something happens to them."""
