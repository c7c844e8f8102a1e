"""A local AWS region with real machines, real DNS and a provider that judges mail."""
