"""The order of indices: [a < b] is 1 where a is less than b, else 0.

Equality is a delta, so that [a < b] + [a = b] + [b < a] = 1. A number that is added to an index is taken out:
[a < b + 2] is [a < b] + [a = b] + [a = b + 1]. Against an end of its own range an index is told apart by deltas alone.
What is left of a product of such truths are the links of the order that no others imply.

Both [a < b] and [b < a] may stand, so that a sum over a part of an axis keeps its sign. ``oriented``, only one of the
two does wherever an order of the names can say which; then equal combinations of truths of free indices look alike.
"""

from __future__ import annotations

from derive.calculus.atoms import (
    ONE,
    Atom,
    Domain,
    Poly,
    Rational,
    Term,
    Undefined,
    Unsupported,
    addends,
    combined,
    is_compound,
    is_size,
    number,
    one_sided,
    shift,
    solved,
    term_order,
    unshifted,
)
from derive.calculus.products import Products, accumulate

STEPS = 8  # values of an index that are told apart by one delta each


class Orders(Products):
    """Products with the order of indices."""

    oriented = False

    def less(self, a: Term, b: Term) -> Poly:
        """[a < b]."""
        if is_compound(a) or is_compound(b):
            return self._less_in_sum(a, b)
        (a, k), (b, l) = unshifted(a), unshifted(b)
        gap = l - k
        if a == b:
            return number(int(gap > 0))
        if isinstance(a, int) and isinstance(b, int):
            return number(int(a < b + gap))
        if isinstance(a, int) or (is_size(a) and not is_end(b)):
            return self.sub(number(1), self.less(b, shift(a, 1 - gap)))
        if isinstance(b, int):
            return self._before_number(a, b + gap)
        if is_size(b):
            return self._before_size(a, b, gap)
        return self._unshifted_less(a, b, gap)

    def _unshifted_less(self, a: Term, b: Term, gap: int) -> Poly:
        """[a < b + k] is [a < b] and a few values of a."""
        out = self.single("less", a, b)
        for m in self._few(range(min(gap, 0), max(gap, 0))):
            accumulate(out, self.delta(a, shift(b, m)), 1 if gap > 0 else -1)
        return out

    def extremes(self, t: Term) -> tuple[Poly, Poly] | None:
        """The least and the greatest value of an index or a size, if its range is known."""
        if is_size(t):
            return self.index_value(t), self.index_value(t)
        domain = self._domain_of(t)
        if domain is None or not isinstance(domain.first, int):
            return None
        return number(domain.first), self.add(dict(domain.size), number(domain.first - 1))

    def _always(self, a: Term, b: Term) -> Poly | None:
        """1 or 0 where the ranges of the indices decide a < b."""
        base, k = unshifted(combined(((a, 1), (b, -1))))
        if isinstance(base, int):
            return number(int(base < 0))
        low = high = number(k)
        for t, c in addends(base):
            ends = self.extremes(t)
            if ends is None:
                return None
            low = self.add(low, self.scale(ends[0 if c > 0 else 1], c))
            high = self.add(high, self.scale(ends[1 if c > 0 else 0], c))
        if self.never_negative(low):
            return {}
        return number(1) if self.never_negative(self.sub(number(-1), high)) else None

    def _less_in_sum(self, a: Term, b: Term) -> Poly:
        """[a < b] said of the last variable that stands in one of the two."""
        known = self._always(a, b)
        if known is not None:
            return known
        found = solved(a, b)
        if found is None:
            base, k, sign = one_sided(a, b)
            if isinstance(base, int):
                return number(int(sign * (base - k) < 0))
            before = self.single("less", base, k)
            return before if sign > 0 else self.sub(self.sub(number(1), before), self.delta(base, k))
        v, t, sign = found
        if not is_compound(t):
            return self.less(v, t) if sign > 0 else self.less(t, v)
        before = self._unshifted_less(v, *unshifted(t))
        return before if sign > 0 else self.sub(self.sub(number(1), before), self.delta(v, t))

    def at_most(self, a: Term, b: Term) -> Poly:
        """[a <= b]."""
        return self.less(a, shift(b, 1))

    def _before_number(self, a: Term, end: int) -> Poly:
        """[a < c] for a range that begins at most a few values before c."""
        if is_size(a) and end <= self.least.get(a[1], 1):
            return {}
        domain = None if is_size(a) else self._domain_of(a)
        if domain is None or not isinstance(domain.first, int):
            return self.single("less", a, end)
        out: Poly = {}
        for value in self._few(range(domain.first, end)):
            accumulate(out, self.delta(a, value))
        return out

    def _before_size(self, a: Term, size: Term, gap: int) -> Poly:
        """[a < N + k] for a range that ends at most a few values behind N + k."""
        domain = None if is_size(a) else self._domain_of(a)
        if domain is not None and isinstance(domain.first, int):
            last = self.add(dict(domain.size), number(domain.first - 1))
            beyond = self.sub(last, self.index_value(size))
            if not beyond.keys() - {ONE} and isinstance(beyond.get(ONE, 0), int):
                out = number(1)
                for m in self._few(range(gap, int(beyond.get(ONE, 0)) + 1)):
                    accumulate(out, self.delta(a, shift(size, m)), -1)
                return out
        return self.single("less", a, shift(size, gap))

    def _domain_of(self, base: Term) -> Domain | None:
        """What an index or a label without anything added to it runs over."""
        if isinstance(base, str):
            return self.domains.get(base)
        return self.label_domains.get(base[1]) if isinstance(base, tuple) and base[0] == "@" else None

    @staticmethod
    def _few(values: range) -> range:
        if len(values) > STEPS:
            raise Unsupported(f"the order of indices that are {len(values)} apart")
        return values

    def never_negative(self, size: Poly) -> bool:
        raise NotImplementedError  # supplied by the class that knows of powers

    # ---- products -------------------------------------------------------------------------------

    def _orders(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """[a < b]^2 = [a < b]; [a < b][b < a] = 0; [a < b][b < c][a < c] = [a < b][b < c]."""
        truths = [a for a in powers if a.kind == "less" and powers[a]]
        if not truths:
            return None
        if any(powers[a] < 0 for a in truths):
            raise Undefined("the order of two indices stands in a denominator")
        if any(powers[a] != 1 for a in truths):
            return self.settle({a: (1 if a.kind == "less" else e) for a, e in powers.items()}, c)
        if len(truths) > 1:
            after = reachable([a.args for a in truths])
            if any(x in after[x] for x in after):
                return {}
            implied = [a for a in truths if any(a.args[1] in after.get(x, ()) for x in after[a.args[0]])]
            if implied:
                return self.settle({a: e for a, e in powers.items() if a not in implied}, c)
        return self._in_one_direction(powers, truths, c) if self.oriented else None

    def _in_one_direction(self, powers: dict[Atom, Rational], truths: list[Atom], c: Rational) -> Poly | None:
        """Of two names the later is said to be before the earlier, and before one other name only:
        [c < a][c < b] = [c < a] - [b < a][c < a] + [b < a][c < b]."""
        first: dict[Term, Atom] = {}
        for d in truths:
            a, b = d.args
            if not told_apart(a, b):
                continue
            if term_order(a) < term_order(b) and not is_end(b):
                by = self.sub(self.sub(number(1), self.less(b, a)), self.delta(a, b))
                return self.rebuild({k: e for k, e in powers.items() if k is not d}, c, by)
            other = first.setdefault(a, d)
            if other is d or not told_apart(other.args[1], b) or is_end(b) or is_end(other.args[1]):
                continue
            high, low = sorted((other.args[1], b), key=term_order)
            inner = self.less(low, high)
            by = self.sub(self.less(a, high), self.mul(inner, self.sub(self.less(a, high), self.less(a, low))))
            return self.rebuild({k: e for k, e in powers.items() if k not in (d, other)}, c, by)
        return None


def reachable(links: list[tuple[Term, ...]]) -> dict[Term, set[Term]]:
    """For each term that is before another, all that come after it."""
    after: dict[Term, set[Term]] = {}
    for a, b in links:
        after.setdefault(a, set()).add(b)
    while True:
        grown = False
        for later in after.values():
            more = set().union(*(after.get(x, set()) for x in later)) - later
            later |= more
            grown = grown or bool(more)
        if not grown:
            return after


def is_bound(t: Term) -> bool:
    return isinstance(t, str) and t[0] in "~%"


def is_end(t: Term) -> bool:
    """Whether a term is a number or a size, with a number added perhaps."""
    base, _ = unshifted(t)
    return isinstance(base, int) or is_size(base)


def told_apart(a: Term, b: Term) -> bool:
    """Whether the order of two terms as names means something: names of bound indices may change."""
    return not (is_bound(a) and is_bound(b))
