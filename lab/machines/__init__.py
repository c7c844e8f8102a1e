"""Machines, addresses, security groups and disks, created as the API's state describes them."""
