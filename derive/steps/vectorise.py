r"""Index form -> vector and matrix form, as LaTeX in the language of notes.

``(s_i - y_i) x_j`` over rows i and columns j is ``(s - y) x^\top``; ``s_i (\delta_{ij} - s_j)`` is
``\operatorname{diag}(s) - s s^\top``. A product is a graph: its factors are vectors and matrices that
meet in indices. A bound index that two matrices share is their product; one that a matrix and a
vector share is a matrix times a vector; what is left on a free index multiplies entrywise.

What comes out is a proposal: it is read back by the reader of notes, and the judge decides whether
its entry is the index form (``derive.steps.form``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import product

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.setting import Axis, Definition, Setting
from derive.steps import simplification as simple
from derive.steps.context import arguments
from derive.steps.core import (
    Expr,
    add,
    binds,
    everywhere,
    factors,
    free,
    match,
    mul,
    name_of,
    parts,
    positions,
    put,
    terms,
)

Axes = tuple[Expr, ...]
ONES = r"\mathbf{1}"


class Shape(IntEnum):
    SUM = 0
    ENTRYWISE = 1
    PRODUCT = 2
    ATOM = 3


@dataclass(frozen=True)
class Piece:
    """``text`` is a scalar, a column or a matrix over ``axes``; ``across`` is its transpose, where it has its own."""

    text: str
    axes: Axes
    shape: Shape = Shape.ATOM
    across: str = ""

    @property
    def factor(self) -> str:
        return rf"({self.text})" if self.shape < Shape.PRODUCT else self.text

    @property
    def atom(self) -> str:
        return self.text if self.shape is Shape.ATOM else rf"({self.text})"

    @property
    def transposed(self) -> str:
        if self.across:
            return self.across
        if self.shape is Shape.ATOM and self.text.endswith(r"^\top"):
            return self.text.removesuffix(r"^\top")
        return rf"{self.atom}^\top"


class NoFormError(Exception):
    """There is no vector or matrix form that this module knows."""


def vectorised(expr: Expr, axes: Axes, setting: Setting, row: bool = False) -> str | None:
    """The column, or ``row`` (one axis), or the matrix (rows, columns) whose entry at ``axes`` is expr, in LaTeX.

    ``None`` where there is no such form, or where an index runs over a part of an axis only.
    """
    ranges = dict(setting.axes)
    ranges |= {limit[0]: range_of(limit) for e in positions(expr) if binds(e) for limit in parts(e)[1]}
    piece = Writer(setting, ranges).shortest(expr, axes)
    if piece is None:
        return None
    return piece.transposed if row and len(axes) == 1 else piece.text


def range_of(limit: Expr) -> Axis:
    _, first, last = limit
    return Axis(sp.expand(last - first + 1), int(first) if first.is_Integer else 1)


def written_out(expr: Expr) -> Expr:
    """Sums and products taken apart into terms."""
    apart = simple.spread_all(expr)
    return add(*(simple.pull(t) or t for term in simple.expanded_terms(apart) for t in terms(simple.spread_all(term))))


def in_other_names(expr: Expr, setting: Setting) -> Expr | None:
    """expr with entries under the names of arrays that have the same entries: a part, a transpose, a family as one."""
    known = [d for d in setting.definitions.values() if is_other_name(d)]

    def here(e: Expr) -> Expr | None:
        for d in known:
            found = match(d.body, e, frozenset(d.formals)) if isinstance(e, sp.Indexed) else None
            if found is not None:
                return put(sp.IndexedBase(d.name, real=True)[d.formals], found)
        return None

    return everywhere(here)(expr)


def is_other_name(d: Definition) -> bool:
    return isinstance(d.body, sp.Indexed) and bool(d.formals) and set(d.body.indices) == set(d.formals)


def set_of(deltas: Sequence[Expr]) -> set[Expr]:
    return {index for d in deltas for index in d.args}


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


def products_first(expr: Expr) -> list[Expr]:
    """The terms in the order of ``W x + b``: what is multiplied before what is added to it."""
    from derive.show.latex import ordered_terms

    ordered = ordered_terms(expr)
    heavy = [t for t in ordered if t.has(sp.Sum) and not t.as_coeff_Mul()[0].is_negative]
    return [*heavy, *(t for t in ordered if t not in heavy)]


def name(expr: Expr) -> str:
    from derive.show.latex import name_latex

    return str(name_latex(str(name_of(expr))))


@dataclass
class Writer:
    """Writes index expressions as arrays; ``ranges`` are those of the indices, free and bound."""

    setting: Setting
    ranges: dict[Expr, Axis]
    found: dict[tuple[Expr, Axes], Piece | None] = field(default_factory=dict)

    def shortest(self, expr: Expr, axes: Axes) -> Piece | None:
        """The shortest of the ways to write expr over axes."""
        key = (expr, axes)
        if key not in self.found:
            self.found[key] = None
            self.found[key] = min(self.ways(expr, axes), key=lambda p: len(p.text), default=None)
        return self.found[key]

    def ways(self, expr: Expr, axes: Axes) -> Iterator[Piece]:
        for form in dict.fromkeys((expr, simple.multiplied_out(expr), written_out(expr))):
            orders = (axes, axes[::-1]) if len(axes) == 2 and isinstance(form, sp.Add) else (axes,)
            for order, opened in product(orders, (True, False)) if form is not None else ():
                with suppress(NoFormError):
                    yield turned(self.of(form, order, opened), axes)

    def of(self, expr: Expr, axes: Axes, opened: bool = True) -> Piece:
        """expr over axes; sums among the factors of a sum are ``opened``, or stand for arrays of their own."""
        if len(axes) > 2:
            raise NoFormError
        if expr.is_Add:
            return self.added(expr, axes, opened)
        if isinstance(expr, sp.Sum):
            body, limits, _ = parts(expr)
            return self.multiplied(factors(body), tuple(limit[0] for limit in limits), axes, opened)
        return self.multiplied(factors(expr), (), axes, opened)

    def added(self, expr: Expr, axes: Axes, opened: bool = True) -> Piece:
        """a + b, a number added to every entry, a column to every column of a matrix."""
        out = ""
        for term in products_first(expr):
            own = tuple(a for a in axes if a in free(term))
            piece = broadcast(self.of(term, own, opened), own, axes)
            text = piece.text
            if out:
                out += f" - {text[1:].lstrip()}" if text.startswith("-") else f" + {text}"
            else:
                out = text
        return Piece(out, axes, Shape.SUM)

    # --- products -----------------------------------------------------------------------------------------------

    def multiplied(self, members: Iterable[Expr], bound: Axes, axes: Axes, opened: bool) -> Piece:
        """A product of entries, with bound indices summed over, as an array over axes."""
        members, bound = self.unpacked(members, bound, opened)
        indices = set(bound) | set(axes)
        scalars = [f for f in members if not free(f) & indices]
        deltas = [f for f in members if isinstance(f, sp.KroneckerDelta) and free(f) & indices]
        pieces = [self.leaf(f, indices) for f in members if free(f) & indices and f not in deltas]
        for k in bound:
            pieces = contracted(pieces, k, axes)
        result = entrywise(pieces, axes, bool(deltas)) if set_of(deltas) <= set(axes) else None
        if result is None or (deltas and self.ranges.get(axes[0]) != self.ranges.get(axes[1])):
            raise NoFormError
        return scaled(*self.split_scale(scalars), result)

    def split_scale(self, scalars: Sequence[Expr]) -> tuple[Expr, list[str], list[str]]:
        """Numbers and names; sums over entries as inner products, above and below a line."""
        above: list[str] = []
        below: list[str] = []
        plain: list[Expr] = []
        for f in scalars:
            base, exponent = f.as_base_exp() if f.is_Pow else (f, sp.S.One)
            found = self.shortest(base, ()) if base.has(sp.Sum) and abs(exponent) == 1 else None
            if found is None:
                plain.append(f)
            else:
                (above if exponent == 1 else below).append(found.atom if exponent == 1 else found.factor)
        return mul(*plain, sp.S.One), above, below

    def unpacked(self, members: Iterable[Expr], bound: Axes, opened: bool) -> tuple[list[Expr], Axes]:
        """Sums among the factors opened, squares written out."""
        out: list[Expr] = []
        for f in members:
            if isinstance(f, sp.Sum) and opened:
                body, limits, _ = parts(f)
                if {limit[0] for limit in limits} & set(bound):
                    raise NoFormError
                inner, bound = self.unpacked(factors(body), (*(limit[0] for limit in limits), *bound), opened)
                out.extend(inner)
            elif f.is_Pow and f.exp.is_Integer and 1 < f.exp < 4:
                out.extend([f.base] * int(f.exp))
            else:
                out.append(f)
        return out, bound

    def leaf(self, expr: Expr, indices: set[Expr]) -> Piece:
        """One factor as a vector or a matrix."""
        axes = tuple(dict.fromkeys(s for s in in_order(expr) if s in indices and s in free(expr)))
        if len(axes) > 2:
            raise NoFormError
        if isinstance(expr, sp.Indexed) and tuple(expr.indices) == axes:
            self.must_be_whole(expr, axes)
            return Piece(name(expr), axes)
        if isinstance(expr, sp.Derivative) and len(expr.args) == 2 and tuple(arguments(expr.args[1][0])) == axes:
            if free(expr.args[0]) & indices or not isinstance(expr.args[0], sp.Symbol):
                raise NoFormError
            self.must_be_whole(expr.args[1][0], axes)
            return Piece(rf"\nabla_{{{name(expr.args[1][0])}}} {name(expr.args[0])}", axes, Shape.ENTRYWISE)
        if expr.is_Add or isinstance(expr, sp.Sum):
            orders = (axes, axes[::-1]) if len(axes) == 2 else (axes,)
            found = [piece for order in orders if (piece := self.shortest(expr, order)) is not None]
            if not found:
                raise NoFormError
            return min(found, key=lambda p: len(p.text))
        if isinstance(expr, sp.Piecewise):
            return self.stacked(expr, axes)
        return self.mapped(expr, axes)

    def must_be_whole(self, expr: Expr, axes: Axes) -> None:
        """The indices run over all of the axes of the name: a part of a matrix has no name of its own."""
        tensor = str(name_of(expr))
        definition = self.setting.definitions.get(tensor)
        own = self.setting.shapes.get(tensor) or (definition.axes if definition is not None else ())
        if definition is not None and definition.spelling:
            raise NoFormError
        if tuple(self.ranges.get(a) for a in axes) != tuple(own):
            raise NoFormError

    def stacked(self, expr: Expr, axes: Axes) -> Piece:
        """A number on top of a vector."""
        if len(axes) != 1 or len(expr.args) != 2 or axes[0] not in self.ranges:
            raise NoFormError
        (top, condition), (below, _) = expr.args
        whole = self.ranges[axes[0]]
        if condition != sp.Eq(axes[0], whole.first) or free(top) & set(axes):
            raise NoFormError
        rest = replace(self, ranges={**self.ranges, axes[0]: Axis(whole.size - 1, whole.first + 1)}, found={})
        column, first = rest.of(below, axes), rest.of(top, ())
        return Piece(
            rf"\begin{{bmatrix}} {first.text} \\ {column.text} \end{{bmatrix}}",
            axes,
            across=f"[{first.text}, {column.transposed}]",
        )

    def mapped(self, expr: Expr, axes: Axes) -> Piece:
        """A function of each entry."""
        from derive.show.latex import FUNCTIONS, name_latex

        if isinstance(expr, sp.Subs) and len(expr.point) == 1:
            inner = self.of(expr.point[0], axes)
            function = expr.expr.expr if isinstance(expr.expr, sp.Derivative) else None
            if function is None:
                raise NoFormError
            primes = "'" * int(expr.expr.derivative_count)
            return Piece(f"{name_latex(function.func.__name__, function=True)}{primes}({inner.text})", axes)
        if isinstance(expr, AppliedUndef) and len(expr.args) == 1:
            inner = self.of(expr.args[0], axes)
            return Piece(f"{name_latex(expr.func.__name__, function=True)}({inner.text})", axes)
        if isinstance(expr, sp.exp):
            return Piece(rf"\exp({self.of(expr.args[0], axes).text})", axes)
        command = FUNCTIONS.get(type(expr).__name__)
        if command is None:
            raise NoFormError
        return Piece(f"{command}({self.of(expr.args[0], axes).text})", axes)


# --- meeting in an index ----------------------------------------------------------------------------------------


def broadcast(piece: Piece, own: Axes, axes: Axes) -> Piece:
    r"""A column as a matrix of equal columns, ``a \mathbf{1}^\top``; a number stays: it is added to every entry."""
    if len(axes) < 2 or not own or own == axes:
        return piece
    if piece.text.startswith("-"):
        plain = broadcast(Piece(piece.text[1:], own, Shape.PRODUCT, piece.across[1:]), own, axes)
        return Piece(f"-{plain.text}", axes, Shape.SUM)
    if own == axes[:1]:
        return Piece(rf"{piece.factor} {ONES}^\top", axes, Shape.PRODUCT)
    return Piece(f"{ONES} {piece.transposed}", axes, Shape.PRODUCT)


def contracted(pieces: list[Piece], k: Expr, axes: Axes) -> list[Piece]:
    r"""\sum_k over the pieces: what meets in k becomes one piece."""
    here = [p for p in pieces if k in p.axes]
    rest = [p for p in pieces if k not in p.axes]
    vectors = [p for p in here if p.axes == (k,)]
    others = dict.fromkeys(a for p in here for a in p.axes if a != k)
    matrices = {a: together([p for p in here if a in p.axes], (a, k)) for a in others}
    if not matrices:
        return [*rest, inner_product(vectors)]
    if len(matrices) == 1:
        ((row, matrix),) = matrices.items()
        vector = hadamard(vectors) if vectors else Piece(ONES, (k,))
        both = f"{vector.transposed} {turned(matrix, (k, row)).factor}"
        return [*rest, Piece(f"{matrix.factor} {vector.factor}", (row,), Shape.PRODUCT, both)]
    if len(matrices) == 2:
        one, two = matrices
        if (two, one) == axes or (len(axes) == 1 and two == axes[0]):
            one, two = two, one
        left, right = matrices[one], turned(matrices[two], (k, two))
        middle = rf" \operatorname{{diag}}({hadamard(vectors).text})" if vectors else ""
        return [*rest, Piece(f"{left.factor}{middle} {right.factor}", (one, two), Shape.PRODUCT)]
    raise NoFormError


def together(pieces: list[Piece], axes: Axes) -> Piece:
    """Matrices multiplied entry by entry; transposed as one, if all of them are."""
    if all(p.axes == axes[::-1] for p in pieces):
        return turned(hadamard(pieces), axes)
    return hadamard([turned(p, axes) for p in pieces])


def inner_product(vectors: list[Piece]) -> Piece:
    if not vectors:
        raise NoFormError
    if len(vectors) == 1:
        return Piece(rf"{ONES}^\top {vectors[0].factor}", (), Shape.PRODUCT)
    if len(vectors) == 2 and vectors[0] == vectors[1]:
        return Piece(rf"\|{vectors[0].text}\|^2", (), Shape.PRODUCT)
    return Piece(rf"{vectors[0].transposed} {hadamard(vectors[1:]).factor}", (), Shape.PRODUCT)


def turned(piece: Piece, axes: Axes) -> Piece:
    """The matrix with its rows and columns in the order of axes."""
    if piece.axes == axes:
        return piece
    if piece.axes != axes[::-1]:
        raise NoFormError
    return Piece(piece.transposed, axes)


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
    wide = [p for p in arrays if len(p.axes) == 2]
    matrices = [together(wide, axes)] if wide else []
    if diagonal:
        if matrices:
            return None
        both = [*rows, *columns]
        return Piece(rf"\operatorname{{diag}}({hadamard(both).text})" if both else "I", axes)
    if not matrices:
        if not rows or not columns:
            return None
        return Piece(f"{hadamard(rows).factor} {hadamard(columns).transposed}", axes, Shape.PRODUCT)
    middle = hadamard(matrices)
    left = rf"\operatorname{{diag}}({hadamard(rows).text}) " if rows else ""
    right = rf" \operatorname{{diag}}({hadamard(columns).text})" if columns else ""
    if not left and not right:
        return middle
    return Piece(f"{left}{middle.factor}{right}", axes, Shape.PRODUCT)


def scaled(scale: Expr, above: Sequence[str], below: Sequence[str], piece: Piece) -> Piece:
    """Numbers, dimensions and scalars in front; a denominator under all of a fraction."""
    from derive.show.latex import latex

    if scale == 1 and not above and not below:
        return piece if piece.text else Piece("1", ())
    sign, size = ("-", mul(sp.S.NegativeOne, scale)) if scale.as_coeff_Mul()[0].is_negative else ("", scale)
    if below:
        number, under = (e for e in size.as_numer_denom())
        over = " ".join([*([latex(number)] if number != 1 or not above else []), *above])
        shown = rf"\frac{{{over}}}{{{' '.join([*([latex(under)] if under != 1 else []), *below])}}}"
    else:
        shown = " ".join([*([latex(size) if not size.is_Add else f"({latex(size)})"] if size != 1 else []), *above])
    if not piece.text:
        return Piece(sign + (shown or "1"), (), Shape.SUM if sign or (scale.is_Add and not above) else Shape.PRODUCT)
    text, across = (front(shown, text, shape) for text, shape in ends(piece))
    return Piece(sign + text, piece.axes, Shape.SUM if sign else Shape.PRODUCT, sign + across)


def ends(piece: Piece) -> tuple[tuple[str, Shape], tuple[str, Shape]]:
    return (piece.text, piece.shape), (piece.transposed, Shape.PRODUCT)


def front(scale: str, text: str, shape: Shape) -> str:
    body = f"({text})" if shape is Shape.SUM or (shape is Shape.ENTRYWISE and scale) else text
    return f"{scale} {body}".strip()
