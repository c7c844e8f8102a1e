"""What the API says, made real: hosts, addresses, security groups, disks."""
