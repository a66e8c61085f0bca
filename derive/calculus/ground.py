"""What a claim stands on, put into an algebra: axes, sizes, labels, assumptions.

Also what stands as an index, and which term it is: expressions are read on this ground by ``normal``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from derive.calculus.algebra import Algebra
from derive.calculus.atoms import ONE, Domain, Poly, Term, Unsupported, combined, freeze, shift
from derive.calculus.rewrites import general
from derive.calculus.setting import Assumption, Axis, Setting

Env = Mapping[sp.Symbol, Any]  # bound symbol -> index term, or Scalar


@dataclass(frozen=True)
class Scalar:
    """A function's own argument, under a name that nothing else has."""

    name: str


@dataclass(frozen=True)
class Condition:
    """What a point has to satisfy: ``p > 0`` (sign '+'), ``p >= 0`` ('0+') or ``p != 0`` ('!'), as it was written.

    With the sign '1' it is a truth of indices, beside which a case has no value.
    """

    poly: Poly
    sign: str
    expr: sp.Basic
    always: bool = True  # False where a factor or a range around it may be zero or empty

    @property
    def relation(self) -> sp.Basic:
        if self.sign == "1":
            return self.expr
        return {"+": sp.Gt, "0+": sp.Ge, "!": sp.Ne}[self.sign](self.expr, 0, evaluate=False)

    def __hash__(self) -> int:
        return hash((freeze(self.poly), self.sign))


