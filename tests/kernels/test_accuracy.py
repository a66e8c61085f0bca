"""Errors in units in the last place against higher precision, on the same data as SciPy, at hostile points too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

from derive import kernels
from tests.precision import exact, exact_gradient, logits, ulps

FLOATS = (np.float32, np.float64)
wide = pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="long double is no wider than double here")


CASES = {
    "ordinary": ("sigma 4", (64, 1000)),
    "short rows": ("sigma 4", (4096, 10)),
    "few short rows": ("sigma 4", (60, 16)),
    "long rows": ("sigma 4", (2, 60_000)),
    "wide": ("to 80", (64, 1000)),
    "spread": ("to 1e4", (64, 1000)),
    "short and spread": ("to 1e4", (64, 10)),
    "narrow": ("sigma 1", (64, 1000)),
    "short and narrow": ("sigma 1", (64, 10)),
    "nearly equal": ("nearly equal", (64, 1000)),
    "short and nearly equal": ("nearly equal", (64, 10)),
    "many and nearly equal": ("near 8", (4096, 10)),
    "far below": ("near -60", (64, 1000)),
    "far above": ("near 1e4", (64, 1000)),
    "confident": ("to 30", (300, 20)),
    "short and confident": ("to 30", (4000, 10)),
    "masked": ("half masked", (64, 10)),
    "rows far below": ("some rows low", (64, 1000)),
}
NAMES = list(CASES)


def data(name: str, dtype: Any) -> Any:
    kind, shape = CASES[name]
    return logits(kind, shape, dtype)


@wide
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_softmax_is_no_worse_than_scipy(name: str, dtype: Any) -> None:
    z = data(name, dtype)
    want = exact(z)[0]
    ours, theirs = ulps(kernels.softmax(z), want), ulps(special.softmax(z, axis=1), want)
    assert ours.max() <= theirs.max() * 1.05 + 0.1
    assert ours.mean() <= theirs.mean() * 1.05


@wide
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_log_softmax_and_logsumexp_are_within_four_ulps(name: str, dtype: Any) -> None:
    z = data(name, dtype)
    _, logs, lse = exact(z)
    assert ulps(kernels.log_softmax(z), logs).max() <= 4
    assert ulps(kernels.logsumexp(z), lse).max() <= 4


@wide
@pytest.mark.parametrize("dtype", FLOATS)
def test_gradient_is_no_worse_than_scipy(dtype: Any) -> None:
    z = data("ordinary", dtype)
    t = np.random.default_rng(1).integers(0, z.shape[1], len(z))
    y = np.eye(z.shape[1], dtype=dtype)[t]
    want = exact(z)[0] - y
    theirs = ulps(special.softmax(z, axis=1) - y, want)
    for ours in (ulps(kernels.cross_entropy_grad(z, y), want), ulps(kernels.cross_entropy_labels_grad(z, t), want)):
        assert ours.max() <= theirs.max()
        assert ours.mean() <= theirs.mean()


@wide
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_at_labels_is_no_worse_than_scipy(name: str, dtype: Any) -> None:
    """Where a label is all but certain, scipy's softmax less 1 has no digit left."""
    z = data(name, dtype)
    rows, t = np.arange(len(z)), np.random.default_rng(1).integers(0, z.shape[1], len(z))
    t[::2] = z[::2].argmax(axis=1)
    want = exact_gradient(z, t)
    theirs = special.softmax(z, axis=1)
    theirs[rows, t] -= 1
    ours, other = ulps(kernels.cross_entropy_labels_grad(z, t), want), ulps(theirs, want)
    assert ours.max() <= other.max() * 1.05 + 0.1
    assert ours.mean() <= other.mean() * 1.05
    count = len(z)
    mean = kernels.mean_cross_entropy_labels_value_and_grad(z, t)[1]
    assert ulps(mean, want / count).mean() <= ulps(theirs / dtype(count), want / count).mean() * 1.05


