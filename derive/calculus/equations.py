"""Equations between the numbers of a point, and how they are solved.

An assumed equation that is a polynomial in the entries is brought to one once, by running the compiled program on
polynomials in place of numbers; from then on its value, its entries and their coefficients are read off it. Any other
equation is asked for its value at numbers. Finite domains are enumerated, linear equations are solved by elimination,
a quadric is walked along a line from a rational point of it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp
from flint import Ordering, fmpq, fmpq_mpoly_ctx

from derive.calculus.frames import Key, Point
from derive.calculus.program import Program
from derive.calculus.series import MeaningError, Undefined


class Unsatisfied(Exception):
    """The assumptions were not met."""


class Hopeless(Unsatisfied):
    """They will not be met at these sizes, however often one draws."""


@dataclass(frozen=True)
class Domain:
    """Where an entry may lie: in a finite set, or between bounds."""

    members: tuple[Fraction, ...] = ()
    low: Fraction | None = None
    high: Fraction | None = None

    def holds(self, v: Fraction) -> bool:
        if self.members:
            return v in self.members
        return (self.low is None or v >= self.low) and (self.high is None or v <= self.high)

    def narrowed(self, low: Fraction | None, high: Fraction | None) -> Domain:
        lows = [x for x in (self.low, low) if x is not None]
        highs = [x for x in (self.high, high) if x is not None]
        return replace(self, low=max(lows, default=None), high=min(highs, default=None))


FREE = Domain()


def fractions(*texts: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(t) for t in " ".join(texts).split())


# ------------------------------------------------------------------------------------------------- polynomials


@dataclass(frozen=True)
class Form:
    """``left - right`` of one instance of a relation as a polynomial in the entries: coefficient and powers by term."""

    terms: tuple[tuple[Fraction, tuple[tuple[Key, int], ...]], ...]

    @cached_property
    def keys(self) -> list[Key]:
        return sorted({key for _, powers in self.terms for key, _ in powers})

    def at(self, values: Mapping[Key, Fraction]) -> Fraction:
        return sum((_product(c, powers, values) for c, powers in self.terms), Fraction(0))

    def slope(self, values: Mapping[Key, Fraction], key: Key) -> Fraction | None:
        """The coefficient of an entry that stands linearly, else None."""
        total, curved = Fraction(0), dict[int, Fraction]()
        for c, powers in self.terms:
            degree = next((n for k, n in powers if k == key), 0)
            if degree:
                rest = _product(c, tuple(p for p in powers if p[0] != key), values)
                if degree == 1:
                    total += rest
                else:
                    curved[degree] = curved.get(degree, Fraction(0)) + rest
        return None if any(curved.values()) else total


def _product(c: Fraction, powers: Sequence[tuple[Key, int]], values: Mapping[Key, Fraction]) -> Fraction:
    for key, n in powers:
        v = values[key]
        if not v:
            return Fraction(0)
        c = c * (v if n == 1 else v**n)
    return c


MOST_ENTRIES = 80  # of a polynomial


def is_polynomial(e: Any) -> bool:
    """Whether the value is a polynomial in the entries and scalars that stand there, by the operations used."""
    if isinstance(e, (sp.Add, sp.Mul, sp.Rel)):
        return all(is_polynomial(a) for a in e.args)
    if isinstance(e, sp.Pow):
        if isinstance(e.base, sp.Symbol) and e.base.is_integer and e.base.is_positive:
            return isinstance(e.exp, sp.Integer)
        return isinstance(e.exp, sp.Integer) and 0 <= e.exp <= 8 and is_polynomial(e.base)
    if isinstance(e, sp.Contains):
        return is_polynomial(e.args[0])
    if isinstance(e, sp.Sum):
        return is_polynomial(e.function)
    if isinstance(e, sp.Indexed):
        return not e.is_integer and not any(i.has(sp.Indexed) for i in e.indices)
    if isinstance(e, sp.KroneckerDelta):
        return not e.has(sp.Indexed)
    return isinstance(e, (sp.Symbol, sp.Rational))


def form_of(sides: Program, point: Point, keys: Sequence[Key], budget: int) -> Form | None:
    """The program's first value less its second, run on an unknown for each of the keys."""
    if not 0 < len(keys) <= MOST_ENTRIES:
        return None
    context = fmpq_mpoly_ctx.get(tuple(f"x{n}" for n in range(len(keys))), Ordering.lex)
    unknowns: dict[Key, Any] = dict(zip(keys, context.gens(), strict=True))
    try:
        left, right = sides.values(Point(point.sizes, point.indices, unknowns, point.functions), 64, budget)
    except (MeaningError, TypeError, AttributeError, ArithmeticError):
        return None
    gap = context.constant(0) + left - right
    terms = []
    for exponents, c in gap.to_dict().items():
        powers = tuple((keys[n], int(e)) for n, e in enumerate(exponents) if e)
        terms.append((Fraction(int(c.p), int(c.q)), powers))
    return Form(tuple(terms))


