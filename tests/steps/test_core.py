"""Rewriting never captures an index, matches up to names and order, and keeps what a person factored."""

from __future__ import annotations

import sympy as sp

from derive.calculus.language import dimension, index, scalar, tensor
from derive.steps.core import D, add, distinct, free, match, mul, put, same, total, unified

N = dimension("N")
i, j, k, l = (index(name) for name in "ijkl")
x, y, z = (tensor(name) for name in "xyz")
c = scalar("c")


def over(body: object, at: object = l) -> object:
    return total(body, sp.Tuple(at, 1, N))


def test_put_renames_a_bound_index_that_would_capture() -> None:
    made = put(over(z[l] * y[i]), {i: l})
    assert free(made) == {l, N}
    assert same(made, over(z[k] * y[l], k))


def test_put_reaches_the_variable_of_a_derivative() -> None:
    assert put(D(z[i], z[j]), {j: k}) == D(z[i], z[k])


def test_put_leaves_bound_indices_alone() -> None:
    assert put(over(z[l]), {l: k}) == over(z[l])


def test_put_exchanges() -> None:
    assert put(x[i] * y[j], {i: j, j: i}) == x[j] * y[i]


def test_nested_binders_become_distinct() -> None:
    made = distinct(total(mul(y[l], sp.log(over(sp.exp(z[l])))), sp.Tuple(l, 1, N)))
    inner = next(e for e in sp.preorder_traversal(made.args[0]) if isinstance(e, sp.Sum))
    assert inner.args[1][0] != l
    assert same(made, over(y[k] * sp.log(over(sp.exp(z[j]), j)), k))


def test_equal_sums_meet() -> None:
    assert unified(sp.Mul(over(z[l]), sp.Pow(over(z[k], k), -1), evaluate=False)) == 1


def test_a_number_stays_before_a_parenthesis() -> None:
    made = mul(sp.Integer(2), add(x[i], y[i]))
    assert made.is_Mul
    assert set(made.args) == {sp.Integer(2), x[i] + y[i]}


def test_matching_is_up_to_order_and_bound_names() -> None:
    pattern = sp.exp(z[i]) / over(sp.exp(z[l]))
    assert match(pattern, sp.exp(z[j]) / over(sp.exp(z[k]), k), frozenset((i,))) == {i: j}


def test_matching_does_not_let_a_bound_index_out() -> None:
    assert match(over(x[i]), over(x[l]), frozenset((i,))) is None


def test_holes_are_filled_alike() -> None:
    assert match(x[i] * y[i], x[j] * y[k], frozenset((i,))) is None
