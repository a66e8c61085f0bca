"""What is false is never brought to zero: not by the judge, and not by the normal form before it is cross-checked.

``UNSOUND`` are claims that a careless calculus proves: each shows one way to go wrong.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import sympy as sp
from hypothesis import given as over
from hypothesis import strategies as st

from derive.calculus import judge
from derive.calculus.intake import complete
from derive.calculus.language import dimension, index, labels, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from tests.calculus.strategies import SETTINGS, expression
from tests.fuzz_judge import Tally, kept, slipped

i, j, k, l, m, n = map(index, "ijklmn")
N, M = map(dimension, "NM")
A, B, H, Y, x, y = map(tensor, "ABHYxy")
c = labels("c")
u, v, t, s, L = map(scalar, "uvtsL")
f = sp.Function("f")
Sum, Product, Eq, d, delta, exp, log, sqrt = (
    sp.Sum, sp.Product, sp.Eq, sp.Derivative, sp.KroneckerDelta, sp.exp, sp.log, sp.sqrt,
)  # fmt: skip
BITS = sp.FiniteSet(0, 1)
LOSS = Setting(depends={"L": (Y[i, k],)}, shapes={"Y": (Axis(N), Axis(M))})
RATIO = Setting(definitions={"v": Definition("v", (), delta(i, j))})
CLASSES = Setting(labels={"c": Axis(M)}, shapes={"c": (Axis(N),)})
TWO_STEPS = Setting(definitions={"s": Definition("s", (), u**2), "L": Definition("L", (), s**2 * u)})
SHADOWED = Setting(definitions={"u": Definition("u", (), x[1] ** 2)})


def given(*relations: sp.Basic) -> Setting:
    return Setting(assumptions=tuple(Assumption(r) for r in relations))


logs, everything = Sum(log(x[i]), (i, 1, N)), Sum(x[i], (i, 1, N))

UNSOUND: list[tuple[str, Any, Any, Setting]] = [
    # an assumption's index is not the bound index of the sum it is matched with
    ("column sums are no trace", Sum(A[i, i], (i, 1, N)), 1, given(Eq(Sum(A[i, j], (i, 1, N)), 1))),
    # what is known of one entry, or of a diagonal, is not known of all
    ("one entry has two values", exp(y[i]), 1 + (sp.E - 1) * y[i], given(sp.Contains(y[1], BITS))),
    ("a diagonal has two values", exp(A[i, j]), 1 + (sp.E - 1) * A[i, j], given(sp.Contains(A[i, i], BITS))),
    ("one entry is idempotent", y[i] ** 2, y[i], given(sp.Contains(y[1], BITS))),
    # one-hot along a part of an axis, or along a diagonal, is not one-hot
    ("one-hot but for the first", Sum(y[i], (i, 0, N)), 1, given(Eq(Sum(y[i], (i, 1, N)), 1), sp.Contains(y[i], BITS))),
    ("one-hot on a diagonal", Sum(H[i, n, m], (i, 1, N)), 1,
     given(Eq(Sum(H[i, n, n], (i, 1, N)), 1), sp.Contains(H[i, n, m], BITS))),
    ("derivative in a one-hot entry", d(Sum(y[i] * x[i], (i, 1, N)), y[j]), 0,
     given(Eq(Sum(y[i], (i, 1, N)), 1), sp.Contains(y[i], BITS))),
    # ranges that may be short, empty, or end before they begin
    ("a range has three values", Sum(delta(i, 3), (i, 1, N)), 1, Setting()),
    ("a range has three values, weighted", Sum(delta(i, 3) * u, (i, 1, N)), u, Setting()),
    ("a sum ends before it begins", Sum(1, (i, 2, N - 1)), N - 2, Setting()),
    ("the one behind the last", Sum(delta(i, j + 1), (i, 1, N)) * x[j] + everything, x[j] + everything, Setting()),
    ("inside of one element", Sum(delta(i, j), (i, 2, N - 1)) * x[j] + everything,
     (1 - delta(j, 1) - delta(j, N)) * x[j] + everything, Setting()),
    ("both ends of one element", Sum(x[i], (i, 2, N - 1)), Sum(x[i], (i, 1, N)) - x[1] - x[N], Setting()),
    ("three ends of two elements", Sum(x[i], (i, 3, N - 1)), Sum(x[i], (i, 1, N)) - x[1] - x[2] - x[N], Setting()),
    ("the last one but one", Sum(x[i], (i, 1, N - 2)), Sum(x[i], (i, 1, N)) - x[N] - x[N - 1], Setting()),
    ("a sum runs downwards", Sum(1, (i, 1, 3 - N)), 3 - N, Setting()),
    ("a product ends before it begins", Product(u, (i, 2, N - 1)), u ** (N - 2), Setting()),
    ("a range depends on another index", Sum(1, (j, 1, i), (i, 1, N)), Sum(1, (j, 1, i), (k, 1, N)), Setting()),
    ("an index bound twice", Sum(i, (i, 1, 2), (i, 1, 3)), 12, Setting()),
    # the domain of a function, asked inside a range, says nothing outside of it
    ("logs of a part, sum of all", logs + sqrt(Sum(x[i], (i, 0, N)) ** 2), logs + Sum(x[i], (i, 0, N)), Setting()),
    ("logs of a part, moduli of all", logs + Sum(sp.Abs(x[i]), (i, 0, N)), logs + Sum(x[i], (i, 0, N)), Setting()),
    ("logs of a part, another entry", logs + sqrt(x[0] ** 2), logs + x[0], Setting()),
    ("logs in an empty sum", Sum(log(u), (i, 1, N - 1)) + sp.Abs(u), Sum(log(u), (i, 1, N - 1)) + u, Setting()),
    ("a log times zero", delta(i, j) * log(u) + sp.Abs(u), delta(i, j) * log(u) + u, Setting()),
    ("a log times no truth", (1 - delta(i, j)) * log(u) + sp.Abs(u), (1 - delta(i, j)) * log(u) + u, Setting()),
    # where one factor is zero, a product that is not negative says nothing of the other
    ("sign beside a factor", sp.Abs(v), v, given(u >= 0, u * v >= 0)),
    ("sign beside a square", sp.Abs(v), v, given(u**2 * v >= 0)),
    ("sign beside a factor, of a root", sqrt(u * v) + sp.Abs(v), sqrt(u * v) + v, given(u >= 0)),
    # a derivative in two quantities, one defined through the other
    ("both held at once", d(L, s, u), 2 * s, TWO_STEPS),
    ("the inner one last", d(L, u, s), 4 * u**2, TWO_STEPS),
    # the closed form of a geometric sum says 0/0 where the ratio is one
    ("ratio one on a diagonal", Sum(delta(i, j) ** l, (l, 0, N - 1)), 1 + u * delta(i, j), Setting()),
    ("ratio one by a definition", Sum(v**l, (l, 0, N - 1)), (1 - v**N) / (1 - v) + delta(i, j), RATIO),
    # whole numbers may well be equal
    ("sizes in order", sp.Piecewise((1, N >= 2), (0, True)), sp.Piecewise((1, N > 2), (0, True)), Setting()),
    ("labels in order", sp.Piecewise((1, c[n] >= 2), (0, True)), sp.Piecewise((1, c[n] > 2), (0, True)), CLASSES),
    # what is no real variable
    ("derivative in a dimension", d(N**2, N), 0, Setting()),
    ("derivative in an opaque loss", d(L**2, L), 0, LOSS),
    # a value put in for a bound variable that shares its name with something known
    ("substitution beside a definition", sp.Subs(d(f(u), u), u, t), sp.Subs(d(f(u), u), u, x[1] ** 2), SHADOWED),
    ("substitution beside an assumption", sp.Subs(d(f(u), u), u, t), sp.Subs(d(f(v), v), v, 1), given(Eq(u, 1))),
    ("substitution beside a sign", sp.Subs(sqrt(u**2) * f(u), u, t), t * f(t), given(u > 0)),
    # an unknown function is not the one whose name it has
    ("unknown function named sin", sp.Function("sin")(-u), -sp.Function("sin")(u), Setting()),
    ("unknown function named asinh", sp.Function("asinh")(-u), -sp.Function("asinh")(u), Setting()),
    ("unknown function named cos", sp.Function("cos")(-u), sp.Function("cos")(u), Setting()),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "setting"), [row[1:] for row in UNSOUND], ids=[row[0] for row in UNSOUND])
def test_false_claim_never_comes_to_zero(left: Any, right: Any, setting: Setting) -> None:
    left, right = sp.sympify(left), sp.sympify(right)
    full = complete(left, right, setting)
    assert not judge.Attempt(left, right, full, full.assumptions).zero
    assert not judge.prove(left, right, setting).proved


def test_conditions_of_a_definition_outlive_a_case_that_guards_it() -> None:
    """Opened first under a case, a definition still asks for what it asks elsewhere."""
    setting = Setting(definitions={"w": Definition("w", (), log(u))})
    w = scalar("w")
    cases = sp.Piecewise((w, Eq(i, j)), (0, True))
    verdict = judge.prove(cases + 2 * w, delta(i, j) * log(u) + w + w, setting)
    assert verdict.proved
    assert sp.Gt(u, 0, evaluate=False) in verdict.conditions


def test_a_quotient_by_a_power_asks_that_its_base_is_not_zero() -> None:
    verdict = judge.prove(u**-N * v, v * Product(1 / u, (i, 1, N)))
    assert verdict.proved
    assert sp.Ne(u, 0) in verdict.conditions


# ---- random claims ------------------------------------------------------------------------------------


@over(st.integers(0, 2**32))
def test_what_keeps_the_value_is_never_refuted(seed: int) -> None:
    tally = Tally()
    kept(seed, 4, tally)
    assert not tally.wrong


@over(st.integers(0, 2**32))
def test_a_slip_is_never_proved(seed: int) -> None:
    tally = Tally()
    slipped(seed, 4, tally)
    assert not tally.wrong


def test_nearly_all_rewritings_are_proved() -> None:
    tally = Tally()
    for seed in range(120):
        kept(seed, 3, tally)
    assert tally.counts["equal, proved"] > 60
    assert tally.counts["equal, undecided"] <= 2


@pytest.mark.parametrize("seed", range(6))
def test_verdict_is_the_same_each_time(seed: int) -> None:
    left = expression(Random(seed), 4)
    right = expression(Random(seed), 4) + (seed % 2)
    assert judge.prove(left, right, SETTINGS["one-hot"]) == judge.prove(left, right, SETTINGS["one-hot"])


HOSTILE: list[tuple[str, Any]] = [
    ("a huge exponent", (x[i] + y[i]) ** sp.Integer(10**9)),
    ("a huge power of a number", sp.Pow(2 + u, 10**9)),
    ("thousands of terms", sp.Add(*(x[k] * y[k] for k in range(1, 3000)))),
    ("many bound indices", Sum(sp.Mul(*(A[index(f"i{r}"), index(f"i{(r + 1) % 12}")] for r in range(12))),
                               *((index(f"i{r}"), 1, N) for r in range(12)))),
    ("a product of many sums", sp.Mul(*(Sum(exp(A[index(f"r{r}"), l]), (l, 1, N)) + u for r in range(14)))),
]  # fmt: skip
deep: Any = u
for _ in range(60):
    deep = sp.tanh(deep + 1)
HOSTILE.append(("sixty layers", deep))


@pytest.mark.parametrize("expr", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_cost_is_bounded(expr: Any) -> None:
    verdict = judge.prove(expr, expr + u)
    assert not verdict.proved
