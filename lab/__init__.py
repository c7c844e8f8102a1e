"""A local AWS region with real machines, real DNS and a receiving provider that checks mail."""
