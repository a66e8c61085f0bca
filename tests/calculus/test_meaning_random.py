"""Random expressions against SymPy: sums written out by hand, derivatives taken symbolically in plain symbols."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp

from derive.calculus.frames import Point
from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.meaning import evaluate
from derive.calculus.series import Undefined
from derive.calculus.setting import Axis, Setting

N = dimension("N")
i, j, k, l, m = (index(c) for c in "ijklm")
x, z, W = scalar("x"), tensor("z"), tensor("W")
AXIS = Axis(N)
SETTING = Setting(axes={i: AXIS, j: AXIS}, shapes={"z": (AXIS,), "W": (AXIS, AXIS)})
WRAPPERS = (
    sp.tanh,
    lambda e: e**2,
    lambda e: sp.exp(e / 4),
    lambda e: 1 / (2 + sp.sin(e)),
    lambda e: sp.log(3 + sp.cos(e)),
    lambda e: sp.sqrt(2 + sp.sin(e)),
)


def expression(rng: random.Random, depth: int, indices: list[sp.Symbol]) -> Any:
    if depth == 0:
        p, q = rng.choice(indices), rng.choice(indices)
        number = sp.Rational(rng.randint(-3, 3), rng.randint(1, 3))
        return rng.choice((z[p], W[p, q], x, number, sp.KroneckerDelta(p, q)))
    kind = rng.randrange(9)
    if kind < 3:
        parts = expression(rng, depth - 1, indices), expression(rng, depth - 1, indices)
        return sp.Add(*parts) if kind == 0 else sp.Mul(*parts)
    if kind < 5:
        bound = rng.choice((k, l, m))
        return sp.Sum(expression(rng, depth - 1, [*indices, bound]), (bound, 1, N))
    return rng.choice(WRAPPERS)(expression(rng, depth - 1, indices))


def written_out(e: Any, size: int, at: dict[sp.Symbol, int]) -> Any:
    """The same without sums, entries and indices."""
    if isinstance(e, sp.Sum):
        bound = [limit[0] for limit in e.limits]
        rows = itertools.product(range(1, size + 1), repeat=len(bound))
        return sp.Add(*(written_out(e.function, size, at | dict(zip(bound, row, strict=True))) for row in rows))
    if isinstance(e, sp.Indexed):
        return plain(e.base.label.name, tuple(at[q] for q in e.indices))
    if isinstance(e, sp.KroneckerDelta):
        return sp.Integer(at[e.args[0]] == at[e.args[1]])
    if e == N:
        return sp.Integer(size)
    return e.func(*(written_out(q, size, at) for q in e.args)) if e.args else e


def plain(name: str, idx: tuple[int, ...]) -> sp.Symbol:
    return sp.Symbol("_".join((name, *map(str, idx))) if idx else name, real=True)


@pytest.mark.parametrize("seed", range(60))
def test_values_and_derivatives(seed: int) -> None:
    rng = random.Random(seed)
    e = expression(rng, rng.randint(1, 4), [i, j])
    size = rng.randint(1, 3)
    at = {i: rng.randint(1, size), j: rng.randint(1, size)}
    entries = [("x", ())]
    entries += [("z", (p,)) for p in range(1, size + 1)]
    entries += [("W", pq) for pq in itertools.product(range(1, size + 1), repeat=2)]
    values = {key: Fraction(rng.randint(-4, 4), 3) for key in entries}
    point = Point({"N": size}, {s.name: v for s, v in at.items()}, values)
    numbers = {plain(*key): sp.Rational(v.numerator, v.denominator) for key, v in values.items()}
    for variables in ((), (x,), (z[i],), (W[i, j],), (z[i], z[j])):
        ours = sp.Derivative(e, *variables) if variables and e.args else e if not variables else sp.Integer(0)
        theirs = written_out(e, size, at)
        for v in variables:
            theirs = sp.diff(theirs, written_out(v, size, at))
        if variables and not e.args:
            continue
        try:
            value = evaluate(ours, SETTING, point, 100)
        except Undefined:
            continue
        expected = float(theirs.subs(numbers).evalf(25))
        assert abs(float(value.mid()) - expected) <= 1e-12 * (1 + abs(expected)), (ours, size, at)