POINTS = [0.0, 1e-30, -1e-30, 1e-8, -1e-8, 0.5, -0.5, 3.0, -3.0, 15.0, -15.0, 40.0, -40.0, 80.0, -80.0]
EXTREMES = [709.0, -709.0, -744.0, 1e4, -1e4]
SCALAR: list[tuple[str, Callable[[Any], Any], int]] = [
    ("sigmoid", lambda x: 1 / (1 + mpmath.exp(-x)), 3),
    ("sigmoid_derivative", lambda x: mpmath.exp(-x) / (1 + mpmath.exp(-x)) ** 2, 6),
    ("softplus", lambda x: mpmath.log1p(mpmath.exp(x)), 3),
    ("softplus_derivative", lambda x: 1 / (1 + mpmath.exp(-x)), 3),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name,formula,bound", SCALAR, ids=[s[0] for s in SCALAR])
def test_scalar_functions(name: str, formula: Callable[[Any], Any], bound: int, dtype: Any) -> None:
    points = np.array(POINTS + (EXTREMES if dtype is np.float64 else []), dtype)
    with mpmath.workdps(400):
        want = np.array([np.longdouble(mpmath.nstr(formula(mpmath.mpf(float(x))), 30)) for x in points])
    got = getattr(kernels, name)(points)
    unit = np.maximum(np.spacing(np.abs(want.astype(dtype))), np.finfo(dtype).smallest_subnormal)
    assert (np.abs(got.astype(np.longdouble) - want) / unit).max() <= bound


def differences(value: Callable[[Any], Any], at: Any) -> Any:
    """Central differences in long double, of fourth order."""
    at = at.astype(np.longdouble)
    h = np.longdouble(2e-4)
    found = np.empty(at.shape, np.longdouble)
    for k in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[k] = h
        near, far = value(at + step) - value(at - step), value(at + 2 * step) - value(at - 2 * step)
        found[k] = (8 * near - far) / (12 * h)
    return found


@wide
def test_gradients_are_those_of_the_values() -> None:
    rng = np.random.default_rng(5)
    z, y, x = rng.normal(size=6), rng.dirichlet(np.ones(6)), rng.normal(size=(4, 6))
    t, targets = np.array([0, 5, 2, 2]), rng.dirichlet(np.ones(6), size=4)
    pairs: list[tuple[Any, Any]] = [
        (kernels.cross_entropy_grad(z, y), differences(lambda a: kernels.cross_entropy(a, y), z)),
        (kernels.cross_entropy_labels_grad(z, 2), differences(lambda a: kernels.cross_entropy_labels(a, 2), z)),
        (
            kernels.mean_cross_entropy_labels_grad(x, t),
            differences(lambda a: kernels.mean_cross_entropy_labels(a, t), x),
        ),
        (
            kernels.mean_cross_entropy_grad(x, targets),
            differences(lambda a: kernels.mean_cross_entropy(a, targets), x),
        ),
        (
            kernels.smoothed_cross_entropy_grad(z, 1, 0.1),
            differences(lambda a: kernels.smoothed_cross_entropy(a, 1, 0.1), z),
        ),
        (kernels.softplus_derivative(z), differences(lambda a: kernels.softplus(a).sum(), z)),
        (kernels.sigmoid_derivative(z), differences(lambda a: kernels.sigmoid(a).sum(), z)),
        (kernels.softmax_vjp(z, y), differences(lambda a: (y * kernels.softmax(a)).sum(), z)),
        (kernels.softmax_jacobian(z) @ y, kernels.softmax_jvp(z, y)),
        (kernels.cross_entropy_hessian(z) @ y, kernels.cross_entropy_hvp(z, y)),
        (kernels.cross_entropy_hessian(z), kernels.softmax_jacobian(z)),
    ]
    for got, want in pairs:
        np.testing.assert_allclose(got, np.asarray(want, dtype=float), rtol=1e-11, atol=1e-13)


@wide
@pytest.mark.parametrize("name", ["softmax_regression", "sigmoid_network", "tanh_network", "relu_network"])
def test_network_gradients_are_those_of_the_values(name: str) -> None:
    rng = np.random.default_rng(6)
    X, Y = rng.normal(size=(5, 3)), rng.dirichlet(np.ones(4), size=5)
    hidden = [] if name == "softmax_regression" else [rng.normal(size=(6, 3)), rng.normal(size=6)]
    weights = [*hidden, rng.normal(size=(4, 6 if hidden else 3)), rng.normal(size=4)]
    function = getattr(kernels, f"{name}_value_and_grads")
    _, *grads = function(*weights, X, Y)
    for k, grad in enumerate(grads):
        def value(a: Any, k: int = k) -> Any:
            return function(*(a if j == k else w for j, w in enumerate(weights)), X, Y)[0]

        np.testing.assert_allclose(grad, np.asarray(differences(value, weights[k]), float), rtol=1e-10, atol=1e-12)
