"""Axes and what is laid out along them.

An axis is a variable until something gives it a size: a declaration, the range of a sum, an equation
of two vectors. Variables are united as the note is read, so that `z_i` beside `\\sum_{l=1}^N e^{z_l}`
needs no declaration. A :class:`Value` is a scalar, vector, matrix or higher tensor as a function from
index expressions to the SymPy expression of that entry; matrix notation ends in the functions below,
and since entries are built by calling, never by substituting, no bound index is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from derive.calculus.setting import Axis

Entry = Callable[..., sp.Expr]


class ReadProblem(Exception):
    """Why something could not be read; ``span`` are offsets into the formula, if they are known."""

    def __init__(self, message: str, span: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


class ShapeProblem(ReadProblem):
    """Two shapes that do not fit."""


class AxisVar:
    """A node of the union-find structure; ``size`` and ``first`` count only at the root."""

    __slots__ = ("first", "hint", "parent", "size")

    def __init__(self, size: Any = None, first: int | None = None, hint: str = "") -> None:
        self.parent: AxisVar | None = None
        self.size = size
        self.first = first
        self.hint = hint


class Axes:
    """All axes of a note; what was united can be undone, since a line that does not fit must leave no trace."""

    def __init__(self) -> None:
        self.trail: list[tuple[AxisVar, AxisVar | None, Any, int | None]] = []
        self.invented: dict[AxisVar, sp.Symbol] = {}
        self.taken: set[str] = set()

    def find(self, axis: AxisVar) -> AxisVar:
        while axis.parent is not None:
            axis = axis.parent
        return axis

    def mark(self) -> int:
        return len(self.trail)

    def undo(self, mark: int) -> None:
        while len(self.trail) > mark:
            touched, parent, size, first = self.trail.pop()
            touched.parent, touched.size, touched.first = parent, size, first

    def _touch(self, axis: AxisVar) -> None:
        self.trail.append((axis, axis.parent, axis.size, axis.first))

    def size(self, axis: AxisVar) -> Any:
        return self.find(axis).size

    def first(self, axis: AxisVar) -> int | None:
        return self.find(axis).first

    def count_from(self, axis: AxisVar, first: int) -> None:
        """The first base that a note counts an axis from is its base."""
        root = self.find(axis)
        if root.first is None:
            self._touch(root)
            root.first = first

    def unite(self, a: AxisVar, b: AxisVar) -> bool:
        """Make two axes one; false if their sizes differ."""
        a, b = self.find(a), self.find(b)
        if a is b:
            return True
        if a.size is not None and b.size is not None and a.size != b.size:
            return False
        if a.size is None and b.size is not None:
            a, b = b, a
        self._touch(a)
        self._touch(b)
        b.parent = a
        if a.first is None:
            a.first = b.first
        if not a.hint:
            a.hint = b.hint
        return True

    def axis(self, axis: AxisVar) -> Axis:
        """The axis as it came out; a size that nothing gave is a dimension with a name of our own."""
        root = self.find(axis)
        size = root.size
        if size is None:
            if root not in self.invented:
                self.invented[root] = sp.Symbol(self._new_name(root.hint), integer=True, positive=True)
            size = self.invented[root]
        return Axis(size, 1 if root.first is None else root.first)

    def _new_name(self, hint: str) -> str:
        names = (
            [f"N_{{{hint}}}", *(f"N_{{{hint}{k}}}" for k in range(2, 1000))]
            if hint
            else [f"N_{{{k}}}" for k in range(1, 1000)]
        )
        name = next(n for n in names if n not in self.taken)
        self.taken.add(name)
        return name

    def show(self, axis: AxisVar) -> str:
        size = self.size(axis)
        return "?" if size is None else sp.latex(size) if not isinstance(size, sp.Symbol) else size.name

    def show_shape(self, value: Value) -> str:
        if not value.axes:
            return "a scalar"
        sizes = [self.show(a) for a in value.axes]
        if len(sizes) == 1:
            return f"1 × {sizes[0]} (a row)" if value.row else f"{sizes[0]} (a column)"
        return " × ".join(sizes)


@dataclass(frozen=True)
class Value:
    """A scalar (no axes), a column, a row (``row``), a matrix, a tensor. ``entry`` takes an index for each axis.

    ``zero`` marks the numeral 0, which fits every shape; ``derivative`` marks a matrix whose layout is a convention;
    ``explicit`` marks numbers written out one by one, whose count is the size.
    """

    axes: tuple[AxisVar, ...]
    entry: Entry
    row: bool = False
    zero: bool = False
    derivative: bool = False
    explicit: bool = False

    @property
    def rank(self) -> int:
        return len(self.axes)


def scalar_value(expr: Any) -> Value:
    return Value((), lambda: expr, zero=expr == 0)


class Fresh:
    """Names of indices that nothing else in a claim uses."""

    letters = "ijklmnabcdpqrstuvw"

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken

    def index(self, wish: str = "") -> sp.Symbol:
        name = next(n for n in self._names(wish) if n not in self.taken)
        self.taken.add(name)
        return sp.Symbol(name, integer=True)

    def _names(self, wish: str) -> Iterator[str]:
        if wish:
            yield wish
            yield from (f"{wish}_{{{k}}}" for k in range(1, 10**6))
        yield from self.letters
        for k in range(1, 10**6):
            yield from (f"{letter}_{{{k}}}" for letter in self.letters)


def make_sum(body: Any, *limits: tuple[Any, Any, Any], cls: Any = sp.Sum) -> sp.Expr:
    """``Sum`` as it is: SymPy's constructor folds every Piecewise inside, which costs much and changes the text."""
    made = sp.Expr.__new__(cls, sp.sympify(body), *(sp.Tuple(*limit) for limit in limits))
    made.is_commutative = True
    return made


