"""Logits of many kinds, softmax of them in long double, and errors in units in the last place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any, tuple[int, int]], Any]

KINDS: dict[str, Make] = {
    "sigma 4": lambda rng, shape: 4 * rng.normal(size=shape),
    "sigma 1": lambda rng, shape: rng.normal(size=shape),
    "nearly equal": lambda rng, shape: 0.01 * rng.normal(size=shape),
    "near 8": lambda rng, shape: 8 + 0.01 * rng.normal(size=shape),
    "near -60": lambda rng, shape: rng.normal(size=shape) - 60,
    "near 1e4": lambda rng, shape: 1e4 + 4 * rng.normal(size=shape),
    "to 30": lambda rng, shape: 30 * rng.normal(size=shape),
    "to 80": lambda rng, shape: rng.uniform(-80, 80, shape),
    "to 1e4": lambda rng, shape: rng.uniform(-1e4, 1e4, shape),
    "half masked": lambda rng, shape: masked(rng, 4 * rng.normal(size=shape)),
    "some rows low": lambda rng, shape: 4 * rng.normal(size=shape) - 500 * (np.arange(shape[0]) % 9 == 3)[:, None],
}


def masked(rng: Any, z: Any) -> Any:
    """Half of the entries -inf, but for the first of each row."""
    hidden = rng.random(z.shape) < 0.5
    hidden[:, 0] = False
    return np.where(hidden, -np.inf, z)


def logits(kind: str, shape: tuple[int, int], dtype: Any, seed: int = 11) -> Any:
    return KINDS[kind](np.random.default_rng(seed), shape).astype(dtype)


def exact(z: Any) -> tuple[Any, Any, Any]:
    """softmax, its log and log-sum-exp in long double, the latter two without cancellation."""
    x = z.astype(np.longdouble)
    top = x.max(axis=1, keepdims=True)
    e = np.exp(x - top)
    rest = e.copy()
    rest[np.arange(len(e)), e.argmax(axis=1)] = 0
    log = np.log1p(rest.sum(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), (x - top) - log, (top + log)[:, 0]


def exact_gradient(z: Any, t: Any) -> Any:
    """softmax less 1 at the labels, there as minus the sum of the others."""
    x = z.astype(np.longdouble)
    rows, e = np.arange(len(z)), np.exp(x - x.max(axis=1, keepdims=True))
    total, found = e.sum(axis=1), e / e.sum(axis=1, keepdims=True)
    e[rows, t] = 0
    found[rows, t] = -e.sum(axis=1) / total
    return found


def ulps(got: Any, want: Any) -> Any:
    """Errors in units in the last place of the wanted value."""
    unit = np.spacing(np.abs(want.astype(got.dtype))).astype(np.longdouble)
    finite = np.isfinite(want.astype(float))
    return np.abs(got.astype(np.longdouble)[finite] - want[finite]) / unit[finite]
