r"""Where two expressions differ: the smallest parts whose equality makes the whole equal.

``\sum_l a_l b_l`` and ``\sum_l a_l c_l`` differ in ``b_l`` and ``c_l`` alone, for every ``l`` of the range. A
step is judged there, and a link is explained there: equal parts in the same surroundings make equal wholes. A
derivative is never entered, for under an assumption two equal expressions may have different derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from derive.calculus.setting import Axis, Setting
from derive.steps.core import Expr, add, canonical, factors, free, mul, parts, power, put, rebuild, terms

Wrap = Callable[[Expr], Expr]


@dataclass(frozen=True)
class Difference:
    """``left`` and ``right`` in ``setting``, where the indices bound around them are free; ``wrap`` puts one back."""

    left: Expr
    right: Expr
    setting: Setting
    wrap: Wrap = lambda e: e


def difference(left: Expr, right: Expr, setting: Setting) -> Difference:
    """The smallest parts in which the two sides differ."""
    found = Difference(left, right, setting)
    for _ in range(40):
        inner = inside(found)
        if inner is None:
            return found
        found = inner
    return found


def inside(at: Difference) -> Difference | None:
    """One level further down, if the difference is there alone."""
    left, right = at.left, at.right
    if left == right:
        return None
    if isinstance(left, sp.Sum) and isinstance(right, sp.Sum):
        return under_sum(at)
    if left.is_Add and right.is_Add:
        return beside(at, terms(left), terms(right), add)
    if isinstance(left, sp.Sum | sp.Mul) and isinstance(right, sp.Sum | sp.Mul):
        return beside(at, factors(left), factors(right), mul)
    if left.is_Pow and right.is_Pow and left.exp == right.exp and left.exp.is_Integer:
        exponent = left.exp
        return deeper(at, left.base, right.base, lambda e: power(e, exponent))
    if isinstance(left, sp.exp | sp.log) and left.func is right.func:
        function = left.func
        return deeper(at, left.args[0], right.args[0], lambda e: function(e))
    return None


def deeper(at: Difference, left: Expr, right: Expr, around: Wrap, setting: Setting | None = None) -> Difference:
    outer = at.wrap
    return Difference(left, right, setting or at.setting, lambda e: outer(around(e)))


def beside(at: Difference, left: Any, right: Any, build: Callable[..., Expr]) -> Difference | None:
    """Terms or factors that both sides have are left out."""
    common, mine, others = [], [], list(right)
    names = [canonical(e) for e in others]
    for e in left:
        name = canonical(e)
        if name in names:
            k = names.index(name)
            names.pop(k)
            others.pop(k)
            common.append(e)
        else:
            mine.append(e)
    if not common or (not mine and not others):
        return None
    return deeper(at, build(*mine), build(*others), lambda e: build(*common, e))


def under_sum(at: Difference) -> Difference | None:
    """The bodies, with the indices of the sum free over their ranges."""
    body, limits, outer = parts(at.left)
    other, ranges, outer_ = parts(at.right)
    if outer or outer_ or [limit[1:] for limit in limits] != [limit[1:] for limit in ranges]:
        return None
    indices = [limit[0] for limit in limits]
    fixed = {s for a in at.setting.assumptions for s in a.fixed}
    if any(not limit[1].is_Integer for limit in limits) or fixed & set(indices) or set(indices) & free(at.right):
        return None
    other = put(other, {b[0]: k for k, b in zip(indices, ranges, strict=True)})
    axes = {
        k: Axis(sp.expand(limit[2] - limit[1] + 1), int(limit[1])) for k, limit in zip(indices, limits, strict=True)
    }
    setting = replace(at.setting, axes={**at.setting.axes, **axes})
    whole = at.left
    return deeper(at, body, other, lambda e: rebuild(whole, (e, *limits)), setting)
