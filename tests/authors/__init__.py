"""From fields: what programs write, and grammars that make what nobody should."""