# --------------------------------------------------------------------------------------------------- equations


Gap = Callable[[Point], Any]


class Equation:
    """One instance of an assumed equation, as a function of the numbers of a point.

    ``value`` evaluates left - right, ``keys`` are the entries it may be about; a polynomial one has its ``form``.
    """

    def __init__(self, indices: Mapping[str, int], form: Form | None, value: Gap, keys: Sequence[Key]) -> None:
        self.indices, self.form, self.value, self.keys = dict(indices), form, value, keys
        self.known: list[Key] | None = None if form is None else form.keys

    def gap(self, point: Point) -> Fraction:
        """left - right, exactly; raises Unsatisfied where it is not rational."""
        if self.form is not None:
            return self.form.at(point.values)
        d = self.value(Point(point.sizes, self.indices, point.values, point.functions))
        if type(d) is not fmpq:
            raise Unsatisfied("an equation that has no rational solution in sight")
        return Fraction(int(d.p), int(d.q))

    def moved(self, point: Point, key: Key, value: Fraction) -> Fraction:
        before = point.values[key]
        point.values[key] = value
        try:
            return self.gap(point)
        finally:
            point.values[key] = before

    def variables(self, point: Point) -> list[Key]:
        """The entries that the equation is about."""
        if self.known is None:
            self.known = self._variables(point)
        return self.known

    def _variables(self, point: Point) -> list[Key]:
        try:
            now = self.gap(point)
            steps = (Fraction(17, 13), Fraction(-5, 11))
            return [k for k in self.keys if any(self.moved(point, k, point.values[k] + d) != now for d in steps)]
        except (Unsatisfied, Undefined):
            return []

    def slope(self, point: Point, key: Key) -> Fraction | None:
        """The coefficient of an entry that stands linearly, else None."""
        if self.form is not None:
            return self.form.slope(point.values, key)
        now, v = self.gap(point), point.values[key]
        one, two = self.moved(point, key, v + 1), self.moved(point, key, v + 2)
        return one - now if two - now == 2 * (one - now) else None


def connected(system: list[Equation], point: Point) -> list[list[Equation]]:
    """Equations that share no entry can be solved apart."""
    groups: list[tuple[set[Key], list[Equation]]] = []
    for e in system:
        keys, members = set(e.variables(point)), [e]
        rest = []
        for other in groups:
            if other[0] & keys:
                keys |= other[0]
                members = other[1] + members
            else:
                rest.append(other)
        groups = [*rest, (keys, members)]
    return [members for _, members in groups]


ROOTS = fractions("0 1 -1 2 -2 1/2 -1/2 3 -3 4 1/3 1/4")


