"""The AWS API of the lab: moto, the rules that it misses, Route53 in real DNS, metadata."""