class Ground:
    """An algebra that knows what a setting says."""

    def __init__(self, setting: Setting, factored: bool = False) -> None:
        self.setting = setting
        self.algebra = Algebra()
        self.algebra.factored = factored
        self.algebra.defined = frozenset(setting.definitions)
        self.hot: dict[str, int] = {}  # one-hot tensors that are read as a delta at a label, by the place of the axis
        self.conditions: dict[Condition, None] = {}
        self.sizes: dict[str, int] = {}  # dimensions that an assumption gives a number
        self.contradiction: str | None = None  # the assumption that no point satisfies beside those before it
        self.unoriented: list[Assumption] = []
        self._same_index: dict[Any, Any] = {}
        self._rests_on: dict[str, frozenset[str]] = {}
        self._assuming = False
        self._guarded = 0

    def convert(self, e: sp.Basic, env: Env | None = None) -> Poly:
        """The normal form of an expression, supplied by the class that reads them."""
        raise NotImplementedError

    def stand_on(self, assumptions: tuple[Assumption, ...], hot: Mapping[str, int]) -> None:
        """Declare what the setting names, then assume."""
        self.hot = dict(hot)
        self._fix_sizes(assumptions)
        self._declare()
        self._same_index = self._identified(assumptions)
        self._assuming = True
        for a in assumptions:
            for part in a.parts:
                self.assume(part)
        self._assuming = False
        for name, k in self.hot.items():
            axes = self.setting.shapes.get(name, ())
            if k < len(axes):
                self.algebra.label_domains[f"{name}°"] = self.domain(axes[k])

    def _fix_sizes(self, assumptions: Iterable[Assumption]) -> None:
        """``N = 4``: a dimension that is a number from the start."""
        for a in assumptions:
            r = a.relation
            if isinstance(r, sp.Eq):
                for s, value in (r.args, r.args[::-1]):
                    if is_dimension(s) and isinstance(value, sp.Integer) and value > 0:
                        self.sizes[s.name] = int(value)
                        self.algebra.rewrites.used.setdefault(a.text or str(r))

    def _declare(self) -> None:
        for symbol, axis in self.setting.axes.items():
            self.algebra.domains[symbol.name] = self.domain(axis)
        for name, axis in self.setting.labels.items():
            self.algebra.label_domains[name] = self.domain(axis)
        for name, axes in self.setting.shapes.items():
            self.algebra.shapes[name] = tuple(self.domain(a) for a in axes)
        for name, entries in self.setting.depends.items():
            slots = []
            for e in entries:
                base = base_name(e)
                slots.append((base, tuple(self.domain(a) for a in self.setting.shapes.get(base, ()))))
            self.algebra.depends[name] = tuple(slots)

    def note_fixed_entries(self, exprs: Iterable[sp.Basic]) -> None:
        """``x_3`` stands in the claim, so its axis has three values at least."""
        todo, opened = [*exprs, *(a.relation for a in self.setting.assumptions)], set[str]()
        while todo:
            e = todo.pop()
            for name in names_in(e) - opened:
                if d := self.setting.definitions.get(name):
                    opened.add(name)
                    todo.append(d.body)
            for name, slot, value in fixed_entries(e):
                d = self.setting.definitions.get(name)
                axes = self.setting.shapes.get(name) or (d.axes if d else ())
                if slot < len(axes):
                    self._reaches(axes[slot], value)

    def rests_on(self, name: str) -> frozenset[str]:
        """The name itself, and the names in what it is defined as, at any depth."""
        if name not in self._rests_on:
            found, todo = {name}, [name]
            while todo:
                d = self.setting.definitions.get(todo.pop())
                inside = names_in(d.body) if d else frozenset()
                todo += inside - found
                found |= inside
            self._rests_on[name] = frozenset(found)
        return self._rests_on[name]

    def _reaches(self, axis: Axis, value: int) -> None:
        extra, size = sp.sympify(axis.size).as_coeff_Add()
        if is_dimension(size) and isinstance(extra, sp.Integer):
            least = self.algebra.least
            least[size.name] = max(least.get(size.name, 1), value - axis.first + 1 - int(extra))

    def _identified(self, assumptions: Iterable[Assumption]) -> dict[Any, Any]:
        """``if k = m``: one of two indices of the claim stands for the other throughout."""
        same: dict[Any, Any] = {}
        for a in assumptions:
            r = a.relation
            if isinstance(r, sp.Eq) and a.fixed and all(map(self.is_index_expr, r.args)):
                one, other = (r.lhs, r.rhs) if isinstance(r.lhs, sp.Symbol) else (r.rhs, r.lhs)
                if isinstance(one, sp.Symbol) and one not in same:
                    same[one] = self.term(other, same)
                    self.algebra.rewrites.used.setdefault(a.text or str(r))
        return same

    def domain(self, axis: Axis) -> Domain:
        return Domain(axis.first, freeze(self.convert(sp.sympify(axis.size))), True)

    def assume(self, assumption: Assumption) -> None:
        """Add an assumption; one that cannot be oriented is kept aside, not used."""
        r = assumption.relation
        universal = frozenset(s.name for s in r.free_symbols if isinstance(s, sp.Symbol) and self.is_index(s)) - {
            s.name for s in assumption.fixed
        }
        conditions, self._guarded = self.conditions, self._guarded + 1
        try:
            if not self._assume(r, universal, assumption.text or str(r)):
                self.unoriented.append(assumption)
        finally:
            self._guarded -= 1
            self.conditions = conditions
        self.forget()

    def _assume(self, r: sp.Basic, universal: frozenset[str], label: str) -> bool:
        rewrites = self.algebra.rewrites
        if isinstance(r, sp.Eq):
            if self.is_index_expr(r.lhs) and self.is_index_expr(r.rhs):
                return bool(self._same_index)
            p = self.algebra.sub(self.convert(r.lhs), self.convert(r.rhs))
            if p and not p.keys() - {ONE}:
                self.contradiction = label
            return not p or rewrites.equation(p, universal, label)
        if isinstance(r, sp.Ne):
            if self.is_index_expr(r.lhs) and self.is_index_expr(r.rhs):
                rewrites.apart(self.term(r.lhs, {}), self.term(r.rhs, {}), universal, label)
                return True
            return False
        if isinstance(r, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            p = self.algebra.sub(self.convert(r.gts), self.convert(r.lts))
            if self.algebra.sign_of(p) == "-":
                self.contradiction = label
            strict = isinstance(r, (sp.Gt, sp.Lt))
            rewrites.positive(p, universal, strict, label)
            fixed = universal.isdisjoint(map(str, r.free_symbols))
            if fixed and self.is_index_expr(r.lts) and self.is_index_expr(r.gts):
                low, high = self.term(r.lts, {}), self.term(r.gts, {})
                rewrites.ordered.append((low, high, strict, label))
                if strict:
                    rewrites.apart(low, high, universal, label)
            return True
        if isinstance(r, sp.Contains):
            return self._assume_member(r.args[0], r.args[1], universal, label)
        return False

    def _assume_member(self, entry: sp.Expr, values: sp.Basic, universal: frozenset[str], label: str) -> bool:
        """x in {a, b, ...}: (x - a)(x - b)... = 0."""
        if isinstance(values, sp.FiniteSet):
            p = self.convert(entry)
            if min(values) >= 0:
                self.algebra.rewrites.positive(p, universal, bool(min(values) > 0), label)
            product = self.algebra.product(self.algebra.sub(p, self.convert(v)) for v in sorted(values))
            return self.algebra.rewrites.equation(product, universal, label)
        return False

    def forget(self) -> None:
        """Read everything anew, under what is known by now."""
        self.algebra.forget()

    def is_index(self, s: sp.Symbol) -> bool:
        """An integer symbol that is no dimension, or one whose axis is known."""
        return s in self.setting.axes or bool(s.is_integer and not s.is_positive)

    def is_index_expr(self, e: sp.Basic) -> bool:
        if isinstance(e, sp.Integer):
            return True
        if isinstance(e, (sp.Symbol, sp.Idx)):
            return isinstance(e, sp.Idx) or self.is_index(e)
        if isinstance(e, sp.Indexed):
            return bool(e.base.label.is_integer) or base_name(e) in self.setting.labels
        if isinstance(e, sp.Add):
            return all(map(self.is_index_expr, e.args))
        return False

    def one_hot(self) -> dict[str, int]:
        """Tensors assumed to be 0 or 1 and to sum to one along an axis, with the place of that axis."""
        rewrites, found = self.algebra.rewrites, {}
        idempotent = rewrites.idempotent()
        for rule in rewrites.sums:
            body = rule.pattern[0][0].args[1]
            if rule.value == ((ONE, 1),) and len(body) == 1 and body[0][1] == 1 and body[0][0].kind == "entry":
                name, terms = body[0][0].args
                places = [k for k, t in enumerate(terms) if isinstance(t, str) and t.startswith("%")]
                axes = self.setting.shapes.get(name, ())
                if name not in idempotent or len(places) != 1 or len(axes) != len(terms):
                    continue
                (k,) = places
                whole_axis = self.domain(axes[k]) in rule.pattern[0][0].args[0]
                if whole_axis and general(terms[:k] + terms[k + 1 :], rule.universal):
                    found[name] = k
        return found

    @staticmethod
    def _addends(e: sp.Expr) -> list[tuple[sp.Expr, sp.Integer]]:
        """The terms of a sum of multiples of indices, with their whole coefficients."""
        parts = [a.as_coeff_Mul()[::-1] for a in sp.Add.make_args(e)]
        parts = [(sp.Integer(1), a * c) if a.is_Integer else (a, c) for a, c in parts]
        if not all(c.is_Integer and isinstance(a, (sp.Symbol, sp.Idx, sp.Indexed, sp.Integer)) for a, c in parts):
            raise Unsupported(f"the index {e}")
        return parts

    # ---- index terms ----------------------------------------------------------------------------

    def term(self, e: sp.Basic, env: Env) -> Term:
        """An index expression as a term."""
        if isinstance(e, sp.Integer):
            return int(e)
        if isinstance(e, sp.Idx):
            return self.term(e.label, env)
        if isinstance(e, sp.Symbol):
            bound = env.get(e)
            if bound is not None:
                if isinstance(bound, Scalar):
                    raise Unsupported(f"{e} stands as an index and as a number")
                return bound
            if e.is_integer and e.is_positive and e not in self.setting.axes:
                return self.sizes.get(e.name, ("@", e.name, ()))
            return e.name
        if isinstance(e, sp.Indexed):
            return ("@", base_name(e), tuple(self.term(k, env) for k in e.indices))
        if isinstance(e, sp.Add) and len(e.args) == 2 and isinstance(e.args[0], sp.Integer):
            return shift(self.term(e.args[1], env), int(e.args[0]))
        if isinstance(e, (sp.Add, sp.Mul)):
            return combined((self.term(a, env), int(c)) for a, c in self._addends(e))
        raise Unsupported(f"the index {e}")


@lru_cache(maxsize=4096)
def names_in(expr: sp.Basic) -> frozenset[str]:
    """The names of all that stands in an expression, of tensors, symbols and functions."""
    return frozenset(name_of(e) for e in sp.preorder_traversal(expr))


@lru_cache(maxsize=4096)
def fixed_entries(expr: sp.Basic) -> frozenset[tuple[str, int, int]]:
    """Name, slot and number for every index of an expression that is a number."""
    return frozenset(
        (name_of(e), slot, int(k))
        for e in expr.atoms(sp.Indexed)
        for slot, k in enumerate(e.indices)
        if isinstance(k, sp.Integer)
    )


def is_dimension(s: sp.Basic) -> bool:
    return isinstance(s, sp.Symbol) and bool(s.is_integer and s.is_positive)


def name_of(e: Any) -> str:
    """The name of an entry, a scalar or a function; of anything else its kind."""
    return base_name(e) if isinstance(e, (sp.Indexed, sp.Symbol)) else type(e).__name__


def base_name(e: Any) -> str:
    label = e.base.label if isinstance(e, sp.Indexed) else e
    return str(getattr(label, "name", label))
