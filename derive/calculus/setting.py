"""What is in force where an equation stands: axes, shapes, definitions, assumptions.

A setting says what a name means. It is data: the reader of notes fills it in, or, for plain SymPy
expressions, the judge infers it from the expressions themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp


@dataclass(frozen=True)
class Axis:
    """A range of index values: ``size`` of them, counted from ``first``."""

    size: sp.Expr
    first: int = 1

    @property
    def last(self) -> sp.Expr:
        return self.size + (self.first - 1)


@dataclass(frozen=True)
class Definition:
    r"""``name[indices] = body`` or ``name(parameters) = body``; a scalar name has neither.

    ``name`` is the bare name, ``formals`` are the index symbols or the argument symbols that
    stand in ``body``; ``is_function`` tells which of the two. ``axes`` are those of the indices. ``spelling``
    is how the author writes an entry, as LaTeX to be formatted with the indices, where that is not the name with
    its indices: ``\sigma_{{{1}}}(x_{{{0}\cdot}})``, component k of a function of row i.
    """

    name: str
    formals: tuple[sp.Symbol, ...]
    body: sp.Expr
    is_function: bool = False
    axes: tuple[Axis, ...] = ()
    spelling: str = ""


@dataclass(frozen=True)
class Assumption:
    """A relation that may be used: ``Eq``, ``Ne``, ``Gt``, ``Ge``, ``Lt``, ``Le``, or ``Contains``.

    ``Contains(entry, values)`` takes a finite set or an interval.

    Its free indices are universally quantified, but for the ``fixed`` ones, which are those of the claim
    ("if k = m"). ``text`` is how the author wrote it.
    """

    relation: sp.Basic
    text: str = ""
    fixed: frozenset[sp.Symbol] = frozenset()

    @property
    def parts(self) -> tuple[Assumption, ...]:
        """The same said without an interval, which is the order against each of its ends."""
        if not isinstance(self.relation, sp.Contains) or not isinstance(self.relation.args[1], sp.Interval):
            return (self,)
        entry, values = self.relation.args
        low = (sp.Gt if values.left_open else sp.Ge)(entry, values.start, evaluate=False)
        high = (sp.Lt if values.right_open else sp.Le)(entry, values.end, evaluate=False)
        finite = [r for r, end in ((low, values.start), (high, values.end)) if end.is_finite]
        return tuple(replace(self, relation=r, text=self.text or str(self.relation)) for r in finite)


@dataclass(frozen=True)
class Setting:
    """Everything that is known about the names of a claim.

    axes         the axis of each free index and of each scalar integer label
    shapes       the axes of each tensor, by name; entries are real unless the name is in ``labels``
    labels       the axis that the values of an integer-label tensor lie in, by name
    definitions  by name; opened when needed
    smooth       names of unknown smooth functions R^k -> R
    depends      unknown scalars known through their gradient only: ``{'L': (Y[i, k],)}``
    assumptions  in the order of the source
    """

    axes: Mapping[sp.Symbol, Axis] = field(default_factory=dict)
    shapes: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)
    labels: Mapping[str, Axis] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    smooth: frozenset[str] = frozenset()
    depends: Mapping[str, tuple[sp.Expr, ...]] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()

    def assuming(self, *more: Assumption) -> Setting:
        return replace(self, assumptions=self.assumptions + more)