def solve_group(group: list[Equation], point: Point, domains: dict[Key, Domain], rng: random.Random) -> None:
    """Numbers in place of the point's for which equations that share entries hold; raises Unsatisfied."""
    keys = sorted({k for e in group for k in e.variables(point)})
    for e in group:
        own = e.variables(point)
        if len(own) == 1 and not domains.get(own[0], FREE).members and e.slope(point, own[0]) is None:
            roots = tuple(r for r in ROOTS if e.moved(point, own[0], r) == 0)
            if roots:
                domains[own[0]] = Domain(roots)
    if all(domains.get(k, FREE).members for k in keys):
        _enumerate(group, keys, [domains[k].members for k in keys], point, rng)
        return
    if _linear(group, keys, point, domains, rng):
        return
    _nonlinear(group, keys, point, rng)


def _solved(group: Sequence[Equation], point: Point) -> bool:
    return all(e.gap(point) == 0 for e in group)


def _put(point: Point, keys: Sequence[Key], values: Sequence[Fraction]) -> None:
    point.values.update(zip(keys, values, strict=True))


def _enumerate(
    group: list[Equation], keys: list[Key], choices: Sequence[Sequence[Fraction]], point: Point, rng: random.Random
) -> None:
    """One of the solutions with each entry among its choices, at random."""
    total = 1
    for c in choices:
        total *= len(c)
    if total > 3000:
        raise Hopeless("too many combinations")
    rows = list(itertools.product(*choices))
    rng.shuffle(rows)
    group = sorted(group, key=lambda e: -len(e.variables(point)))
    for row in rows:
        _put(point, keys, row)
        if _solved(group, point):
            return
    raise Hopeless("no combination of the values meets the equations")


def _linear(
    group: list[Equation], keys: list[Key], point: Point, domains: Mapping[Key, Domain], rng: random.Random
) -> bool:
    """Solve by elimination if all equations are linear; a single one by scaling, which keeps signs."""
    free = [k for k in keys if not domains.get(k, FREE).members]
    if len(group) == 1 and all(domains.get(k, FREE).low is not None for k in free) and _scaled(group[0], free, point):
        return all(domains.get(k, FREE).holds(point.values[k]) for k in free)
    order = free[:]
    rng.shuffle(order)
    rows = []
    for e in group:
        own = set(e.variables(point))
        slopes = [e.slope(point, k) if k in own else Fraction(0) for k in order]
        if any(s is None for s in slopes):
            return False
        rows.append([s or Fraction(0) for s in slopes] + [-e.gap(point)])
    step = _eliminate(rows, len(order))
    if step is None:
        raise Hopeless("linear equations that contradict each other")
    for k, d in zip(order, step, strict=True):
        point.values[k] = point.values[k] + d
    return _solved(group, point)


def _scaled(e: Equation, keys: Sequence[Key], point: Point) -> bool:
    """Multiply all entries by one factor so that the equation holds."""
    before = [point.values[k] for k in keys]
    at_one = e.gap(point)
    _put(point, keys, [Fraction(0)] * len(keys))
    at_zero = e.gap(point)
    _put(point, keys, before)
    if at_one == at_zero:
        return False
    factor = at_zero / (at_zero - at_one)
    _put(point, keys, [v * factor for v in before])
    if factor > 0 and e.gap(point) == 0:
        return True
    _put(point, keys, before)
    return False


def _eliminate(rows: list[list[Fraction]], width: int) -> list[Fraction] | None:
    """A solution of the linear system with as many zeros as it allows; None if there is none."""
    pivots: list[tuple[int, int]] = []
    r = 0
    for c in range(width):
        p = next((k for k in range(r, len(rows)) if rows[k][c] != 0), None)
        if p is None:
            continue
        rows[r], rows[p] = rows[p], rows[r]
        rows[r] = [v / rows[r][c] for v in rows[r]]
        for k in range(len(rows)):
            if k != r and rows[k][c] != 0:
                f = rows[k][c]
                rows[k] = [a - f * b for a, b in zip(rows[k], rows[r], strict=True)]
        pivots.append((r, c))
        r += 1
    if any(row[width] != 0 for row in rows[r:]):
        return None
    out = [Fraction(0)] * width
    for k, c in pivots:
        out[c] = rows[k][width]
    return out


