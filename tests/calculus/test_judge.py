"""The judge says yes to what holds and no to what almost does."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import derive
from derive.calculus import judge
from derive.calculus.intake import complete
from derive.calculus.normal import Normalizer
from derive.calculus.readback import expression
from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind
from tests.calculus.identities import (
    FALSE,
    TRUE,
    A,
    N,
    c,
    d,
    delta,
    dimension,
    exp,
    i,
    iN,
    j,
    jN,
    k,
    log,
    p,
    scalar,
    softmax,
    sqrt,
    tensor,
    total,
    u,
    v,
    x,
    y,
    z,
)


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in TRUE], ids=[row[0] for row in TRUE])
def test_identity_is_proved(left: Any, right: Any) -> None:
    verdict = derive.prove(left, right)
    assert verdict.proved, verdict
    assert not verdict.assumptions


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in FALSE], ids=[row[0] for row in FALSE])
def test_near_miss_is_refuted(left: Any, right: Any) -> None:
    verdict = derive.prove(left, right)
    assert verdict.refuted, verdict
    assert verdict.witness is not None
    assert verdict.witness.left != verdict.witness.right


@pytest.mark.parametrize("expr", [side for row in TRUE + FALSE for side in row[1:]])
def test_what_is_read_back_is_what_was_read(expr: Any) -> None:
    expr = sp.sympify(expr)
    form = Normalizer(complete(expr, expr, Setting())).convert(expr)
    assert derive.prove(expr, expression(form)).proved


def test_assumption_is_needed_and_named() -> None:
    sums = sp.Eq(total(y[i], iN), 1)
    loss = -total(y[i] * log(softmax(i)), iN)
    assert derive.prove(d(loss, z[j]), softmax(j) - y[j]).refuted
    verdict = derive.prove(d(loss, z[j]), softmax(j) - y[j], assuming=[sums])
    assert verdict.proved
    assert verdict.assumptions == (str(sums),)


@pytest.mark.parametrize(("values", "proved"), [((0, 1), True), ((0, sp.oo), True), ((-1, 1), False)])
def test_an_interval_is_the_order_against_its_ends(values: tuple[Any, Any], proved: bool) -> None:
    member = sp.Contains(u, sp.Interval(*values), evaluate=False)
    verdict = derive.prove(sp.Abs(u), u, assuming=[member])
    assert verdict.proved is proved
    assert verdict.proved or verdict.refuted


def test_assumption_without_use_is_not_named() -> None:
    verdict = derive.prove(total(softmax(i), iN), 1, assuming=[sp.Eq(total(y[i], iN), 1), u > 0])
    assert verdict.proved
    assert verdict.assumptions == ()


def test_definitions_are_opened_down_to_the_variable() -> None:
    s, loss = tensor("s"), scalar("L")
    where = {s[i]: softmax(i), loss: -total(y[i] * log(s[i]), iN)}
    assert derive.prove(d(loss, s[j]), -y[j] / s[j], where=where)
    chain = total(d(loss, s[i]) * d(s[i], z[j]), iN)
    assert derive.prove(d(loss, z[j]), chain, where=where)


@pytest.mark.parametrize(
    ("left", "right", "assuming"),
    [
        (total(y[i] ** 2, iN), 1, lambda: derive.one_hot(y)),
        (total(y[i] * x[i], iN) ** 2, total(y[i] * x[i] ** 2, iN), lambda: derive.one_hot(y)),
        (A[i, j] + A[j, i], 2 * A[i, j], lambda: [sp.Eq(A[i, j], A[j, i])]),
        (sqrt(u**2), u, lambda: [u > 0]),
        (sp.Abs(u - 1), 1 - u, lambda: [u < 1]),
        (c**3, c, lambda: [sp.Eq(c**2, 1)]),
        (delta(i, j), 0, lambda: [sp.Ne(i, j)]),
        (softmax(i) * (delta(i, j) - softmax(j)), softmax(i) * (1 - softmax(i)), lambda: [sp.Eq(i, j)]),
        (total((x[i] - 1) ** 2, iN), total(x[i] ** 2, iN) + N, lambda: [sp.Eq(total(x[i], iN), 0)]),
        (
            total(A[k, i] * total(A[k, j] * x[j], jN), (k, N)),
            x[i],
            lambda: [sp.Eq(total(A[k, i] * A[k, j], (k, N)), delta(i, j))],
        ),
        (x[1] + x[2], total(x[i], iN), lambda: [sp.Eq(N, 2)]),
    ],
)
def test_assumptions_prove_what_is_false_without_them(left: Any, right: Any, assuming: Any) -> None:
    assert not derive.prove(left, right).proved
    verdict = derive.prove(left, right, assuming=assuming())
    assert verdict.proved, verdict
    assert verdict.assumptions


def test_contradictory_assumptions_prove_nothing() -> None:
    sums = [sp.Eq(total(y[i], iN), 1), sp.Eq(total(y[i], iN), 2)]
    verdict = derive.prove(u, v, assuming=sums)
    assert verdict.kind is Kind.UNDECIDED
    assert "contradict" in verdict.reason


@pytest.mark.parametrize(
    ("left", "right", "condition"),
    [
        (log(u**2), 2 * log(u), "u > 0"),
        (sqrt(u) * sqrt(v), sqrt(u * v), "u >= 0"),
        (d(sp.Max(u, 0) ** 2, u), 2 * sp.Max(u, 0), "Ne(u, 0)"),
        ((u**2 - v**2) / (u - v), u + v, "Ne(u - v, 0)"),
    ],
)
def test_conditions_are_said(left: Any, right: Any, condition: str) -> None:
    verdict = derive.prove(left, right)
    assert verdict.proved, verdict
    assert condition in map(str, verdict.conditions)


def test_a_sum_of_exponentials_needs_no_condition() -> None:
    assert derive.prove(log(total(exp(z[i]), iN)), log(total(exp(z[j]), jN))).conditions == ()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1 / (u - sp.Symbol("u", real=True) + total(x[i], iN) - total(x[j], jN)), 5),
        (log(total(x[i], iN) - total(x[j], jN)), v),
        (1 / (sp.sin(2 * u) - 2 * sp.sin(u) * sp.cos(u)), 1),
    ],
)
def test_what_is_nowhere_defined_is_not_proved(left: Any, right: Any) -> None:
    assert derive.prove(left, right).kind is Kind.UNDECIDED


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sp.Symbol("x", real=True) ** sp.Integer(10) ** 9, 0),
        ((u + v) ** 5000, 1),
        (sp.Function("g")(u) ** 2, sp.Function("g")(v)),
        (
            total(
                sp.Mul(*[x[sp.Symbol(f"i{n}", integer=True)] for n in range(12)]),
                *[(sp.Symbol(f"i{n}", integer=True), N) for n in range(12)],
            ),
            1,
        ),
    ],
)
def test_large_claims_end_without_a_proof(left: Any, right: Any) -> None:
    assert derive.prove(left, right).kind in (Kind.UNDECIDED, Kind.REFUTED)


def test_deep_nesting_is_undecided() -> None:
    e: Any = u
    for _ in range(3000):
        e = sp.sin(e, evaluate=False)
    assert derive.prove(e, v).kind in (Kind.UNDECIDED, Kind.REFUTED)


def test_two_ranks_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"x is used with"):
        derive.prove(x[i] + x[i, j], 0)


def test_ranges_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="different ranges"):
        derive.prove(total(x[i], iN) + total(x[i], (i, dimension("M"))), 0)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sp.Derivative(sp.Sum(z[k] ** 2, (k, 1, N)), z[k]), 2 * z[k]),
        (
            sp.Sum(sp.Indexed(sp.IndexedBase("x"), sp.Idx("i", N)), (sp.Idx("i", N), 0, N - 1)),
            sp.Sum(sp.IndexedBase("x")[j], (j, 0, N - 1)),
        ),
        (sp.Sum(p[sp.Dummy("i", integer=True)] * 0 + p[i], (i, 1, N)), total(p[j], jN)),
        (sp.Sum(sp.Piecewise((x[j], sp.Eq(i, j)), (0, True)), (j, 1, N)), x[i]),
        (sp.Product(exp(x[i]), (i, 1, N)), exp(total(x[i], iN))),
        (sp.Symbol("a") + sp.Symbol("a"), 2 * sp.Symbol("a")),
    ],
)
def test_sympy_objects_of_every_dress_are_read(left: Any, right: Any) -> None:
    assert derive.prove(left, right).proved


@pytest.mark.parametrize(
    "expr",
    [sp.Integral(u, u), sp.Limit(u, u, 0), sp.det(sp.MatrixSymbol("M", 2, 2)), sp.zeta(u), sp.Sum(u, (i, 1, sp.oo))],
)
def test_what_is_not_of_the_language_is_named_not_proved(expr: Any) -> None:
    verdict = derive.prove(expr, expr + 0 * u)
    assert verdict.kind is Kind.UNDECIDED
    assert verdict.reason


def test_a_fault_in_the_calculus_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the logarithm is taken for the identity."""
    from derive.calculus.algebra import Algebra

    monkeypatch.setattr(Algebra, "log", lambda self, p: p)
    with pytest.raises(judge.InternalError):
        derive.prove(d(log(u), u), 1)
