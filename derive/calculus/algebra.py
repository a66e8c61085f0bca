"""The algebra of the normal form: products, powers, sums over an index, exponentials, derivatives.

Every operation takes normal forms and returns one. A law is used only if it holds for every
dimension, every index and every value at which both of its sides are defined; where a sign decides
(``sqrt(x^2)``, ``exp(log x)``), the sign is asked for, and |x| stands if it is not known.

A product is brought to normal form by ``settle``: deltas rename, whole powers of several-term
polynomials expand, numerators are reduced modulo the polynomials in the denominator. A sum is
brought to normal form by ``close``: deltas sift, connected groups of bound indices become atoms.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
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
    free_of,
    freeze,
    monomial_order,
    tidy,
    variables,
)
from derive.calculus.rewrites import Rewrites

Value = Callable[[str, tuple[Term, ...]], Poly]

WORK = 400_000  # monomials made, per claim
EXPAND = 24  # a whole power of a sum beyond this is not expanded
CORE = 5_040  # orders of bound indices that are tried for one name-free form


class Algebra:
    """One workspace: a table of atoms, the domains of indices, what is known about signs, and a budget."""

    def __init__(self, work: int = WORK) -> None:
        self.table = Table()
        self.domains: dict[str, Domain] = {}
        self.label_domains: dict[str, Domain] = {}
        self.rewrites = Rewrites(self)
        self.depends: dict[str, tuple[tuple[str, tuple[Domain, ...]], ...]] = {}
        self.open_entry: Callable[[str, tuple[Term, ...]], Poly | None] = lambda name, terms: None  # a definition
        self.rules: dict[str, None] = {}
        self.sign_unknown = False
        self.work = work
        self._fresh = itertools.count()
        self._renamed: dict[tuple[Atom, tuple[tuple[str, Term], ...]], Poly] = {}
        self._derived: dict[tuple[Atom, str, tuple[Term, ...]], Poly] = {}
        self._signs: dict[Atom, str | None] = {}

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
        terms = self.rewrites.sort_indices(name, terms)
        return self.single("entry", name, terms)

    def delta(self, a: Term, b: Term) -> Poly:
        if a == b:
            return {ONE: 1}
        if isinstance(a, int) and isinstance(b, int):
            return {}
        return self.single("delta", *sorted((a, b), key=term_order))

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
        if p == {ONE: 1}:
            return q
        out: Poly = {}
        for m, c in p.items():
            for n, d in q.items():
                accumulate(out, self.mul_monomials(m, n, c * d))
        return out

    def product(self, polys: Iterable[Poly]) -> Poly:
        out: Poly = {ONE: 1}
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
            for law in (self._deltas, self._steps, self._numbers, self._absolutes, self._squares, self._expansions,
                        self._reductions, self.rewrites.apply):
                done = law(powers, c)
                if done is not None:
                    return done
        m = tuple(sorted((a, tidy(e)) for a, e in powers.items() if e))
        return {m: tidy(c)} if c else {}

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
                out = self.rename_product(rest, {old: new}, c)
                return self.mul(out, {((d, 1),): 1})
        if all(powers[a] == 1 for a in deltas):
            return None
        return self.settle({a: (1 if a.kind == "delta" else e) for a, e in powers.items()}, c)

    def _representative(self, a: Term, b: Term) -> tuple[str | None, Term]:
        """Which variable of ``delta_{ab}`` is renamed to what: a variable to a number or label, else the later to the earlier."""
        if isinstance(a, str) and isinstance(b, str):
            return (b, a) if term_order(a) < term_order(b) else (a, b)
        if isinstance(a, str) and a not in variables(b):
            return a, b
        if isinstance(b, str) and b not in variables(a):
            return b, a
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
                    up = {**powers, a: e + 1}
                    return self.add(
                        self.settle({x: n for x, n in up.items() if n}, tidy(Fraction(c) / one)),
                        self.rebuild(powers, c, {lead: tidy(Fraction(-k) / one)}),
                    )
        return None

    # ---- powers ---------------------------------------------------------------------------------

    def power(self, p: Poly, r: Rational) -> Poly:
        """p^r for a rational r; p is taken to be >= 0 where r is not whole."""
        r = tidy(r)
        if not p:
            if r > 0:
                return {}
            raise Undefined("zero stands in a denominator") if r < 0 else Undefined("0^0")
        if r == 1:
            return p
        if r == 0:
            return {ONE: 1}
        if len(p) == 1:
            ((m, c),) = p.items()
            return self._monomial_power(m, c, r)
        if isinstance(r, int) and 0 < r:
            if r > EXPAND:
                raise BudgetExceeded(f"a sum to the power {r} is not multiplied out")
            return self.product([p] * r)
        content, c, core = self.together(p)
        out = self._monomial_power(content, c, r)
        if core == {ONE: 1}:
            return out
        atom = self.table.atom("poly", freeze(core))
        return self.mul(out, self.atom_power(atom, 1, r))

    def _monomial_power(self, m: Monomial, c: Rational, r: Rational) -> Poly:
        if isinstance(r, int):
            if abs(r) > 10_000 and c not in (1, -1):
                raise BudgetExceeded(f"a number to the power {r}")
            return self.settle({a: e * r for a, e in m}, tidy(Fraction(c) ** r))
        out = self.number_power(abs(c), r)
        for a, e in m:
            out = self.mul(out, self.atom_power(a, e, r))
        return out

    def atom_power(self, a: Atom, e: Rational, r: Rational) -> Poly:
        """(a^e)^r; |a|^(e r) where r is not whole and the sign of a is not known."""
        if isinstance(tidy(r), int) or self.sign(a) in ("+", "0+"):
            return self.settle({a: tidy(e * r)}, 1)
        return self.absolute_power(a, tidy(e * r))

    def absolute_power(self, a: Atom, e: Rational) -> Poly:
        """|a|^e."""
        sign = self.sign(a)
        if sign in ("+", "0+") or (isinstance(e, int) and e % 2 == 0):
            return self.settle({a: e}, 1)
        if sign == "-":
            if isinstance(e, int):
                return self.settle({a: e}, -1)
        else:
            self.sign_unknown = True
        if isinstance(e, int):
            return self.mul({((a, e),): 1}, self.signum(a))
        return self.settle({self.table.atom("abs", a): e}, 1)

    def signum(self, a: Atom) -> Poly:
        return {((self.table.atom("step", a), 1),): 2, ONE: -1}

    def number_power(self, c: Rational, r: Rational) -> Poly:
        out: Poly = {ONE: 1}
        for n, s in ((Fraction(c).numerator, 1), (Fraction(c).denominator, -1)):
            for prime, k in factorise(n):
                out = self.mul(out, self.settle({self.table.atom("num", prime): k * s * r}, 1))
        return out

    def together(self, p: Poly) -> tuple[Monomial, Rational, Poly]:
        """p = c * content * core: inner denominators and common factors taken out; core is ONE or has several terms."""
        outside: dict[Atom, Rational] = {}
        for _ in range(8):
            lows: dict[Atom, Rational] = {}
            for m in p:
                for a, e in m:
                    if a.kind == "poly" and e < 0:
                        lows[a] = min(lows.get(a, 0), e)
            if not lows:
                break
            for a, e in lows.items():
                outside[a] = outside.get(a, 0) + e
            cleared: Poly = {}
            for m, c in p.items():
                accumulate(cleared, self.settle_raised(m, lows, c))
            p = cleared
        if not p:
            raise Undefined("zero stands where it may not: in a denominator, a logarithm or a root")
        common: dict[Atom, Rational] | None = None
        for m in p:
            powers = dict(m)
            if common is None:
                common = powers
            else:
                common = {a: min(common.get(a, 0), powers.get(a, 0)) for a in {**common, **powers}}
        assert common is not None
        common = {a: e for a, e in common.items() if e and a.kind not in ("delta", "step")}
        if common:
            p = self.mul(p, {tuple(sorted((a, -e) for a, e in common.items())): 1})
        lead, k = leading(tuple(p.items()))
        content = rational_content(p.values()) * (1 if k > 0 else -1)
        core = {m: tidy(Fraction(d) / content) for m, d in p.items()}
        if len(core) == 1:
            ((m, d),) = core.items()
            for a, e in m:
                common[a] = common.get(a, 0) + e
            content, core = content * d, {ONE: 1}
        for a, e in outside.items():
            common[a] = common.get(a, 0) + e
        return tuple(sorted((a, tidy(e)) for a, e in common.items() if e)), tidy(content), core

    def settle_raised(self, m: Monomial, lows: dict[Atom, Rational], c: Rational) -> Poly:
        powers = dict(m)
        for a, e in lows.items():
            powers[a] = powers.get(a, 0) - e
        return self.settle({a: e for a, e in powers.items() if e}, c)

    def symbolic_power(self, base: Poly, exponent: Poly) -> Poly:
        """base^exponent for an exponent that is no number: exp(exponent log base), or whole powers of either sign."""
        if self.sign_of(base) == "+":
            return self.exp(self.mul(exponent, self.log(base)))
        if not self.is_whole(exponent):
            return self.exp(self.mul(exponent, self.log(base)))
        if not base:
            raise Unsupported("zero to a symbolic power")
        m, c, core = self.together(base)
        out: Poly = {ONE: 1}
        if c < 0:
            out = self._whole_power(None, exponent)
        out = self.mul(out, self.exp(self.mul(exponent, self.log({ONE: abs(c)}))))
        factors = list(m) + ([(self.table.atom("poly", freeze(core)), 1)] if core != {ONE: 1} else [])
        for a, e in factors:
            if self.sign(a) == "+":
                out = self.mul(out, self.exp(self.mul(exponent, self.log({((a, e),): 1}))))
            elif isinstance(e, int):
                out = self.mul(out, self._whole_power(a, self.scale(exponent, e)))
            else:
                raise Unsupported("a root to a symbolic power")
        return out

    def _whole_power(self, a: Atom | None, exponent: Poly) -> Poly:
        """a^exponent for a whole exponent; ``None`` stands for -1."""
        base = a if a is not None else self.table.atom("const", "-1")
        out: Poly = {ONE: 1}
        for m, c in exponent.items():
            if m == ONE:
                plain = {((base, c),): 1} if a is not None else {ONE: (-1) ** int(c)}
                out = self.mul(out, plain)
            elif a is None:
                if int(c) % 2:
                    out = self.mul(out, {((self.table.atom("ipow", base, m), 1),): 1})
            else:
                out = self.mul(out, {((self.table.atom("ipow", base, m), c),): 1})
        return out

    def is_whole(self, p: Poly) -> bool:
        """True for a polynomial in dimensions and index variables with whole coefficients."""
        return all(
            isinstance(c, int) and all(isinstance(e, int) and e > 0 and a.kind in ("dim", "delta") or a.kind == "entry" and a.args[0].startswith("#") for a, e in m)
            for m, c in p.items()
        )

    # ---- exponential and logarithm --------------------------------------------------------------

    def exp(self, p: Poly) -> Poly:
        """e^(sum of terms) = product of e^term; e^(c log a) = |a|^c, which is a^c where a > 0."""
        out: Poly = {ONE: 1}
        for m, c in p.items():
            if len(m) == 1 and m[0][0].kind == "log" and m[0][1] == 1:
                inner = m[0][0].args[0]
                factor = self.number_power(inner, c) if isinstance(inner, int) else self.absolute_power(inner, c)
            else:
                factor = {((self.table.atom("exp", m), c),): 1}
            out = self.mul(out, factor)
        return out

    def log(self, p: Poly) -> Poly:
        """log |p|: logarithms of the factors."""
        if not p:
            raise Undefined("logarithm of zero")
        m, c, core = self.together(p)
        out: Poly = {}
        for n, s in ((Fraction(c).numerator, 1), (Fraction(c).denominator, -1)):
            for prime, k in factorise(abs(n)):
                accumulate(out, {((self.table.atom("log", prime), 1),): s * k})
        for a, e in m:
            accumulate(out, self.scale(self._log_atom(a), e))
        if core != {ONE: 1}:
            accumulate(out, self._log_atom(self.table.atom("poly", freeze(core))))
        return out

    def _log_atom(self, a: Atom) -> Poly:
        if a.kind == "exp":
            return {a.args[0]: 1}
        if a.kind in ("step", "delta"):
            raise Unsupported("the logarithm of an indicator")
        if a.kind == "abs":
            return self._log_atom(a.args[0])
        if a.kind == "num":
            return {((self.table.atom("log", a.args[0]), 1),): 1}
        if a.kind == "ipow":
            return self.mul({a.args[1]: 1}, self._log_atom(a.args[0]))
        if a.kind == "prod":
            return self._log_product(a)
        return {((self.table.atom("log", a), 1),): 1}

    def _log_product(self, a: Atom) -> Poly:
        """log of a product over an index is the sum of the logarithms."""
        domain, body, v = self.open_one(a)
        return self.sum_over(self.log(body), v, domain)

    # ---- signs ----------------------------------------------------------------------------------

    def sign(self, a: Atom) -> str | None:
        """'+' positive, '0+' not negative, '-' negative, None unknown."""
        if a not in self._signs:
            self._signs[a] = None
            self._signs[a] = self.rewrites.sign(a) or self._structural_sign(a)
        return self._signs[a]

    def _structural_sign(self, a: Atom) -> str | None:
        match a.kind:
            case "dim" | "exp" | "num":
                return "+"
            case "const":
                return "-" if a.args[0] == "-1" else "+"
            case "abs" | "delta" | "step":
                return "0+"
            case "log":
                return "+" if isinstance(a.args[0], int) else None
            case "sum":
                inner = self.sign_of({a.args[1]: 1})
                empty = not all(d.certain for d in a.args[0])
                return {"+": "0+" if empty else "+", "0+": "0+", "-": None if empty else "-"}.get(inner or "")
            case "prod":
                return {"+": "+", "0+": "0+"}.get(self.sign_of(dict(a.args[1])) or "")
            case "poly":
                return self.sign_of(dict(a.args[0]))
            case "max":
                return self.sign_of(dict(a.args[1]))
            case "ipow":
                return {"+": "+", "0+": "0+"}.get(self.sign(a.args[0]) or "")
        return None

    def sign_of(self, p: Poly) -> str | None:
        """The sign of a polynomial, where it follows from its terms."""
        strict, seen = False, set()
        for m, c in p.items():
            s = self._monomial_sign(m, c)
            if s is None:
                return None
            seen.add(s[-1])
            strict = strict or s in ("+", "-")
            if len(seen) > 1:
                return None
        if not seen:
            return "0+"
        if seen == {"+"}:
            return "+" if strict else "0+"
        return "-" if strict else None

    def _monomial_sign(self, m: Monomial, c: Rational) -> str | None:
        """'+', '0+', '-', '0-' or None."""
        negative, strict = c < 0, True
        for a, e in m:
            s = self.sign(a)
            if s == "+":
                continue
            if s == "0+":
                strict = False
            elif isinstance(e, int) and e % 2 == 0:
                strict = strict and s == "-"
            elif s == "-" and isinstance(e, int):
                negative = not negative
            else:
                return None
        return ("" if strict else "0") + ("-" if negative else "+")

    def forget(self) -> None:
        """Drop what was worked out under fewer facts and rules."""
        self._signs.clear()
        self._renamed.clear()
        self._derived.clear()

    # ---- indicators of values -------------------------------------------------------------------

    def step(self, p: Poly) -> Poly:
        """1{p > 0}, away from p = 0."""
        if not p:
            raise Unsupported("a condition on a quantity that is identically zero")
        m, c, core = self.together(p)
        odd: list[Atom] = []
        sign = 1 if c > 0 else -1
        for a, e in [*m, *([(self.table.atom("poly", freeze(core)), 1)] if core != {ONE: 1} else [])]:
            s = self.sign(a)
            if a.kind in ("step", "delta"):
                raise Unsupported("a condition on a product with an indicator")
            if s in ("+", "0+") or (isinstance(e, int) and e % 2 == 0):
                continue
            if s == "-":
                sign = -sign
            else:
                odd.append(a)
        if not odd:
            return {ONE: 1} if sign > 0 else {}
        self.sign_unknown = True
        whole = self.product(self.signum(a) for a in odd)
        return self.add(self.scale(whole, Fraction(sign, 2)), {ONE: Fraction(1, 2)})

    def absolute(self, p: Poly) -> Poly:
        return self.mul(p, self.add(self.scale(self.step(p), 2), {ONE: -1})) if p else {}

    def maximum(self, p: Poly, q: Poly) -> Poly:
        d = self.sub(p, q)
        return self.add(q, self.mul(d, self.step(d))) if d else q

    # ---- opaque functions -----------------------------------------------------------------------

    ODD = frozenset(("sin", "erf", "atan", "asin", "asinh", "atanh", "tan"))
    EVEN = frozenset(("cos",))

    def function(self, name: str, arguments: Sequence[Poly], orders: tuple[int, ...] | None = None) -> Poly:
        orders = orders or (0,) * len(arguments)
        if name in self.ODD | self.EVEN:
            (p,) = arguments
            if not p:
                return {} if name in self.ODD else {ONE: 1}
            if leading(tuple(p.items()))[1] < 0:
                flipped = self.function(name, [self.scale(p, -1)])
                return self.scale(flipped, -1) if name in self.ODD else flipped
        return self.single("fn", name, orders, tuple(freeze(p) for p in arguments))

    def _function_slope(self, a: Atom, k: int) -> Poly:
        """The partial derivative of an opaque function in its k-th argument."""
        name, orders, frozen = a.args
        arguments = [dict(f) for f in frozen]
        p = arguments[0]
        two = {ONE: 2}
        match name:
            case "sin":
                return self.function("cos", [p])
            case "cos":
                return self.scale(self.function("sin", [p]), -1)
            case "tan":
                return self.add({ONE: 1}, self.power({((a, 1),): 1}, 2))
            case "atan":
                return self.power(self.add({ONE: 1}, self.power(p, 2)), -1)
            case "asin":
                return self.power(self.sub({ONE: 1}, self.power(p, 2)), Fraction(-1, 2))
            case "acos":
                return self.scale(self.power(self.sub({ONE: 1}, self.power(p, 2)), Fraction(-1, 2)), -1)
            case "erf":
                root = self.power(self.single("const", "pi"), Fraction(-1, 2))
                return self.product((two, root, self.exp(self.scale(self.power(p, 2), -1))))
        raised = tuple(n + (j == k) for j, n in enumerate(orders))
        return self.function(name, arguments, raised)

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
                out = self.mul(out, dict(self.domains[v].size))
            if not out:
                return out
        return out

    def _sift(self, bound: Sequence[str], v: str, m: Monomial, c: Rational) -> Poly | None:
        """sum_v delta_{v t} f(v) = f(t) for t in the range of v."""
        for d, e in m:
            if d.kind != "delta" or v not in d.free:
                continue
            a, b = d.args
            term = b if a == v else a if b == v else None
            if term is None or v in variables(term):
                continue
            inside = self._membership(term, self.domains[v])
            if inside is None:
                continue
            self.used("sifting")
            rest = {a: e for a, e in m if a is not d}
            p = self.mul(self.rename_product(rest, {v: term}, c), inside)
            return self.close_all([u for u in bound if u != v], p)
        return None

    def close_all(self, bound: Sequence[str], p: Poly) -> Poly:
        out: Poly = {}
        for m, c in p.items():
            accumulate(out, self.close(bound, m, c))
        return out

    def _membership(self, term: Term, domain: Domain) -> Poly | None:
        """1 if the term lies in the domain, as a normal form; None where that is not known."""
        if isinstance(term, int):
            return {ONE: 1} if self._holds_constant(domain, term) else None
        if isinstance(term, str):
            own = self.domains.get(term)
        else:
            own = self.label_domains.get(term[1]) if term[0] == "@" else None
        if own is None:
            return {ONE: 1} if domain.certain and isinstance(term, str) and term[0] not in "%~" else None
        if own == domain:
            return {ONE: 1}
        if not (isinstance(own.first, int) and isinstance(domain.first, int)):
            return None
        last = self.sub(self.add(dict(own.size), {ONE: own.first}), self.add(dict(domain.size), {ONE: domain.first}))
        if last.keys() - {ONE}:
            return None
        after = last.get(ONE, 0)  # how far the term's own range goes beyond the domain's
        before = domain.first - own.first
        if after > 0 or before > 4 or not domain.certain:
            return None
        out: Poly = {ONE: 1}
        for k in range(own.first, domain.first):
            accumulate(out, self.delta(term, k), -1)
        return out

    def _holds_constant(self, domain: Domain, value: int) -> bool:
        """A fixed entry of an axis is taken to be there; of another range, only where it can be seen."""
        if not isinstance(domain.first, int) or value < domain.first:
            return False
        size = dict(domain.size)
        if not size.keys() - {ONE}:
            return value < domain.first + size.get(ONE, 0)
        return domain.certain

    def _component(self, bound: list[str], m: Monomial) -> Poly:
        """The sum of a connected product: flattened, its leaves summed first, round by round, its core named canonically."""
        bound, p = self._flatten(bound, m)
        if len(p) != 1 or not self._connected(bound, next(iter(p))):
            return self.close_all(bound, p)
        ((m, c),) = p.items()
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

    def _connected(self, bound: list[str], m: Monomial) -> bool:
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
                if len(body) != 1:
                    return more + new, self.mul(p, body)
                new, body = self._flatten(new, next(iter(body)))
                more += new
                p = self.mul(p, body)
        return more, p

    def _leaves(self, bound: list[str], m: Monomial) -> list[str]:
        """The bound indices that meet just one other; of two that meet only each other, the one with no factor of its own."""
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
        """A bound index is summed first where that makes a known sum: one in the denominator, or one that is assumed."""
        names = set(bound)
        present = {a for a, _ in m if a.kind == "sum" and a.free & names}
        if not present and not self.rewrites.sums:
            return None
        for v in bound:
            factors = tuple((a, e) for a, e in m if v in a.free)
            inner = self._sum_atom([v], factors)
            plain = len(inner) == 1 and all(k == 1 for k in inner.values())
            known = plain and all(a in present for a, _ in next(iter(inner))) if plain else True
            if known:
                rest = self.settle({a: e for a, e in m if v not in a.free}, 1)
                return self.close_all([u for u in bound if u != v], self.mul(rest, inner))
        return None

    def _sum_atom(self, bound: list[str], m: Monomial) -> Poly:
        """The atom of a sum, its bound indices named canonically; split at the first element where the range exceeds an axis."""
        if len(bound) == 1:
            split = self._split_range(bound[0], m)
            if split is not None:
                return split
        domains, body = self._canonical(bound, m)
        atom = self.table.atom("sum", domains, body)
        assumed = self.rewrites.rewrite_atom(atom)
        return assumed if assumed is not None else {((atom, 1),): 1}

    def _split_range(self, v: str, m: Monomial) -> Poly | None:
        """sum_{v=0}^{N} f(v) = f(0) + sum_{v=1}^{N} f(v): a range of N + k values is k values and an axis."""
        domain = self.domains[v]
        size = dict(domain.size)
        extra = size.get(ONE, 0)
        if len(size) == 1 or not isinstance(extra, int) or not 0 < extra <= 4 or not isinstance(domain.first, int):
            return None
        rest = Domain(domain.first + extra, freeze({k: c for k, c in size.items() if k != ONE}), True)
        out: Poly = {}
        for k in range(domain.first, domain.first + extra):
            accumulate(out, self.rename_product(dict(m), {v: k}, 1))
        w = self.fresh(rest)
        accumulate(out, self.close_all([w], self.rename_product(dict(m), {v: w}, 1)))
        return out

    def _canonical(self, bound: list[str], m: Monomial) -> tuple[tuple[Domain, ...], Monomial]:
        """A form that does not depend on the names of the bound indices."""
        h = 1 + max(a.height for a, _ in m)
        names = [f"%{h}.{k}" for k in range(len(bound))]
        if len(bound) == 1:
            return (self.domains[bound[0]],), self._renamed_monomial(m, {bound[0]: names[0]})
        cells = self._refined(bound, m)
        orders = math.prod(math.factorial(len(cell)) for cell in cells)
        if orders > CORE:
            raise BudgetExceeded(f"{len(bound)} bound indices in one product that cannot be told apart")
        best: tuple[tuple[Domain, ...], Monomial] | None = None
        best_key: tuple[object, ...] = ()
        for choice in itertools.product(*(itertools.permutations(cell) for cell in cells)):
            order = [v for cell in choice for v in cell]
            body = self._renamed_monomial(m, dict(zip(order, names, strict=True)))
            key = monomial_order(body)
            if best is None or key < best_key:
                best, best_key = (tuple(self.domains[v] for v in order), body), key
        assert best is not None
        return best

    def _refined(self, bound: list[str], m: Monomial) -> list[list[str]]:
        """Bound indices in cells, by what they do: a name-free description, refined twice by that of their neighbours."""
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
            return f"{a.args[0]}({','.join(masked_term(t, mask) for t in a.args[1])})"
        if a.kind == "delta":
            return "δ(" + ",".join(sorted(masked_term(t, mask) for t in a.args)) + ")"
        if a.kind == "exp":
            return "exp(" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in a.args[0])) + ")"
        if a.kind == "sum":
            return f"sum{len(a.args[0])}(" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in a.args[1])) + ")"
        if a.kind in ("log", "abs", "step"):
            return f"{a.kind}({self._skeleton(a.args[0], mask)})"
        if a.kind == "poly":
            terms = (f"{c}:" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in k)) for k, c in a.args[0])
            return "poly(" + "+".join(sorted(terms)) + ")"
        if a.kind == "fn":
            inner = ("+".join(sorted(f"{c}:" + ",".join(sorted(f"{self._skeleton(b, mask)}^{e}" for b, e in k)) for k, c in f)) for f in a.args[2])
            return f"{a.args[0]}{a.args[1]}(" + ";".join(inner) + ")"
        return a.kind + "".join(sorted(mask[v] for v in a.free if v in mask))

    def _renamed_monomial(self, m: Monomial, sigma: dict[str, str]) -> Monomial:
        p = self.rename_product(dict(m), sigma, 1)  # type: ignore[arg-type]
        if len(p) != 1:
            raise Unsupported("a sum whose terms change under renaming")
        ((body, c),) = p.items()
        if c != 1:
            raise Unsupported("a sum whose terms change under renaming")
        return body

    # ---- opening binders ------------------------------------------------------------------------

    def open_sum(self, a: Atom) -> tuple[list[str], Poly]:
        """Fresh names for the bound indices of a sum, and its body under them."""
        new = [self.fresh(d) for d in a.args[0]]
        sigma = {f"%{a.height}.{k}": v for k, v in enumerate(new)}
        return new, self.rename_product(dict(a.args[1]), sigma, 1)  # type: ignore[arg-type]

    def open_one(self, a: Atom) -> tuple[Domain, Poly, str]:
        """The same for a binder over a polynomial."""
        v = self.fresh(a.args[0])
        return a.args[0], self.rename(dict(a.args[1]), {f"%{a.height}.0": v}), v

    def bind(self, kind: str, p: Poly, names: Sequence[str], domain: Domain, *terms: Term) -> Poly:
        """An atom that binds ``names`` in a polynomial."""
        h = 1 + max((a.height for m in p for a, _ in m), default=0)
        body = self.rename(p, {v: f"%{h}.{k}" for k, v in enumerate(names)})
        atom = self.table.atom(kind, domain, freeze(body), *terms)
        if atom.height != h:
            raise Unsupported("a binder whose body changes under renaming")
        return {((atom, 1),): 1}

    # ---- products over an index, maxima ---------------------------------------------------------

    def product_over(self, p: Poly, v: str, domain: Domain) -> Poly:
        """prod_v p; factors without v come out as whole powers, exponentials as sums, a delta as one exceptional factor."""
        if not p:
            return {} if domain.certain else self.symbolic_power({}, dict(domain.size))
        special = self._exceptional_factor(p, v, domain)
        if special is not None:
            return special
        m, c, core = self.together(p)
        size = dict(domain.size)
        out = self.symbolic_power({ONE: c}, size) if c != 1 else {ONE: 1}
        for a, e in [*m, *([(self.table.atom("poly", freeze(core)), 1)] if core != {ONE: 1} else [])]:
            if v not in a.free:
                factor = self.symbolic_power({((a, e),): 1}, size)
            elif a.kind == "exp":
                factor = self.exp(self.sum_over({a.args[0]: e}, v, domain))
            elif isinstance(e, int):
                factor = self.power(self.bind("prod", {((a, 1),): 1}, [v], domain), e)
            else:
                factor = self.bind("prod", {((a, e),): 1}, [v], domain)
            out = self.mul(out, factor)
        return out

    def _exceptional_factor(self, p: Poly, v: str, domain: Domain) -> Poly | None:
        """prod_v (A_v + delta_{v t} B_v) = prod_v A_v * (A_t + B_t) / A_t."""
        terms = {t for m in p for a, _ in m if a.kind == "delta" and v in a.free for t in a.args if t != v}
        if len(terms) != 1:
            return None
        (term,) = terms
        if v in variables(term) or self._membership(term, domain) != {ONE: 1}:
            return None
        d = self.table.atom("delta", *sorted((v, term), key=term_order))
        plain = {m: c for m, c in p.items() if all(a is not d for a, _ in m)}
        if not plain:
            return None
        there = self.rename(p, {v: term})
        usual = self.rename(plain, {v: term})
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
        return self.add(outer, self.mul(atom, {tuple(out): abs(c)}))

    # ---- renaming and opening -------------------------------------------------------------------

    def rename(self, p: Poly, sigma: dict[str, Term]) -> Poly:
        out: Poly = {}
        for m, c in p.items():
            accumulate(out, self.rename_product(dict(m), sigma, c))
        return out

    def rename_product(self, powers: dict[Atom, Rational], sigma: dict[str, Term], c: Rational) -> Poly:
        kept: dict[Atom, Rational] = {}
        changed: list[Poly] = []
        for a, e in powers.items():
            if a.free.isdisjoint(sigma):
                kept[a] = kept.get(a, 0) + e
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
            found = self._renamed[key] = self.rebuild_atom(a, lambda t: substitute_term(t, sigma), lambda p: self.rename(p, sigma))
        return found

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
            case "exp":
                return self.exp(poly({args[0]: 1}))
            case "log":
                return self.log(poly({((args[0], 1),): 1})) if isinstance(args[0], Atom) else {((a, 1),): 1}
            case "abs":
                return self.absolute(poly({((args[0], 1),): 1}))
            case "step":
                return self.step(poly({((args[0], 1),): 1}))
            case "poly":
                return poly(dict(args[0]))
            case "ipow":
                return self.symbolic_power(poly({((args[0], 1),): 1}), poly({args[1]: 1}))
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
            case "det" | "inv":
                return self._rebuild_matrix(a, term, poly)
        return {((a, 1),): 1}

    def _rebuild_matrix(self, a: Atom, term: Callable[[Term], Term], poly: Callable[[Poly], Poly]) -> Poly:
        domain, frozen, *terms = a.args
        names = [self.fresh(domain), self.fresh(domain)]
        body = self.rename(dict(frozen), {f"%{a.height}.{k}": v for k, v in enumerate(names)})
        return self.bind(a.kind, poly(body), names, domain, *map(term, terms))

    # ---- derivatives ----------------------------------------------------------------------------

    def differentiate(self, p: Poly, name: str, terms: tuple[Term, ...]) -> Poly:
        """The partial derivative of p in the entry ``name[terms]``."""
        out: Poly = {}
        for m, c in p.items():
            for a, e in m:
                if not self._depends_on(a, name):
                    continue
                slope = self._slope(a, name, terms)
                if not slope:
                    continue
                powers = dict(m)
                if a.kind == "exp":  # d e^(c m) = c e^(c m) dm
                    rest = self.settle(powers, c * e)
                else:
                    powers[a] = e - 1
                    rest = self.settle({b: k for b, k in powers.items() if k}, c * e)
                accumulate(out, self.mul(rest, slope))
        return out

    def _depends_on(self, a: Atom, name: str) -> bool:
        return name in a.names or any(n.startswith("loss:") for n in a.names)

    def _slope(self, a: Atom, name: str, terms: tuple[Term, ...]) -> Poly:
        key = (a, name, terms)
        found = self._derived.get(key)
        if found is None:
            self.spend()
            found = self._derived[key] = self._compute_slope(a, name, terms)
        return found

    def _compute_slope(self, a: Atom, name: str, terms: tuple[Term, ...]) -> Poly:
        """da for most atoms; dm for ``e^m``."""
        args = a.args

        def inner(p: Poly) -> Poly:
            return self.differentiate(p, name, terms)

        match a.kind:
            case "entry":
                if args[0] != name:
                    return {}
                self.used("derivative of an entry")
                return self._entry_slope(name, args[1], terms)
            case "exp":
                self.used("derivative of the exponential")
                return inner({args[0]: 1})
            case "log":
                self.used("derivative of the logarithm")
                return self.mul(inner({((args[0], 1),): 1}), self.power({((args[0], 1),): 1}, -1))
            case "poly":
                return inner(dict(args[0]))
            case "abs":
                return self.mul(inner({((args[0], 1),): 1}), self.signum(args[0]))
            case "step" | "delta" | "dim" | "num" | "const":
                return {}
            case "ipow":
                whole = self.product(({args[1]: 1}, {((a, 1),): 1}, self.power({((args[0], 1),): 1}, -1)))
                return self.mul(whole, inner({((args[0], 1),): 1}))
            case "fn":
                self.used("chain rule")
                return self.add({}, *(self.mul(self._function_slope(a, k), inner(dict(f))) for k, f in enumerate(args[2])))
            case "loss":
                return self._loss_slope(a, name, terms)
            case "sum":
                self.used("derivative of a sum")
                new, body = self.open_sum(a)
                return self.close_all(new, inner(body))
            case "prod":
                domain, body, v = self.open_one(a)
                ratio = self.mul(inner(body), self.power(body, -1))
                return self.mul({((a, 1),): 1}, self.sum_over(ratio, v, domain))
            case "inv":
                return self._inverse_slope(a, inner)
            case "det":
                return self._determinant_slope(a, inner)
        raise Unsupported(f"the derivative of {a.kind}")

    def _entry_slope(self, name: str, own: tuple[Term, ...], terms: tuple[Term, ...]) -> Poly:
        """d W_{ij} / d W_{kl} = delta_{ik} delta_{jl}; for a symmetric tensor that is not what is meant."""
        if self.rewrites.is_symmetric(name):
            raise Unsupported(f"the derivative in an entry of {name}, whose entries are not independent")
        return self.product(self.delta(s, t) for s, t in zip(own, terms, strict=True))

    def loss(self, name: str, slots: Iterable[tuple[str, tuple[Term, ...]]]) -> Poly:
        """A partial derivative of a scalar known by its gradient; the order of differentiation does not matter."""
        return self.single("loss", name, tuple(sorted(slots, key=repr)))

    def _loss_slope(self, a: Atom, name: str, terms: tuple[Term, ...]) -> Poly:
        """dL = sum over the quantities that L is a function of."""
        loss, slots = a.args
        out: Poly = {}
        for tensor, axes in self.depends.get(loss, ()):
            if tensor == name:
                accumulate(out, self.loss(loss, [*slots, (tensor, terms)]))
                continue
            inside = self.open_entry(tensor, tuple(v := [self.fresh(d) for d in axes]))
            if inside is None:
                continue
            slope = self.differentiate(inside, name, terms)
            accumulate(out, self.close_all(v, self.mul(slope, self.loss(loss, [*slots, (tensor, tuple(v))]))))
        return out

    def _inverse_slope(self, a: Atom, inner: Callable[[Poly], Poly]) -> Poly:
        """d(A^-1)_{kl} = - sum_{ab} (A^-1)_{ka} dA_{ab} (A^-1)_{bl}."""
        domain, frozen, k, l = a.args
        u, v = self.fresh(domain), self.fresh(domain)
        body = self.rename(dict(frozen), {f"%{a.height}.0": u, f"%{a.height}.1": v})
        left = {((self.table.atom("inv", domain, frozen, k, u), 1),): 1}
        right = {((self.table.atom("inv", domain, frozen, v, l), 1),): 1}
        return self.close_all([u, v], self.scale(self.product((left, inner(body), right)), -1))

    def _determinant_slope(self, a: Atom, inner: Callable[[Poly], Poly]) -> Poly:
        """d det A = det A sum_{ab} (A^-1)_{ba} dA_{ab}."""
        domain, frozen = a.args
        u, v = self.fresh(domain), self.fresh(domain)
        body = self.rename(dict(frozen), {f"%{a.height}.0": u, f"%{a.height}.1": v})
        back = {((self.table.atom("inv", domain, frozen, v, u), 1),): 1}
        return self.mul({((a, 1),): 1}, self.close_all([u, v], self.mul(back, inner(body))))


# ---- helpers ------------------------------------------------------------------------------------


def accumulate(out: Poly, p: Poly, factor: Rational = 1) -> None:
    for m, c in p.items():
        total = out.get(m, 0) + c * factor
        if total:
            out[m] = tidy(total)
        else:
            out.pop(m, None)


def leading(frozen: Frozen) -> tuple[Monomial, Rational]:
    """The greatest term by total degree, then by atoms: an order that products respect."""
    return max(frozen, key=lambda item: (sum(e for _, e in item[0]), [(-a.serial, e) for a, e in item[0]]))


def rational_content(values: Iterable[Rational]) -> Fraction:
    """The positive c for which all values / c are whole and coprime."""
    fractions = [Fraction(v) for v in values]
    return Fraction(math.gcd(*(f.numerator for f in fractions)), math.lcm(*(f.denominator for f in fractions)))


def factorise(n: int) -> list[tuple[int, int]]:
    """Prime factors of n >= 1 by trial division; a large cofactor stands as one factor."""
    out, p = [], 2
    while p * p <= n and p < 10_000:
        k = 0
        while n % p == 0:
            n, k = n // p, k + 1
        if k:
            out.append((p, k))
        p += 1
    if n > 1:
        out.append((n, 1))
    return out


def term_order(t: Term) -> tuple[int, str]:
    """Numbers first, then labels, then free variables, then bound ones."""
    if isinstance(t, int):
        return 0, f"{t:020d}"
    if isinstance(t, tuple):
        return 1, repr(t)
    return (3 if t[0] in "~%" else 2), t


def substitute_term(t: Term, sigma: dict[str, Term]) -> Term:
    if isinstance(t, str):
        return sigma.get(t, t)
    if isinstance(t, int):
        return t
    if t[0] == "+":
        return shift(substitute_term(t[1], sigma), t[2])
    return (t[0], t[1], tuple(substitute_term(s, sigma) for s in t[2]))


def shift(t: Term, k: int) -> Term:
    if not k:
        return t
    if isinstance(t, int):
        return t + k
    if isinstance(t, tuple) and t[0] == "+":
        return shift(t[1], t[2] + k)
    return ("+", t, k)


def masked_term(t: Term, mask: dict[str, str]) -> str:
    if isinstance(t, str):
        return mask.get(t, t)
    if isinstance(t, int):
        return str(t)
    if t[0] == "+":
        return f"{masked_term(t[1], mask)}+{t[2]}"
    return f"{t[1]}[{','.join(masked_term(s, mask) for s in t[2])}]"

