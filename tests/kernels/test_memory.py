"""Kernels allocate their results and a block: nothing else grows with the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from derive import kernels
from tests.allocations import peak

ROWS, SIZE = 4096, 1000
BLOCKS = 6 << 20  # a few buffers of a block, and tables


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    kernels.set_threads(1)
    yield
    kernels.set_threads(0)


def logits() -> Any:
    return 4 * np.random.default_rng(0).normal(size=(ROWS, SIZE))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("offset", [0, 1e4], ids=["ordinary", "far above"])
def test_no_temporary_beside_the_result(name: str, offset: float) -> None:
    z, function = logits() + offset, getattr(kernels, name)
    assert peak(lambda: function(z)) < z.nbytes + BLOCKS
    out = np.empty_like(z)
    assert peak(lambda: function(z, out=out)) < BLOCKS


@pytest.mark.parametrize("name", ["vjp", "grad", "value and grad"])
def test_gradients_allocate_themselves_only(name: str) -> None:
    z, t = logits(), np.arange(ROWS) % SIZE
    y = kernels.softmax(z + 1)
    calls: dict[str, Callable[[], Any]] = {
        "vjp": lambda: kernels.softmax_vjp(z, y),
        "grad": lambda: kernels.mean_cross_entropy_grad(z, y),
        "value and grad": lambda: kernels.mean_cross_entropy_labels_value_and_grad(z, t),
    }
    assert peak(calls[name]) < z.nbytes + BLOCKS


@pytest.mark.parametrize("name", ["logsumexp", "labels", "targets", "each"])
def test_a_value_needs_a_block(name: str) -> None:
    z, t = logits(), np.arange(ROWS) % SIZE
    y = np.full_like(z, 1 / SIZE)
    calls: dict[str, Callable[[], Any]] = {
        "logsumexp": lambda: kernels.logsumexp(z),
        "labels": lambda: kernels.mean_cross_entropy_labels(z, t),
        "targets": lambda: kernels.mean_cross_entropy(z, y),
        "each": lambda: kernels.cross_entropy(z, y),
    }
    assert peak(calls[name]) < BLOCKS
