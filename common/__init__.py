"""Code that settings, command line and lab share; it imports nothing else of the project."""
