"""Powers, exponentials, logarithms, signs: what happens to values.

A law is used only if it holds at every value at which both of its sides are defined. Where a sign decides
(``sqrt(x^2)``, ``exp(log x)``), the sign is asked for, and |x| stands if it is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

from derive.calculus.atoms import (
    BINDERS,
    ONE,
    TRUTHS,
    Atom,
    BudgetExceeded,
    Domain,
    Monomial,
    Poly,
    Rational,
    Undefined,
    Unsupported,
    atoms_of,
    freeze,
    magnitude,
    number,
    of,
    term_of,
    tidy,
)
from derive.calculus.orders import Orders
from derive.calculus.products import EXPAND, accumulate, leading


class Powers(Orders):
    """Products with powers, functions and signs."""

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
            return number(1)
        if len(p) == 1:
            ((m, c),) = p.items()
            return self._monomial_power(m, c, r)
        if isinstance(r, int) and r > 0 and not self.factored:
            if r > EXPAND:
                raise BudgetExceeded(f"a sum to the power {r} is not multiplied out")
            return self.product([p] * r)
        content, c, core = self.together(p)
        out = self._monomial_power(content, c, r)
        if core == number(1):
            return out
        atom = self.table.atom("poly", freeze(core))
        return self.mul(out, self.atom_power(atom, 1, r))

    def _monomial_power(self, m: Monomial, c: Rational, r: Rational) -> Poly:
        if isinstance(r, int):
            if abs(r) > 10_000 and c not in (1, -1):
                raise BudgetExceeded(f"a number to the power {r}")
            return self.settle({a: e * r for a, e in m}, tidy(Fraction(c) ** r))
        out = self.number_power(magnitude(c), r)
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
            return self.mul(self.settle({a: e}, 1), self.signum(a))
        return self.settle({self.table.atom("abs", a): e}, 1)

    def modulus(self, p: Poly, e: Rational) -> Poly:
        """|p|^e."""
        if not p:
            return self.power(p, e)
        m, c, core = self.together(p)
        out = self.power(number(magnitude(c)), e)
        for a, k in [*m, *([(self.table.atom("poly", freeze(core)), 1)] if core != number(1) else [])]:
            out = self.mul(out, self.absolute_power(a, tidy(k * e)))
        return out

    def signum(self, a: Atom) -> Poly:
        return {((self.table.atom("step", a), 1),): 2, ONE: -1}

    def number_power(self, c: Rational, r: Rational) -> Poly:
        out: Poly = number(1)
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
        common = {a: e for a, e in common.items() if e and a.kind not in TRUTHS}
        if common:
            p = self.mul(p, {tuple(sorted((a, -e) for a, e in common.items())): 1})
        lead, k = leading(tuple(p.items()))
        content = rational_content(p.values()) * (1 if k > 0 else -1)
        core = {m: tidy(Fraction(d) / content) for m, d in p.items()}
        if len(core) == 1:
            ((m, d),) = core.items()
            for a, e in m:
                common[a] = common.get(a, 0) + e
            content, core = content * d, number(1)
        for a, e in outside.items():
            common[a] = common.get(a, 0) + e
        return tuple(sorted((a, tidy(e)) for a, e in common.items() if e)), tidy(content), core

    def compact(self, p: Poly) -> Poly:
        """One fraction, its numerator of several terms kept whole, where the terms have such denominators."""
        if not any(a.kind == "poly" for m in p for a, _ in m):
            return p
        return self.as_factor(p)

    def as_factor(self, p: Poly) -> Poly:
        """Several terms as one factor."""
        if len(p) < 2:
            return p
        self.factored = False
        try:
            m, c, core = self.together(p)
        finally:
            self.factored = True
        powers = dict(m)
        if core != {ONE: 1}:
            atom = self.table.atom("poly", freeze(core))
            powers[atom] = powers.get(atom, 0) + 1
        return self.settle(powers, c)

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
        out: Poly = number(1)
        if c < 0:
            out = self._whole_power(None, exponent)
        out = self.mul(out, self.exp(self.mul(exponent, self.log(number(magnitude(c))))))
        factors = list(m) + ([(self.table.atom("poly", freeze(core)), 1)] if core != number(1) else [])
        for a, e in factors:
            if self.sign(a) == "+":
                out = self.mul(out, self.exp(self.mul(exponent, self.log(of(a, e)))))
            elif isinstance(e, int):
                out = self.mul(out, self._whole_power(a, self.scale(exponent, e)))
            else:
                raise Unsupported("a root to a symbolic power")
        return out

    def _whole_power(self, a: Atom | None, exponent: Poly) -> Poly:
        """a^exponent for a whole exponent; ``None`` stands for -1."""
        base = a if a is not None else self.table.atom("const", "-1")
        out: Poly = number(1)
        for m, c in exponent.items():
            if m == ONE:
                plain = self.settle({base: c}, 1) if a is not None else number((-1) ** int(c))
                out = self.mul(out, plain)
            elif a is None:
                if int(c) % 2:
                    out = self.mul(out, of(self.table.atom("ipow", base, m)))
            else:
                out = self.mul(out, {((self.table.atom("ipow", base, m), c),): 1})
        return out

    def is_whole(self, p: Poly) -> bool:
        """True for a polynomial in dimensions and index variables with whole coefficients."""
        return all(
            isinstance(c, int)
            and all(
                (isinstance(e, int) and e > 0 and a.kind in ("dim", "delta", "less"))
                or (a.kind == "entry" and a.args[0].startswith("#"))
                for a, e in m
            )
            for m, c in p.items()
        )

    # ---- exponential and logarithm --------------------------------------------------------------

    def exp(self, p: Poly) -> Poly:
        """e^(sum of terms) = product of e^term; e^(c log a) = |a|^c, which is a^c where a > 0."""
        out: Poly = number(1)
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
        if core != number(1):
            accumulate(out, self._log_atom(self.table.atom("poly", freeze(core))))
        return out

    def _log_atom(self, a: Atom) -> Poly:
        if a.kind == "exp":
            return term_of(a.args[0], 1)
        if a.kind in TRUTHS:
            raise Unsupported("the logarithm of an indicator")
        if a.kind == "abs":
            return self._log_atom(a.args[0])
        if a.kind == "num":
            return of(self.table.atom("log", a.args[0]))
        if a.kind == "const" and a.args[0] == "-1":
            return {}
        if a.kind == "ipow":
            return self.mul(term_of(a.args[1], 1), self._log_atom(a.args[0]))
        if a.kind == "prod":
            return self._log_product(a)
        return of(self.table.atom("log", a))

    def _log_product(self, a: Atom) -> Poly:
        """log of a product over an index is the sum of the logarithms."""
        domain, body, v = self.open_one(a)
        return self.sum_over(self.log(body), v, domain)

    # ---- signs ----------------------------------------------------------------------------------

    def sign(self, a: Atom) -> str | None:
        """'+' positive, '0+' not negative, '-' negative, None unknown."""
        if a not in self._signs:
            if self.rewrites.ranged and any(v[0] == "%" for v in a.free):
                return self._worked_out(a)  # it depends on what the bound index runs over
            self._signs[a] = None
            self._signs[a] = self._worked_out(a)
        return self._signs[a]

    def _worked_out(self, a: Atom) -> str | None:
        known = self.rewrites.sign(a)
        if known or a.kind not in BINDERS:
            return known or self._structural_sign(a)
        domains = a.args[0] if a.kind == "sum" else (a.args[0], a.args[0])
        with self.ranging({f"%{a.height}.{k}": d for k, d in enumerate(domains)}):
            return self._structural_sign(a)

    @contextmanager
    def ranging(self, domains: dict[str, Domain]) -> Iterator[None]:
        """Names of bound indices run over these ranges for a while."""
        before = {v: self.domains.get(v) for v in domains}
        self.domains.update(domains)
        try:
            yield
        finally:
            for v, d in before.items():
                if d is None:
                    del self.domains[v]
                else:
                    self.domains[v] = d

    def _structural_sign(self, a: Atom) -> str | None:
        match a.kind:
            case "dim" | "exp" | "num":
                return "+"
            case "const":
                return "-" if a.args[0] == "-1" else "+"
            case "abs" | "delta" | "less" | "step":
                return "0+"
            case "log":
                return "+" if isinstance(a.args[0], int) else None
            case "sum":
                inner = self.sign_of(term_of(a.args[1], 1))
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

    def forget_slopes(self) -> None:
        """A slope depends on which definitions are held, where a loss is known by its gradient only."""
        if self.depends:
            self._derived.clear()

    # ---- indicators of values -------------------------------------------------------------------

    def step(self, p: Poly) -> Poly:
        """1{p > 0}, away from p = 0."""
        if not p:
            raise Unsupported("a condition on a quantity that is identically zero")
        m, c, core = self.together(p)
        odd: list[Atom] = []
        sign = 1 if c > 0 else -1
        for a, e in [*m, *([(self.table.atom("poly", freeze(core)), 1)] if core != number(1) else [])]:
            s = self.sign(a)
            if a.kind in TRUTHS:
                raise Unsupported("a condition on a product with an indicator")
            if s in ("+", "0+") or (isinstance(e, int) and e % 2 == 0):
                continue
            if s == "-":
                sign = -sign
            else:
                odd.append(a)
        if not odd:
            return number(1) if sign > 0 else {}
        self.sign_unknown = True
        whole = self.product(self._exponential_sign(a) or self.signum(a) for a in odd)
        return self.add(self.scale(whole, Fraction(sign, 2)), {ONE: Fraction(1, 2)})

    def _exponential_sign(self, a: Atom) -> Poly | None:
        """The sign of ``c e^u - d e^v`` for c, d > 0 is that of ``u - v + log(c / d)``."""
        if a.kind != "poly" or len(a.args[0]) != 2:
            return None
        (m, c), (n, d) = a.args[0]
        if c * d >= 0 or any(b.kind != "exp" for b in (*atoms_of(m), *atoms_of(n))):
            return None
        exponent = self.sub(self.log({m: magnitude(c)}), self.log({n: magnitude(d)}))
        if not exponent:
            return None
        upper = self.sub(self.scale(self.step(exponent), 2), number(1))
        return upper if c > 0 else self.scale(upper, -1)

    def absolute(self, p: Poly) -> Poly:
        return self.mul(p, self.add(self.scale(self.step(p), 2), number(-1))) if p else {}

    def maximum(self, p: Poly, q: Poly) -> Poly:
        d = self.sub(p, q)
        return self.add(q, self.mul(d, self.step(d))) if d else q

    # ---- opaque functions -----------------------------------------------------------------------

    ODD = frozenset(("sin", "erf", "atan", "asin", "asinh", "atanh", "tan"))
    EVEN = frozenset(("cos",))

    def function(self, name: str, arguments: Sequence[Poly], orders: tuple[int, ...] | None = None) -> Poly:
        orders = orders or (0,) * len(arguments)
        if name in ("sin", "cos") and self._compound(arguments[0]):
            return self._circular(name, arguments[0])
        if name in self.ODD | self.EVEN:
            (p,) = arguments
            if not p:
                return {} if name in self.ODD else number(1)
            if leading(tuple(p.items()))[1] < 0:
                flipped = self.function(name, [self.scale(p, -1)])
                return self.scale(flipped, -1) if name in self.ODD else flipped
        return self.single("fn", name, orders, tuple(freeze(p) for p in arguments))

    @staticmethod
    def _compound(p: Poly) -> bool:
        """An angle that is a sum, or a small multiple."""
        return 1 < len(p) <= 6 or (len(p) == 1 and all(1 < abs(Fraction(c).numerator) <= 8 for c in p.values()))

    def _circular(self, name: str, p: Poly) -> Poly:
        """sin(a + b) = sin a cos b + cos a sin b; cos(a + b) = cos a cos b - sin a sin b."""
        m, c = next(iter(p.items()))
        whole = abs(Fraction(c).numerator)
        a: Poly = {m: c} if len(p) > 1 else {m: tidy(Fraction(c) / whole)}
        b = self.sub(p, a)
        (sin_a, cos_a), (sin_b, cos_b) = ([self.function(f, [q]) for f in ("sin", "cos")] for q in (a, b))
        if name == "sin":
            return self.add(self.mul(sin_a, cos_b), self.mul(cos_a, sin_b))
        return self.sub(self.mul(cos_a, cos_b), self.mul(sin_a, sin_b))

    def _function_slope(self, a: Atom, k: int) -> Poly:
        """The partial derivative of an opaque function in its k-th argument."""
        name, orders, frozen = a.args
        arguments = [dict(f) for f in frozen]
        p = arguments[0]
        two = number(2)
        match name:
            case "sin":
                return self.function("cos", [p])
            case "cos":
                return self.scale(self.function("sin", [p]), -1)
            case "tan":
                return self.add(number(1), self.power(of(a), 2))
            case "atan":
                return self.power(self.add(number(1), self.power(p, 2)), -1)
            case "asin":
                return self.power(self.sub(number(1), self.power(p, 2)), Fraction(-1, 2))
            case "acos":
                return self.scale(self.power(self.sub(number(1), self.power(p, 2)), Fraction(-1, 2)), -1)
            case "erf":
                root = self.power(self.single("const", "pi"), Fraction(-1, 2))
                return self.product((two, root, self.exp(self.scale(self.power(p, 2), -1))))
        raised = tuple(n + (j == k) for j, n in enumerate(orders))
        return self.function(name, arguments, raised)

    # ---- supplied by the classes that build on this one -------------------------------------------

    def sum_over(self, p: Poly, v: str, domain: Domain) -> Poly:
        raise NotImplementedError

    def open_one(self, a: Atom) -> tuple[Domain, Poly, str]:
        raise NotImplementedError


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
