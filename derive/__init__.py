"""derive: proves handwritten derivations for every dimension, or shows the numbers for which they fail.

    derive.prove(left, right, assuming=[...])   the verdict on an equation of SymPy expressions
    derive.check(path)                          the report on a note
    derive.derivation(expr, wrt, route=...)     a derivation step by step
    derive.softmax(z), log_softmax(z), cross_entropy(y, s), one_hot(y)

``derive.kernels`` holds generated NumPy functions and needs none of this: nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.api import Vector, check, cross_entropy, derivation, log_softmax, one_hot, prove, softmax

__all__ = ["Vector", "check", "cross_entropy", "derivation", "log_softmax", "one_hot", "prove", "softmax"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    from derive import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
