"""What both the command line and the lab need, and what imports nothing else of the project."""
