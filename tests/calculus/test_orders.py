"""The order of indices: truths against their values at every index, sums over parts of a range, slips."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest
import sympy as sp

from derive.calculus.atoms import Unsupported
from derive.calculus.judge import is_zero, prove
from derive.calculus.language import dimension, index, tensor
from derive.calculus.normal import Normalizer
from derive.calculus.setting import Axis, Definition, Setting

N = dimension("N")
i, j, k, l = map(index, "ijkl")
x, a = tensor("x"), tensor("a")
NAMES = (i, j, k)
SETTING = Setting({s: Axis(N) for s in NAMES}, {"x": (Axis(N),), "a": (Axis(N), Axis(N))})
Sum = sp.Sum


def truth(rng: Random) -> tuple[str, sp.Symbol, sp.Symbol, int]:
    one, other = rng.sample(NAMES, 2)
    return rng.choice(("<", "<", "<=", "=")), one, other, rng.choice((0, 0, 0, 1, -1, 2))


def combination(rng: Random) -> list[tuple[int, list[Any]]]:
    """A few products of truths, with whole coefficients."""
    return [(rng.choice((1, -1, 2)), [truth(rng) for _ in range(rng.randint(0, 3))]) for _ in range(rng.randint(1, 4))]


def holds(t: Any, at: dict[sp.Symbol, int]) -> bool:
    sign, one, other, k = t
    p, q = at[one], at[other] + k
    return {"<": p < q, "<=": p <= q, "=": p == q}[sign]


def vanishes(terms: list[tuple[int, list[Any]]]) -> bool:
    """By its value at each three indices of each size."""
    for size in (1, 2, 3, 5, 6):
        for point in itertools.product(range(1, size + 1), repeat=3):
            at = dict(zip(NAMES, point, strict=True))
            if sum(c for c, product in terms if all(holds(t, at) for t in product)):
                return False
    return True


def normal_form(n: Normalizer, terms: list[tuple[int, list[Any]]]) -> Any:
    algebra = n.algebra
    make = {"<": algebra.less, "<=": algebra.at_most, "=": algebra.delta}
    out: Any = {}
    for c, product in terms:
        factors = [make[s](one.name, n.term(other + k, {})) for s, one, other, k in product]
        out = algebra.add(out, algebra.scale(algebra.product(factors), c))
    return out


def opposite(terms: list[tuple[int, list[Any]]]) -> list[tuple[int, list[Any]]]:
    """Each first [p < q + k] of a product as 1 - [q + k < p] - [p = q + k], all with the other sign."""
    out: list[tuple[int, list[Any]]] = []
    for c, product in terms:
        if product and product[0][0] == "<":
            (_, p, q, k), *rest = product
            out += [(-c, rest), (c, [("<", q, p, -k), *rest]), (c, [("=", p, q, k), *rest])]
        else:
            out.append((-c, product))
    return out


@pytest.mark.parametrize("seed", range(150))
def test_truths_are_zero_where_they_vanish(seed: int) -> None:
    rng = Random(seed)
    terms = combination(rng)
    for case in (terms, terms + opposite(terms), terms + opposite(combination(rng))):
        n = Normalizer(SETTING)
        assert is_zero(n.algebra, normal_form(n, case)) == vanishes(case), case


def compound(rng: Random) -> tuple[str, sp.Expr]:
    """A relation of sums of indices."""
    weights = [rng.choice((-1, 0, 1, 1, 2)) for _ in NAMES]
    return rng.choice(("<", "=")), sp.Add(*(c * s for c, s in zip(weights, NAMES, strict=True))) + rng.randint(-3, 3)


@pytest.mark.parametrize("seed", range(150))
def test_truths_of_sums_of_indices(seed: int) -> None:
    """[s < t] + [s = t] + [t < s] = 1; what comes to zero vanishes everywhere."""
    rng = Random(seed)
    (sign, e), (_, f) = compound(rng), compound(rng)
    n = Normalizer(SETTING)
    algebra = n.algebra
    s, t, zero = n.term(e, {}) if e.free_symbols else int(e), n.term(f, {}) if f.free_symbols else int(f), 0
    try:
        parts = [algebra.less(s, t), algebra.delta(s, t), algebra.less(t, s)]
    except Unsupported:  # too far apart
        return
    points = list(itertools.product(range(1, 5), repeat=3))
    assert {value(algebra.add({}, *parts), point) for point in points} == {1}, (e, f)
    factor = algebra.delta(s, zero) if sign == "=" else algebra.delta(t, zero)
    both = [algebra.mul(p, factor) for p in parts]
    for one, other in itertools.combinations([*parts, factor, *both, {}], 2):
        if is_zero(algebra, algebra.sub(one, other)):
            for point in points:
                assert value(one, point) == value(other, point), (e, f, point)


def value(p: Any, point: tuple[int, ...]) -> int:
    """A combination of truths at an index."""
    at = {s.name: v for s, v in zip(NAMES, point, strict=True)}

    def number(t: Any) -> int:
        if isinstance(t, tuple):
            return number(t[1]) + t[2] if t[0] == "+" else sum(c * number(u) for u, c in t[1])
        return at.get(t, t)

    def one(atom: Any) -> bool:
        low, high = map(number, atom.args)
        return low == high if atom.kind == "delta" else low < high

    return sum(c for m, c in p.items() if all(one(atom) for atom, _ in m))


TRUE: list[tuple[Any, Any]] = [
    (Sum(Sum(a[i, j], (j, 1, i)), (i, 1, N)), Sum(Sum(a[i, j], (i, j, N)), (j, 1, N))),
    (2 * Sum(x[i] * x[j], (j, i + 1, N), (i, 1, N)), Sum(x[i], (i, 1, N)) ** 2 - Sum(x[i] ** 2, (i, 1, N))),
    (Sum(x[j], (j, 1, i)), x[i] + Sum(x[j], (j, 1, i - 1))),
    (Sum(x[j], (j, 1, N)), Sum(x[j], (j, 1, i)) + Sum(x[j], (j, i + 1, N))),
    (sp.Derivative(Sum(x[j] ** 2, (j, i, N)), x[k]), sp.Piecewise((2 * x[k], k >= i), (0, True))),
    (Sum(1, (l, i, N)), N - i + 1),
    (Sum(Sum(l, (l, 1, i)), (i, 1, N)), N * (N + 1) * (N + 2) / 6),
    (sp.Derivative(sp.log(Sum(sp.exp(x[l]), (l, 1, i))), x[i]), sp.exp(x[i]) / Sum(sp.exp(x[l]), (l, 1, i))),
    (sp.Product(x[l], (l, 1, i)), x[i] * sp.Product(x[l], (l, 1, i - 1))),
]
FALSE: list[tuple[Any, Any]] = [
    (Sum(Sum(a[i, j], (j, 1, i)), (i, 1, N)), Sum(Sum(a[i, j], (i, 1, j)), (j, 1, N))),
    (Sum(x[i] * x[j], (j, i, N), (i, 1, N)), Sum(x[i] * x[j], (j, i + 1, N), (i, 1, N))),
    (Sum(x[j], (j, 1, N)), Sum(x[j], (j, 1, i)) + Sum(x[j], (j, i, N))),
    (sp.Derivative(Sum(x[j] ** 2, (j, i, N)), x[k]), 2 * x[k]),
    (Sum(1, (l, i, N)), N - i),
]


@pytest.mark.parametrize("sides", TRUE, ids=range(len(TRUE)))
def test_parts_of_a_range(sides: tuple[Any, Any]) -> None:
    verdict = prove(*sides, SETTING)
    assert verdict.proved, verdict


@pytest.mark.parametrize("sides", FALSE, ids=range(len(FALSE)))
def test_slips_in_a_range(sides: tuple[Any, Any]) -> None:
    assert prove(*sides, SETTING).refuted


def test_a_definition_is_used_beside_its_range() -> None:
    """The sum from N + 1 to N is empty."""
    tail = Definition("g", (i,), Sum(x[j], (j, i, N)), axes=(Axis(N),))
    setting = Setting({i: Axis(N)}, {"x": (Axis(N),)}, definitions={"g": tail})
    g = tensor("g")
    assert prove(g[i], x[i] + g[i + 1], setting).proved
    assert prove(g[i + 1], g[i], setting).refuted
