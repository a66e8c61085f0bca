"""Assumptions as rewrites: an equation is oriented to a product of atoms, a sign is looked up.

``sum_i y_i = 1`` becomes ``sum_i y_i -> 1``; one-hot becomes ``y_i y_j -> delta_{ij} y_i``; an equation
of the user is oriented to a sum, a power, a product or an entry that stands alone in it. Free indices of
an assumption are universal, so its atoms are patterns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from derive.calculus.atoms import (
    ONE,
    Atom,
    Frozen,
    Monomial,
    Poly,
    Rational,
    Term,
    freeze,
    frozen_atoms,
    tidy,
    variables,
)

if TYPE_CHECKING:
    from derive.calculus.products import Products

Binding = dict[str, Term]


@dataclass(frozen=True)
class Rule:
    """``pattern -> value``, for every value of the ``universal`` variables."""

    pattern: Monomial
    value: Frozen
    universal: frozenset[str]
    label: str
    always: bool = False  # an identity, simplified by what is assumed

    @property
    def atoms(self) -> list[Atom]:
        return [*(a for a, _ in self.pattern), *frozen_atoms(self.value)]

    def speaks_of(self, names: frozenset[str]) -> bool:
        return any(not a.names.isdisjoint(names) for a in self.atoms)


@dataclass(frozen=True)
class Fact:
    """An atom whose sign is known: '+', '0+' or '-', for every value of the ``universal`` variables."""

    atom: Atom
    sign: str
    universal: frozenset[str]
    label: str = ""


@dataclass(frozen=True)
class Suspended:
    """Rules that were taken out for a while."""

    products: list[Rule]
    sums: list[Rule]
    symmetric: dict[str, str]


class Rewrites:
    """The rules and facts in force; ``used`` collects the labels of the rules that were applied."""

    def __init__(self, algebra: Products) -> None:
        self.algebra = algebra
        self.products: list[Rule] = []
        self.sums: list[Rule] = []
        self.facts: list[Fact] = []
        self.symmetric: dict[str, str] = {}
        self.distinct: list[tuple[Term, Term, frozenset[str], str]] = []
        self.ordered: list[tuple[Term, Term, bool, str]] = []  # indices, the first less than the second, or at most
        self.declared: dict[str, str] = {}
        self.used: dict[str, None] = {}
        self.ranged = False  # some fact holds over the range of a bound index only
        self._heads: set[tuple[str, str]] = set()

    # ---- adding ---------------------------------------------------------------------------------

    def equation(self, p: Poly, universal: frozenset[str], label: str, always: bool = False) -> bool:
        """Orient ``p = 0``; False if nothing in it can be solved for."""
        if self._as_symmetry(p, universal, label):
            return True
        p = self._whole(p)
        lead = self._lead(p, universal)
        if lead is None:
            return False
        c = p[lead]
        value = freeze({m: tidy(Fraction(-k) / c) for m, k in p.items() if m != lead})
        rule = Rule(lead, value, universal, label, always)
        if len(lead) == 1 and lead[0][0].kind == "sum" and lead[0][1] == 1:
            self.sums.append(rule)
        else:
            self.products.append(rule)
            self._heads |= {head(a) for a, _ in lead}
        return True

    def _whole(self, p: Poly) -> Poly:
        """a^(1/2) = c is solved as a = c^2."""
        if len(p) == 2 and ONE in p:
            ((m, c),) = ((m, c) for m, c in p.items() if m)
            if len(m) == 1 and 0 < m[0][1] < 1 and Fraction(1 / Fraction(m[0][1])).denominator == 1:
                return {((m[0][0], 1),): 1, ONE: -((Fraction(-p[ONE]) / c) ** int(1 / Fraction(m[0][1])))}
        return p

    def _lead(self, p: Poly, universal: frozenset[str]) -> Monomial | None:
        """The term to solve for: a sum, a power or product of entries, or an entry, that occurs nowhere else."""
        ranked: list[tuple[int, int, Monomial]] = []
        for n, m in enumerate(p):
            kinds = {a.kind for a, _ in m}
            if not m or not kinds <= {"entry", "sum"} or any(not isinstance(e, int) or e < 1 for _, e in m):
                continue
            others = {a for k in p if k != m for a, _ in k}
            bound = frozenset().union(*(a.free for a, _ in m))
            if not universal <= bound:
                continue
            degree = sum(e for _, e in m)
            if kinds == {"sum"} and degree == 1 and m[0][0] not in others:
                ranked.append((0, n, m))
            elif (
                kinds == {"entry"}
                and degree > 1
                and all(sum(e for _, e in k) < degree or self._has_delta(k) for k in p if k != m)
            ):
                ranked.append((1, n, m))
            elif kinds == {"entry"} and degree == 1 and m[0][0] not in others and not self._inside(m[0][0], others):
                ranked.append((2, -n, m))
        return min(ranked)[2] if ranked else None

    @staticmethod
    def _has_delta(m: Monomial) -> bool:
        return any(a.kind == "delta" for a, _ in m)

    @staticmethod
    def _inside(a: Atom, others: set[Atom]) -> bool:
        return any(a.args[0] in b.names for b in others)

    def _as_symmetry(self, p: Poly, universal: frozenset[str], label: str) -> bool:
        """S_{ij} = S_{ji}: the indices of S are put in order."""
        if len(p) != 2:
            return False
        (m, c), (n, d) = p.items()
        if c != -d or len(m) != 1 or len(n) != 1 or m[0][1] != 1 or n[0][1] != 1:
            return False
        a, b = m[0][0], n[0][0]
        if a.kind != "entry" or b.kind != "entry" or a.args[0] != b.args[0]:
            return False
        i, j = a.args[1], b.args[1]
        if len(i) != 2 or i != j[::-1] or not {*i} <= universal:
            return False
        self.symmetric[a.args[0]] = label
        return True

    def positive(self, p: Poly, universal: frozenset[str], strict: bool = True, label: str = "") -> None:
        """Note that p > 0 (or >= 0), if that says something of one atom."""
        if not p:
            return
        m, c, core = self.algebra.together(p)
        factors = list(m) + ([(self.algebra.table.atom("poly", freeze(core)), 1)] if core != {ONE: 1} else [])
        known = [
            (a, e) for a, e in factors if self.algebra.sign(a) in ("+", "0+") or (isinstance(e, int) and e % 2 == 0)
        ]
        unknown = [(a, e) for a, e in factors if (a, e) not in known]
        if len(unknown) == 1 and isinstance(unknown[0][1], int):
            if not strict and (c < 0 or any(e > 0 and self.algebra.sign(a) != "+" for a, e in known)):
                return  # where another factor vanishes, nothing is said of this one
            sign = "-" if c < 0 else "+" if strict else "0+"
            self.facts.append(Fact(unknown[0][0], sign, universal, label))
        elif strict and not unknown:
            self.facts += [
                Fact(a, "+", universal, label)
                for a, e in factors
                if self.algebra.sign(a) == "0+" and isinstance(e, int)
            ]
        self.ranged |= any(v.startswith("~") for v in universal)
        self.algebra.forget()

    def apart(self, a: Term, b: Term, universal: frozenset[str], label: str) -> None:
        """Note that two indices differ."""
        self.distinct.append((a, b, universal, label))

    def suspend(self, names: frozenset[str]) -> Suspended | None:
        """Take out the equations that speak of entries of ``names``; None if nothing is assumed of them."""
        rules = [r for r in (*self.products, *self.sums) if r.speaks_of(names)]
        symmetric = {name: label for name, label in self.symmetric.items() if name in names}
        if all(r.always for r in rules) and not symmetric:
            return None
        everything = Suspended(self.products, self.sums, self.symmetric)
        self.products = [r for r in self.products if r not in rules]
        self.sums = [r for r in self.sums if r not in rules]
        self.symmetric = {name: label for name, label in self.symmetric.items() if name not in names}
        return everything

    def restore(self, everything: Suspended) -> None:
        self.products = everything.products + [r for r in self.products if r not in everything.products]
        self.sums = everything.sums + [r for r in self.sums if r not in everything.sums]
        self.symmetric = everything.symmetric

    def two_valued(self) -> dict[str, tuple[Fraction, Fraction]]:
        """Tensors whose entries are assumed to have one of two rational values."""
        out: dict[str, tuple[Fraction, Fraction]] = {}
        for rule in self.products:
            if len(rule.pattern) != 1 or rule.pattern[0][1] != 2:
                continue
            a = rule.pattern[0][0]
            value = dict(rule.value)
            if not set(value) <= {ONE, ((a, 1),)} or not general(a.args[1], rule.universal):
                continue
            u, v = Fraction(value.get(((a, 1),), 0)), Fraction(value.get(ONE, 0))
            root = rational_root(u * u + 4 * v)
            if root:
                out[a.args[0]] = ((u + root) / 2, (u - root) / 2)
        return out

    def idempotent(self) -> set[str]:
        return {name for name, values in self.two_valued().items() if set(values) == {0, 1}}

    # ---- using ----------------------------------------------------------------------------------

    def constrains(self, name: str) -> bool:
        """Whether an equation is assumed of the entries of a tensor, other than that it is symmetric."""
        return any(not r.always and r.speaks_of(frozenset((name,))) for r in (*self.products, *self.sums))

    def names(self, index: str) -> bool:
        """Whether an assumption speaks of the value that an index of the claim has."""
        return any(
            index in atom.free - rule.universal for rule in (*self.products, *self.sums) for atom in rule.atoms
        ) or any(index in fact.atom.free - fact.universal for fact in self.facts)

    def is_symmetric(self, name: str) -> bool:
        return name in self.symmetric

    def sort_indices(self, name: str, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        label = self.symmetric.get(name)
        if label is None or len(terms) != 2:
            return terms
        ordered = tuple(sorted(terms, key=lambda t: (isinstance(t, tuple), repr(t))))
        if ordered != terms:
            self.used.setdefault(label)
        return ordered

    def concern(self, powers: dict[Atom, Rational]) -> bool:
        return (bool(self._heads) and any(head(a) in self._heads for a in powers)) or bool(self.distinct)

    def apply(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """Rewrite the product by the first rule whose pattern divides it."""
        for a, e in powers.items():
            if a.kind == "delta" and e and (label := self._apart(a)):
                self.used.setdefault(label)
                return {}
        for rule in self.products:
            for binding, taken in self._divisions(rule, powers):
                self.used.setdefault(rule.label)
                rest = {a: e - taken.get(a, 0) for a, e in powers.items() if e - taken.get(a, 0)}
                value = self.algebra.rename(dict(rule.value), binding)
                return self.algebra.mul(self.algebra.settle(rest, c), value)
        return None

    def _apart(self, d: Atom) -> str | None:
        for a, b, universal, label in self.distinct:
            for s, t in ((a, b), (b, a)):
                if any(
                    True
                    for x in match_term(s, d.args[0], universal, {})
                    for _ in match_term(t, d.args[1], universal, x)
                ):
                    return label
        return None

    def _divisions(self, rule: Rule, powers: dict[Atom, Rational]) -> Iterator[tuple[Binding, dict[Atom, Rational]]]:
        def go(k: int, binding: Binding, taken: dict[Atom, Rational]) -> Iterator[tuple[Binding, dict[Atom, Rational]]]:
            if k == len(rule.pattern):
                yield binding, taken
                return
            pattern, need = rule.pattern[k]
            for a, e in powers.items():
                left = e - taken.get(a, 0)
                if not isinstance(left, int) or left < need or (e < 0):
                    continue
                for more in match(pattern, a, rule.universal, binding):
                    yield from go(k + 1, more, {**taken, a: taken.get(a, 0) + need})

        yield from go(0, {}, {})

    def rewrite_atom(self, atom: Atom) -> Poly | None:
        """What an assumption says a sum is."""
        for rule in self.sums:
            for binding in match(rule.pattern[0][0], atom, rule.universal, {}):
                self.used.setdefault(rule.label)
                return self.algebra.rename(dict(rule.value), binding)
        return None

    def _in_range(self, binding: Binding) -> bool:
        """What holds for the values of a bound index says nothing of indices from elsewhere."""
        for v, t in binding.items():
            own = self.algebra.domains.get(v) if v.startswith("~") else None
            if own is not None and not (own.certain and self.algebra.lies_in(t, own)):
                return False
        return True

    def sign(self, a: Atom) -> str | None:
        if a.kind == "entry" and a.args[0] in self.declared:
            return self.declared[a.args[0]]
        for fact in self.facts:
            if any(self._in_range(binding) for binding in match(fact.atom, a, fact.universal, {})):
                if fact.label:
                    self.used.setdefault(fact.label)
                return fact.sign
        return None


def rational_root(x: Fraction) -> Fraction | None:
    """The square root of x, if it is rational and x > 0."""
    if x <= 0:
        return None
    n, d = math.isqrt(x.numerator), math.isqrt(x.denominator)
    return Fraction(n, d) if n * n == x.numerator and d * d == x.denominator else None


def general(terms: tuple[Term, ...], universal: frozenset[str]) -> bool:
    """True if the indices are universal variables, each once: what is said holds for every entry."""
    return len(set(terms)) == len(terms) and all(isinstance(t, str) and t in universal for t in terms)


def head(a: Atom) -> tuple[str, str]:
    return (a.kind, a.args[0]) if a.kind == "entry" else (a.kind, "")


def match(pattern: Atom, a: Atom, universal: frozenset[str], binding: Binding) -> Iterator[Binding]:
    """The bindings of the universal variables that make the pattern the atom."""
    if pattern is a and pattern.free.isdisjoint(universal):
        yield binding
        return
    if pattern.kind != a.kind:
        return
    match pattern.kind:
        case "entry":
            if pattern.args[0] == a.args[0] and len(pattern.args[1]) == len(a.args[1]):
                yield from match_terms(pattern.args[1], a.args[1], universal, binding)
        case "delta":
            yield from match_terms(pattern.args, a.args, universal, binding)
            yield from match_terms(pattern.args, a.args[::-1], universal, binding)
        case "less":
            yield from match_terms(pattern.args, a.args, universal, binding)
        case "sum":
            if pattern.args[0] == a.args[0] and pattern.height == a.height:
                for found in match_products(pattern.args[1], a.args[1], universal, binding):
                    if not any(v.startswith(f"%{a.height}.") for t in found.values() for v in variables(t)):
                        yield found
        case "inv" | "sinv":
            if pattern.args[:2] == a.args[:2]:
                yield from match_terms(pattern.args[2:], a.args[2:], universal, binding)
                if pattern.kind == "sinv":
                    yield from match_terms(pattern.args[2:], a.args[2:][::-1], universal, binding)
        case "exp":
            yield from match_products(pattern.args[0], a.args[0], universal, binding)
        case "log" | "abs" | "step":
            if isinstance(pattern.args[0], Atom) and isinstance(a.args[0], Atom):
                yield from match(pattern.args[0], a.args[0], universal, binding)
        case "poly":
            yield from match_polys(pattern.args[0], a.args[0], universal, binding)
        case "fn":
            if pattern.args[:2] == a.args[:2] and len(pattern.args[2]) == 1 == len(a.args[2]):
                yield from match_polys(pattern.args[2][0], a.args[2][0], universal, binding)


def match_terms(
    patterns: tuple[Term, ...], terms: tuple[Term, ...], universal: frozenset[str], binding: Binding
) -> Iterator[Binding]:
    if not patterns:
        yield binding
        return
    for more in match_term(patterns[0], terms[0], universal, binding):
        yield from match_terms(patterns[1:], terms[1:], universal, more)


def match_term(pattern: Term, term: Term, universal: frozenset[str], binding: Binding) -> Iterator[Binding]:
    if isinstance(pattern, str) and pattern in universal:
        if pattern not in binding:
            yield {**binding, pattern: term}
        elif binding[pattern] == term:
            yield binding
    elif pattern == term:
        yield binding
    elif isinstance(pattern, tuple) and isinstance(term, tuple) and pattern[:2] == term[:2] and pattern[0] == "@":
        yield from match_terms(pattern[2], term[2], universal, binding)


def match_products(pattern: Monomial, m: Monomial, universal: frozenset[str], binding: Binding) -> Iterator[Binding]:
    if len(pattern) != len(m):
        return
    if not pattern:
        yield binding
        return
    (a, e), rest = pattern[0], pattern[1:]
    for k, (b, f) in enumerate(m):
        if e == f:
            for more in match(a, b, universal, binding):
                yield from match_products(rest, m[:k] + m[k + 1 :], universal, more)


def match_polys(pattern: Frozen, p: Frozen, universal: frozenset[str], binding: Binding) -> Iterator[Binding]:
    if len(pattern) != len(p):
        return
    if not pattern:
        yield binding
        return
    (m, c), rest = pattern[0], pattern[1:]
    for k, (n, d) in enumerate(p):
        if c == d:
            for more in match_products(m, n, universal, binding):
                yield from match_polys(rest, p[:k] + p[k + 1 :], universal, more)