class Algebra:
    """The operations of vectors and matrices, on values; shapes are united as they are met."""

    def __init__(self, axes: Axes, fresh: Fresh) -> None:
        self.axes = axes
        self.fresh = fresh
        self.biases = False  # whether a vector is added to each row of a matrix

    # -- fitting ------------------------------------------------------------------------------------------------
    def fit(self, a: Value, b: Value, what: str) -> None:
        if a.rank != b.rank or not all(self.axes.unite(x, y) for x, y in zip(a.axes, b.axes, strict=True)):
            raise self.mismatch(a, b, what)

    def mismatch(self, a: Value, b: Value, what: str) -> ShapeProblem:
        return ShapeProblem(f"the shapes of {what} do not fit: {self.axes.show_shape(a)} and {self.axes.show_shape(b)}")

    def total(self, axis: AxisVar, body: Callable[[sp.Symbol], sp.Expr]) -> sp.Expr:
        k = self.fresh.index()
        final = self.axes.axis(axis)
        return make_sum(body(k), (k, final.first, final.last))

    # -- entry by entry -----------------------------------------------------------------------------------------
    def map(self, f: Callable[[sp.Expr], sp.Expr], a: Value) -> Value:
        return replace(a, entry=lambda *i: f(a.entry(*i)), zero=False, derivative=False)

    def combine(self, f: Callable[..., sp.Expr], values: list[Value], what: str) -> Value:
        """f entry by entry; scalars are spread over the shape of the others."""
        shaped = [v for v in values if v.rank]
        if not shaped:
            return Value((), lambda: f(*(v.entry() for v in values)))
        head = shaped[0]
        for other in shaped[1:]:
            self.fit(head, other, what)
            if head.rank == 1 and head.row != other.row:
                raise self.mismatch(head, other, what)

        def entry(*i: Any) -> sp.Expr:
            return f(*(v.entry(*i) if v.rank else v.entry() for v in values))

        return Value(
            head.axes, entry, row=head.row, derivative=all(v.derivative for v in shaped), explicit=head.explicit
        )

    def spread(self, values: list[Value]) -> list[Value]:
        """A vector beside a matrix of two sizes is added to each row, or to each column, whichever it fits."""
        wide = next((v for v in values if v.rank == 2), None)
        if not self.biases or wide is None:
            return values
        rows, columns = map(self.axes.size, wide.axes)

        def spread(v: Value) -> Value:
            size = self.axes.size(v.axes[0]) if v.rank == 1 else None
            if size not in (rows, columns) or None in (rows, columns) or rows == columns:
                return v
            if size == columns:
                return replace(v, axes=(wide.axes[0], v.axes[0]), entry=lambda i, j: v.entry(j), row=False)
            return v if v.row else replace(v, axes=(v.axes[0], wide.axes[1]), entry=lambda i, j: v.entry(i))

        return [spread(v) for v in values]

    def add(self, signs: list[int], values: list[Value]) -> Value:
        if len(values) == 1 and signs[0] == 1:
            return values[0]
        values = self.spread(values)
        out = self.combine(
            lambda *e: sp.Add(*(x if s == 1 else -x for s, x in zip(signs, e, strict=True))), values, "this sum"
        )
        return replace(out, zero=all(v.zero for v in values))

    def scale(self, a: Value, b: Value) -> Value:
        if a.rank:
            a, b = b, a
        out = replace(b, entry=lambda *i: a.entry() * b.entry(*i), zero=False)
        return replace(out, zero=a.zero or b.zero) if not b.rank else out

    def hadamard(self, a: Value, b: Value) -> Value:
        return self.combine(lambda x, y: x * y, [a, b], "the factors of this elementwise product")

    def divide(self, a: Value, b: Value) -> Value:
        if b.rank and not a.rank:
            return self.map(lambda y: a.entry() / y, b)
        if b.rank:
            return self.combine(lambda x, y: x / y, [a, b], "this elementwise quotient")
        return replace(a, entry=lambda *i: a.entry(*i) / b.entry())

    # -- products -----------------------------------------------------------------------------------------------
    def transpose(self, a: Value) -> Value:
        if a.rank == 1:
            return replace(a, row=not a.row)
        if a.rank == 2:
            return replace(a, axes=a.axes[::-1], entry=lambda i, j: a.entry(j, i), derivative=False)
        if a.rank == 0:
            return a
        raise ShapeProblem(f"a tensor with {a.rank} axes has no transpose")

    def contract(self, a: Value, b: Value) -> Value:
        """The sum over the last axis of a and the first of b."""
        if not self.axes.unite(a.axes[-1], b.axes[0]):
            raise self.mismatch(a, b, "the factors of this product")
        head, tail = a.axes[:-1], b.axes[1:]
        n = len(head)

        def entry(*i: Any) -> sp.Expr:
            return self.total(a.axes[-1], lambda k: a.entry(*i[:n], k) * b.entry(k, *i[n:]))

        axes = head + tail
        return Value(axes, entry, row=len(axes) == 1 and not head, derivative=a.derivative and b.derivative)

    def outer(self, a: Value, b: Value) -> Value:
        n = a.rank
        return Value(a.axes + b.axes, lambda *i: a.entry(*i[:n]) * b.entry(*i[n:]))

    def dot(self, a: Value, b: Value) -> Value:
        if a.rank != b.rank or a.rank == 0:
            raise self.mismatch(a, b, "this dot product")
        self.fit(a, b, "this dot product")
        return self.sum_all(Value(a.axes, lambda *i: a.entry(*i) * b.entry(*i)))

    def sum_all(self, a: Value) -> Value:
        def entry() -> sp.Expr:
            limits = []
            for axis in a.axes:
                final = self.axes.axis(axis)
                limits.append((self.fresh.index(), final.first, final.last))
            return make_sum(a.entry(*(k for k, _, _ in limits)), *limits)

        return Value((), entry)

    def multiply(self, a: Value, b: Value) -> Value:
        """Juxtaposition: what the product of two neighbours means is decided by their shapes."""
        if not a.rank or not b.rank:
            return self.scale(a, b)
        column_a, column_b = a.rank == 1 and not a.row, b.rank == 1 and not b.row
        if column_a and b.rank == 1 and b.row:
            return self.outer(a, b)
        if column_a or (b.rank == 1 and b.row):
            raise self.mismatch(a, b, "the factors of this product")
        if column_b or a.rank + b.rank > 2:
            return self.contract(a, b)
        raise self.mismatch(a, b, "the factors of this product")

    def power(self, a: Value, n: int) -> Value:
        out = a
        for _ in range(n - 1):
            out = self.multiply(out, a)
        return out

    # -- matrices -----------------------------------------------------------------------------------------------
    def square(self, a: Value, what: str) -> None:
        if a.rank != 2 or not self.axes.unite(*a.axes):
            raise ShapeProblem(f"{what} needs a square matrix, and this is {self.axes.show_shape(a)}")

    def oblong(self, a: Value) -> bool:
        """Whether rows and columns are known to be of two sizes."""
        rows, columns = map(self.axes.size, a.axes)
        return rows is not None and columns is not None and rows != columns

    def trace(self, a: Value) -> Value:
        self.square(a, "a trace")
        return Value((), lambda: self.total(a.axes[0], lambda k: a.entry(k, k)))

    def diag(self, a: Value) -> Value:
        if a.rank == 1:
            return Value((a.axes[0], a.axes[0]), lambda i, j: sp.KroneckerDelta(i, j) * a.entry(i))
        self.square(a, "diag")
        return Value((a.axes[0],), lambda i: a.entry(i, i))

    def identity(self) -> Value:
        axis = AxisVar()
        return Value((axis, axis), lambda i, j: sp.KroneckerDelta(i, j))

    def constant(self, number: int) -> Value:
        return Value((AxisVar(),), lambda _: sp.Integer(number))

    def unit(self, index: sp.Expr, axis: AxisVar) -> Value:
        return Value((axis,), lambda i: sp.KroneckerDelta(i, index))

    def _cells(self, a: Value) -> tuple[sp.Expr, tuple[Any, Any, Any], tuple[Any, Any, Any]]:
        final = self.axes.axis(a.axes[0])
        p, q = self.fresh.index(), self.fresh.index()
        return a.entry(p, q), (p, final.first, final.last), (q, final.first, final.last)

    def determinant(self, a: Value) -> Value:
        from derive.calculus.language import Det

        self.square(a, "a determinant")
        return Value((), lambda: Det(*self._cells(a)))

    def inverse(self, a: Value) -> Value:
        from derive.calculus.language import InverseEntry

        self.square(a, "an inverse")
        return Value(a.axes, lambda k, l: InverseEntry(*self._cells(a), k, l))

    def stack(self, parts: list[Value], row: bool) -> Value:
        """Scalars and vectors one after the other."""
        sizes = [sp.Integer(1) if not p.rank else self.axes.size(p.axes[0]) for p in parts]
        if any(p.rank > 1 for p in parts):
            raise ShapeProblem("only scalars and vectors are stacked")
        if any(s is None for s in sizes):
            raise ShapeProblem("the size of a stacked vector is not known here")
        axis = AxisVar(sp.Add(*sizes))
        if parts and not parts[0].rank and len(parts) == 2:
            first = self.axes.first(parts[1].axes[0]) if parts[1].rank else None
            axis.first = 0 if first in (None, 1) else None

        def entry(j: sp.Expr) -> sp.Expr:
            final = self.axes.axis(axis)
            offset: sp.Expr = sp.Integer(final.first)
            pieces: list[tuple[Any, Any]] = []
            for part, size in zip(parts, sizes, strict=True):
                if not part.rank:
                    pieces.append((part.entry(), sp.Eq(j, offset)))
                else:
                    shift = j - offset + self.axes.axis(part.axes[0]).first
                    pieces.append((part.entry(shift), j < offset + size))
                offset = offset + size
            pieces[-1] = (pieces[-1][0], True)
            return sp.Piecewise(*pieces, evaluate=False)

        explicit = all(not p.rank for p in parts)
        return Value((axis,), entry, row=row, explicit=explicit)
