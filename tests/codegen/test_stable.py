"""The stability rules: each identity is proved by the judge for every size, is found in the graph, and pays."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

from derive.calculus.judge import prove
from derive.calculus.language import dimension, index, scalar, tensor
from derive.calculus.setting import Axis, Setting
from derive.codegen.array import Input, LogSoftmax, LogSumExp, Map, Node, Softmax, walk
from derive.codegen.evaluate import evaluate
from derive.codegen.lower import Lowering
from derive.codegen.stable import RULES, Rule, stabilise
from derive.kernels.runtime import stable_erf

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
