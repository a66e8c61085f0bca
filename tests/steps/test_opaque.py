"""Which definitions a step opens, and that holding the others shut proves nothing that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp
from sympy import exp, log

from derive.calculus.judge import prove
from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.calculus.verdict import Kind
from derive.steps import StepError, derivation
from derive.steps.core import D, delta
from derive.steps.engine import verdict
from derive.steps.opaque import needed, with_few_definitions

i, j, k, l = (index(name) for name in "ijkl")
N, M = dimension("N"), dimension("M")
s, z, W, x, y = (tensor(name) for name in "szWxy")
L = scalar("L")


def over(body: Any, at: Any, size: Any) -> Any:
    return sp.Sum(body, (at, 1, size))


SCORES = Definition("z", (i,), over(W[i, k] * x[k], k, M), axes=(Axis(N),))
SOFTMAX = Definition("s", (i,), exp(z[i]) / over(exp(z[l]), l, N), axes=(Axis(N),))
LOSS = Definition("L", (), -over(y[i] * log(s[i]), i, N))
SETTING = Setting(
    axes={i: Axis(N), j: Axis(N), k: Axis(M)},
    shapes={"W": (Axis(N), Axis(M)), "x": (Axis(M),), "y": (Axis(N),)},
    definitions={d.name: d for d in (SCORES, SOFTMAX, LOSS)},
)
STEPS = [
    pytest.param(s[i] * (x[k] + y[j]), s[i] * x[k] + s[i] * y[j], "", id="on both sides"),
    pytest.param(s[i], SOFTMAX.body, "s", id="on one side"),
    pytest.param(D(s[i], z[j]), s[i] * (delta(i, j) - s[j]), "s", id="by a defined name"),
    pytest.param(D(s[i] * y[i], W[j, k]), D(s[i], W[j, k]) * y[i], "sz", id="on the way to the variable"),
    pytest.param(D(s[i] * y[i], y[j]), s[i] * delta(i, j), "", id="a constant under the derivative"),
    pytest.param(D(L, s[i]), -y[i] / s[i], "L", id="by a name in the middle"),
]


@pytest.mark.parametrize(("left", "right", "opened"), STEPS)
def test_what_is_opened(left: Any, right: Any, opened: str) -> None:
    assert needed(left, right, SETTING) == frozenset(opened)
    shut = with_few_definitions(left, right, SETTING)
    assert shut is not None and shut.definitions.keys() == set(opened)
    assert prove(left, right, shut).kind is Kind.PROVED
    assert prove(left, right, SETTING).kind is Kind.PROVED


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (D(s[i], z[j]), sp.S.Zero),
        (D(s[i] * y[i], W[j, k]), sp.S.Zero),
        (D(L, z[j]), D(s[i], z[j]) * 0),
        (s[i] * D(s[j], z[i]), -(s[i] ** 2) * s[j]),
    ],
)
def test_no_derivative_is_lost(left: Any, right: Any) -> None:
    with pytest.raises(StepError):
        verdict(left, right, "definition", SETTING)


def test_what_only_the_definitions_say_is_still_proved() -> None:
    one = over(s[i], i, N)
    assert needed(one * x[k], x[k] * one**2, SETTING) == frozenset()
    assert verdict(one * x[k], x[k] * one**2, "sum to one", SETTING).kind is Kind.PROVED


def test_a_derivative_in_an_assumption_opens_its_names() -> None:
    setting = SETTING.assuming(Assumption(sp.Gt(D(s[i], z[i]), 0)))
    assert needed(s[i] + x[k], x[k] + s[i], setting) == {"s"}


def test_an_unknown_loss_depends_through_its_entries() -> None:
    setting = Setting(SETTING.axes, SETTING.shapes, {}, {"z": SCORES}, depends={"L": (z[i],)})
    assert needed(D(L, W[j, k]), D(L, z[j]) * x[k], setting) == {"z"}
    assert needed(D(L, z[j]) * 2, D(L, z[j]) + D(L, z[j]), setting) == frozenset()
    assert verdict(D(L, W[j, k]), D(L, z[j]) * x[k], "chain rule", setting).kind is Kind.PROVED


def test_a_lemma_is_proved_with_its_indices_renamed() -> None:
    made = derivation(D(L, W[j, k]), SETTING)
    assert made.proved and made.lemmas and all(lemma.proved for lemma in made.lemmas)
    assert prove(made.target, made.result, SETTING).kind is Kind.PROVED
