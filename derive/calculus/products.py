"""Products: sums of terms, and the laws that bring a product of powers to normal form.

``settle`` is where a product becomes normal: deltas rename, whole powers of several-term polynomials
expand, numerators are reduced modulo the polynomials in the denominator, assumptions rewrite.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction

from derive.calculus.atoms import (
    ONE,
    Atom,
    BudgetExceeded,
    Domain,
    Frozen,
    Monomial,
    Poly,
    Rational,
    Table,
    Term,
    Undefined,
    Unsupported,
    addends,
    is_compound,
    is_size,
    number,
    of,
    one_sided,
    shift,
    solved,
    term_order,
    tidy,
    unshifted,
    variables,
)
from derive.calculus.rewrites import Rewrites

WORK = 60_000  # monomials made, per claim
EXPAND = 24  # a whole power of a sum beyond this is not expanded


class Products:
    """One workspace: a table of atoms, the domains of indices, what is known about signs, and a budget."""

    def __init__(self, work: int = WORK) -> None:
        self.table = Table()
        self.domains: dict[str, Domain] = {}
        self.label_domains: dict[str, Domain] = {}
        self.shapes: dict[str, tuple[Domain, ...]] = {}  # the axes of tensors, where they are known
        self.rewrites = Rewrites(self)
        self.defined: frozenset[str] = frozenset()  # names that may be replaced by what they are defined as
        self.least: dict[str, int] = {}  # the least value of a dimension, where fixed entries ask for it
        self.depends: dict[str, tuple[tuple[str, tuple[Domain, ...]], ...]] = {}
        self.open_entry: Callable[[str, tuple[Term, ...]], Poly | None] = lambda name, terms: None  # a definition
        self.rules: dict[str, None] = {}
        self.sign_unknown = False
        self.factored = False  # several-term factors are kept whole; for deep nests, where multiplying out explodes
        self.work = work
        self._fresh = itertools.count()
        self._renamed: dict[tuple[Atom, tuple[tuple[str, Term], ...]], Poly] = {}
        self._derived: dict[tuple[Atom, str, tuple[Term, ...]], Poly] = {}
        self._signs: dict[Atom, str | None] = {}
        self._whole: frozenset[Domain] | None = None
        self._noted: set[tuple[object, ...]] = set()  # matrices whose inverse occurs

    # ---- small things ---------------------------------------------------------------------------

    def spend(self, amount: int = 1) -> None:
        self.work -= amount
        if self.work < 0:
            raise BudgetExceeded("the budget of work for one claim is used up")

    def used(self, rule: str) -> None:
        self.rules.setdefault(rule)

    def fresh(self, domain: Domain | None) -> str:
        name = f"~{next(self._fresh)}"
        if domain is not None:
            self.domains[name] = domain
        return name

    def single(self, kind: str, *args: object) -> Poly:
        return self.settle({self.table.atom(kind, *args): 1}, 1)

    def entry(self, name: str, terms: tuple[Term, ...] = ()) -> Poly:
        if name == "#" and not isinstance(terms[0], str):
            return self.index_value(terms[0])
        terms = self.rewrites.sort_indices(name, terms)
        return self.single("entry", name, terms)

    def index_value(self, t: Term) -> Poly:
        """An index as a number."""
        if isinstance(t, int):
            return number(t)
        if isinstance(t, tuple) and t[0] == "+":
            return self.add(self.index_value(t[1]), number(t[2]))
        if is_compound(t):
            return self.add({}, *(self.scale(self.index_value(s), c) for s, c in addends(t)))
        if is_size(t):
            return self.single("dim", t[1])
        return of(self.table.atom("entry", "#", (t,)))

    def delta(self, a: Term, b: Term) -> Poly:
        """1 where two terms are equal: a + k = b + l says a = b + (l - k), with a the earlier one.

        Where a term is a sum, it says what the last variable is.
        """
        if is_compound(a) or is_compound(b):
            found = solved(a, b)
            if found is None:
                base, k, _ = one_sided(a, b)
                return number(int(base == k)) if isinstance(base, int) else self.single("delta", k, base)
            v, t, _ = found
            return self.single("delta", t, v) if is_compound(t) else self.delta(t, v)
        (a, k), (b, l) = sorted(map(unshifted, (a, b)), key=lambda t: term_order(t[0]))
        if a == b:
            return number(1) if k == l else {}
        if isinstance(a, int):
            if isinstance(b, int) or (is_size(b) and a - l < self.least.get(b[1], 1)):
                return {}
            return self.single("delta", a - l, b)
        return self.single("delta", a, shift(b, l - k))

    # ---- sums and products ----------------------------------------------------------------------

    def add(self, *polys: Poly) -> Poly:
        out: Poly = dict(polys[0])
        for p in polys[1:]:
            accumulate(out, p)
        return out

    def scale(self, p: Poly, c: Rational) -> Poly:
        return {m: tidy(k * c) for m, k in p.items()} if c else {}

    def sub(self, p: Poly, q: Poly) -> Poly:
        out = dict(p)
        accumulate(out, q, -1)
        return out

    def mul(self, p: Poly, q: Poly) -> Poly:
        if len(p) > len(q):
            p, q = q, p
        if p == number(1):
            return q
        out: Poly = {}
        for m, c in p.items():
            for n, d in q.items():
                accumulate(out, self.mul_monomials(m, n, c * d))
        return out

    def product(self, polys: Iterable[Poly]) -> Poly:
        out: Poly = number(1)
        for p in polys:
            out = self.mul(out, p)
            if not out:
                break
        return out

    def mul_monomials(self, m: Monomial, n: Monomial, c: Rational) -> Poly:
        self.spend()
        if not m:
            return {n: tidy(c)}
        if not n:
            return {m: tidy(c)}
        powers = dict(m)
        for a, e in n:
            powers[a] = powers.get(a, 0) + e
        return self.settle(powers, c)

    # ---- settling a product ---------------------------------------------------------------------

    def settle(self, powers: dict[Atom, Rational], c: Rational) -> Poly:
        """The normal form of ``c`` times a product of powers of atoms."""
        active = False
        for a in powers:
            if a.active:
                active = True
                break
        if active or self.rewrites.concern(powers):
            for law in (
                self._deltas,
                self._orders,
                self._steps,
                self._numbers,
                self._absolutes,
                self._squares,
                *(() if self.factored else (self._expansions, self._reductions)),
                self.rewrites.apply,
            ):
                done = law(powers, c)
                if done is not None:
                    return done
        items = [(a, tidy(e)) for a, e in powers.items() if e]
        if len(items) > 1:
            items.sort(key=by_serial)
        return {tuple(items): tidy(c)} if c else {}

    def rebuild(self, powers: dict[Atom, Rational], c: Rational, by: Poly) -> Poly:
        """``c * powers * by`` once a law has taken out what it changes."""
        self.spend()
        rest = self.settle({a: e for a, e in powers.items() if e}, c)
        return self.mul(rest, by)

    def _deltas(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """delta_{ij} f(i) = delta_{ij} f(j); delta^2 = delta."""
        deltas = [a for a in powers if a.kind == "delta" and powers[a]]
        if not deltas:
            return None
        if any(powers[a] < 0 for a in deltas):
            raise Undefined("a Kronecker delta stands in a denominator")
        for d in deltas:
            old, new = self._representative(*d.args)
            if old is None:
                continue
            rest = {a: e for a, e in powers.items() if a is not d}
            if any(old in a.free for a in rest):
                return self.mul(self.set_index(rest, old, new, c), of(d))
        known = {d.args[1]: d.args[0] for d in deltas if isinstance(d.args[0], int) and is_size(d.args[1])}
        for d in deltas:
            if d.args[0] in known:  # delta_{1N} delta_{Ni} = delta_{1N} delta_{1i}
                rest = {a: e for a, e in powers.items() if a is not d}
                return self.rebuild(rest, c, self.delta(known[d.args[0]], d.args[1]))
        if all(powers[a] == 1 for a in deltas):
            return None
        return self.settle({a: (1 if a.kind == "delta" else e) for a, e in powers.items()}, c)

    def _representative(self, a: Term, b: Term) -> tuple[str | None, Term]:
        """Which variable of ``delta_{ab}`` is renamed: to a number or label, else the later to the earlier."""
        later, k = unshifted(b)
        if isinstance(later, str) and later not in variables(a):
            return later, shift(a, -k)
        if isinstance(a, str) and a not in variables(b):
            return a, b
        return None, None

    def _steps(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """1{a>0}^2 = 1{a>0}."""
        changed = {a: 1 for a, e in powers.items() if a.kind == "step" and e != 1 and e}
        if not changed:
            return None
        if any(powers[a] < 0 for a in changed):
            raise Unsupported("an indicator stands in a denominator")
        return self.settle({**powers, **changed}, c)

    def _numbers(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """p^(n+r) = p^n p^r for a prime p and 0 <= r < 1."""
        for a, e in powers.items():
            if a.kind == "num" and not 0 <= e < 1:
                whole = math.floor(e)
                return self.settle({**powers, a: e - whole}, c * Fraction(a.args[0]) ** whole)
        return None

    def _absolutes(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """|a|^(n+r) = |a|^n |a|^r for 0 <= r < 1."""
        for a, e in powers.items():
            if a.kind == "abs" and not 0 <= e < 1:
                whole = math.floor(e)
                return self.rebuild({**powers, a: e - whole}, c, self.absolute_power(a.args[0], whole))
        return None

    def _squares(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """sin^2 = 1 - cos^2."""
        for a, e in powers.items():
            if a.kind == "fn" and a.args[0] == "sin" and e >= 2 and e == int(e):
                cosine = self.table.atom("fn", "cos", (0,), a.args[2])
                return self.rebuild({**powers, a: e - 2}, c, {ONE: 1, ((cosine, 2),): -1})
        return None

    def _expansions(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """A whole positive power of several terms is multiplied out."""
        for a, e in powers.items():
            if a.kind == "poly" and e >= 1:
                whole = math.floor(e)
                if whole > EXPAND:
                    raise BudgetExceeded(f"a sum to the power {whole} is not multiplied out")
                power = dict(a.args[0])
                out: Poly = self.settle({**powers, a: e - whole}, c)
                for _ in range(whole):
                    out = self.mul(out, power)
                return out
        return None

    def _reductions(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        """Numerators modulo denominators: lead / P = (1 - rest / P) / coefficient."""
        for a, e in powers.items():
            if a.kind != "poly" or e >= 0:
                continue
            frozen: Frozen = a.args[0]
            lead, k = leading(frozen)
            if all(powers.get(x, 0) >= n for x, n in lead):
                rest = {m: tidy(Fraction(-d) / k) for m, d in frozen if m != lead}
                base = {**powers}
                for x, n in lead:
                    base[x] = base[x] - n
                up = {**base, a: e + 1}
                return self.add(
                    self.settle({x: n for x, n in up.items() if n}, tidy(Fraction(c) / k)),
                    self.rebuild(base, c, rest),
                )
            if len(frozen) == 2 and any(m == ONE for m, _ in frozen):
                one = next(d for m, d in frozen if m == ONE)
                if any(powers.get(x, 0) < 0 and n > 0 for x, n in lead):
                    up, down = {**powers, a: e + 1}, dict(powers)
                    for x, n in lead:
                        down[x] = down.get(x, 0) + n
                    return self.add(
                        self.settle({x: n for x, n in up.items() if n}, tidy(Fraction(c) / one)),
                        self.settle({x: n for x, n in down.items() if n}, tidy(Fraction(-k) * c / one)),
                    )
        return None

    # ---- supplied by the classes that build on this one -------------------------------------------

    def less(self, a: Term, b: Term) -> Poly:
        raise NotImplementedError

    def _orders(self, powers: dict[Atom, Rational], c: Rational) -> Poly | None:
        raise NotImplementedError

    def absolute_power(self, a: Atom, e: Rational) -> Poly:
        raise NotImplementedError

    def rename(self, p: Poly, sigma: dict[str, Term]) -> Poly:
        raise NotImplementedError

    def rename_product(self, powers: dict[Atom, Rational], sigma: dict[str, Term], c: Rational) -> Poly:
        raise NotImplementedError

    def set_index(self, powers: dict[Atom, Rational], v: str, term: Term, c: Rational) -> Poly:
        raise NotImplementedError

    def sign(self, a: Atom) -> str | None:
        raise NotImplementedError

    def together(self, p: Poly) -> tuple[Monomial, Rational, Poly]:
        raise NotImplementedError

    def lies_in(self, term: Term, domain: Domain) -> bool:
        raise NotImplementedError

    def forget(self) -> None:
        raise NotImplementedError


def by_serial(power: tuple[Atom, Rational]) -> int:
    return power[0].serial


def accumulate(out: Poly, p: Poly, factor: Rational = 1) -> None:
    for m, c in p.items():
        total = out.get(m, 0) + c * factor
        if total:
            out[m] = tidy(total)
        else:
            out.pop(m, None)


def leading(frozen: Frozen) -> tuple[Monomial, Rational]:
    """The greatest term by total degree, then by atoms: an order that products respect."""
    return max(frozen, key=lambda item: (sum(e for _, e in item[0]), rank(item[0])))


def rank(m: Monomial) -> list[tuple[int, int, Rational]]:
    """Atoms by shape first, so that the order survives a renaming of bound indices."""
    return sorted(((-a.shape, -a.serial, e) for a, e in m), reverse=True)
