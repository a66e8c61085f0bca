"""Expressions print as a person writes them."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from derive.calculus.language import Det, InverseEntry, MaxOver, dimension, index, labels, scalar, tensor
from derive.show.latex import Style, latex

N, C = dimension("N"), dimension("C")
i, j, k, l = map(index, "ijkl")
z, s, y, W, x, A, X = map(tensor, ["z", "s", "y", "W", "x", "A", "X"])
t, u = scalar("t"), scalar("u")
f = sp.Function("f")
D, S = sp.KroneckerDelta, sp.Sum
Z = S(sp.exp(z[l]), (l, 1, N))

PRINTED: list[tuple[Any, str]] = [
    # products: by the indices that they carry, parentheses after entries, what is open last
    (s[i] * (D(i, j) - s[j]), r"s_i (\delta_{ij} - s_j)"),
    ((s[i] - y[i]) * x[j], r"(s_i - y_i) x_j"),
    (s[j] * S(y[i], (i, 1, C)), r"s_j \sum_{i=1}^C y_i"),
    (sp.log(s[i]) * sp.log(y[i]), r"\log(s_i) \log y_i"),
    (W[i, k] * x[k], "W_{ik} x_k"),
    (2 * 2**N, r"2 \cdot 2^N"),
    # sums: no minus in front where it can be helped
    (1 - s[i], "1 - s_i"),
    (s[j] - y[j], "s_j - y_j"),
    (D(i, j) * s[i] - s[i] * s[j], r"\delta_{ij} s_i - s_i s_j"),
    (z[i] - sp.log(Z), r"z_i - \log \sum_{l=1}^N e^{z_l}"),
    (-s[i] - s[j], "-s_i - s_j"),
    (2 - s[j] * S(y[i], (i, 1, C)), r"2 - s_j \sum_{i=1}^C y_i"),
    # fractions
    (sp.exp(z[i]) / Z, r"\frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}"),
    ((s[j] - y[j]) / N, r"\frac{1}{N} (s_j - y_j)"),
    (s[j] / N, r"\frac{1}{N} s_j"),
    (x[i] ** 2 / 2, r"\frac{x_i^2}{2}"),
    (S((x[i] - y[i]) ** 2, (i, 1, N)) / (2 * N), r"\frac{1}{2 N} \sum_{i=1}^N (x_i - y_i)^2"),
    (1 / sp.sqrt(N), r"\frac{1}{\sqrt{N}}"),
    (1 / (1 + sp.exp(-t)), r"\frac{1}{1 + e^{-t}}"),
    (y[i] / s[i], r"\frac{y_i}{s_i}"),
    # binders
    (-S(y[i] * sp.log(s[i]), (i, 1, C)), r"-\sum_{i=1}^C y_i \log s_i"),
    (S(-x[i], (i, 1, N)), r"-\sum_{i=1}^N x_i"),
    (S(x[i] + y[i], (i, 1, N)), r"\sum_{i=1}^N (x_i + y_i)"),
    (S(x[i], (i, 0, N - 1)), r"\sum_{i=0}^{N - 1} x_i"),
    (S(A[i, j], (i, 1, N), (j, 1, C)), r"\sum_{j=1}^C \sum_{i=1}^N A_{ij}"),
    (Z**2, r"\left( \sum_{l=1}^N e^{z_l} \right)^2"),
    (sp.Product(x[l], (l, 1, N)), r"\prod_{l=1}^N x_l"),
    (MaxOver(z[l], (l, 1, N)), r"\max_l z_l"),
    # names
    (tensor("W_1")[i, j], "(W_1)_{ij}"),
    (tensor(r"\hat z")[i], r"\hat z_i"),
    (tensor("alpha")[i], r"\alpha_i"),
    (tensor("J_{softmax}")[i, j], r"(J_{\text{softmax}})_{ij}"),
    (W[i, 0], "W_{i0}"),
    (W[1, 1], "W_{1, 1}"),
    (x[i + 1], "x_{i + 1}"),
    (x[i, labels("t")[i]], "x_{i, t_i}"),
    # functions and derivatives
    (sp.tanh(t) ** 2, r"\tanh^2(t)"),
    (sp.Abs(t), "|t|"),
    (sp.Max(0, t), r"\max(t, 0)"),
    (f(t) * f(u), "f(t) f(u)"),
    (sp.Subs(sp.Derivative(f(u), u), u, t), "f'(t)"),
    (sp.Derivative(f(t), t, t), "f''(t)"),
    (sp.Derivative(s[i], z[j]), r"\frac{\partial s_i}{\partial z_j}"),
    (sp.Derivative(sp.log(s[i]), z[j]), r"\frac{\partial}{\partial z_j} \log s_i"),
    (sp.Derivative(s[i], z[k], z[j]), r"\frac{\partial^2 s_i}{\partial z_j \partial z_k}"),
    (sp.Derivative(t * (1 - t), t), r"\frac{d}{dt} (t (1 - t))"),
    # cases, determinants, inverses
    (
        sp.Piecewise((s[i], sp.Eq(i, j)), (0, True)),
        r"\begin{cases} s_i & i = j \\ 0 & \text{otherwise} \end{cases}",
    ),
    (Det(A[i, j], (i, 1, N), (j, 1, N)), r"\det A"),
    (
        InverseEntry(S(X[k, i] * X[k, j], (k, 1, C)), (i, 1, N), (j, 1, N), k, l),
        r"((X^\top X)^{-1})_{kl}",
    ),
    (sp.Eq(S(y[i], (i, 1, N)), 1), r"\sum_{i=1}^N y_i = 1"),
]


@pytest.mark.parametrize(("expr", "expected"), PRINTED, ids=lambda v: v if isinstance(v, str) else "")
def test_printed(expr: Any, expected: str) -> None:
    assert latex(expr) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (Style(), r"\delta_{ij}"),
        (Style(delta="indicator"), r"\mathbb{1}\{i=j\}"),
        (Style(delta="identity"), r"\mathrm{Id}_{ij}"),
    ],
)
def test_the_delta_follows_the_note(style: Style, expected: str) -> None:
    assert latex(D(i, j), style) == expected


def test_a_note_with_its_own_e_gets_exp() -> None:
    assert latex(sp.exp(z[i]), Style(power_of_e=False)) == r"\exp(z_i)"


def test_bound_indices_get_names_that_can_be_read_back() -> None:
    dummy, primed = sp.Dummy("l", integer=True), sp.Symbol("l_1", integer=True)
    assert latex(S(x[dummy] * y[l], (dummy, 1, N))) == r"\sum_{l'=1}^N x_{l'} y_l"
    assert latex(S(x[primed], (primed, 1, N))) == r"\sum_{l'=1}^N x_{l'}"


def test_the_order_does_not_depend_on_how_an_expression_was_built() -> None:
    terms = [D(i, j) * s[i], -s[i] * s[j], z[i] / N, sp.log(Z), sp.Integer(3)]
    assert len({latex(sp.Add(*terms[n:], *terms[:n], evaluate=False)) for n in range(len(terms))}) == 1
