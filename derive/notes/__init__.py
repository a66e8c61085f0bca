"""Reading: a file -> a Note. What leaves this folder is SymPy in index notation with a place on every claim."""