def _nonlinear(group: list[Equation], keys: list[Key], point: Point, rng: random.Random) -> None:
    """A rational point of a system with squares: orthogonal matrices, points of a quadric, small integers."""
    if _orthogonal(group, keys, point, rng):
        return
    digits = fractions("0 1 -1 2") if len(keys) <= 4 else fractions("0 1 -1")
    if len(digits) ** len(keys) > 3000:
        raise Hopeless("equations with squares in many entries")
    _enumerate(group, keys, [digits] * len(keys), point, rng)
    curved = [e for e in group if any(e.slope(point, k) is None for k in e.variables(point))]
    if len(curved) == 1:
        _walk_quadric(curved[0], [e for e in group if e is not curved[0]], keys, point, rng)


def _walk_quadric(e: Equation, flat: list[Equation], keys: list[Key], point: Point, rng: random.Random) -> None:
    """From one rational point to another: along a line, which meets a quadric once more."""
    base = [point.values[k] for k in keys]
    direction = [Fraction(rng.randint(-3, 3)) for _ in keys]
    if flat:
        rows = []
        for f in flat:
            own = set(f.variables(point))
            slopes = [(f.slope(point, k) or Fraction(0)) if k in own else Fraction(0) for k in keys]
            rows.append([*slopes, -sum((s * d for s, d in zip(slopes, direction, strict=True)), Fraction(0))])
        step = _eliminate(rows, len(keys))
        if step is None:
            return
        direction = [d + s for d, s in zip(direction, step, strict=True)]

    def at(t: Fraction) -> Fraction:
        _put(point, keys, [b + t * d for b, d in zip(base, direction, strict=True)])
        return e.gap(point)

    ahead, back = at(Fraction(1)), at(Fraction(-1))
    square, slope = (ahead + back) / 2, (ahead - back) / 2
    if square == 0 or at(-slope / square) != 0 or not _solved(flat, point):
        _put(point, keys, base)


def _orthogonal(group: list[Equation], keys: list[Key], point: Point, rng: random.Random) -> bool:
    """A square matrix whose rows (or columns) are orthonormal: Cayley's (I - S)(I + S)^-1, with a sign for each row."""
    names = {name for name, _ in keys}
    if len(names) != 1 or any(len(idx) != 2 for _, idx in keys):
        return False
    rows = sorted({idx[0] for _, idx in keys})
    columns = sorted({idx[1] for _, idx in keys})
    n = len(rows)
    if n != len(columns) or n * n != len(keys) or len(group) < n * (n + 1) // 2:
        return False
    before = dict(point.values)
    skew = [[Fraction(0)] * n for _ in range(n)]
    for a, b in itertools.combinations(range(n), 2):
        skew[a][b] = Fraction(rng.choice((0, 1, -1, 2)), rng.choice((1, 2)))
        skew[b][a] = -skew[a][b]
    q = _cayley(skew)
    signs = [rng.choice((1, -1)) for _ in range(n)]
    (name,) = names
    for a in range(n):
        for b in range(n):
            point.values[name, (rows[a], columns[b])] = signs[a] * q[a][b]
    if _solved(group, point):
        return True
    point.values.update(before)
    return False


def _cayley(skew: list[list[Fraction]]) -> list[list[Fraction]]:
    """(I + S)^-1 (I - S), column by column; I + S is invertible for a skew S."""
    n = len(skew)
    one = [[Fraction(int(a == b)) for b in range(n)] for a in range(n)]
    columns = []
    for c in range(n):
        rows = [[one[a][b] + skew[a][b] for b in range(n)] + [one[a][c] - skew[a][c]] for a in range(n)]
        columns.append(_eliminate(rows, n) or [Fraction(0)] * n)
    return [[columns[b][a] for b in range(n)] for a in range(n)]
