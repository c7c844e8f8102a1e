"""`relay lab ...`, and stacks in a lab as targets: all modules of `ops` that import `lab`."""
