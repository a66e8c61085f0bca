"""Arithmetic of values: totals, extremes, determinants, parts of jets, samples of unknown functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flint import fmpq

from derive.calculus.frames import Key, Missing, Smooth
from derive.calculus.series import (
    ONE,
    ZERO,
    BudgetExceeded,
    Jet,
    Undefined,
    Value,
    ball,
    compose,
    real_part,
    rounded,
    t_power,
    terms_of,
    times,
)


def total(items: Iterator[Any]) -> Any:
    total: Any = ZERO
    for x in items:
        total = total + x
    return total


def product(items: Iterator[Any]) -> Any:
    total: Any = ONE
    for x in items:
        total = rounded(total * x)
    return total


def difference(x: Value, y: Value) -> Any:
    return real_part(x) - real_part(y)


def _same(x: Value, y: Value) -> bool:
    a, b = terms_of(x), terms_of(y)
    return all(a.get(m, ZERO) == b.get(m, ZERO) for m in a.keys() | b.keys())


def extreme(items: Sequence[Value], greatest: bool) -> Value:
    """The greatest (or least); where it is not clear which, an enclosure, and with infinitesimals no answer."""
    if not items:
        raise Undefined("the maximum of nothing")
    best = items[0]
    for x in items[1:]:
        d = difference(x, best)
        if d > 0 or d < 0:
            best = x if (d > 0) == greatest else best
        elif type(x) is not Jet and type(best) is not Jet:
            best = best if d == 0 else (ball(best).max(ball(x)) if greatest else ball(best).min(ball(x)))
        elif not _same(x, best):
            raise Undefined("the derivative of a maximum at a tie", final=bool(d == 0))
    return best


def determinant(rows: Sequence[Sequence[Value]]) -> Value:
    """By expansion along rows over sets of columns: no division, so it works for infinitesimals too."""
    partial: dict[int, Any] = {0: ONE}
    for row in rows:
        nxt: dict[int, Any] = {}
        for used, minor in partial.items():
            for j, x in enumerate(row):
                if not used >> j & 1:
                    term = minor * x if (used >> j).bit_count() % 2 == 0 else -(minor * x)
                    at = used | 1 << j
                    nxt[at] = nxt[at] + term if at in nxt else term
        partial = nxt
    return partial[(1 << len(rows)) - 1]


def inverse_entry(rows: Sequence[Sequence[Value]], k: int, m: int) -> Value:
    """(A^-1)[k, m] = (-1)^(k+m) det(A without row m and column k) / det A."""
    minor = [[x for j, x in enumerate(row) if j != k] for i, row in enumerate(rows) if i != m]
    cofactor = determinant(minor)
    return (cofactor if (k + m) % 2 == 0 else -cofactor) * compose(t_power(fmpq(-1)), determinant(rows))


def coefficient(x: Value, mask: int) -> Value:
    """The coefficient of the infinitesimals in mask."""
    if type(x) is not Jet:
        return ZERO
    found = {m & ~mask: c for m, c in x.terms.items() if m & mask == mask}
    if not found or found.keys() == {0}:
        return found.get(0, ZERO)
    found.setdefault(0, ZERO)
    return Jet(found)


def sample(functions: Mapping[str, Smooth], name: str, arguments: Sequence[Value]) -> Value:
    """The sampled unknown function at its arguments."""
    if name not in functions:
        raise Missing((name, ()))
    total: Any = ZERO
    for coefficients, u in zip(functions[name].parts, arguments, strict=False):
        value: Any = ZERO
        for c in reversed(coefficients):
            value = value * u + fmpq(c.numerator, c.denominator)
        total = total + value
    if len(arguments) > 1:
        cross = functions[name].cross
        product: Any = fmpq(cross.numerator, cross.denominator)
        for u in arguments:
            product = product * u
        total = total + product
    return total


def taylor_polynomial(values: Mapping[Key, Any], name: str, moved: Sequence[tuple[Key, dict[int, Any]]]) -> Value:
    """L + sum_a g_a h_a + 1/2 sum_ab H_ab h_a h_b, where h is the infinitesimal part of the arguments."""
    if (name, ()) not in values:
        raise Missing((name, ()))
    total: Any = values[name, ()]
    steps = []
    for a, (key, h) in enumerate(moved):
        if h:
            if key not in values:
                raise Missing(key)
            total = total + Jet(dict(h)) * values[key]
            steps.append((a, h))
    for a, h in steps:
        for b, k in steps:
            second = times(h, k)
            if second:
                total = total + Jet(second) * fmpq(_curvature(a, b), 2)
    return total


def _curvature(a: int, b: int) -> int:
    """The second derivatives of an unknown loss: symmetric and without pattern."""
    return (7 * a * b + 3 * (a + b) + 5) % 7 - 3


def binomial(n: int, k: int) -> int:
    if n < 0:
        raise Undefined("a binomial coefficient of a negative number")
    if n > 2000:
        raise BudgetExceeded("a large binomial coefficient")
    return math.comb(n, k) if k >= 0 else 0


def modulo(a: int, b: int) -> int:
    if b == 0:
        raise Undefined("a remainder modulo zero")
    return a % b
