"""`relay lab ...`, and the lab as a place where a stack can be: all of `ops` that imports `lab`."""
