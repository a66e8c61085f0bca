"""The meaning of a formula: a syntax tree and the names in force -> a :class:`~derive.notes.meaning.shapes.Value`.

The table of this module says which function reads which kind of node.
"""

from __future__ import annotations

from derive.notes.grammar import syntax as s
from derive.notes.meaning.applications import read_call
from derive.notes.meaning.binders import read_big
from derive.notes.meaning.conditions import read_cases, read_indicator
from derive.notes.meaning.differentials import read_evaluated, read_nabla, read_partial
from derive.notes.meaning.naming import read_name, read_number
from derive.notes.meaning.operations import (
    read_angle,
    read_bars,
    read_fraction,
    read_group,
    read_matrix,
    read_prime,
    read_root,
    read_subscript,
    read_transpose,
)
from derive.notes.meaning.products import read_factors, read_terms
from derive.notes.meaning.reading import Meaning as Meaning

Meaning.readers.update(
    {
        s.Number: read_number,
        s.Name: read_name,
        s.Subscript: read_subscript,
        s.Superscript: read_subscript,
        s.Transpose: read_transpose,
        s.Prime: read_prime,
        s.Group: read_group,
        s.Bars: read_bars,
        s.Angle: read_angle,
        s.Terms: read_terms,
        s.Factors: read_factors,
        s.Fraction: read_fraction,
        s.Root: read_root,
        s.Call: read_call,
        s.Big: read_big,
        s.Partial: read_partial,
        s.Nabla: read_nabla,
        s.Evaluated: read_evaluated,
        s.Indicator: read_indicator,
        s.Cases: read_cases,
        s.Matrix: read_matrix,
    }
)
