"""Names found again in what they stand for."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp
from sympy import exp

from derive.steps.core import same
from derive.steps.fold import fold, patterns
from tests.steps.settings import (
    ATTENTION,
    LAYER_NORM,
    SIGMOID,
    SOFTMAX_ALONE,
    D,
    E,
    M,
    N,
    O,
    P,
    V,
    c,
    i,
    j,
    k,
    l,
    logit,
    mu,
    s,
    setting,
    sigma,
    total,
    x,
    xhat,
    z,
)

Z = total(exp(z[l]), (l, N))
LOGISTIC = setting({}, (SIGMOID,), {})
g = sp.IndexedBase("g", real=True)
FOLDED: list[tuple[Any, Any, Any]] = [
    (SOFTMAX_ALONE, exp(z[j]) / Z, s[j]),
    (SOFTMAX_ALONE, exp(z[i]) * exp(z[j]) / Z**2, s[i] * s[j]),
    (SOFTMAX_ALONE, exp(2 * z[i]) / Z**2, s[i] ** 2),
    (SOFTMAX_ALONE, exp(z[i]) / Z**2, s[i] / Z),
    (SOFTMAX_ALONE, exp(-z[i]) * Z, 1 / s[i]),
    (SOFTMAX_ALONE, exp(z[i]) / total(exp(x[l]), (l, N)), exp(z[i]) / total(exp(x[l]), (l, N))),
    (LOGISTIC, 1 / (1 + exp(-z[i])), sigma(z[i])),
    (LOGISTIC, exp(z[i]) / (1 + exp(z[i])), sigma(z[i])),
    (LOGISTIC, exp(-logit) / (1 + exp(-logit)) ** 2, sigma(logit) * (1 - sigma(logit))),
    (LAYER_NORM, total(x[l], (l, N)), N * mu),
    (LAYER_NORM, (x[j] - mu) / sp.sqrt(sp.Symbol("v", real=True) + sp.Symbol("epsilon", real=True)), xhat[j]),
    (ATTENTION, total(P[i, k] * V[k, c], (k, M)), O[i, c]),
    (ATTENTION, total(P[i, k] * V[k, c] * g[c], (k, M), (c, E)), total(O[i, c] * g[c], (c, E))),
]


@pytest.mark.parametrize(("where", "before", "after"), FOLDED, ids=lambda value: str(value)[:60])
def test_fold(where: Any, before: Any, after: Any) -> None:
    assert same(fold(before, patterns(where)), after)


def test_a_derivative_is_not_a_name() -> None:
    assert fold(D(z[i], z[j]), patterns(SOFTMAX_ALONE)) == D(z[i], z[j])
