"""The meaning of a formula: a syntax tree and the names in force -> a :class:`~derive.notes.shapes.Value`.

The table of this module says which function reads which kind of node.
"""

from __future__ import annotations

from derive.notes import syntax as s
from derive.notes.applications import read_call
from derive.notes.binders import read_big
from derive.notes.conditions import read_cases, read_indicator
from derive.notes.differentials import read_evaluated, read_nabla, read_partial
from derive.notes.meaning import Meaning as Meaning
from derive.notes.naming import read_name, read_number
from derive.notes.operations import (
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
from derive.notes.products import read_factors, read_terms

Meaning.readers.update({
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
})
