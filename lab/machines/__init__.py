"""Hosts, addresses, security groups and disks, made as the API describes them."""
