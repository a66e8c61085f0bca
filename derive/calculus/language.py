"""The language that the judge reads: SymPy trees in index notation.

Expressions are ordinary SymPy objects. This page says which, and adds the few nodes that SymPy lacks.

====================  =========================================================================
a dimension           ``Symbol('N', integer=True, positive=True)``
an index              ``Symbol('i', integer=True)``; an integer label (``c`` in ``p_c``) is one too
a scalar              ``Symbol('x', real=True)``
a tensor entry        ``IndexedBase('W', real=True)[i, j]``; a fixed entry has a number as its index
an entry at a label   ``IndexedBase('x', real=True)[b, IndexedBase('t', integer=True)[b]]``
sums, products        ``Sum(body, (l, 1, N))``, ``Product(body, (l, 1, N))``; counted from 0 or 1
index truth           ``KroneckerDelta(i, j)``, or ``Piecewise`` on ``Eq(i, j)``
value conditions      ``Piecewise`` on ``x > 0`` and the like
functions             ``exp log tanh sinh cosh sin cos erf Abs sign Max Min`` and rational powers
a note's function     ``Function('f')(x)``, defined in the setting, or unknown and smooth
derivatives           ``Derivative(L, W[i, j])``, unevaluated; ``f'(t)`` is ``Subs(Derivative(f(u), u), u, t)``
maximum over an axis  ``MaxOver(z[l], (l, 1, N))``, ``MinOver``
determinant           ``Det(A[a, b], (a, 1, N), (b, 1, N))``
entry of an inverse   ``InverseEntry(A[a, b], (a, 1, N), (b, 1, N), k, l)``: row k, column l
====================  =========================================================================

A vector equation is the equation of its components, with free indices. Names of indices that are
bound may be anything; two free indices may be equal unless it is assumed that they are not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

Limit = tuple[sp.Symbol, sp.Expr, sp.Expr]


class Binder(sp.Expr):
    """A node that binds indices: ``args`` are a body, then limits ``(index, first, last)``, then plain expressions."""

    is_commutative = True
    is_real = True

    def __new__(cls, body: Any, *rest: Any) -> Binder:
        return sp.Expr.__new__(
            cls, sp.sympify(body), *(sp.Tuple(*r) if isinstance(r, tuple) else sp.sympify(r) for r in rest)
        )

    @property
    def body(self) -> sp.Expr:
        return self.args[0]

    @property
    def limits(self) -> tuple[Limit, ...]:
        return tuple(tuple(a) for a in self.args[1:] if isinstance(a, sp.Tuple))

    @property
    def outer(self) -> tuple[sp.Expr, ...]:
        """The arguments that stand outside of the scope of the limits."""
        return tuple(a for a in self.args[1:] if not isinstance(a, sp.Tuple))

    @property
    def bound_symbols(self) -> list[sp.Symbol]:
        return [limit[0] for limit in self.limits]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        free = self.body.free_symbols - set(self.bound_symbols)
        for _, first, last in self.limits:
            free |= first.free_symbols | last.free_symbols
        for expr in self.outer:
            free |= expr.free_symbols
        return free


class MaxOver(Binder):
    """max over ``index`` of ``body``: ``MaxOver(body, (index, first, last))``."""


class MinOver(Binder):
    """min over ``index`` of ``body``: ``MinOver(body, (index, first, last))``."""


class Det(Binder):
    """det of the square matrix with entry ``body`` at row a, column b: ``Det(body, (a, 1, N), (b, 1, N))``."""


class InverseEntry(Binder):
    """Entry (k, l) of the inverse of that matrix: ``InverseEntry(body, (a, 1, N), (b, 1, N), k, l)``."""


def dimension(name: str) -> sp.Symbol:
    return sp.Symbol(name, integer=True, positive=True)


def index(name: str) -> sp.Symbol:
    return sp.Symbol(name, integer=True)


def scalar(name: str) -> sp.Symbol:
    return sp.Symbol(name, real=True)


@lru_cache(maxsize=4096)
def tensor(name: str) -> sp.IndexedBase:
    return sp.IndexedBase(name, real=True)


@lru_cache(maxsize=4096)
def labels(name: str) -> sp.IndexedBase:
    """A tensor of integer labels, to stand as an index of other tensors."""
    return sp.IndexedBase(name, integer=True)
