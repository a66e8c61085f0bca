"""SymPy index expressions -> normal form.

The tree is read node by node; nothing of SymPy's own simplification is used. A bound index gets a fresh
name when its sum is entered, so nothing is ever captured. Definitions are opened on the way, but for the
names that a derivative holds as its variables. What an expression asks of its point (a denominator that
is not zero, the argument of a logarithm that is positive) is collected as conditions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp

from derive.calculus.algebra import Algebra
from derive.calculus.atoms import (
    ONE,
    Domain,
    Poly,
    Term,
    Undefined,
    Unsupported,
    addends,
    freeze,
    is_compound,
    never_empty,
    number,
    shift,
    tidy,
    unshifted,
)
from derive.calculus.ground import Condition, Env, Ground, Scalar, base_name, is_dimension
from derive.calculus.language import Binder, Det, InverseEntry, MaxOver, MinOver
from derive.calculus.products import accumulate
from derive.calculus.setting import Assumption, Definition, Setting

DEPTH = 600  # nesting beyond this is not read
ORDER = 12  # derivatives beyond this order are not taken

Variable = tuple[str, tuple[Term, ...]]  # of a derivative: a name and its indices


@dataclass
class Opened:
    """A definition in normal form, its formals under fresh names, with what it asks of the point."""

    formals: list[str]
    poly: Poly
    conditions: list[Condition] = field(default_factory=list)


@dataclass
class Entered:
    """The scope under a binder: the terms of symbols, the bound names, innermost first, what keeps them in range."""

    env: dict[Any, Any]
    bound: list[tuple[str, Domain]] = field(default_factory=list)
    within: list[Poly] = field(default_factory=list)


class Normalizer(Ground):
    """Reads expressions under one setting into one algebra."""

    def __init__(
        self,
        setting: Setting,
        assumptions: Iterable[Assumption] = (),
        hot: Mapping[str, int] | None = None,
        factored: bool = False,
    ) -> None:
        super().__init__(setting, factored)
        self.opened_names: dict[str, None] = {}
        self.kinks: dict[sp.Basic, None] = {}
        self._held: frozenset[str] = frozenset()
        self._optional = 0  # factors and ranges around that may make a term vanish
        self._depth = 0
        self._memo: dict[tuple[object, ...], Opened] = {}
        self.algebra.open_entry = self._open_entry
        self.stand_on(tuple(assumptions), hot or {})

    def forget(self) -> None:
        self._memo.clear()
        super().forget()

    # ---- reading --------------------------------------------------------------------------------

    def convert(self, e: sp.Basic, env: Env | None = None) -> Poly:
        """The normal form of an expression; ``env`` gives the bound symbols their terms."""
        self._depth += 1
        if self._depth > DEPTH:
            raise Unsupported("an expression nested too deeply")
        try:
            return self._convert(sp.sympify(e), self._same_index if env is None else env)
        finally:
            self._depth -= 1

    def _convert(self, e: sp.Basic, env: Env) -> Poly:
        for kind in type(e).__mro__:
            reader = READERS.get(kind)
            if reader is not None:
                return reader(self, e, env)
        raise Unsupported(f"{type(e).__name__} ({str(e)[:60]})")

    def _number(self, e: sp.Rational, env: Env) -> Poly:
        if abs(e.p).bit_length() > 20_000:
            raise Unsupported("a number of thousands of digits")
        c = tidy(Fraction(int(e.p), int(e.q)))
        return {ONE: c} if c else {}

    def _float(self, e: sp.Float, env: Env) -> Poly:
        return self._number(sp.Rational(str(e)), env)

    def _symbol(self, e: sp.Symbol, env: Env) -> Poly:
        bound = env.get(e)
        if isinstance(bound, Scalar):
            return self.algebra.entry(bound.name)
        if bound is not None:
            return self.algebra.index_value(bound)
        if e in self.setting.axes:
            return self.algebra.index_value(e.name)
        if e.name in self.setting.depends and e.name not in self._held:
            return self.algebra.loss(e.name, [])
        if e.is_integer and e.name not in self.setting.definitions:
            if not e.is_positive:
                return self.algebra.index_value(e.name)
            return {ONE: self.sizes[e.name]} if e.name in self.sizes else self.algebra.single("dim", e.name)
        return self._name(e.name, (), e)

    def _hot_entry(self, name: str, terms: tuple[Term, ...]) -> Poly:
        """A one-hot y_{nk} is delta_{k c_n} for the label c_n of its row."""
        k = self.hot[name]
        return self.algebra.delta(terms[k], ("@", f"{name}°", terms[:k] + terms[k + 1 :]))

    def _name(self, name: str, terms: tuple[Term, ...], e: sp.Basic) -> Poly:
        opened = self._open_entry(name, terms)
        if opened is not None:
            return opened
        if name in self.hot and not self._assuming:
            return self._hot_entry(name, terms)
        self._within_axes(name, terms, e)
        p = self.algebra.entry(name, terms)
        if e.is_positive or e.is_nonnegative:
            self._note_sign(name, bool(e.is_positive))
        return p

    def _within_axes(self, name: str, terms: tuple[Term, ...], e: sp.Basic) -> None:
        """An entry at an index with something added to it has a value within its axis only."""
        for t, domain in zip(terms, self.algebra.shapes.get(name, ()), strict=False):
            if (isinstance(unshifted(t)[0], str) and unshifted(t)[1]) or is_compound(t):
                inside = self.algebra.membership(t, domain)
                if inside is not None:
                    self._ask(inside, "1", e)

    def _note_sign(self, name: str, strict: bool) -> None:
        """SymPy's own ``positive=True`` counts as said."""
        rewrites = self.algebra.rewrites
        if name not in rewrites.declared:
            rewrites.declared[name] = "+" if strict else "0+"
            self.algebra.forget()

    def _indexed(self, e: sp.Indexed, env: Env) -> Poly:
        if isinstance(e.base.label, sp.MatrixSymbol):
            raise Unsupported(f"entries of the matrix symbol {e.base.label}")
        return self._name(base_name(e), tuple(self.term(k, env) for k in e.indices), e)

    def _matrix_entry(self, e: Any, env: Env) -> Poly:
        if not isinstance(e.parent, sp.MatrixSymbol):
            raise Unsupported(f"an entry of {type(e.parent).__name__}")
        return self._name(e.parent.name, (self.term(e.i, env), self.term(e.j, env)), e)

    # ---- definitions ----------------------------------------------------------------------------

    def _open_entry(self, name: str, terms: tuple[Term, ...]) -> Poly | None:
        d = self.setting.definitions.get(name)
        if d is None or d.is_function or name in self._held or len(d.formals) != len(terms):
            return None
        opened = self._opened(d, tuple(map(self._reach, terms)))
        sigma = dict(zip(opened.formals, terms, strict=True))
        self._inherit(opened, lambda p: self.algebra.rename(p, sigma))
        return self.algebra.rename(opened.poly, sigma)

    def _reach(self, t: Term) -> Domain | None:
        """The values that an index with a number added to it has, or a number; None where it has no such reach."""
        base, k = unshifted(t)
        if isinstance(base, int):
            return Domain(base, freeze(number(1)))
        domain = self.algebra.domains.get(base) if k and isinstance(base, str) else None
        return Domain(domain.first + k, domain.size) if domain and isinstance(domain.first, int) else None

    def _widened(self, domain: Domain, reach: Domain | None) -> Domain:
        """A range and the few values beside it that a definition is used at."""
        if reach is None or not isinstance(domain.first, int):
            return domain
        add, sub = self.algebra.add, self.algebra.sub
        last, other = (add(dict(d.size), number(d.first - 1)) for d in (domain, reach))
        gap = sub(other, last)
        beyond = 0 if gap.keys() - {ONE} else max(0, gap.get(ONE, 0))
        first = min(domain.first, reach.first)
        size = add(dict(domain.size), number(domain.first - first + int(beyond)))
        return Domain(first, freeze(size), domain.certain)

    def _opened(self, d: Definition, reach: tuple[Domain | None, ...] = ()) -> Opened:
        """A definition, opened for indices that reach over the ends of its ranges, if they do."""
        axes = d.axes or self.setting.shapes.get(d.name, ())
        domains: list[Domain | None] = [None] * len(d.formals)
        if len(axes) == len(d.formals) and not d.is_function:
            domains = [self._widened(self.domain(a), r) for a, r in zip(axes, reach, strict=True)]
        key = (d.name, self._held, tuple(domains))
        found = self._memo.get(key)
        if found is None:
            self.opened_names.setdefault(d.name)
            if d.is_function:
                formals = [f"${self.algebra.fresh(None)}" for _ in d.formals]
                env: Env = {**self._same_index, **{s: Scalar(v) for s, v in zip(d.formals, formals, strict=True)}}
            else:
                formals = [self.algebra.fresh(domain) for domain in domains]
                env = {**self._same_index, **dict(zip(d.formals, formals, strict=True))}
            outer, self.conditions = self.conditions, {}
            guarded, optional, self._guarded, self._optional = self._guarded, self._optional, 0, 0
            try:
                poly = self.convert(d.body, env)
                found = Opened(formals, poly, list(self.conditions))
            finally:
                self.conditions, self._guarded, self._optional = outer, guarded, optional
            self._memo[key] = found
        return found

    def _inherit(self, opened: Opened, place: Callable[[Poly], Poly]) -> None:
        """The conditions of a definition, at the place where it is used."""
        for c in opened.conditions:
            p = place(c.poly)
            if p:
                self._ask(p, c.sign, c.expr, c.always)

    def _function(self, e: Any, env: Env) -> Poly:
        """A note's own function, or an unknown one."""
        name = type(e).__name__
        arguments = [self.convert(a, env) for a in e.args]
        d = self.setting.definitions.get(name)
        if name in RESERVED and d is None:
            raise Unsupported(f"an unknown function with the name {name}")
        if d is None or not d.is_function or name in self._held:
            return self.algebra.function(name, arguments)
        if len(d.formals) != len(arguments):
            raise Unsupported(f"{name} of {len(arguments)} arguments")
        opened = self._opened(d)
        values = dict(zip(opened.formals, arguments, strict=True))

        def place(p: Poly) -> Poly:
            return self.algebra.replace_entries(p, frozenset(values), lambda n, _: values[n])

        self._inherit(opened, place)
        return place(opened.poly)

    # ---- arithmetic -----------------------------------------------------------------------------

    def _add(self, e: sp.Add, env: Env) -> Poly:
        out: Poly = {}
        for a in e.args:
            accumulate(out, self.convert(a, env))
        return self._whole(out)

    def _whole(self, p: Poly) -> Poly:
        return self.algebra.compact(p) if self.algebra.factored else p

    def _mul(self, e: sp.Mul, env: Env) -> Poly:
        optional = any(isinstance(a, sp.Piecewise) or is_index_truth(a) for a in e.args)
        self._optional += optional
        try:
            return self._whole(self.algebra.product([self.convert(a, env) for a in e.args]))
        finally:
            self._optional -= optional

    def _pow(self, e: sp.Pow, env: Env) -> Poly:
        base, exponent = e.args
        if base is sp.E:
            return self._exp_of(exponent, env)
        p = self.convert(base, env)
        q = self.convert(exponent, env)
        if not q.keys() - {ONE}:
            r = q.get(ONE, 0)
            if r < 0:
                self._ask(p, "!", base)
            if not isinstance(r, int):
                self._ask(p, "0+", base)
            return self.algebra.power(p, r)
        if not self.algebra.is_whole(q):
            self._ask(p, "+", base)
        elif any(c < 0 for c in q.values()):
            self._ask(p, "!", base)
        return self.algebra.symbolic_power(p, q)

    def _exp_of(self, exponent: sp.Expr, env: Env) -> Poly:
        return self.algebra.exp(self.convert(exponent, env))

    def _exp(self, e: sp.exp, env: Env) -> Poly:
        return self._exp_of(e.args[0], env)

    def _log(self, e: sp.log, env: Env) -> Poly:
        p = self.convert(e.args[0], env)
        if not p:
            raise Undefined("the logarithm of zero")
        self._ask(p, "+", e.args[0])
        return self.algebra.log(p)

    def _kink(self, left: sp.Expr, right: sp.Expr) -> None:
        """Where the two are equal, a function or its derivative jumps; such points are left out."""
        one, other = (right, left) if left.is_number else (left, right)
        self.kinks.setdefault(sp.Ne(one, other, evaluate=False))

    def _ask(self, p: Poly, sign: str, expr: sp.Basic, always: bool = True) -> None:
        """Note a condition, unless it follows from the signs of the terms or stands under one."""
        if not p and sign != "0+":
            if sign == "1":
                raise Undefined(f"{expr} never holds")
            raise Undefined(f"{expr} is identically zero" + (" in a denominator" if sign == "!" else ""))
        if self._guarded or not p:
            return
        if sign == "1":
            if p != {ONE: 1}:
                self.conditions.setdefault(Condition(p, sign, expr, always))
            return
        m, c, core = self.algebra.together(p)
        known = self.algebra.sign_of({m: c} if core == {ONE: 1} else p)
        if known == "+" or (known == "-" and sign == "!") or (known == "0+" and sign == "0+"):
            return
        if core == {ONE: 1} and sign == "!":
            atoms = [(a, e) for a, e in m if self.algebra.sign(a) not in ("+", "-")]
            if not atoms:
                return
        self.conditions.setdefault(Condition(p, sign, expr, always and not self._optional))

    # ---- elementary functions -------------------------------------------------------------------

    def _tanh(self, e: Any, env: Env) -> Poly:
        """tanh x = (e^2x - 1) / (e^2x + 1)."""
        up = self.algebra.exp(self.algebra.scale(self.convert(e.args[0], env), 2))
        down = self.algebra.power(self.algebra.add(up, {ONE: 1}), -1)
        return self._whole(self.algebra.mul(self.algebra.sub(up, {ONE: 1}), down))

    def _hyperbolic(self, e: Any, sign: int, env: Env) -> Poly:
        p = self.convert(e.args[0], env)
        both = self.algebra.add(
            self.algebra.exp(p), self.algebra.scale(self.algebra.exp(self.algebra.scale(p, -1)), sign)
        )
        return self.algebra.scale(both, Fraction(1, 2))

    def _cosh(self, e: Any, env: Env) -> Poly:
        return self._hyperbolic(e, 1, env)

    def _sinh(self, e: Any, env: Env) -> Poly:
        return self._hyperbolic(e, -1, env)

    def _reciprocal(self, e: Any, env: Env) -> Poly:
        """coth, sech, csch, sec, csc, cot through what they are reciprocals of."""
        other = {sp.coth: sp.tanh, sp.sech: sp.cosh, sp.csch: sp.sinh, sp.sec: sp.cos, sp.csc: sp.sin, sp.cot: sp.tan}[
            type(e)
        ]
        p = self._convert(other(e.args[0]), env)
        self._ask(p, "!", e)
        return self.algebra.power(p, -1)

    def _plain(self, e: Any, env: Env) -> Poly:
        return self.algebra.function(type(e).__name__, [self.convert(a, env) for a in e.args])

    def _abs(self, e: sp.Abs, env: Env) -> Poly:
        self._kink(e.args[0], sp.S.Zero)
        return self.algebra.absolute(self.convert(e.args[0], env))

    def _sign(self, e: Any, env: Env) -> Poly:
        p = self.convert(e.args[0], env)
        self._kink(e.args[0], sp.S.Zero)
        return self.algebra.add(self.algebra.scale(self.algebra.step(p), 2), {ONE: -1}) if p else {}

    def _heaviside(self, e: Any, env: Env) -> Poly:
        self._kink(e.args[0], sp.S.Zero)
        return self.algebra.step(self.convert(e.args[0], env))

    def _max(self, e: sp.Max, env: Env) -> Poly:
        arguments = sorted(e.args, key=sp.default_sort_key)
        for one, other in itertools.pairwise(arguments):
            self._kink(one, other)
        polys = [self.convert(a, env) for a in arguments]
        out = polys[0]
        for p in polys[1:]:
            out = self.algebra.maximum(out, p)
        return out

    def _min(self, e: sp.Min, env: Env) -> Poly:
        arguments = sorted(e.args, key=sp.default_sort_key)
        for one, other in itertools.pairwise(arguments):
            self._kink(one, other)
        polys = [self.algebra.scale(self.convert(a, env), -1) for a in arguments]
        out = polys[0]
        for p in polys[1:]:
            out = self.algebra.maximum(out, p)
        return self.algebra.scale(out, -1)

    def _pi(self, e: Any, env: Env) -> Poly:
        return self.algebra.single("const", "pi")

    def _euler(self, e: Any, env: Env) -> Poly:
        return self.algebra.exp({ONE: 1})

    def _real_part(self, e: Any, env: Env) -> Poly:
        return self.convert(e.args[0], env)

    # ---- indices --------------------------------------------------------------------------------

    def _kronecker(self, e: sp.KroneckerDelta, env: Env) -> Poly:
        return self.algebra.delta(self.term(e.args[0], env), self.term(e.args[1], env))

    def _piecewise(self, e: sp.Piecewise, env: Env) -> Poly:
        """Each value times the truth of its condition and of none before it."""
        out: Poly = {}
        left: Poly = {ONE: 1}
        self._guarded += 1
        try:
            for value, condition in e.args:
                truth = self.algebra.mul(left, self.truth(condition, env))
                accumulate(out, self.algebra.mul(truth, self.convert(value, env)))
                left = self.algebra.sub(left, truth)
        finally:
            self._guarded -= 1
        if left and not self._enumerated(e, env):
            return self.algebra.add(out, self._beside(e, left, env))
        return out

    def _beside(self, e: sp.Piecewise, left: Poly, env: Env) -> Poly:
        """Where no case applies there is no value: the last case may stand for it, the claim is about other places."""
        if not all(is_index_condition(c) for _, c in e.args):
            raise Unsupported("cases that do not cover everything")
        covered = self.algebra.sub({ONE: 1}, left)
        self._ask(covered, "1", sp.Or(*(c for _, c in e.args)))
        return self.algebra.mul(left, self.convert(e.args[-1].expr, env))

    def _enumerated(self, e: sp.Piecewise, env: Env) -> bool:
        """True when the conditions name each value of an index over a numbered axis."""
        terms, values = set(), set()
        for _, condition in e.args:
            if not isinstance(condition, sp.Eq):
                return False
            pair = [self.term(a, env) for a in condition.args]
            numbers = [t for t in pair if isinstance(t, int)]
            if len(numbers) != 1:
                return False
            values.add(numbers[0])
            terms.add(next(t for t in pair if not isinstance(t, int)))
        if len(terms) != 1 or not isinstance(next(iter(terms)), str):
            return False
        domain = self.algebra.domains.get(next(iter(terms)))
        return (
            domain is not None
            and dict(domain.size) == {ONE: len(values)}
            and values == set(range(domain.first, domain.first + len(values)))
        )

    def truth(self, c: sp.Basic, env: Env) -> Poly:
        """1 where a condition holds, 0 where it does not, away from the places where it changes."""
        if c is sp.true or c is sp.false:
            return {ONE: 1} if c is sp.true else {}
        if isinstance(c, (sp.Eq, sp.Ne)):
            if not self._counts(c, env):
                raise Unsupported(f"the condition {c}, which holds on single points only")
            same = self.algebra.delta(*(self.term(a, env) for a in c.args))
            return same if isinstance(c, sp.Eq) else self.algebra.sub({ONE: 1}, same)
        if isinstance(c, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            if self._counts(c, env):
                low, high = self.term(c.lts, env), self.term(c.gts, env)
                return (self.algebra.less if isinstance(c, (sp.Gt, sp.Lt)) else self.algebra.at_most)(low, high)
            if any(isinstance(a, sp.Symbol) and self._stands_as_index(a, env) for a in c.args):
                return {ONE: 1} if self._order_holds(c, env) else {}
            difference = self.algebra.sub(self.convert(c.gts, env), self.convert(c.lts, env))
            if self.algebra.is_whole(difference) or (c.gts.is_integer and c.lts.is_integer):
                raise Unsupported(f"the order of whole numbers in {c}, which may be equal")
            self._kink(c.gts, c.lts)
            return self.algebra.step(difference)
        if isinstance(c, sp.And):
            return self.algebra.product(self.truth(a, env) for a in c.args)
        if isinstance(c, sp.Or):
            none = self.algebra.product(self.algebra.sub({ONE: 1}, self.truth(a, env)) for a in c.args)
            return self.algebra.sub({ONE: 1}, none)
        if isinstance(c, sp.Not):
            return self.algebra.sub({ONE: 1}, self.truth(c.args[0], env))
        raise Unsupported(f"the condition {c}")

    def _order_holds(self, c: Any, env: Env) -> bool:
        """An index against a bound that its whole range meets, or fails."""
        gap = (self._ends(c.gts, env)[0], self._ends(c.lts, env)[1])
        least = self.algebra.sub(*gap)
        most = self.algebra.sub(self._ends(c.gts, env)[1], self._ends(c.lts, env)[0])
        strict = isinstance(c, (sp.Gt, sp.Lt))
        if not least.keys() - {ONE} and least.get(ONE, 0) >= strict:
            return True
        if not most.keys() - {ONE} and most.get(ONE, 0) < strict:
            return False
        raise Unsupported(f"the order of indices in {c}")

    def _ends(self, e: sp.Expr, env: Env) -> tuple[Poly, Poly]:
        """The least and the greatest value of an index, or a number that is both."""
        term = self.term(e, env) if isinstance(e, sp.Symbol) and self._stands_as_index(e, env) else None
        domain = self.algebra.domains.get(term) if isinstance(term, str) else None
        if domain is None or not isinstance(domain.first, int) or not domain.certain:
            value = self.convert(e, env)
            return value, value
        first: Poly = {ONE: domain.first} if domain.first else {}
        return first, self.algebra.add(first, dict(domain.size), {ONE: -1})

    def _is_counted(self, e: sp.Basic, env: Env) -> bool:
        """A sum of multiples of indices, sizes and numbers."""
        if isinstance(e, sp.Add):
            return all(self._is_counted(a, env) for a in e.args)
        if isinstance(e, sp.Mul):
            return len(e.args) == 2 and isinstance(e.args[0], sp.Integer) and self._is_counted(e.args[1], env)
        return self._stands_as_index(e, env) or is_dimension(e)

    def _counts(self, c: sp.Rel, env: Env) -> bool:
        """Whether a relation is one of indices."""
        parts = [a for side in c.args for a in sp.Add.make_args(side)]
        indices = any(self._stands_as_index(a.as_coeff_Mul()[1], env) for a in parts if not a.is_Integer)
        return indices and all(self._is_counted(a, env) for a in c.args)

    def _stands_as_index(self, e: sp.Basic, env: Env) -> bool:
        if isinstance(e, sp.Symbol) and e in env:
            return not isinstance(env[e], Scalar)
        if isinstance(e, sp.Add):
            return all(self._stands_as_index(a, env) for a in e.args)
        return self.is_index_expr(e)

    # ---- binders --------------------------------------------------------------------------------

    def _range(self, first: sp.Expr, last: sp.Expr, env: Env) -> Domain:
        """The range between two ends; where these hang on other indices, the values from the least to the greatest."""
        low, high = self._end(first, env)[0], self._end(last, env)[1]
        size = self.algebra.add(self.algebra.sub(high, low), {ONE: 1})
        start: Any = low.get(ONE, 0) if not low.keys() - {ONE} else freeze(low)
        return Domain(start, freeze(size), never_empty(size))

    def _hangs_on_index(self, e: sp.Expr, env: Env) -> bool:
        return any(s in env or (self.is_index(s) and s in self.setting.axes) for s in e.free_symbols)

    def _end(self, e: sp.Expr, env: Env) -> tuple[Poly, Poly]:
        """The least and the greatest value of an end of a range, and of the index that it hangs on."""
        if not self._hangs_on_index(e, env):
            value = self.convert(e, env)
            return value, value
        base, k = unshifted(self.term(e, env))
        low, high = number(min(k, 0)), number(max(k, 0))
        if is_compound(base):
            low = high = number(k)
        for t, c in addends(base):
            ends = self.algebra.extremes(t)
            if ends is None:
                raise Unsupported(f"a range that ends with an index whose own range is not known: {e}")
            first, last = ends if c > 0 else ends[::-1]
            low = self.algebra.add(low, self.algebra.scale(first, c))
            high = self.algebra.add(high, self.algebra.scale(last, c))
        return low, high

    def _enter(self, limits: Iterable[tuple[sp.Symbol, sp.Expr, sp.Expr]], body: sp.Basic, env: Env) -> Entered:
        """Fresh names for bound symbols, the outermost first; one that stands shifted everywhere is counted from there.

        Of a symbol that is written twice the innermost counts, which is the first.
        """
        limits = [(getattr(symbol, "label", symbol), *map(sp.sympify, ends)) for symbol, *ends in limits]
        entered = Entered(dict(env))
        for n, (symbol, first, last) in reversed(list(enumerate(limits))):
            own = all(other != symbol for other, _, _ in limits[:n])
            domain = self._range(first, last, entered.env)
            offset = common_shift(body, symbol) if own and isinstance(domain.first, int) else 0
            if any(symbol in e.free_symbols for _, *within in limits[:n] for e in within):
                offset = 0
            if offset:
                domain = Domain(domain.first + offset, domain.size, domain.certain)
            v = self.algebra.fresh(domain)
            inside = shift(v, -offset)
            if self._hangs_on_index(first, entered.env):
                entered.within.append(self.algebra.at_most(self.term(first, entered.env), inside))
            if self._hangs_on_index(last, entered.env):
                entered.within.append(self.algebra.at_most(inside, self.term(last, entered.env)))
            entered.env[symbol] = inside
            entered.bound.insert(0, (v, domain))
        return entered

    def _limits(self, e: Any) -> list[tuple[Any, Any, Any]]:
        out = []
        for limit in e.limits:
            if len(limit) != 3:
                raise Unsupported(f"a sum without limits: {str(e)[:60]}")
            out.append(tuple(limit))
        return out

    def _sum(self, e: sp.Sum, env: Env) -> Poly:
        entered = self._enter(self._limits(e), e.function, env)
        p = self.algebra.product([*entered.within, self._under(e.function, entered)])
        for v, domain in entered.bound:
            p = self.algebra.sum_over(p, v, domain)
        return p

    def _under(self, body: sp.Basic, entered: Entered) -> Poly:
        """The body of a binder; over a range that may be empty, it asks nothing for certain."""
        empty = bool(entered.within) or not all(domain.certain for _, domain in entered.bound)
        self._optional += empty
        try:
            return self.convert(body, entered.env)
        finally:
            self._optional -= empty

    def _product(self, e: sp.Product, env: Env) -> Poly:
        entered = self._enter(self._limits(e), e.function, env)
        p = self._under(e.function, entered)
        if entered.within:
            p = self.algebra.symbolic_power(p, self.algebra.product(entered.within))
        for v, domain in entered.bound:
            p = self.algebra.product_over(p, v, domain)
        return p

    def _wholly(self, e: Binder, env: Env) -> Entered:
        """Binders whose ranges hang on no index."""
        entered = self._enter(e.limits, e.body, env)
        if entered.within:
            raise Unsupported(f"a range that depends on another index under {type(e).__name__}")
        return entered

    def _max_over(self, e: Binder, env: Env) -> Poly:
        entered = self._wholly(e, env)
        sign = 1 if isinstance(e, MaxOver) else -1
        p = self.algebra.scale(self.convert(e.body, entered.env), sign)
        for v, domain in entered.bound:
            p = self.algebra.max_over(p, v, domain)
        return self.algebra.scale(p, sign)

    def _matrix(self, e: Binder, env: Env) -> Poly:
        entered = self._wholly(e, env)
        inner, bound = entered.env, entered.bound
        if len(bound) != 2 or bound[0][1] != bound[1][1]:
            raise Unsupported("the determinant or inverse of a matrix that is not square")
        p = self.convert(e.body, inner)
        terms = tuple(self.term(t, env) for t in e.outer)
        names, domain = [v for v, _ in bound], bound[0][1]
        return self.algebra.matrix("det" if isinstance(e, Det) else "inv", p, names, domain, *terms)

    # ---- derivatives ----------------------------------------------------------------------------

    def _derivative(self, e: sp.Derivative, env: Env) -> Poly:
        """Definitions are opened down to the variables; the derivative is taken; then the rest is opened.

        A variable that is defined through another goes first: d/dz dL/ds is that of dL/ds as a function of z.
        """
        variables: list[Variable] = []
        for variable, count in e.variable_count:
            if not isinstance(count, (int, sp.Integer)) or int(count) > ORDER:
                raise Unsupported(f"a derivative of order {count}")
            variables += [self._variable(variable, env)] * int(count)
        if len(variables) > ORDER:
            raise Unsupported(f"a derivative of order {len(variables)}")
        names = frozenset(name for name, _ in variables)
        if not names.isdisjoint(self.hot) or not names.isdisjoint(self.setting.depends):
            raise Unsupported(f"a derivative with respect to {', '.join(sorted(names))}")
        held, mine = self._held, (names & self.setting.definitions.keys()) - self._held
        outer, self.conditions = self.conditions, {}
        own: frozenset[str] = frozenset()  # what the level before was differentiated by, not opened yet
        with self._independent(names) as constrained:
            self._held = held | mine
            self.algebra.forget_slopes()
            try:
                p = self.convert(e.expr, env)
                for level in self._levels(variables):
                    if own:
                        self._held -= own
                        p = self.algebra.replace_entries(p, own, self._required)
                    for name, terms in level:
                        p = self.algebra.differentiate(p, name, terms)
                    own = frozenset(name for name, _ in level) & mine
            finally:
                self._held = held
                self.algebra.forget_slopes()
                asked, self.conditions = self.conditions, outer
        if constrained:
            p = self.algebra.replace(p, lambda a: not a.names.isdisjoint(names), lambda a: None)
        for c in asked:
            self._ask(self.algebra.replace_entries(c.poly, mine, self._required), c.sign, c.expr, c.always)
        return self.algebra.replace_entries(p, own, self._required) if own else p

    def _levels(self, variables: list[Variable]) -> list[list[Variable]]:
        """Variables of a derivative, those that rest on others of them first."""
        levels: list[list[Variable]] = []
        for name, terms in sorted(variables, key=lambda v: len(self.rests_on(v[0]))):
            below = self.rests_on(name) - {name}
            if levels and below.isdisjoint(other for other, _ in levels[-1]):
                levels[-1].append((name, terms))
            else:
                levels.append([(name, terms)])
        return levels[::-1]

    @contextmanager
    def _independent(self, names: frozenset[str]) -> Iterator[bool]:
        """A partial derivative is taken in independent entries: what is assumed of them holds after, not before."""
        rewrites = self.algebra.rewrites
        suspended = rewrites.suspend(names)
        if not suspended:
            yield False
            return
        memo, self._memo = self._memo, {}
        self.algebra.forget()
        try:
            yield True
        finally:
            rewrites.restore(suspended)
            self._memo = memo
            self.algebra.forget()

    def _required(self, name: str, terms: tuple[Term, ...]) -> Poly:
        opened = self._open_entry(name, terms)
        if opened is None:
            raise Unsupported(f"{name} with {len(terms)} indices")
        return opened

    def _variable(self, e: sp.Basic, env: Env) -> Variable:
        if isinstance(e, sp.Indexed):
            return base_name(e), tuple(self.term(k, env) for k in e.indices)
        if isinstance(e, sp.Symbol):
            bound = env.get(e)
            if isinstance(bound, Scalar):
                return bound.name, ()
            if bound is None and not self.is_index(e) and not e.is_integer:
                return e.name, ()
        raise Unsupported(f"a derivative with respect to {e}")

    def _subs(self, e: sp.Subs, env: Env) -> Poly:
        """A value put in afterwards."""
        inner: dict[Any, Any] = dict(env)
        values: dict[str, Poly] = {}
        for symbol, point in zip(e.variables, e.point, strict=True):
            if not isinstance(symbol, sp.Symbol):
                raise Unsupported("a value put in for one entry of a tensor")
            if self.is_index(symbol):
                inner[symbol] = self.term(point, env)
            else:
                name = f"${self.algebra.fresh(None)}"
                inner[symbol] = Scalar(name)
                values[name] = self.convert(point, env)
        outer, self.conditions = self.conditions, {}
        try:
            p = self.convert(e.expr, inner)
        finally:
            asked, self.conditions = self.conditions, outer

        def place(p: Poly) -> Poly:
            return self.algebra.replace_entries(p, frozenset(values), lambda n, _: values[n])

        for c in asked:
            self._ask(place(c.poly), c.sign, c.expr, c.always)
        return place(p)


def is_index_truth(e: sp.Basic) -> bool:
    """Deltas, and sums of multiples of them: numbers that indices decide; beside a 0 nothing else counts."""
    if isinstance(e, (sp.Add, sp.Mul)):
        return not e.is_number and all(a.is_number or is_index_truth(a) for a in e.args)
    if isinstance(e, sp.Piecewise):
        return all(value.is_number and is_index_condition(c) for value, c in e.args)
    return isinstance(e, sp.KroneckerDelta)


def is_index_condition(c: sp.Basic) -> bool:
    """A condition on whole numbers."""
    if isinstance(c, sp.Rel):
        return all(bool(a.is_integer) for a in c.args)
    return c in (sp.true, sp.false) or (
        isinstance(c, (sp.And, sp.Or, sp.Not)) and all(map(is_index_condition, c.args))
    )


def common_shift(body: sp.Basic, symbol: sp.Symbol) -> int:
    """k when the symbol stands as an index only, and always as ``symbol + k``; else 0."""
    shifts: set[int] = set()
    todo = [body]
    while todo:
        e = todo.pop()
        if e == symbol:
            return 0
        if isinstance(e, sp.Add) and len(e.args) == 2 and e.args[1] == symbol and isinstance(e.args[0], sp.Integer):
            shifts.add(int(e.args[0]))
            if len(shifts) > 1:
                return 0
            continue
        if symbol in e.free_symbols:
            todo.extend(e.args)
    return shifts.pop() if shifts else 0


READERS: dict[type, Callable[[Normalizer, Any, Env], Poly]] = {
    sp.Rational: Normalizer._number,
    sp.Float: Normalizer._float,
    sp.Symbol: Normalizer._symbol,
    sp.Idx: lambda self, e, env: self._symbol(e.label, env),
    sp.Indexed: Normalizer._indexed,
    sp.matrices.expressions.matexpr.MatrixElement: Normalizer._matrix_entry,
    sp.Add: Normalizer._add,
    sp.Mul: Normalizer._mul,
    sp.Pow: Normalizer._pow,
    sp.exp: Normalizer._exp,
    sp.log: Normalizer._log,
    sp.tanh: Normalizer._tanh,
    sp.cosh: Normalizer._cosh,
    sp.sinh: Normalizer._sinh,
    sp.coth: Normalizer._reciprocal,
    sp.sech: Normalizer._reciprocal,
    sp.csch: Normalizer._reciprocal,
    sp.sec: Normalizer._reciprocal,
    sp.csc: Normalizer._reciprocal,
    sp.cot: Normalizer._reciprocal,
    sp.sin: Normalizer._plain,
    sp.cos: Normalizer._plain,
    sp.tan: Normalizer._plain,
    sp.asin: Normalizer._plain,
    sp.acos: Normalizer._plain,
    sp.atan: Normalizer._plain,
    sp.erf: Normalizer._plain,
    sp.Abs: Normalizer._abs,
    sp.sign: Normalizer._sign,
    sp.Heaviside: Normalizer._heaviside,
    sp.Max: Normalizer._max,
    sp.Min: Normalizer._min,
    type(sp.pi): Normalizer._pi,
    type(sp.E): Normalizer._euler,
    sp.re: Normalizer._real_part,
    sp.conjugate: Normalizer._real_part,
    sp.KroneckerDelta: Normalizer._kronecker,
    sp.Piecewise: Normalizer._piecewise,
    sp.Sum: Normalizer._sum,
    sp.Product: Normalizer._product,
    MaxOver: Normalizer._max_over,
    MinOver: Normalizer._max_over,
    Det: Normalizer._matrix,
    InverseEntry: Normalizer._matrix,
    sp.Derivative: Normalizer._derivative,
    sp.Subs: Normalizer._subs,
    sp.core.function.AppliedUndef: Normalizer._function,
}

KNOWN = frozenset(kind.__name__ for kind in READERS if isinstance(kind, sp.FunctionClass))
RESERVED = KNOWN | Algebra.ODD | Algebra.EVEN
