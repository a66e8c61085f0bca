"""From the LaTeX of one formula to a syntax tree with places."""
