"""The Python interface: plain SymPy expressions in, verdicts and derivations out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.calculus.intake import complete
from derive.calculus.language import dimension, index
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.calculus.verdict import Verdict

if TYPE_CHECKING:
    from derive.pipeline import Report
    from derive.steps.derivation import Derivation


class Vector:
    """A vector of N components given by a formula: ``v[i]`` is component i, for any index expression i."""

    def __init__(self, component: Callable[[Any], sp.Expr], size: sp.Expr) -> None:
        self.component = component
        self.size = size

    def __getitem__(self, i: Any) -> sp.Expr:
        return self.component(sp.sympify(i))

    def __repr__(self) -> str:
        return f"Vector({self[index('i')]}, i=1..{self.size})"

    def _repr_latex_(self) -> str:
        from derive.show.latex import latex

        return f"${latex(self[index('i')])}$"


def size_of(z: Any) -> sp.Expr:
    """The number of entries of a vector: of a Vector, of an IndexedBase with a shape, else the dimension N."""
    if isinstance(z, Vector):
        return z.size
    shape = getattr(z, "shape", None)
    return shape[0] if shape else dimension("N")


def fresh_index(*taken: Any) -> sp.Symbol:
    """An index letter that does not occur in what is given."""
    used = {s.name for e in taken for s in sp.sympify(e).free_symbols if isinstance(s, sp.Symbol)}
    return next(index(name) for name in (*"lkmnpqr", *(f"l_{n}" for n in range(1, 1000))) if name not in used)


def softmax(z: Any) -> Vector:
    """s_i = e^{z_i} / sum_l e^{z_l} for symbolic N; ``z`` is an IndexedBase or a Vector of shape (N,)."""
    size = size_of(z)

    def component(i: sp.Expr) -> sp.Expr:
        l = fresh_index(z[i], i)
        return sp.exp(z[i]) / sp.Sum(sp.exp(z[l]), (l, 1, size))

    return Vector(component, size)


def log_softmax(z: Any) -> Vector:
    """log s_i = z_i - log sum_l e^{z_l}."""
    size = size_of(z)

    def component(i: sp.Expr) -> sp.Expr:
        l = fresh_index(z[i], i)
        return z[i] - sp.log(sp.Sum(sp.exp(z[l]), (l, 1, size)))

    return Vector(component, size)


def cross_entropy(y: Any, s: Any) -> sp.Expr:
    """L = - sum_i y_i log s_i."""
    size = size_of(s if isinstance(s, Vector) or getattr(s, "shape", None) else y)
    i = index("i")
    return -sp.Sum(y[i] * sp.log(s[i]), (i, 1, size))


def one_hot(y: Any) -> list[sp.Basic]:
    """The equations that say that y is one-hot: y_i y_j = delta_{ij} y_i and sum_i y_i = 1."""
    i, j = index("i"), index("j")
    total = sp.Sum(y[i], (i, 1, size_of(y)))
    return [
        sp.Eq(y[i] ** 2, y[i], evaluate=False),
        sp.Eq(y[i] * y[j], sp.KroneckerDelta(i, j) * y[i], evaluate=False),
        sp.Eq(total, 1, evaluate=False),
    ]


def prove(
    left: Any,
    right: Any,
    assuming: Iterable[Any] = (),
    where: Mapping[Any, Any] | None = None,
) -> Verdict:
    """Decide ``left = right`` for every dimension, every index and every value.

    ``left`` and ``right`` are SymPy expressions in index notation (see ``derive.calculus.language``).
    ``assuming`` holds relations (``Eq``, ``Ne``, ``Gt``, …, ``Contains``); free indices in an equation of
    values are universal, ``Eq(k, m)`` and ``Ne(i, j)`` speak of the indices of the claim.
    ``where`` defines names: ``{s[i]: exp(z[i]) / Sum(exp(z[l]), (l, 1, N))}``.

    Raises ValueError for what is not of the language: a name at two ranks, an index over two ranges.
    """
    from derive.calculus import judge

    return judge.prove(sp.sympify(left), sp.sympify(right), setting_of(assuming, where))


def setting_of(assuming: Iterable[Any] = (), where: Mapping[Any, Any] | None = None) -> Setting:
    """A setting from relations and definitions."""
    definitions = dict(map(_definition, (where or {}).items()))
    flat = [a for item in assuming for a in (item if isinstance(item, (list, tuple)) else [item])]
    return Setting(definitions=definitions, assumptions=tuple(_assumption(a) for a in flat))


def _definition(item: tuple[Any, Any]) -> tuple[str, Definition]:
    left, body = item
    body = sp.sympify(body)
    if isinstance(left, sp.Symbol):
        return left.name, Definition(left.name, (), body)
    if isinstance(left, sp.Indexed):
        name = str(left.base.label)
        axes = _axes_of(left, body)
        return name, Definition(name, tuple(left.indices), body, axes=axes)
    if isinstance(left, sp.core.function.AppliedUndef):
        name = type(left).__name__
        return name, Definition(name, tuple(left.args), body, is_function=True)
    raise ValueError(f"a definition names a symbol, an entry or a function, not {left}")


def _axes_of(left: sp.Indexed, body: sp.Expr) -> tuple[Axis, ...]:
    inferred = complete(left, body, Setting())
    return tuple(inferred.axes[i] for i in left.indices)


def _assumption(a: Any) -> Assumption:
    if isinstance(a, Assumption):
        return a
    if a is sp.true or a is sp.false:
        raise ValueError("SymPy evaluated an assumption before it arrived; build it with evaluate=False")
    if not isinstance(a, (sp.core.relational.Relational, sp.Contains)):
        raise ValueError(f"an assumption is a relation, not {type(a).__name__}")
    of_indices = isinstance(a, (sp.Eq, sp.Ne)) and all(x.is_integer and not isinstance(x, sp.Sum) for x in a.args)
    return Assumption(a, text=str(a), fixed=frozenset(a.free_symbols) if of_indices else frozenset())


def derivation(expr: Any, wrt: Any, route: str = "auto", **options: Any) -> Derivation:
    """The derivative of ``expr`` with respect to the entry ``wrt``, step by step, every step judged."""
    from derive.steps.engine import gradient

    return gradient(sp.sympify(expr), wrt, route=route, **options)


def check(path: str | os.PathLike[str]) -> Report:
    """The report on a note: every claim with its verdict."""
    from derive.pipeline import check as check_note

    return check_note(path)
