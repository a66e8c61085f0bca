"""Index form to vector and matrix form."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from derive.calculus.judge import prove
from derive.calculus.language import dimension, index, tensor
from derive.calculus.setting import Axis, Definition, Setting
from derive.steps.core import D
from derive.steps.form import form_of
from derive.steps.vectorise import in_other_names, vectorised

N, M, K = dimension("N"), dimension("M"), dimension("K")
i, j, k, l, c = (index(name) for name in "ijklc")
s, y, h, x, b = (tensor(name) for name in "syhxb")
W, P, V, G, O = (tensor(name) for name in "WPVGO")
L, tau, sigma = sp.Symbol("L", real=True), sp.Symbol("tau", real=True), sp.Function("sigma")
n, m, d = Axis(N), Axis(M), Axis(K)
SHAPES = {
    **dict.fromkeys("syh", (n,)),
    **dict.fromkeys("xb", (m,)),
    **dict.fromkeys("WP", (n, m)),
    **dict.fromkeys("GO", (n, d)),
    "V": (m, d),
}


def over(body: Any, at: Any = k, size: Any = N) -> Any:
    return sp.Sum(body, (at, 1, size))


FORMS: list[tuple[Any, dict[Any, Axis], str | None]] = [
    (s[i] - y[i], {i: n}, "s - y"),
    ((s[i] - y[i]) * x[j], {i: n, j: m}, r"(s - y) x^\top"),
    (s[i] * (sp.KroneckerDelta(i, j) - s[j]), {i: n, j: n}, r"\operatorname{diag}(s) - s s^\top"),
    ((W[j, i] - P[j, i]) / N, {i: m, j: n}, r"\frac{1}{N} (W - P)^\top"),
    (W[j, i] - P[j, i], {i: m, j: n}, r"(W - P)^\top"),
    (over(W[k, j] * (s[k] - y[k])), {j: m}, r"W^\top (s - y)"),
    (over(W[i, k] * x[k], size=M), {i: n}, "W x"),
    (over(W[i, k] * x[k], size=M) + s[i], {i: n}, "W x + s"),
    (over(P[k, i] * G[k, j]), {i: m, j: d}, r"P^\top G"),
    (over(P[i, k] * x[k] * V[k, j], size=M), {i: n, j: d}, r"P \operatorname{diag}(x) V"),
    (over(s[k] * y[k]), {}, r"s^\top y"),
    (over(s[k] ** 2), {}, r"\|s\|^2"),
    (over(s[k]), {}, r"\mathbf{1}^\top s"),
    ((1 - h[i] ** 2) * x[j], {i: n, j: m}, r"(1 - h \odot h) x^\top"),
    ((1 - s[i]) ** 2, {i: n}, r"(1 - s) \odot (1 - s)"),
    (sp.tanh(h[i]), {i: n}, r"\tanh(h)"),
    (sigma(h[i]) - y[i], {i: n}, r"\sigma(h) - y"),
    (over(P[k, i] * D(L, G[k, j])), {i: m, j: d}, r"P^\top (\nabla_{G} L)"),
    (over(W[i, k] * P[i, k], size=M), {i: n}, r"(P \odot W) \mathbf{1}"),
    (s[c] - y[i], {i: n, c: n}, "s_c - y"),
    (
        P[i, j] * over(G[i, k] * (V[j, k] - O[i, k]), size=K),
        {i: n, j: m},
        r"P \odot (G V^\top - (G \odot O) \mathbf{1} \mathbf{1}^\top)",
    ),
    (
        2 / N * over((over(W[l, k] * x[k], size=M) - y[l]) * W[l, j], l),
        {j: m},
        r"\frac{2}{N} W^\top (W x - y)",
    ),
    (over(P[i, k] * V[k, l], size=M) + s[i], {i: n, l: d}, r"P V + s \mathbf{1}^\top"),
    (
        s[i] * sp.Piecewise((1, sp.Eq(j, 0)), (x[j], True)),
        {i: n, j: Axis(M + 1, 0)},
        r"s [1, x^\top]",
    ),
    (sp.sqrt(M) * tau * (s[i] - y[i]) / N, {i: n}, r"\frac{1}{N} \sqrt{M} \tau (s - y)"),
    (s[i] / (1 + y[i]), {i: n}, None),
    (W[i, j], {i: n, j: Axis(M - 1)}, None),
]


@pytest.mark.parametrize(("expr", "over_", "form"), FORMS, ids=lambda value: str(value))
def test_form_is_written_read_and_proved(expr: Any, over_: dict[Any, Axis], form: str | None) -> None:
    where = Setting(axes=over_, shapes=SHAPES)
    axes = tuple(a for a in over_ if a is not c)
    assert vectorised(expr, axes, where) == form
    if form is not None:
        made = form_of(form, expr, axes, where)
        assert prove(made.entry, expr, made.setting).proved


ROWS: list[tuple[Any, Any, str]] = [
    (s[i] - y[i], {i: n}, r"(s - y)^\top"),
    (over(W[k, j] * (s[k] - y[k])), {j: m}, r"(s - y)^\top W"),
    (-over(W[k, j] * (s[k] - y[k])) / N, {j: m}, r"-\frac{1}{N} (s - y)^\top W"),
    (s[i] * y[i], {i: n}, r"(s \odot y)^\top"),
]


@pytest.mark.parametrize(("expr", "over_", "form"), ROWS, ids=lambda value: str(value))
def test_row_is_written_read_and_proved(expr: Any, over_: dict[Any, Axis], form: str) -> None:
    where = Setting(axes=over_, shapes=SHAPES)
    assert vectorised(expr, tuple(over_), where, row=True) == form
    made = form_of(form, expr, tuple(over_), where, row=True)
    assert prove(made.entry, expr, made.setting).proved
    with pytest.raises(ValueError, match="row"):
        _ = form_of(form, expr, tuple(over_), where).entry


def test_another_name_for_a_part_is_used() -> None:
    """``W`` without its first column is ``V``; the columns of ``W`` alone have no name."""
    part = Definition("V", (i, j), W[i, j], axes=(n, m))
    where = Setting(axes={i: n, j: m}, shapes={"W": (n, Axis(M + 1, 0)), "V": (n, m)}, definitions={"V": part})
    assert vectorised(W[i, j], (i, j), where) is None
    assert in_other_names(W[i, j], where) == V[i, j]
