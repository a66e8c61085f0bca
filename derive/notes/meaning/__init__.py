"""From a syntax tree to an expression in index notation, with its shape."""
