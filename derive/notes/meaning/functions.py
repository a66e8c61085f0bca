"""Functions that the language knows, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "exp": sp.exp,
    "log": sp.log,
    "ln": sp.log,
    "tanh": sp.tanh,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "coth": lambda x: sp.cosh(x) / sp.sinh(x),
    "sech": lambda x: 1 / sp.cosh(x),
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": lambda x: sp.sin(x) / sp.cos(x),
    "erf": sp.erf,
    "erfc": lambda x: 1 - sp.erf(x),
    "sign": sp.sign,
    "sgn": sp.sign,
    "abs": sp.Abs,
    "sqrt": sp.sqrt,
    "relu": lambda x: sp.Max(0, x),
    "ReLU": lambda x: sp.Max(0, x),
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
    "softplus": lambda x: sp.log(1 + sp.exp(x)),
}
OF_WHOLE = ("max", "min", "diag", "tr", "det", "softmax")  # of arrays, not of entries


def derivative_at(f: Any, x: Any, order: int) -> sp.Expr:
    """The derivative of a function of one variable, at x."""
    name = "u"
    taken = {str(a) for a in sp.sympify(x).free_symbols}
    while name in taken:
        name += "'"
    u = sp.Symbol(name, real=True)
    return sp.Subs(sp.Derivative(f(u), (u, order)), u, x)


def nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [*ELEMENTWISE, *OF_WHOLE], 1)
    return f"; is it {near[0]}?" if near else ""
