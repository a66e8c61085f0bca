"""Assumed equations as polynomials: the same values and slopes as evaluation gives, and points that meet them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy as sp

from derive.calculus.equations import form_of, is_polynomial
from derive.calculus.frames import Key, Point
from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.meaning import compile_all
from derive.calculus.points import MIXED, Budget, Problem
from derive.calculus.setting import Assumption, Axis, Setting

N = dimension("N")
i, j = index("i"), index("j")
y, W = tensor("y"), tensor("W")
c = scalar("c")
SETTING = Setting(axes={i: Axis(N), j: Axis(N)}, shapes={"y": (Axis(N),), "W": (Axis(N), Axis(N))})
POLYNOMIALS = [
    sp.Eq(sp.Sum(y[i], (i, 1, N)), 1),
    sp.Eq(sp.Sum(y[i] ** 2, (i, 1, N)), c),
    sp.Eq(W[i, j], W[j, i]),
    sp.Eq(sp.Sum(W[i, j] * y[j], (j, 1, N)) / N, 3 * y[i] - sp.KroneckerDelta(i, j)),
    sp.Gt((1 + c) ** 3, y[i]),
]
OTHERS = [
    sp.Eq(sp.exp(y[i]), c),
    sp.Eq(1 / c, y[i]),
    sp.Eq(sp.Abs(c), 1),
    sp.Eq(sp.Piecewise((c, sp.Gt(c, 0)), (0, True)), 1),
]


def a_point() -> Point:
    entries: dict[Key, Fraction] = {("y", (a,)): Fraction(a + 1, 3) for a in (1, 2)}
    entries |= {("W", (a, b)): Fraction(2 * a - b, 5) for a in (1, 2) for b in (1, 2)}
    return Point({"N": 2}, {"i": 1, "j": 2}, {("c", ()): Fraction(-3, 2), **entries})


@pytest.mark.parametrize("relation", POLYNOMIALS, ids=str)
def test_a_form_has_the_value_and_the_slopes_of_the_relation(relation: Any) -> None:
    point = a_point()
    program = compile_all(list(relation.args[:2]), SETTING)
    keys = sorted(k for k in point.values if k[0] in program.nodes[0].names | program.nodes[1].names)
    assert is_polynomial(relation)
    form = form_of(program, point, keys, 10_000)
    if form is None:
        pytest.fail("no polynomial")

    def gap() -> Fraction:
        left, right = program.values(point)
        return Fraction(int((left - right).p), int((left - right).q))

    assert form.at(point.values) == gap()
    for key in keys:
        now, before, slope = gap(), point.values[key], form.slope(point.values, key)
        point.values[key] = before + 7
        moved = gap()
        point.values[key] = before
        if slope is not None:
            assert moved - now == 7 * slope
        assert (key in form.keys) or moved == now


@pytest.mark.parametrize("relation", OTHERS, ids=str)
def test_what_is_no_polynomial_has_no_form(relation: Any) -> None:
    assert not is_polynomial(relation)


@pytest.mark.parametrize(
    "relations",
    [
        [sp.Eq(sp.Sum(y[i], (i, 1, N)), 1)],
        [sp.Eq(sp.Sum(y[i], (i, 1, N)), 1), sp.Gt(y[i], 0)],
        [sp.Eq(sp.Sum(y[i], (i, 1, N)), 1), sp.Contains(y[i], sp.FiniteSet(0, 1))],
        [sp.Eq(W[i, j], W[j, i]), sp.Eq(sp.Sum(W[i, j], (j, 1, N)), 0)],
        [sp.Eq(c**2, 1), sp.Ne(c, 1)],
        [sp.Eq(sp.Sum(y[i] ** 2, (i, 1, N)), 1)],
    ],
    ids=str,
)
def test_points_meet_what_is_assumed(relations: list[Any]) -> None:
    setting = SETTING.assuming(*(Assumption(r) for r in relations))
    claim = sp.Sum(W[i, j] * y[j], (j, 1, N)) + c
    problem = Problem(claim, claim, setting, Budget())
    point = problem.point({"N": 3}, {"i": 1}, MIXED)
    for relation in relations:
        for at in range(1, 4):
            here = Point({"N": 3}, {"i": at, "j": 2}, point.values)
            if isinstance(relation, sp.Contains):
                assert compile_all([relation.args[0]], setting).exact(here) in (0, 1)
                continue
            left, right = compile_all(list(relation.args), setting).values(here)
            assert bool(relation.func(sp.Rational(int(left.p), int(left.q)), sp.Rational(int(right.p), int(right.q))))
