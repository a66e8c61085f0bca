"""Binders: sums, products and maxima over an index, and renaming under them.

A bound index gets a fresh name when its binder is opened, so nothing is captured. ``close`` brings a
sum to normal form: deltas sift, an idle index gives the size of its axis, and each connected group of
bound indices becomes one atom. In such a group the indices that hang on one other index are summed first,
round by round, as one takes the leaves off a tree; what is left gets names that depend on its form alone.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

from derive.calculus.atoms import (
    ONE,
    TRUTHS,
    Atom,
    BudgetExceeded,
    Domain,
    Monomial,
    Poly,
    Rational,
    Term,
    Unsupported,
    addends,
    combined,
    free_of,
    freeze,
    is_compound,
    magnitude,
    masked_term,
    monomial_order,
    never_empty,
    number,
    of,
    parts,
    shift,
    substitute_term,
    term_of,
    term_order,
    unshifted,
    variables,
)
from derive.calculus.powers import Powers
from derive.calculus.products import accumulate

POWERS = 6  # sums of powers of an index up to this one are written out
GROUPS = 60  # groups of bound indices that are tried for an assumed sum
ENDS = 4  # elements by which a range may fall short of an axis
CORE = 5_040  # orders of bound indices that are tried for one name-free form

Value = Callable[[str, tuple[Term, ...]], Poly]


class Sums(Powers):
    """Products, powers and binders."""

    # ---- sums -----------------------------------------------------------------------------------

    def sum_over(self, p: Poly, v: str, domain: Domain) -> Poly:
        """The sum of p over v in its domain."""
        self.domains[v] = domain
        out: Poly = {}
        for m, c in p.items():
            accumulate(out, self.close([v], m, c))
        return out

    def close(self, bound: Sequence[str], m: Monomial, c: Rational) -> Poly:
        """Sum ``c m`` over ``bound``: sift deltas, factor out, split into connected components."""
        self.spend()
        for v in bound:
            sifted = self._sift(bound, v, m, c)
            if sifted is None:
                sifted = self._along_axis(bound, v, m, c)
            if sifted is None:
                sifted = self._over_whole_axis(bound, v, m, c)
            if sifted is not None:
                return sifted
        inside: dict[str, set[str]] = {v: {v} for v in bound}
        outer: list[tuple[Atom, Rational]] = []
        for a, e in m:
            touched = [v for v in bound if v in a.free]
            if not touched:
                outer.append((a, e))
                continue
            group = set().union(*(inside[v] for v in touched))
            for v in group:
                inside[v] = group
        out: Poly = {tuple(outer): c}
        done: set[str] = set()
        for v in bound:
            if v in done:
                continue
            group = inside[v]
            done |= group
            factors = tuple((a, e) for a, e in m if a.free & group)
            order = [u for u in bound if u in group]
            if factors:
                out = self.mul(out, self._component(order, factors))
            else:
                self.used("idle sum")
                out = self.mul(out, self.count(self.domains[v]))
            if not out:
                return out
        return out

    def _sift(self, bound: Sequence[str], v: str, m: Monomial, c: Rational) -> Poly | None:
        """sum_v delta_{v t} f(v) = f(t) for t in the range of v."""
        for d, e in m:
            if d.kind != "delta" or v not in d.free:
                continue
            a, b = d.args
            term = value_where(a, b, v)
            if term is None or v in variables(term):
                continue
            inside = self.membership(term, self.domains[v])
            if inside is None:
                continue
            self.used("sifting")
            rest = {a: e for a, e in m if a is not d}
            p = self.mul(self.set_index(rest, v, term, c), inside)
            return self.close_all([u for u in bound if u != v], p)
        return None

    def close_all(self, bound: Sequence[str], p: Poly) -> Poly:
        out: Poly = {}
        for m, c in p.items():
            accumulate(out, self.close(bound, m, c))
        return out

    def membership(self, term: Term, domain: Domain) -> Poly | None:
        """1 if the term lies in the domain, as a normal form; None where that is not known."""
        if isinstance(term, int):
            return number(1) if self._holds_constant(domain, term) else None
        base, k = unshifted(term)
        if isinstance(base, str):
            own = self.domains.get(base)
        else:
            own = self.label_domains.get(base[1]) if base[0] == "@" else None
        if is_compound(term):
            return self._between(term, domain)
        if own is None and self._is_last(term, domain):
            return number(1)
        if own is None:
            return number(1) if domain.certain and isinstance(term, str) and term[0] not in "%~" else None
        if own == domain and not k:
            return number(1)
        if not (isinstance(own.first, int) and isinstance(domain.first, int)):
            return None
        beyond = self._beyond(domain, Domain(own.first + k, own.size))
        if beyond is None:
            return self._between(term, domain)
        out: Poly = number(1)
        for end in beyond:
            accumulate(out, self.delta(term, end), -1)
        return out

    def _between(self, term: Term, domain: Domain) -> Poly | None:
        """[first <= t][t <= last], where the last value of a range can stand as an index."""
        last = self._as_term(self.add(dict(domain.size), number(domain.first - 1)))
        return None if last is None else self.mul(self.at_most(domain.first, term), self.at_most(term, last))

    def _is_last(self, term: Term, domain: Domain) -> bool:
        """A size as an index is the last value of 1..N."""
        if not isinstance(term, tuple) or term[0] != "@" or term[2] or domain.first != 1 or not domain.certain:
            return False
        return dict(domain.size) == of(self.table.atom("dim", term[1]))

    def _holds_constant(self, domain: Domain, value: int) -> bool:
        """True if a range has this value at the least sizes that the fixed entries of the claim allow."""
        if not isinstance(domain.first, int) or value < domain.first:
            return False
        if not domain.certain and any(m != ONE for m, _ in domain.size):
            return False
        count = sum(c * math.prod(self.least.get(a.args[0], 1) ** e for a, e in m) for m, c in domain.size)
        return value < domain.first + count

    def lies_in(self, term: Term, domain: Domain) -> bool:
        """True if a term is known to lie in a range."""
        return self.membership(term, domain) == number(1)

    def count(self, domain: Domain) -> Poly:
        """How many values a range has, if that is its size for every dimension: an empty one has none."""
        if not domain.certain and not self.never_negative(dict(domain.size)):
            raise Unsupported("a range that may end before it begins")
        return dict(domain.size)

    def never_negative(self, size: Poly) -> bool:
        """True if no coefficient is negative once each dimension N is written as its least value and n more."""
        if any(a.kind != "dim" or not isinstance(e, int) or e < 0 for m in size for a, e in m):
            return False
        shifted: Poly = {}
        for m, c in size.items():
            more = (self.power(self.add(of(a), number(self.least.get(a.args[0], 1))), e) for a, e in m)
            accumulate(shifted, self.product([number(c), *more]))
        return all(c >= 0 for c in shifted.values())

    # ---- parts of an axis -------------------------------------------------------------------------

    def _over_whole_axis(self, bound: Sequence[str], v: str, m: Monomial, c: Rational) -> Poly | None:
        """sum_{v=2}^{N} f(v) = sum_{v=1}^{N} f(v) - f(1), where a range lacks a few ends of an axis.

        An index that stands shifted everywhere is counted from there first.
        """
        domain = self.domains[v]
        if not isinstance(domain.first, int) or all(v not in a.free for a, _ in m):
            return None
        if domain in self._plain_axes() and not any(a.shifted for a, _ in m):
            return None
        places = list(places_of(m, v))
        least = min((offset for _, _, offset in places), default=0)
        if least and not any(v in a.free and (a.kind == "delta" or a.args[0] == "#") for a in atoms_within(m)):
            w = self.fresh(Domain(domain.first + least, domain.size, domain.certain))
            return self.close_all(swapped(bound, v, w), self.rename_product(dict(m), {v: shift(w, -least)}, c))
        whole = self._whole_range(places)
        outside = None if whole is None else self._beyond(whole, domain)
        if whole is None or outside is None or not self.never_negative(dict(domain.size)):
            return None
        if any(self.rename_product(dict(m), {v: end}, c) for end in outside):
            return None
        if outside:  # where the terms vanish
            first = max(whole.first, domain.first)
            domain = Domain(first, freeze(self.add(dict(domain.size), number(-len(outside)))), False)
        ends = self._beyond(domain, whole)
        if not ends:
            return None
        w = self.fresh(whole)
        out = self.close_all(swapped(bound, v, w), self.rename_product(dict(m), {v: w}, c))
        for end in ends:
            accumulate(out, self.close_all(swapped(bound, v), self.rename_product(dict(m), {v: end}, c)), -1)
        return out

    def _along_axis(self, bound: Sequence[str], v: str, m: Monomial, c: Rational) -> Poly | None:
        """sum_{v=0}^{N-i} f(v, x_{i+v}) = sum_w [i <= w] f(w - i, x_w), where v stands in no index but i + v.

        Beside the axis of x nothing has a value.
        """
        domain = self.domains[v]
        found = {(name, slot, t) for name, slot, t in compounds_of(m, v)}
        if len({t for _, _, t in found}) != 1 or not isinstance(domain.first, int):
            return None
        if any(name for name, _, _ in places_of(m, v)) or any(a.kind in ("delta", "sum") and v in a.free for a, _ in m):
            return None
        name, slot, t = min(found, key=repr)
        axes = self.shapes.get(name, ())
        last = self._as_term(self.add(dict(domain.size), number(domain.first - 1)))
        sign = dict(addends(unshifted(t)[0]))[v]
        if slot >= len(axes) or last is None or abs(sign) != 1:
            return None
        w = self.fresh(axes[slot])
        value = combined(((t, -sign), (v, 1), (w, sign)))  # of v where t is w
        body = self.rename_product(dict(m), {v: value}, c)
        inside = self.mul(self.at_most(domain.first, value), self.at_most(value, last))
        return self.close_all(swapped(bound, v, w), self.mul(body, inside))

    def _plain_axes(self) -> frozenset[Domain]:
        """The axes of all tensors, as ranges, but for those that differ from another by a few elements."""
        if self._whole is None:
            axes = {d for axes in self.shapes.values() for d in axes}
            ranges = {Domain(d.first, d.size, never_empty(dict(d.size))) for d in axes}
            kinds = Counter(frozenset(item for item in d.size if item[0] != ONE) for d in ranges)
            self._whole = frozenset(
                d for d in ranges if kinds[frozenset(item for item in d.size if item[0] != ONE)] == 1
            )
        return self._whole

    def _whole_range(self, places: Iterable[tuple[str, int, int]]) -> Domain | None:
        """The values of an index for which it lies in the axis of each place; None if nothing says so."""
        first: int | None = None
        last: Poly = {}
        for name, slot, offset in places:
            axes = self.shapes.get(name, ())
            if slot >= len(axes) or not isinstance(axes[slot].first, int):
                return None
            low = axes[slot].first - offset
            high = self.add(dict(axes[slot].size), number(low - 1))
            if first is None:
                first, last = low, high
                continue
            first = max(first, low)
            gap = self.sub(high, last)
            if gap.keys() - {ONE}:
                return None
            last = high if gap.get(ONE, 0) < 0 else last
        if first is None:
            return None
        size = self.add(last, number(1 - first))
        return Domain(first, freeze(size), never_empty(size))

    def _beyond(self, part: Domain, whole: Domain) -> list[Term] | None:
        """The few values of a range that another range lacks, at its two ends; None where that is not known."""
        before = max(part.first - whole.first, 0)
        last = self.add(dict(whole.size), number(whole.first - 1))
        gap = self.sub(last, self.add(dict(part.size), number(part.first - 1)))
        after = max(gap.get(ONE, 0), 0)
        if gap.keys() - {ONE} or before + after > ENDS:
            return None
        if before and after and not self.never_negative(dict(part.size)):
            return None  # an element may be at both ends
        top = self._as_term(last) if after else 0
        if top is None:
            return None
        return [*range(whole.first, whole.first + before), *(shift(top, -k) for k in range(int(after)))]

    @staticmethod
    def _as_term(p: Poly) -> Term | None:
        """A size plus a number, as an index."""
        extra = p.get(ONE, 0)
        sizes = [(m, c) for m, c in p.items() if m != ONE]
        if not isinstance(extra, int) or len(sizes) > 1:
            return None
        if not sizes:
            return extra
        ((m, c),) = sizes
        if c != 1 or len(m) != 1 or m[0][1] != 1 or m[0][0].kind != "dim":
            return None
        return shift(("@", m[0][0].args[0], ()), extra)

    def _component(self, bound: list[str], m: Monomial) -> Poly:
        """The sum of a connected product: flattened, its leaves summed first, its core named canonically."""
        bound, p = self._flatten(bound, m)
        if self.oriented and p.keys() == {m} and (turned := self._turned(bound, m)) is not None:
            return self.scale(turned, p[m])
        if p.keys() != {m} and not self._is_component(bound, p):
            return self.close_all(bound, p)
        ((m, c),) = p.items()
        if self.rewrites.sums and len(bound) > 1 and (known := self._absorb(bound, m)) is not None:
            return self.scale(known, c)
        while len(bound) > 1 and (leaves := self._leaves(bound, m)):
            rest = tuple((a, e) for a, e in m if not (a.free & set(leaves)))
            inner = [self._sum_atom([v], tuple((a, e) for a, e in m if v in a.free)) for v in leaves]
            bound = [v for v in bound if v not in leaves]
            merged = self._merge(rest, inner)
            if merged is None:
                return self.close_all(bound, self.mul({rest: c}, self.product(inner)))
            m = merged
        absorbed = self._absorb(bound, m) if len(bound) > 1 else None
        return self.scale(self._sum_atom(bound, m) if absorbed is None else absorbed, c)

    def _turned(self, bound: list[str], m: Monomial) -> Poly | None:
        """sum_{v<w} f(v, w) = sum f - sum_{v=w} f - sum_{v<w} f(w, v), read from the later form to the earlier one."""
        for d, e in m:
            if d.kind != "less" or e != 1 or not {*d.args} <= {*bound}:
                continue
            v, w = d.args
            if self.domains[v] != self.domains[w]:
                continue
            rest = {a: k for a, k in m if a is not d}
            swap: dict[str, Term] = {v: w, w: v}
            back = self.mul(self.rename_product(rest, swap, 1), of(d))
            if len(back) != 1:
                continue
            ((n, c),) = back.items()
            here, there = (self._canonical(bound, k) for k in (m, n))
            symmetric = here[:2] == there[:2] and here[2] == c * there[2]
            if not symmetric and (here[:2] == there[:2] or self._order(here) < self._order(there)):
                continue
            whole = self.settle(dict(rest), 1)
            out = self.close_all(bound, self.sub(whole, self.mul(whole, self.delta(v, w))))
            if symmetric:
                return self.scale(out, Fraction(1, 2))
            return self.sub(out, self.scale(self._component(bound, n), c))
        return None

    def _order(self, form: tuple[tuple[Domain, ...], Monomial, Rational]) -> tuple[object, ...]:
        return [self._domain_order(d) for d in form[0]], monomial_order(form[1])

    def _merge(self, m: Monomial, inner: list[Poly]) -> Monomial | None:
        """The product of m and of plain sums, if nothing in it simplifies."""
        powers = dict(m)
        for p in inner:
            if len(p) != 1:
                return None
            ((n, c),) = p.items()
            if c != 1 or len(n) != 1 or n[0][1] != 1 or powers.get(n[0][0], 1) < 0:
                return None
            powers[n[0][0]] = powers.get(n[0][0], 0) + 1
        settled = self.settle(dict(powers), 1)
        m = tuple(sorted(powers.items()))
        return m if settled == {m: 1} else None

    def _is_component(self, bound: list[str], p: Poly) -> bool:
        """One connected product in which nothing is left to sift."""
        if len(p) != 1:
            return False
        m = next(iter(p))
        names, seen, todo = set(bound), {bound[0]}, [bound[0]]
        if any(a.kind == "delta" and a.free & names for a, _ in m):
            return False
        while todo:
            v = todo.pop()
            for a, _ in m:
                if v in a.free:
                    more = (a.free & names) - seen
                    seen |= more
                    todo += more
        return seen == names and all(a.free & names for a, _ in m)

    def _flatten(self, bound: list[str], m: Monomial) -> tuple[list[str], Poly]:
        """Whole powers of sums that mention a bound index are opened into the sum around them."""
        names = set(bound)
        opened = [(a, e) for a, e in m if a.kind == "sum" and isinstance(e, int) and 0 < e <= 4 and a.free & names]
        if not opened:
            return bound, {m: 1}
        more = list(bound)
        p: Poly = self.settle({a: e for a, e in m if (a, e) not in opened}, 1)
        for a, e in opened:
            for _ in range(int(e)):
                new, body = self.open_sum(a)
                if len(body) == 1:
                    ((inner, c),) = body.items()
                    new, body = self._flatten(new, inner)
                    body = self.scale(body, c)
                more += new
                p = self.mul(p, body)
        return more, p

    def _leaves(self, bound: list[str], m: Monomial) -> list[str]:
        """The bound indices that meet just one other; of a lone pair, the one with no factor of its own."""
        names = set(bound)
        meets: dict[str, set[str]] = {v: set() for v in bound}
        private: set[str] = set()
        for a, _ in m:
            touched = a.free & names
            for v in touched:
                meets[v] |= touched - {v}
            if len(touched) == 1:
                private |= touched
        if len(bound) == 2:
            bare = [v for v in bound if v not in private]
            return bare if len(bare) == 1 else []
        return [v for v in bound if len(meets[v]) == 1]

    def _absorb(self, bound: list[str], m: Monomial) -> Poly | None:
        """A bound index is summed first where that makes a known sum: a denominator, or an assumed one."""
        names = set(bound)
        present = {a for a, _ in m if a.kind == "sum" and a.free & names}
        if not present and not self.rewrites.sums:
            return None
        for v in bound:
            factors = tuple((a, e) for a, e in m if v in a.free)
            inner = self._sum_atom([v], factors)
            plain = [m[0][0] for m in inner if len(m) == 1 and m[0][0].kind == "sum"]
            known = plain[0] in present if len(inner) == 1 and plain else True
            if known:
                rest = self.settle({a: e for a, e in m if v not in a.free}, 1)
                return self.close_all([u for u in bound if u != v], self.mul(rest, inner))
        return self._absorb_group(bound, m)

    def _absorb_group(self, bound: list[str], m: Monomial) -> Poly | None:
        """The same for a sum over several indices that an assumed equation speaks of."""
        lengths = {len(rule.pattern[0][0].args[0]) for rule in self.rewrites.sums} - {1}
        for k in sorted(lengths):
            if k >= len(bound) or math.comb(len(bound), k) > GROUPS:
                continue
            for group in itertools.combinations(bound, k):
                factors = tuple((a, e) for a, e in m if not a.free.isdisjoint(group))
                if not self._is_component(list(group), {factors: 1}):
                    continue
                domains, body, c = self._canonical(list(group), factors)
                assumed = self.rewrites.rewrite_atom(self.table.atom("sum", domains, body))
                if assumed is not None:
                    rest = self.settle({a: e for a, e in m if a.free.isdisjoint(group)}, c)
                    return self.close_all([u for u in bound if u not in group], self.mul(rest, assumed))
        return None

    def _sum_atom(self, bound: list[str], m: Monomial) -> Poly:
        """The atom of a sum, named canonically; the first elements come out where the range exceeds an axis."""
        if len(bound) == 1:
            closed = self._closed(bound[0], m)
            if closed is not None:
                return closed
            split = self._split_range(bound[0], m)
            if split is not None:
                return split
        domains, body, c = self._canonical(bound, m)
        atom = self.table.atom("sum", domains, body)
        assumed = self.rewrites.rewrite_atom(atom)
        return {((atom, 1),): c} if assumed is None else self.scale(assumed, c)

    def _closed(self, v: str, m: Monomial) -> Poly | None:
        """The sum of 1, of a power of the index or of a number to the power of it, over a stretch of its range."""
        counter = self.table.atom("entry", "#", (v,))
        if not all(a.kind == "less" or _counts(a, counter) for a, _ in m):
            return None
        stretch = self._stretch(v, tuple(a for a, _ in m if a.kind == "less"))
        if stretch is None:
            return None
        first, size, where = stretch
        m = tuple((a, e) for a, e in m if a.kind != "less")
        if not m:
            self.used("idle sum")
            return self.mul(where, size)
        if len(m) == 1 and m[0][0] is counter and isinstance(m[0][1], int) and 0 < m[0][1] <= POWERS:
            self.used("sum of powers")
            before = self.sub(first, number(1))
            last = self.add(before, size)
            return self.mul(where, self.sub(self._power_sum(m[0][1], last), self._power_sum(m[0][1], before)))
        ratio: Poly = number(1)
        for a, e in m:
            base = self._base(a, counter)
            if base is None:
                return None
            ratio = self.mul(ratio, self.power(base, e))
        if not self._is_generic(ratio):
            return None
        self.used("geometric sum")
        start = self.symbolic_power(ratio, first)
        beyond = self.mul(start, self.symbolic_power(ratio, size))
        return self.product((where, self.sub(start, beyond), self.power(self.sub(number(1), ratio), -1)))

    def _stretch(self, v: str, truths: tuple[Atom, ...]) -> tuple[Poly, Poly, Poly] | None:
        """First value, number and 0 or 1 of the values of v for which [s < v] and [v < t] hold, one of each at most.

        The number counts where the last factor is 1; elsewhere there are none.
        """
        domain = self.domains[v]
        if not isinstance(domain.first, int):
            return None
        low: list[Term] = [a.args[0] for a in truths if a.args[1] == v]
        high: list[Term] = [a.args[1] for a in truths if a.args[0] == v]
        if not truths:
            return number(domain.first), self.count(domain), number(1)
        if len(low) > 1 or len(high) > 1 or any(v in variables(t) for t in (*low, *high)):
            return None
        end = self._as_term(self.add(dict(domain.size), number(domain.first)))
        if end is None:
            return None
        start = shift(low[0], 1) if low else domain.first
        stop = high[0] if high else end
        known = [(domain.first, start), (stop, end), *([] if low and high else [(start, stop)])]
        if not all(self.at_most(s, t) == number(1) for s, t in known):
            return None
        first = self.index_value(start)
        return first, self.sub(self.index_value(stop), first), self.at_most(start, stop)

    def _base(self, a: Atom, counter: Atom) -> Poly | None:
        """r where the atom is r to the power of the index."""
        if a.kind not in ("exp", "ipow"):
            return None
        exponent = dict(a.args[0] if a.kind == "exp" else a.args[1])
        if exponent.pop(counter, 0) != 1 or any(not b.free.isdisjoint(counter.free) for b in exponent):
            return None
        rest: Poly = {tuple(sorted(exponent.items())): 1}
        if a.kind == "exp":
            return self.exp(rest)
        return self.power(of(a.args[0]), 1) if not exponent and a.args[0].free.isdisjoint(counter.free) else None

    def _is_generic(self, ratio: Poly) -> bool:
        """True if nothing known makes the ratio 1 on a whole region, where the closed form would say 0/0."""
        if len(ratio) != 1 or ratio == number(1):
            return False
        atoms = [a for m in ratio for a, _ in m]
        names = frozenset().union(*(a.names for a in atoms))
        inner = [b for a in atoms if a.kind == "exp" for b, _ in a.args[0]]
        plain = all(b.kind in ("entry", "num", "const") for b in inner + [a for a in atoms if a.kind != "exp"])
        known = any(rule.speaks_of(names) for rule in (*self.rewrites.products, *self.rewrites.sums))
        replaced = any(name in self.defined or name.startswith("$") for name in names)
        return plain and not known and not replaced and all(not a.free for a in atoms)

    def _power_sum(self, e: int, n: Poly) -> Poly:
        """1^e + ... + n^e: (n+1)^(e+1) - 1 = sum_k binom(e+1, k) S_k(n) over k <= e."""
        total = self.sub(self.product([self.add(n, number(1))] * (e + 1)), number(1))
        total = self.sub(total, n)
        for k in range(1, e):
            total = self.sub(total, self.scale(self._power_sum(k, n), math.comb(e + 1, k)))
        return self.scale(total, Fraction(1, e + 1))

    def _split_range(self, v: str, m: Monomial) -> Poly | None:
        """sum_{v=0}^{N} f(v) = f(0) + sum_{v=1}^{N} f(v): a range of N + k values is k values and an axis."""
        domain = self.domains[v]
        size = dict(domain.size)
        extra = size.get(ONE, 0)
        if len(size) == 1 or not isinstance(extra, int) or not 0 < extra <= 4 or not isinstance(domain.first, int):
            return None
        if any(c < 0 for c in size.values()):
            return None
        whole = self._whole_range(places_of(m, v))
        if whole is not None and (whole.first, whole.size) == (domain.first, domain.size):
            return None
        rest = Domain(domain.first + extra, freeze({k: c for k, c in size.items() if k != ONE}), True)
        out: Poly = {}
        for k in range(domain.first, domain.first + extra):
            accumulate(out, self.rename_product(dict(m), {v: k}, 1))
        w = self.fresh(rest)
        accumulate(out, self.close_all([w], self.rename_product(dict(m), {v: w}, 1)))
        return out

    def _canonical(self, bound: list[str], m: Monomial) -> tuple[tuple[Domain, ...], Monomial, Rational]:
        """A form that does not depend on the names of the bound indices: their domains, the product, its sign."""
        h = 1 + max(a.height for a, _ in m)
        names = [f"%{h}.{k}" for k in range(len(bound))]
        if len(bound) == 1:
            return (self.domains[bound[0]],), *self._renamed_monomial(m, {bound[0]: names[0]})
        cells = self._refined(bound, m)
        orders = math.prod(math.factorial(len(cell)) for cell in cells)
        if orders > CORE:
            raise BudgetExceeded(f"{len(bound)} bound indices in one product that cannot be told apart")
        best: tuple[tuple[Domain, ...], Monomial, Rational] | None = None
        best_key: tuple[object, ...] = ()
        for choice in itertools.product(*(itertools.permutations(cell) for cell in cells)):
            order = [v for cell in choice for v in cell]
            body, c = self._renamed_monomial(m, dict(zip(order, names, strict=True)))
            key = monomial_order(body)
            if best is None or key < best_key:
                best, best_key = (tuple(self.domains[v] for v in order), body, c), key
        assert best is not None
        return best

    def _refined(self, bound: list[str], m: Monomial) -> list[list[str]]:
        """Bound indices in cells, by a name-free description of what they do, refined by that of their neighbours."""
        colour: dict[str, object] = {v: (self._domain_order(self.domains[v]),) for v in bound}
        for _ in range(3):
            fresh: dict[str, object] = {}
            ranks = {k: n for n, k in enumerate(sorted(set(colour.values()), key=repr))}
            for v in bound:
                mask = {u: ("*" if u == v else f"?{ranks[colour[u]]}") for u in bound}
                seen = sorted((self._masked(a, mask), str(e)) for a, e in m if v in a.free)
                fresh[v] = (ranks[colour[v]], tuple(seen))
            colour = fresh
        cells: dict[str, list[str]] = {}
        for v in bound:
            cells.setdefault(repr(colour[v]), []).append(v)
        return [cells[key] for key in sorted(cells)]

    def _domain_order(self, d: Domain) -> str:
        return f"{d.first} {[(monomial_order(k), c) for k, c in d.size]}"

    def _masked(self, a: Atom, mask: dict[str, str]) -> str:
        """The serial number of the atom with its bound indices masked."""
        relevant = {v: t for v, t in mask.items() if v in a.free}
        return self._skeleton(a, relevant)

    def _skeleton(self, a: Atom, mask: dict[str, str]) -> str:
        if not (a.free & mask.keys()):
            return f"a{a.serial}"
        if a.kind == "entry":
            terms = [masked_term(t, mask) for t in a.args[1]]
            return f"{a.args[0]}({','.join(sorted(terms) if self.rewrites.is_symmetric(a.args[0]) else terms)})"
        if a.kind == "delta":
            return "δ(" + ",".join(sorted(masked_term(t, mask) for t in a.args)) + ")"
        if a.kind == "less":
            return "<(" + ",".join(masked_term(t, mask) for t in a.args) + ")"
        if a.kind == "exp":
            return "exp(" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in a.args[0])) + ")"
        if a.kind == "sum":
            return (
                f"sum{len(a.args[0])}(" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in a.args[1])) + ")"
            )
        if a.kind in ("log", "abs", "step"):
            return f"{a.kind}({self._skeleton(a.args[0], mask)})"
        if a.kind == "poly":
            each = (f"{c}:" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in k)) for k, c in a.args[0])
            return "poly(" + "+".join(sorted(each)) + ")"
        if a.kind == "fn":
            inner = (
                "+".join(
                    sorted(f"{c}:" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in k)) for k, c in f)
                )
                for f in a.args[2]
            )
            return f"{a.args[0]}{a.args[1]}(" + ";".join(inner) + ")"
        return a.kind + "".join(sorted(mask[v] for v in a.free if v in mask))

    def _renamed_monomial(self, m: Monomial, sigma: dict[str, str]) -> tuple[Monomial, Rational]:
        with self.ranging({new: self.domains[old] for old, new in sigma.items()}):
            p = self.rename_product(dict(m), sigma, 1)
        if len(p) != 1:
            raise Unsupported("a sum whose terms change under renaming")
        ((body, c),) = p.items()
        if max((a.height for a, _ in body), default=0) != max((a.height for a, _ in m), default=0):
            raise Unsupported("a sum whose terms change under renaming")
        return body, c

    # ---- opening binders ------------------------------------------------------------------------

    def open_sum(self, a: Atom) -> tuple[list[str], Poly]:
        """Fresh names for the bound indices of a sum, and its body under them."""
        new = [self.fresh(d) for d in a.args[0]]
        sigma = {f"%{a.height}.{k}": v for k, v in enumerate(new)}
        return new, self.rename_product(dict(a.args[1]), sigma, 1)

    def open_one(self, a: Atom) -> tuple[Domain, Poly, str]:
        """The same for a binder over a polynomial."""
        v = self.fresh(a.args[0])
        return a.args[0], self.rename(dict(a.args[1]), {f"%{a.height}.0": v}), v

    def bind(self, kind: str, p: Poly, names: Sequence[str], domain: Domain, *terms: Term) -> Poly:
        """An atom that binds ``names`` in a polynomial."""
        h = 1 + max((a.height for m in p for a, _ in m), default=0)
        sigma = {v: f"%{h}.{k}" for k, v in enumerate(names)}
        with self.ranging(dict.fromkeys(sigma.values(), domain)):
            body = self.rename(p, sigma)
            if kind in ("inv", "sinv"):
                first, second = sigma.values()
                symmetric = self.rename(body, {first: second, second: first}) == body
                kind = "sinv" if symmetric else "inv"
                terms = tuple(sorted(terms, key=term_order)) if symmetric else terms
        atom = self.table.atom(kind, domain, freeze(body), *terms)
        if atom.height != h:
            raise Unsupported("a binder whose body changes under renaming")
        return of(atom)

    # ---- products over an index, maxima ---------------------------------------------------------

    def product_over(self, p: Poly, v: str, domain: Domain) -> Poly:
        """prod_v p: factors without v come out as powers, exponentials as sums, a delta as one exception."""
        if not p:
            return {} if domain.certain else self.symbolic_power({}, dict(domain.size))
        special = self._exceptional_factor(p, v, domain)
        if special is not None:
            return special
        m, c, core = self.together(p)
        size = self.count(domain)
        out = self.symbolic_power(number(c), size) if c != 1 else number(1)
        for a, e in [*m, *([(self.table.atom("poly", freeze(core)), 1)] if core != number(1) else [])]:
            if v not in a.free:
                factor = self.symbolic_power(of(a, e), size)
            elif a.kind == "exp":
                factor = self.exp(self.sum_over(term_of(a.args[0], e), v, domain))
            elif (single := self._single_factor(a, e, v, domain)) is not None:
                factor = single
            elif isinstance(e, int):
                factor = self.power(self.bind("prod", of(a), [v], domain), e)
            else:
                factor = self.bind("prod", of(a, e), [v], domain)
            out = self.mul(out, factor)
        return out

    def _single_factor(self, a: Atom, e: Rational, v: str, domain: Domain) -> Poly | None:
        """prod_v f(v)^(delta_{vt} h(v)) = f(t)^h(t) for t in the range of v."""
        for d, _ in a.args[1] if a.kind == "ipow" else ():
            term = value_where(d.args[0], d.args[1], v) if d.kind == "delta" else None
            inside = self.membership(term, domain) if term is not None and v not in variables(term) else None
            if term is None or inside is None:
                continue
            exponent = self.rename({tuple((b, k) for b, k in a.args[1] if b is not d): e}, {v: term})
            return self.symbolic_power(self.rename(of(a.args[0]), {v: term}), self.mul(exponent, inside))
        return None

    def _exceptional_factor(self, p: Poly, v: str, domain: Domain) -> Poly | None:
        """prod_v (A_v + delta_{v t} B_v) = prod_v A_v * (A_t + B_t) / A_t."""
        terms = {t for m in p for a, _ in m if a.kind == "delta" and v in a.free for t in a.args if t != v}
        if len(terms) != 1:
            return None
        (term,) = terms
        if v in variables(term) or self.membership(term, domain) != number(1):
            return None
        ((((d, _),), _),) = self.delta(v, term).items()
        plain = {m: c for m, c in p.items() if all(a is not d for a, _ in m)}
        if not plain:
            return None
        there = self.rename(p, {v: term})
        usual = self.rename(plain, {v: term})
        if any(a.kind in TRUTHS for m in usual for a, _ in m):
            return None  # it may vanish on a whole region
        return self.product((self.product_over(plain, v, domain), there, self.power(usual, -1)))

    def max_over(self, p: Poly, v: str, domain: Domain) -> Poly:
        """max_v p: terms without v come out, and a positive common factor."""
        outer = {m: c for m, c in p.items() if v not in free_of(m)}
        inner = {m: c for m, c in p.items() if m not in outer}
        if not inner:
            return outer
        m, c, core = self.together(inner)
        kept = [(a, e) for a, e in m if v in a.free or self.sign(a) != "+"]
        out = [(a, e) for a, e in m if (a, e) not in kept]
        body = self.mul(core, {tuple(kept): 1 if c > 0 else -1})
        atom = self.bind("max", body, [v], domain)
        return self.add(outer, self.mul(atom, {tuple(out): magnitude(c)}))

    # ---- renaming and opening -------------------------------------------------------------------

    def rename(self, p: Poly, sigma: dict[str, Term]) -> Poly:
        out: Poly = {}
        for m, c in p.items():
            accumulate(out, self.rename_product(dict(m), sigma, c))
        return out

    def set_index(self, powers: dict[Atom, Rational], v: str, term: Term, c: Rational) -> Poly:
        """A product with a term in the place of an index. Sums around sums in which it stands are closed once more:
        which of them is summed first may depend on whether the index is bound around them."""
        anew = [(a, e) for a, e in powers.items() if v in a.free and a.kind == "sum" and isinstance(e, int) and e > 0
                and any(b.kind == "sum" for b, _ in a.args[1])]
        out = self.rename_product({a: e for a, e in powers.items() if (a, e) not in anew}, {v: term}, c)
        for a, e in anew:
            new, body = self.open_sum(a)
            out = self.mul(out, self.power(self.close_all(new, self.rename(body, {v: term})), e))
        return out

    def rename_product(self, powers: dict[Atom, Rational], sigma: dict[str, Term], c: Rational) -> Poly:
        kept: dict[Atom, Rational] = {}
        changed: list[Poly] = []
        for a, e in powers.items():
            if a.free.isdisjoint(sigma):
                kept[a] = kept.get(a, 0) + e
                continue
            if a.kind == "abs":
                changed.append(self.modulus(self.rename(of(a.args[0]), sigma), e))
                continue
            q = self.rename_atom(a, {v: t for v, t in sigma.items() if v in a.free})
            if len(q) == 1:
                ((m, k),) = q.items()
                if len(m) == 1 and k == 1:
                    kept[m[0][0]] = kept.get(m[0][0], 0) + m[0][1] * e
                    continue
            changed.append(self.power(q, e))
        settled = self.settle({a: e for a, e in kept.items() if e}, c)
        return self.mul(settled, self.product(changed)) if changed else settled

    def rename_atom(self, a: Atom, sigma: dict[str, Term]) -> Poly:
        key = (a, tuple(sorted(sigma.items())))
        found = self._renamed.get(key)
        if found is None:
            self.spend()
            found = self._renamed_in_place(a, sigma)
            if found is not None:
                self._renamed[key] = found
                return found
            found = self._renamed[key] = self.rebuild_atom(
                a, lambda t: substitute_term(t, sigma), lambda p: self.rename(p, sigma)
            )
        return found

    def _renamed_in_place(self, a: Atom, sigma: dict[str, Term]) -> Poly | None:
        """Free indices of a sum over one index are renamed without opening it, if its product stays as it is."""
        if a.kind != "sum" or len(a.args[0]) != 1 or any(clashes(t, a.height) for t in sigma.values()):
            return None
        p = self.rename_product(dict(a.args[1]), sigma, 1)
        if len(p) != 1:
            return None
        ((body, c),) = p.items()
        own = f"%{a.height}.0"
        if len(body) != len(a.args[1]) or not all(own in b.free for b, _ in body):
            return None
        atom = self.table.atom("sum", a.args[0], body)
        if atom.height != a.height:
            return None
        assumed = self.rewrites.rewrite_atom(atom)
        return {((atom, 1),): c} if assumed is None else self.scale(assumed, c)

    def replace_entries(self, p: Poly, names: frozenset[str], value: Value) -> Poly:
        """Replace entries of the tensors ``names`` by what ``value(name, indices)`` says, everywhere."""

        def entry(a: Atom) -> Poly | None:
            return value(a.args[0], a.args[1]) if a.kind == "entry" and a.args[0] in names else None

        return self.replace(p, lambda a: not a.names.isdisjoint(names), entry)

    def replace(self, p: Poly, concerns: Callable[[Atom], bool], value: Callable[[Atom], Poly | None]) -> Poly:
        """Replace atoms by what ``value`` says, at any depth; atoms that ``concerns`` denies are left alone."""
        memo: dict[Atom, Poly] = {}

        def of_poly(p: Poly) -> Poly:
            out: Poly = {}
            for m, c in p.items():
                term: Poly = {tuple((a, e) for a, e in m if not concerns(a)): c}
                for a, e in m:
                    if concerns(a):
                        term = self.mul(term, self.power(of_atom(a), e))
                accumulate(out, term)
            return out

        def of_atom(a: Atom) -> Poly:
            if a not in memo:
                new = value(a)
                memo[a] = new if new is not None else self.rebuild_atom(a, lambda t: t, of_poly)
            return memo[a]

        return of_poly(p)

    def rebuild_atom(self, a: Atom, term: Callable[[Term], Term], poly: Callable[[Poly], Poly]) -> Poly:
        """The atom made anew, its index terms and its inner polynomials mapped."""
        args = a.args
        match a.kind:
            case "entry":
                return self.entry(args[0], tuple(map(term, args[1])))
            case "delta":
                return self.delta(term(args[0]), term(args[1]))
            case "less":
                return self.less(term(args[0]), term(args[1]))
            case "exp":
                return self.exp(poly(term_of(args[0], 1)))
            case "log":
                return self.log(poly(of(args[0]))) if isinstance(args[0], Atom) else of(a)
            case "abs":
                return self.absolute(poly(of(args[0])))
            case "step":
                return self.step(poly(of(args[0])))
            case "poly":
                return self.as_factor(poly(dict(args[0]))) if self.factored else poly(dict(args[0]))
            case "ipow":
                return self.symbolic_power(poly(of(args[0])), poly(term_of(args[1], 1)))
            case "fn":
                return self.function(args[0], [poly(dict(f)) for f in args[2]], args[1])
            case "loss":
                return self.loss(args[0], [(t, tuple(map(term, ix))) for t, ix in args[1]])
            case "sum":
                new, body = self.open_sum(a)
                return self.close_all(new, poly(body))
            case "prod":
                domain, inner, v = self.open_one(a)
                return self.product_over(poly(inner), v, domain)
            case "max":
                domain, inner, v = self.open_one(a)
                return self.max_over(poly(inner), v, domain)
            case "det" | "inv" | "sinv":
                return self._rebuild_matrix(a, term, poly)
        return of(a)

    def _rebuild_matrix(self, a: Atom, term: Callable[[Term], Term], poly: Callable[[Poly], Poly]) -> Poly:
        domain, frozen, *terms = a.args
        names = [self.fresh(domain), self.fresh(domain)]
        body = self.rename(dict(frozen), {f"%{a.height}.{k}": v for k, v in enumerate(names)})
        return self.matrix(a.kind, poly(body), names, domain, *map(term, terms))

    # ---- supplied by the classes that build on this one -------------------------------------------

    def matrix(self, kind: str, p: Poly, names: Sequence[str], domain: Domain, *terms: Term) -> Poly:
        raise NotImplementedError

    def loss(self, name: str, slots: Iterable[tuple[str, tuple[Term, ...]]]) -> Poly:
        raise NotImplementedError


def value_where(a: Term, b: Term, v: str) -> Term | None:
    """What v is where two terms are equal, if one of them is v with a number added."""
    for one, other in ((a, b), (b, a)):
        base, k = unshifted(one)
        if base == v:
            return shift(other, -k)
    return None


def swapped(bound: Sequence[str], v: str, *by: str) -> list[str]:
    return [*(u for u in bound if u != v), *by]


def atoms_within(m: Monomial) -> Iterator[Atom]:
    """The atoms of a product, at any depth."""
    todo = [a for a, _ in m]
    while todo:
        a = todo.pop()
        yield a
        todo += [b for b in parts(a.kind, a.args) if isinstance(b, Atom)]


def places_of(m: Monomial, v: str) -> Iterator[tuple[str, int, int]]:
    """Where an index stands, at any depth: the tensor, the slot, what is added; no tensor where there is no axis."""
    for a in atoms_within(m):
        if v not in a.free:
            continue
        if a.kind == "entry" and a.args[0] != "#":
            yield from _slots(a.args[0], a.args[1], v)
        elif a.kind == "loss":
            for name, terms in a.args[1]:
                yield from _slots(name, terms, v)
        elif a.kind in ("inv", "sinv"):
            yield from _slots("", a.args[2:], v)


def compounds_of(m: Monomial, v: str) -> Iterator[tuple[str, int, Term]]:
    """Where an index stands in a sum of indices, at any depth: the tensor, the slot, the sum."""
    for a in atoms_within(m):
        entries = [a.args] if a.kind == "entry" and a.args[0] != "#" else a.args[1] if a.kind == "loss" else []
        for name, terms in entries:
            for slot, t in enumerate(terms):
                if is_compound(t) and v in variables(t):
                    yield name, slot, t


def _slots(name: str, terms: Sequence[Term], v: str) -> Iterator[tuple[str, int, int]]:
    for slot, t in enumerate(terms):
        offset = 0
        if isinstance(t, tuple) and t[0] == "+":
            t, offset = t[1], t[2]
        if t == v:
            yield name, slot, offset
        elif is_compound(t):
            yield from (("", slot, 0) for u in variables(t) if u == v)
        elif isinstance(t, tuple):
            yield from _slots(t[1], t[2], v)


def _counts(a: Atom, counter: Atom) -> bool:
    """True if an atom is the index as a number, or has it in its exponent."""
    exponent = a.args[0] if a.kind == "exp" else a.args[1] if a.kind == "ipow" else ()
    return a is counter or any(b is counter for b, _ in exponent)


def clashes(t: Term, height: int) -> bool:
    """True if a term could be taken for a bound index of an atom of this height, or be sifted by it."""
    if isinstance(t, str):
        return t[0] == "%" and int(t[1:].split(".")[0]) <= height
    return not isinstance(t, int)
