"""Links expanded into elementary steps, each proved; a wrong link goes on to what should stand there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sympy as sp
from sympy import exp, log

from derive.calculus.setting import Axis, Definition
from derive.show.latex import latex
from derive.steps.core import D
from derive.steps.explain import explain
from tests.steps.settings import CLASSIFIER, SOFTMAX_ALONE, L, N, i, j, l, s, total, y, z

Z = total(exp(z[l]), (l, N))
DELTA = sp.KroneckerDelta(i, j)
LINKS: list[tuple[Any, Any]] = [
    (log(s[i]), log(exp(z[i]) / Z)),
    (log(s[i]), z[i] - log(Z)),
    (D(log(s[i]), z[j]), D(s[i], z[j]) / s[i]),
    (D(s[i], z[j]), s[i] * D(log(s[i]), z[j])),
    (D(z[i] - log(Z), z[j]), D(z[i], z[j]) - D(log(Z), z[j])),
    (D(z[i], z[j]) - D(log(Z), z[j]), DELTA - D(Z, z[j]) / Z),
    (DELTA - D(Z, z[j]) / Z, DELTA - exp(z[j]) / Z),
    (DELTA - exp(z[j]) / Z, DELTA - s[j]),
    (D(s[i], z[j]), s[i] * (DELTA - s[j])),
    (D(s[i], z[j]), (exp(z[i]) * DELTA * Z - exp(z[i]) * exp(z[j])) / Z**2),
    (D(s[i], z[j]), -exp(z[i]) * exp(z[j]) / Z**2 + DELTA * exp(z[i]) / Z),
    (D(L, z[j]), total(D(L, s[i]) * D(s[i], z[j]), (i, N))),
    (total(D(L, s[i]) * D(s[i], z[j]), (i, N)), -total(y[i] / s[i] * s[i] * (DELTA - s[j]), (i, N))),
    (-total(y[i] * (DELTA - s[j]), (i, N)), total(y[i] * s[j], (i, N)) - total(y[i] * DELTA, (i, N))),
    (total(y[i] * s[j], (i, N)) - total(y[i] * DELTA, (i, N)), s[j] * total(y[i], (i, N)) - y[j]),
    (s[j] * total(y[i], (i, N)) - y[j], s[j] - y[j]),
]


@pytest.mark.parametrize(("left", "right"), LINKS, ids=lambda side: latex(side))
def test_link(left: Any, right: Any) -> None:
    found = explain(left, right, CLASSIFIER)
    assert found.reaches
    assert found.derivation.steps
    assert all(step.verdict.proved for step in found.derivation.steps)


def test_a_name_for_a_derivative_is_opened() -> None:
    jacobian = replace(
        CLASSIFIER,
        definitions={**CLASSIFIER.definitions, "J": Definition("J", (i, j), D(s[i], z[j]), axes=(Axis(N), Axis(N)))},
    )
    found = explain(sp.IndexedBase("J", real=True)[i, j], s[i] * (DELTA - s[j]), jacobian)
    assert found.reaches
    assert found.derivation.steps[0].rule == "definition"


def test_sides_that_are_the_same_tree_take_one_step() -> None:
    found = explain(y[i] / s[i] * s[i], y[i], CLASSIFIER)
    assert [step.rule for step in found.derivation.steps] == ["simplifying"]


def test_elementary_steps_of_the_last_but_one_line() -> None:
    left = DELTA - D(Z, z[j]) / Z
    found = explain(left, DELTA - exp(z[j]) / Z, SOFTMAX_ALONE)
    assert [step.rule for step in found.derivation.steps] == [
        "sum rule",
        "derivative of the exponential",
        "derivative of an entry",
        "sifting",
    ]


def test_a_wrong_link_goes_on_to_the_right_one() -> None:
    found = explain(D(L, z[j]), s[j] + y[j], CLASSIFIER)
    assert not found.reaches
    assert latex(found.derivation.result) == "s_j - y_j"
