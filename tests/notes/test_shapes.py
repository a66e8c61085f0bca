"""Axes are united, undone and named; values keep their shapes."""

from __future__ import annotations

import pytest
import sympy as sp

from derive.notes.meaning.shapes import Algebra, Axes, AxisVar, Fresh, ShapeProblem, Value

N, K = sp.symbols("N K", integer=True, positive=True)


def vector(name: str, size: sp.Expr | None, row: bool = False) -> Value:
    base = sp.IndexedBase(name, real=True)
    return Value((AxisVar(size),), lambda i: base[i], row=row)


def matrix(name: str, rows: sp.Expr, columns: sp.Expr) -> Value:
    base = sp.IndexedBase(name, real=True)
    return Value((AxisVar(rows), AxisVar(columns)), lambda i, j: base[i, j])


@pytest.fixture
def algebra() -> Algebra:
    return Algebra(Axes(), Fresh(set()))


def test_an_unknown_size_takes_the_known_one() -> None:
    axes, a, b, c = Axes(), AxisVar(), AxisVar(), AxisVar(N, 0)
    assert axes.unite(a, b) and axes.unite(b, c)
    assert axes.axis(a).size == N and axes.axis(a).first == 0


def test_two_sizes_do_not_unite() -> None:
    axes, a, b = Axes(), AxisVar(N), AxisVar(K)
    assert not axes.unite(a, b)


def test_undo_restores_every_axis() -> None:
    axes, a, b = Axes(), AxisVar(), AxisVar(N)
    mark = axes.mark()
    axes.unite(a, b)
    axes.count_from(a, 0)
    axes.undo(mark)
    assert axes.size(a) is None and axes.first(b) is None


def test_the_first_base_stays() -> None:
    axes, a = Axes(), AxisVar(N)
    axes.count_from(a, 0)
    axes.count_from(a, 1)
    assert axes.first(a) == 0


def test_an_unknown_size_gets_a_name_of_its_own() -> None:
    axes = Axes()
    first, second = axes.axis(AxisVar(hint="z")), axes.axis(AxisVar(hint="z"))
    assert first.size != second.size and first.size.is_positive


def test_product_of_matrix_and_column(algebra: Algebra) -> None:
    product = algebra.multiply(matrix("W", N, K), vector("x", None))
    assert str(product.entry(sp.Symbol("n", integer=True))) == "Sum(W[n, i]*x[i], (i, 1, K))"
    assert algebra.axes.show_shape(product) == "N (a column)"


def test_outer_and_inner_product(algebra: Algebra) -> None:
    x, y = vector("x", N), vector("y", N)
    assert algebra.multiply(algebra.transpose(x), y).rank == 0
    assert algebra.axes.show_shape(algebra.multiply(x, algebra.transpose(y))) == "N × N"


MISFITS = (
    (matrix("A", N, K), vector("x", N)),
    (vector("x", N), vector("y", N)),
    (vector("x", N, row=True), vector("y", N, row=True)),
    (vector("x", N), matrix("A", N, K)),
    (matrix("A", N, K), matrix("B", N, K)),
)


@pytest.mark.parametrize(("a", "b"), MISFITS)
def test_misfits(algebra: Algebra, a: Value, b: Value) -> None:
    with pytest.raises(ShapeProblem):
        algebra.multiply(a, b)


def test_a_scalar_is_spread_and_shapes_are_checked_in_sums(algebra: Algebra) -> None:
    one = Value((), lambda: sp.Integer(1))
    i = sp.Symbol("i", integer=True)
    assert str(algebra.add([1, -1], [one, vector("x", N)]).entry(i)) == "1 - x[i]"
    with pytest.raises(ShapeProblem):
        algebra.add([1, 1], [vector("x", N), vector("y", N, row=True)])
    with pytest.raises(ShapeProblem):
        algebra.add([1, 1], [vector("x", N), vector("y", K)])


def test_contraction_does_not_capture_the_index_that_it_is_given(algebra: Algebra) -> None:
    inner = algebra.multiply(matrix("A", N, N), vector("x", N))
    outer = algebra.multiply(matrix("B", N, N), inner)
    entry = outer.entry(algebra.fresh.index("k"))
    assert {str(s) for s in entry.free_symbols if s.is_Symbol} >= {"k"}
    assert len({str(limit[0]) for s in entry.atoms(sp.Sum) for limit in s.limits}) == 2
