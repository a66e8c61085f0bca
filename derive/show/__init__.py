"""Showing: reports and derivations as LaTeX, as Unicode in the terminal, and as documents."""
