r"""Index form -> vector and matrix form, as LaTeX in the language of notes.

``(s_i - y_i) x_j`` over rows i and columns j is ``(s - y) x^\top``; ``s_i (\delta_{ij} - s_j)`` is
``\operatorname{diag}(s) - s s^\top``. A product is a graph: its factors are vectors and matrices that
meet in indices. A bound index that two matrices share is their product; one that a matrix and a
vector share is a matrix times a vector; what is left on a free index multiplies entrywise.
``None`` where there is no such form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.steps import simplification as simple
from derive.steps.context import arguments
from derive.steps.core import Expr, add, factors, free, name_of, parts, terms

Axes = tuple[Expr, ...]


class Shape(IntEnum):
    SUM = 0
    ENTRYWISE = 1
    PRODUCT = 2
    ATOM = 3


@dataclass(frozen=True)
class Piece:
    """``text`` is a scalar, a column or a matrix over ``axes``."""

    text: str
    axes: Axes
    shape: Shape = Shape.ATOM

    @property
    def factor(self) -> str:
        return rf"({self.text})" if self.shape < Shape.PRODUCT else self.text

    @property
    def atom(self) -> str:
        return self.text if self.shape is Shape.ATOM else rf"({self.text})"


class NoFormError(Exception):
    """There is no vector or matrix form that this module knows."""


def vectorised(expr: Expr, axes: Axes) -> str | None:
    """The vector (one axis) or matrix (rows, columns) whose entry at ``axes`` is expr, in LaTeX."""
    for form in (expr, simple.multiplied_out(expr), written_out(expr)):
        if form is not None:
            try:
                return of(form, axes).text
            except NoFormError:
                continue
    return None


def written_out(expr: Expr) -> Expr:
    """Sums and products taken apart into terms."""
    apart = simple.spread_all(expr)
    return add(*(simple.pull(t) or t for term in simple.expanded_terms(apart) for t in terms(simple.spread_all(term))))


def of(expr: Expr, axes: Axes) -> Piece:
    if len(axes) > 2:
        raise NoFormError
    if expr.is_Add:
        return added(expr, axes)
    if isinstance(expr, sp.Sum):
        body, limits, _ = parts(expr)
        return product(factors(body), tuple(limit[0] for limit in limits), axes)
    return product(factors(expr), (), axes)


def added(expr: Expr, axes: Axes) -> Piece:
    """a + b, a number added to every entry."""
    from derive.show.latex import ordered_terms

    out = ""
    for term in ordered_terms(expr):
        piece = of(term, axes if free(term) & set(axes) else ())
        text = piece.text
        if piece.axes and piece.axes != axes:
            raise NoFormError
        if out:
            out += f" - {text[1:].lstrip()}" if text.startswith("-") else f" + {text}"
        else:
            out = text
    return Piece(out, axes, Shape.SUM)


# --- products ---------------------------------------------------------------------------------------------------


def product(members: Iterable[Expr], bound: Axes, axes: Axes) -> Piece:
    """A product of entries, with bound indices summed over, as an array over axes."""
    members, bound = unpacked(members, bound)
    indices = set(bound) | set(axes)
    scalars = [f for f in members if not free(f) & indices]
    deltas = [f for f in members if isinstance(f, sp.KroneckerDelta) and free(f) & indices]
    pieces = [leaf(f, indices) for f in members if free(f) & indices and f not in deltas]
    for k in bound:
        pieces = contracted(pieces, k, axes)
    result = entrywise(pieces, axes, bool(deltas)) if set_of(deltas) <= set(axes) else None
    if result is None:
        raise NoFormError
    return scaled(scalars, result)


def set_of(deltas: Sequence[Expr]) -> set[Expr]:
    return {index for d in deltas for index in d.args}


def unpacked(members: Iterable[Expr], bound: Axes) -> tuple[list[Expr], Axes]:
    """Sums among the factors opened, powers of entries written out."""
    out: list[Expr] = []
    for f in members:
        if isinstance(f, sp.Sum):
            body, limits, _ = parts(f)
            if {limit[0] for limit in limits} & set(bound):
                raise NoFormError
            inner, bound = unpacked(factors(body), (*(limit[0] for limit in limits), *bound))
            out.extend(inner)
        elif f.is_Pow and f.exp.is_Integer and 1 < f.exp < 4 and isinstance(f.base, sp.Indexed):
            out.extend([f.base] * int(f.exp))
        else:
            out.append(f)
    return out, bound


def leaf(expr: Expr, indices: set[Expr]) -> Piece:
    """One factor as a vector or a matrix."""
    axes = tuple(dict.fromkeys(s for s in in_order(expr) if s in indices))
    if len(axes) > 2:
        raise NoFormError
    if isinstance(expr, sp.Indexed) and tuple(expr.indices) == axes:
        return Piece(name(expr), axes)
    if isinstance(expr, sp.Derivative) and len(expr.args) == 2 and tuple(arguments(expr.args[1][0])) == axes:
        if free(expr.args[0]) & indices or not isinstance(expr.args[0], sp.Symbol):
            raise NoFormError
        return Piece(rf"\nabla_{{{name(expr.args[1][0])}}} {name(expr.args[0])}", axes, Shape.ENTRYWISE)
    if expr.is_Add:
        return added(expr, axes)
    return mapped(expr, axes)


def mapped(expr: Expr, axes: Axes) -> Piece:
    """A function of each entry."""
    from derive.show.latex import FUNCTIONS, name_latex

    if isinstance(expr, sp.Subs) and len(expr.point) == 1:
        inner = of(expr.point[0], axes)
        function = expr.expr.expr if isinstance(expr.expr, sp.Derivative) else None
        if function is None:
            raise NoFormError
        primes = "'" * int(expr.expr.derivative_count)
        return Piece(f"{name_latex(function.func.__name__, function=True)}{primes}({inner.text})", axes)
    if isinstance(expr, AppliedUndef) and len(expr.args) == 1:
        return Piece(f"{name_latex(expr.func.__name__, function=True)}({of(expr.args[0], axes).text})", axes)
    if isinstance(expr, sp.exp):
        return Piece(rf"\exp({of(expr.args[0], axes).text})", axes)
    command = FUNCTIONS.get(type(expr).__name__)
    if command is None:
        raise NoFormError
    return Piece(f"{command}({of(expr.args[0], axes).text})", axes)


def in_order(expr: Expr) -> Iterable[Expr]:
    """The index symbols of expr, in the order of its entries."""
    if isinstance(expr, sp.Symbol):
        yield expr
    elif isinstance(expr, sp.Indexed):
        yield from (s for index in expr.indices for s in in_order(index))
    elif isinstance(expr, sp.Derivative):
        yield from in_order(expr.args[0])
        yield from in_order(expr.args[1][0])
    else:
        for e in expr.args:
            yield from in_order(e)


def name(expr: Expr) -> str:
    from derive.show.latex import name_latex

    return str(name_latex(str(name_of(expr))))


# --- meeting in an index ----------------------------------------------------------------------------------------


def contracted(pieces: list[Piece], k: Expr, axes: Axes) -> list[Piece]:
    r"""\sum_k over the pieces: what meets in k becomes one piece."""
    here = [p for p in pieces if k in p.axes]
    rest = [p for p in pieces if k not in p.axes]
    vectors = [p for p in here if p.axes == (k,)]
    matrices = [p for p in here if len(p.axes) == 2]
    if len(matrices) == 0:
        return [*rest, inner_product(vectors)]
    if len(matrices) == 1:
        (row,) = (a for a in matrices[0].axes if a != k)
        vector = hadamard(vectors) if vectors else Piece(r"\mathbf{1}", (k,))
        left = turned(matrices[0], (row, k))
        return [*rest, Piece(f"{left.factor} {vector.factor}", (row,), Shape.PRODUCT)]
    if len(matrices) == 2:
        (one,), (two,) = ((a for a in m.axes if a != k) for m in matrices)
        if one == two:
            both = hadamard([turned(m, (one, k)) for m in matrices])
            vector = hadamard(vectors) if vectors else Piece(r"\mathbf{1}", (k,))
            return [*rest, Piece(f"{both.factor} {vector.factor}", (one,), Shape.PRODUCT)]
        if (two, one) == axes or (len(axes) == 1 and two == axes[0]):
            matrices, one, two = matrices[::-1], two, one
        left, right = turned(matrices[0], (one, k)), turned(matrices[1], (k, two))
        middle = rf" \operatorname{{diag}}({hadamard(vectors).text})" if vectors else ""
        return [*rest, Piece(f"{left.factor}{middle} {right.factor}", (one, two), Shape.PRODUCT)]
    raise NoFormError


def inner_product(vectors: list[Piece]) -> Piece:
    if not vectors:
        raise NoFormError
    if len(vectors) == 1:
        return Piece(rf"\mathbf{{1}}^\top {vectors[0].factor}", (), Shape.PRODUCT)
    return Piece(rf"{vectors[0].atom}^\top {hadamard(vectors[1:]).factor}", (), Shape.PRODUCT)


def turned(piece: Piece, axes: Axes) -> Piece:
    """The matrix with its rows and columns in the order of axes."""
    if piece.axes == axes:
        return piece
    if piece.axes != axes[::-1]:
        raise NoFormError
    if piece.text.endswith(r"^\top") and piece.shape is Shape.ATOM:
        return replace(piece, text=piece.text.removesuffix(r"^\top"), axes=axes)
    return Piece(rf"{piece.atom}^\top", axes)


def hadamard(pieces: Sequence[Piece]) -> Piece:
    r"""a \odot b"""
    if len(pieces) == 1:
        return pieces[0]
    return Piece(r" \odot ".join(p.atom for p in pieces), pieces[0].axes, Shape.ENTRYWISE)


def entrywise(pieces: list[Piece], axes: Axes, diagonal: bool) -> Piece | None:
    """What is left on the free axes, multiplied entry by entry."""
    inner = [p for p in pieces if not p.axes]
    arrays = [p for p in pieces if p.axes]
    if len(axes) < 2:
        if diagonal or any(p.axes != axes for p in arrays):
            return None
        body = hadamard(arrays) if arrays else Piece("", ())
    else:
        found = outer_form(arrays, axes, diagonal)
        if found is None:
            return None
        body = found
    if not inner:
        return body
    if not body.text and len(inner) == 1:
        return inner[0]
    front = " ".join(p.atom for p in inner)
    return Piece(f"{front} {body.factor}".strip(), body.axes, Shape.PRODUCT)


def outer_form(arrays: list[Piece], axes: Axes, diagonal: bool) -> Piece | None:
    r"""a b^\top, \operatorname{diag}(a) M \operatorname{diag}(b), \operatorname{diag}(a)"""
    rows = [p for p in arrays if p.axes == axes[:1]]
    columns = [p for p in arrays if p.axes == axes[1:]]
    matrices = [turned(p, axes) for p in arrays if len(p.axes) == 2]
    if diagonal:
        if matrices:
            return None
        both = [*rows, *columns]
        return Piece(rf"\operatorname{{diag}}({hadamard(both).text})" if both else "I", axes)
    if not matrices:
        if not rows or not columns:
            return None
        return Piece(rf"{hadamard(rows).factor} {hadamard(columns).atom}^\top", axes, Shape.PRODUCT)
    middle = hadamard(matrices)
    left = rf"\operatorname{{diag}}({hadamard(rows).text}) " if rows else ""
    right = rf" \operatorname{{diag}}({hadamard(columns).text})" if columns else ""
    if not left and not right:
        return middle
    return Piece(f"{left}{middle.factor}{right}", axes, Shape.PRODUCT)


def scaled(scalars: Sequence[Expr], piece: Piece) -> Piece:
    """Numbers, dimensions and scalars in front."""
    from derive.show.latex import latex

    scale = sp.Mul(*scalars)
    if scale == 1:
        return piece if piece.text else Piece("1", ())
    if not piece.text:
        text = latex(scale)
        return Piece(text, (), Shape.SUM if scale.is_Add else Shape.PRODUCT)
    if scale == -1:
        text = rf"({piece.text})" if piece.shape is Shape.SUM else piece.text
        return Piece(f"-{text}", piece.axes, Shape.SUM)
    front = latex(scale)
    return Piece(f"({front}) {piece.factor}" if scale.is_Add else f"{front} {piece.factor}", piece.axes, Shape.PRODUCT)
