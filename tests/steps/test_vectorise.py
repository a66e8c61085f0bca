"""Index form to vector and matrix form."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from derive.calculus.language import dimension, index, tensor
from derive.steps.core import D
from derive.steps.vectorise import vectorised

N, M = dimension("N"), dimension("M")
i, j, k, l = (index(name) for name in "ijkl")
s, y, x, h, r = (tensor(name) for name in "syxhr")
W, P, V, A = (tensor(name) for name in "WPVA")
L, sigma = sp.Symbol("L", real=True), sp.Function("sigma")


def over(body: Any, at: Any = k, size: Any = N) -> Any:
    return sp.Sum(body, (at, 1, size))


FORMS: list[tuple[Any, tuple[Any, ...], str | None]] = [
    (s[i] - y[i], (i,), "s - y"),
    ((s[i] - y[i]) * x[j], (i, j), r"(s - y) x^\top"),
    (s[i] * (sp.KroneckerDelta(i, j) - s[j]), (i, j), r"\operatorname{diag}(s) - s s^\top"),
    ((s[i, j] - y[i, j]) / N, (i, j), r"\frac{1}{N} (s - y)"),
    (over(W[k, j] * (s[k] - y[k])), (j,), r"W^\top (s - y)"),
    (over(W[i, k] * x[k]), (i,), "W x"),
    (over(P[k, i] * V[k, j]), (i, j), r"P^\top V"),
    (over(A[i, k] * s[k] * V[k, j]), (i, j), r"A \operatorname{diag}(s) V"),
    (over(s[k] * y[k]), (), r"s^\top y"),
    (over(s[k]), (), r"\mathbf{1}^\top s"),
    ((1 - h[i] ** 2) * x[j], (i, j), r"(1 - h \odot h) x^\top"),
    (sp.tanh(x[i]), (i,), r"\tanh(x)"),
    (sigma(x[i]) - y[i], (i,), r"\sigma(x) - y"),
    (over(P[k, i] * D(L, V[k, j])), (i, j), r"P^\top (\nabla_{V} L)"),
    (over(A[i, k] * V[i, k]), (i,), r"(A \odot V) \mathbf{1}"),
    (s[sp.Symbol("c", integer=True)] - x[i], (i,), "s_c - x"),
    (x[i] / (1 + y[i]), (i,), None),
]


@pytest.mark.parametrize(("expr", "axes", "form"), FORMS, ids=lambda value: str(value))
def test_form(expr: Any, axes: tuple[Any, ...], form: str | None) -> None:
    assert vectorised(expr, axes) == form
