"""What is printed is read back with the same meaning."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from derive.ask import Question, ask
from derive.calculus.judge import prove
from derive.calculus.language import MaxOver, dimension, index, scalar, tensor
from derive.show.latex import Style, latex

N, M = dimension("N"), dimension("M")
i, j, k, l = map(index, "ijkl")
z, s, y, W, b = map(tensor, ["z", "s", "y", "W", r"\hat b"])
t, f = scalar("t"), sp.Function("f")
D, S = sp.KroneckerDelta, sp.Sum
Z = S(sp.exp(z[l]), (l, 1, N))

LET = (
    r"z, s, y \in \mathbb{R}^N",
    r"W \in \mathbb{R}^{N \times M}",
    r"\hat b \in \mathbb{R}^M",
    r"t \in \mathbb{R}",
    r"f : \mathbb{R} \to \mathbb{R}",
    r"i, j, k = 1, \dots, N",
)
EXPRESSIONS: list[Any] = [
    s[i] * (D(i, j) - s[j]),
    sp.exp(z[i]) / Z,
    -S(y[i] * sp.log(s[i]), (i, 1, N)),
    z[i] - sp.log(Z),
    (s[i] - y[i]) * z[j],
    s[j] * S(y[i], (i, 1, N)) - y[j],
    S(W[i, k] * b[k], (k, 1, M)) / sp.sqrt(M),
    S((z[i] - y[i]) ** 2, (i, 1, N)) / (2 * N),
    S(z[i], (i, 1, N)) * S(y[i], (i, 1, N)),
    S(S(W[i, k] * z[i], (i, 1, N)) * b[k], (k, 1, M)),
    sp.log(s[i]) * sp.log(y[j]),
    sp.log(s[i] * y[j]) * z[k],
    sp.tanh(t) ** 2 * f(t) - sp.exp(-(t**2) / 2),
    1 / (1 + sp.exp(-t)),
    sp.exp(-Z) * Z**2,
    sp.Max(t, 0) + sp.Abs(t),
    sp.Piecewise((s[i] * (1 - s[i]), sp.Eq(i, j)), (-s[i] * s[j], True)),
    MaxOver(z[l], (l, 1, N)) - t,
    f(t) ** 2 / (1 + t),
    sp.Derivative(f(t), t) * t,
    sp.Derivative(sp.exp(z[i]), z[j]) * Z,
    sp.Derivative(S(z[l] ** 3, (l, 1, N)), z[i], z[j]),
    W[i, 1] - W[1, 1] * z[1],
]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=latex)
@pytest.mark.parametrize("style", [Style(), Style(delta="indicator"), Style(delta="identity")], ids=lambda s: s.delta)
def test_read_back(expr: Any, style: Style) -> None:
    (request,) = ask(Question(latex(expr, style), let=LET))
    assert request.target is not None
    verdict = prove(expr, request.target.expr, request.setting)
    assert verdict.proved, f"{latex(expr, style)} was read as {request.target.expr}: {verdict.reason}"
