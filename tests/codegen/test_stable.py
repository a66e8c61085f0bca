"""The stability rules: each identity is proved by the judge for every size, is found in the graph, and pays."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

from derive.calculus.judge import prove
from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Axis, Setting
from derive.codegen.array import Contract, Input, LogSoftmax, LogSumExp, Map, Node, Softmax, walk
from derive.codegen.evaluate import evaluate
from derive.codegen.logistic import one_exponential
from derive.codegen.lower import Lowering
from derive.codegen.numpy_source import Straight
from derive.codegen.stable import RULES, Rule, stabilise
from derive.kernels.runtime import stable_erf, stable_erfc, stable_sigmoid, stable_softplus

x = scalar("x")
N, i, j, l = dimension("N"), index("i"), index("j"), index("l")
z, w = tensor("z"), tensor("w")
SETTING = Setting(axes={i: Axis(N), j: Axis(N)}, shapes={"z": (Axis(N),), "w": (Axis(N),)})
total = sp.Sum(sp.exp(z[l]), (l, 1, N))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_rule_is_proved(rule: Rule) -> None:
    assert prove(rule.left, rule.right).proved


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_rule_with_a_slip_is_not(rule: Rule) -> None:
    assert not prove(rule.left, 2 * rule.right + 1).proved


def graph(expr: sp.Expr, *indices: sp.Symbol) -> tuple[Node, ...]:
    return (Lowering(SETTING, ["z", "w", "x", "c", "d"]).target(expr, indices),)


FOUND = [  # expression, its indices, what the stable graph contains, what it must not contain
    (sp.exp(z[i]) / total, (i,), Softmax, "exp"),
    (sp.exp(z[i] / x) / sp.Sum(sp.exp(z[l] / x), (l, 1, N)), (i,), Softmax, "exp"),
    (-sp.exp(z[i]) * sp.exp(z[j]) / total**2, (i, j), Softmax, "exp"),
    (sp.Sum(w[i] * sp.exp(z[i]), (i, 1, N)) / total, (), Softmax, "exp"),
    (sp.log(total), (), LogSumExp, "exp"),
    (sp.log(sp.exp(z[i]) / total), (i,), LogSoftmax, "exp"),
    (z[i] - sp.log(total), (i,), LogSoftmax, "exp"),
    (sp.exp(z[i] - sp.log(total)), (i,), Softmax, "exp"),
    (1 / total, (), LogSumExp, None),
    (1 / (1 + sp.exp(-x)), (), "sigmoid", "exp"),
    (sp.exp(x) / (1 + sp.exp(x)), (), "sigmoid", "exp"),
    (1 - 1 / (1 + sp.exp(-x)), (), "sigmoid", "exp"),
    (sp.log(1 + sp.exp(x)), (), "softplus", "exp"),
    (sp.log(1 / (1 + sp.exp(-x))), (), "softplus", "exp"),
    (sp.log(1 + x**2), (), "log1p", "log"),
    (sp.exp(x) - 1, (), "expm1", "exp"),
    ((sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x)), (), "tanh", "exp"),
    ((1 - sp.exp(-2 * x)) / (1 + sp.exp(-2 * x)), (), "tanh", "exp"),
    (1 / (1 + sp.exp(-x)) - 1, (), "sigmoid", "exp"),
    (w[i] * sp.log(1 + sp.exp(-z[i])) + (1 - w[i]) * sp.log(1 + sp.exp(z[i])), (i,), "log1p", "softplus"),
    (1 + sp.erf(x), (), "erfc", "erf"),
    (sp.log(sp.Product(z[l] ** 2, (l, 1, N))), (), Contract, None),
    (sp.exp(2 * z[i]) / total, (i,), LogSumExp, None),
]


def kinds(node: Node) -> set[object]:
    return {n.op if isinstance(n, Map) else type(n) for n in walk(node)}


@pytest.mark.parametrize("expr,indices,has,lacks", FOUND, ids=lambda e: str(e)[:40])
def test_rule_is_found(expr: sp.Expr, indices: tuple[sp.Symbol, ...], has: object, lacks: object) -> None:
    before = graph(expr, *indices)
    after = stabilise(before)
    assert has in kinds(after[0])
    assert lacks not in kinds(after[0])
    rng = np.random.default_rng(0)
    values = {"z": rng.normal(size=4), "w": rng.normal(size=4), "x": np.array(0.7)}
    names = {n.name for n in walk(*before) if isinstance(n, Input)}
    given = {k: v for k, v in values.items() if k in names}
    one, other = evaluate(before, given, 40)[0], evaluate(after, given, 40)[0]
    assert np.all(np.abs(np.asarray(one - other, dtype=float)) < 1e-35)


def test_erf_is_exact_to_a_unit() -> None:
    points = np.concatenate([np.linspace(-7, 7, 401), np.logspace(-300, 0, 50), [0.84375, 1.25, 1 / 0.35, 6.0]])
    got = stable_erf(points)
    with mpmath.workdps(40):
        wanted = [mpmath.erf(x) for x in points]
        errors = [abs((mpmath.mpf(float(a)) - b) / np.spacing(abs(float(b)))) for a, b in zip(got, wanted, strict=True)]
    assert max(errors) < 1
    assert np.array_equal(stable_erf(np.array([np.inf, -np.inf, np.nan])), [1, -1, np.nan], equal_nan=True)


LOGISTIC = np.concatenate([np.linspace(-800, 800, 1601), np.linspace(-3, 3, 101)])
PRECISE = [
    (stable_erfc, mpmath.erfc, np.concatenate([np.linspace(-7, 26, 401), [0.25, 0.84375, 1.25, 1 / 0.35, 6.0]])),
    (stable_sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), LOGISTIC),
    (stable_softplus, lambda x: mpmath.log(1 + mpmath.exp(x)), LOGISTIC),
]


@pytest.mark.parametrize("function,exact,points", PRECISE, ids=lambda x: getattr(x, "__name__", ""))
def test_function_is_exact_to_a_few_units(function: Any, exact: Any, points: Any) -> None:
    with np.errstate(all="ignore"):
        got = function(points)
        special = function(np.array([np.inf, -np.inf, np.nan]))
    with mpmath.workdps(600):
        wanted = [exact(mpmath.mpf(float(x))) for x in points]
        assert max(abs(mpmath.mpf(float(a)) - b) / np.spacing(float(a)) for a, b in zip(got, wanted, strict=True)) < 6
    assert [float(x) for x in special[:2]] == [float(exact(mpmath.inf)), float(exact(-mpmath.inf))]
    assert np.isnan(special[2])


def test_the_loss_of_a_confident_right_answer_keeps_its_digits() -> None:
    outcome = -(w[i] * sp.log(1 / (1 + sp.exp(-z[i]))) + (1 - w[i]) * sp.log(1 - 1 / (1 + sp.exp(-z[i]))))
    text = numpy_text(outcome)
    assert text.count("exp_far") == 1
    assert text.index("log1p") > text.index("maximum")


def test_a_sum_without_a_term_is_no_difference() -> None:
    others = sp.log(sp.Sum((1 - sp.KroneckerDelta(l, j)) * sp.exp(z[l]), (l, 1, N)))
    (node,) = stabilise(graph(others, j))
    assert LogSumExp in kinds(node)
    values = {"z": np.array([900.0, 1.0, 2.0])}
    assert np.allclose(np.asarray(evaluate((node,), values, 40)[0], dtype=float), [np.logaddexp(1, 2), 900, 900])


def numpy_text(expr: sp.Expr) -> str:
    """The statements of a function of z and w."""
    body = Straight([stabilise(graph(expr, i))[0]], {}, set())
    moved = one_exponential(body.roots)
    body = Straight([moved[r] for r in body.roots], {}, set())
    body.run()
    return "\n".join(body.lines)
