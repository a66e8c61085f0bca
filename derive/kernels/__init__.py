"""NumPy functions generated from the proved closed forms of the notes in derivations/. They import NumPy only."""

from __future__ import annotations

from derive.kernels.from_softmax import (
    cross_entropy,
    cross_entropy_grad,
    log_softmax,
    logsumexp,
    softmax,
    softmax_jacobian,
)
from derive.kernels.runtime import set_threads

__all__ = [
    "cross_entropy",
    "cross_entropy_grad",
    "log_softmax",
    "logsumexp",
    "set_threads",
    "softmax",
    "softmax_jacobian",
]
