"""Why a claim is false: the slip that was made, and the right side (or the assumption) that makes it true.

Slips are tried in the order of how simple they are to say. Most are found by numbers: a factor that is
off is the ratio of the two sides at a few points, a missing term their difference; for changes in one
place (an index, a name, a sign, an exponent) all variants are evaluated together at a few points, which
leaves one or two. What survives is given to the judge, and only what it proves is called a repair.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import fmpq
from sympy.core.function import AppliedUndef

from derive.calculus import points, witness
from derive.calculus.frames import Point
from derive.calculus.language import Binder
from derive.calculus.meaning import Choice, compile_all, finite_values
from derive.calculus.series import MeaningError
from derive.calculus.setting import Assumption, Axis, Setting
from derive.calculus.verdict import Verdict
from derive.notes.meaning.shapes import make_sum
from derive.show.latex import DEFAULT, Style, latex, name_latex

Prove = Callable[[Any, Any, Setting], Verdict]

TOTAL = 1_000_000  # operations of evaluation, after which no new slip is tried
TRIES = 12  # repairs that the judge is asked about
TRIES_A_KIND = 5  # the same for one kind of slip
MOST = 400  # edits of one right side
WORK = 800_000  # operations at one point
POINTS = 6
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Repair:
    """What makes the claim true: another right side, or more assumptions. ``sentence`` says it to a person."""

    sentence: str
    right: Any = None
    assumptions: tuple[Assumption, ...] = ()
    verdict: Verdict | None = None


Said = tuple[Any, ...]  # a sentence with a gap for each of the expressions after it
Edit = tuple[Any, Said]  # what may stand in a place, and what that is called


@dataclass(frozen=True)
class Edits:
    """What may stand in one place of the right side."""

    rebuild: Callable[[Any], Any]
    edits: list[Edit]

    def right(self, new: Any) -> Any | None:
        """The right side with that in the place, if it may stand there."""
        try:
            return self.rebuild(new)
        except (ValueError, TypeError, AttributeError, sp.SympifyError):
            return None

    @cached_property
    def choice(self) -> Any | None:
        """The right side with all of the edits at once."""
        return self.right(Choice(*(new for new, _ in self.edits)))


def diagnose(left: Any, right: Any, setting: Setting, prove: Prove, style: Style = DEFAULT) -> Repair | None:
    """The first repair that the judge proves, in the order of simplicity; its sentence has formulas in LaTeX."""
    left, right = sp.sympify(left), sp.sympify(right)
    try:
        case = Case(left, right, points.completed(left, right, setting), style)
    except (MeaningError, ValueError, NotImplementedError):
        return None
    if len(case.points) < 2:
        return None
    tried = 0
    for stage in (case.scaled, case.assumed, case.changed, case.symmetric, case.refitted, case.special):
        candidates = (r for r in stage() if stage != case.refitted or not _idle(r.right, left))
        for repair in itertools.islice(candidates, min(TRIES_A_KIND, TRIES - tried)):
            tried += 1
            verdict = _proved(left, right, setting, repair, prove)
            if verdict is not None:
                return replace(repair, verdict=verdict)
        if case.spent > TOTAL or tried >= TRIES:
            return None
    return None


def _idle(right: Any, left: Any) -> bool:
    """A right side that only says the left side again."""
    return right is not None and (
        right == left or (bool(left.args) and not isinstance(left, sp.Indexed) and right.has(left))
    )


def _proved(left: Any, right: Any, setting: Setting, repair: Repair, prove: Prove) -> Verdict | None:
    try:
        if repair.assumptions:
            verdict = prove(left, right, setting.assuming(*repair.assumptions))
        else:
            verdict = prove(left, repair.right, setting)
    except (ValueError, ArithmeticError, NotImplementedError, RecursionError):
        return None
    return verdict if verdict.proved else None


# ------------------------------------------------------------------------------------------------- in numbers


class Case:
    """A refuted claim with a few points, and the values of expressions there."""

    def __init__(self, left: Any, right: Any, setting: Setting, style: Style) -> None:
        self.left, self.right, self.setting, self.style = left, right, setting, style
        self.problem = points.Problem(left, right, setting, points.Budget())
        self.points = list(self._points())
        self.free = self._free_indices()

    def _points(self) -> Iterator[Point]:
        """Generic points of sizes 2 and 3 with indices apart and together, at which both sides are defined."""
        yield from (point for point, _ in itertools.islice(witness.generic_points(self.problem), POINTS))

    def _free_indices(self) -> list[tuple[sp.Symbol, Axis]]:
        names = self.problem.inventory.indices
        return sorted(((s, a) for s, a in self.setting.axes.items() if s.name in names), key=lambda p: p[0].name)

    @property
    def spent(self) -> int:
        """Operations of evaluation so far."""
        return self.problem.meter.spent

    def numbers(self, exprs: Sequence[Any]) -> list[Any]:
        """For each expression the array of its values at the points, nan where it has none."""
        program = compile_all(exprs, self.setting)
        wanted = [(k, 0) for k in range(len(exprs))]
        columns = [
            program.each(self.problem.at_precision(p, 64), wanted, 64, WORK, self.problem.meter) for p in self.points
        ]
        return [np.array([_float(column[k]) for column in columns], dtype=float) for k in range(len(exprs))]

    # -- the whole side off by a factor

    def scaled(self) -> Iterator[Repair]:
        """right * c * M with a rational c and M made of dimensions and scalars."""
        yield from self._fits([(sp.Integer(0), self.right)], self._plain_atoms(), degree=2)

    def refitted(self) -> Iterator[Repair]:
        """One term off by a factor, or a term that is missing."""
        terms = list(sp.Add.make_args(sp.expand_mul(self.right) if self.right.is_Mul else self.right))
        atoms = self._atoms()
        if 1 <= len(terms) <= 8:
            splits = [(sp.Add(*(t for t in terms if t is not term)), term) for term in terms] if len(terms) > 1 else []
            if len(terms) > 2:
                splits += [(term, rest) for rest, term in splits]
            yield from self._fits(splits, self._plain_atoms(), degree=2)
            yield from self._fits([(sp.Integer(0), self.right), *splits], atoms, degree=2)
        yield from self._fits([(self.right, sp.Integer(1))], atoms, degree=3)

    def _fits(self, splits: Sequence[tuple[Any, Any]], atoms: Sequence[Any], degree: int) -> Iterator[Repair]:
        """left = rest + c * M * term, for each split of the right side into rest + term."""
        if not splits:
            return
        flat = [self.left, *(x for split in splits for x in split), *atoms]
        try:
            values = self.numbers(flat)
        except MeaningError:
            return
        left, sides = values[0], values[1 : 1 + 2 * len(splits)]
        rows = values[1 + 2 * len(splits) :]
        usable = [k for k in range(len(atoms)) if np.isfinite(rows[k]).all()]
        table = np.array([rows[k] for k in usable]).reshape(len(usable), len(self.points))
        for size in range(degree + 1):
            combos = list(itertools.combinations_with_replacement(range(len(usable)), size))
            if not combos:
                continue
            products = np.ones((len(combos), len(self.points)))
            for column in range(size):
                products = products * table[[c[column] for c in combos]]
            for k, (rest, term) in enumerate(splits):
                for at, c in _constants(left, sides[2 * k], sides[2 * k + 1], products):
                    m = sp.Mul(*(atoms[usable[i]] for i in combos[at]))
                    if c * m != 1 and len(sp.Mul.make_args(m)) >= size:
                        yield Repair(self._off_by(c, m, None if rest == 0 else term), rest + c * m * term)

    def _plain_atoms(self) -> list[Any]:
        """Dimensions and scalars, with inverses."""
        inventory = self.problem.inventory
        symbols = _symbols([self.left, self.right], self.setting)
        dims = [s for s in symbols if s.name in inventory.sizes]
        sized = {s for axes in inventory.tensors.values() for a in axes for s in sp.sympify(a.size).free_symbols}
        dims += sorted(sized - set(dims), key=str)
        scalars = [s for s in symbols if s.name in inventory.scalars]
        scalars += [sp.Symbol(n, real=True) for n in sorted(inventory.scalars) if n not in {s.name for s in scalars}]
        plain = [*dims, *(1 / d for d in dims), *(d - 1 for d in dims), *scalars, *(1 / s for s in scalars)]
        return plain[:24]

    def _atoms(self) -> list[Any]:
        """What factors are made of: the names of the claim at its free indices, deltas, sums that it writes."""
        found: list[Any] = []
        free = {s for s, _ in self.free}
        for e in (self.right, self.left):
            for node in sp.preorder_traversal(e):
                closed = isinstance(
                    node, (sp.Indexed, AppliedUndef, sp.Symbol, sp.Sum, sp.Function)
                ) and not isinstance(node, (sp.KroneckerDelta, sp.Derivative))
                if closed and _loose(node) <= free | set(_symbols([self.left, self.right], self.setting)):
                    found.append(node)
        found += self._summands()
        for name, axes in self.vectors:
            for combo in itertools.product(*([s for s, a in self.free if a == axis] for axis in axes)):
                found.append(sp.IndexedBase(name, real=True)[combo])
        used = self.problem.program.nodes[0].names | self.problem.program.nodes[1].names
        opened = [d for n, d in self.setting.definitions.items() if n in used and not d.formals]
        found += [sp.Symbol(d.name, real=True) for d in opened if sp.Symbol(d.name, real=True) != self.left]
        found = [f for f in dict.fromkeys(found) if not getattr(f, "is_integer", False) or f in self._plain_atoms()]
        deltas = [sp.KroneckerDelta(a, b) for (a, x), (b, y) in itertools.combinations(self.free, 2) if x == y]
        values = [f for f in found if isinstance(f, (sp.Indexed, AppliedUndef))]
        ones = [1 - f for f in values] + [1 - f**2 for f in values[:4]]
        inverse = [1 / f for f in found if not isinstance(f, sp.Sum)]
        return list(dict.fromkeys([*self._plain_atoms(), *deltas, *found[:16], *ones[:8], *inverse[:8]]))[:44]

    def _summands(self) -> list[Any]:
        """What stands under the sums, at the free indices: the inner derivative of a sum."""
        used = self.problem.program.nodes[0].names | self.problem.program.nodes[1].names
        opened = [d.body for n, d in self.setting.definitions.items() if n in used]
        sums = [e for whole in (self.right, self.left, *opened) for e in whole.atoms(sp.Sum) if len(e.limits) == 1]
        free = {s for s, _ in self.free}
        found = []
        for e in sorted(set(sums), key=sp.default_sort_key)[:6]:
            s, first, last = e.limits[0]
            for t, axis in self.free:
                if axis.size == last - first + 1:
                    found.append(_renamed(e.function, {s: t}))
        return [f for f in found if {s for s in _loose(f) if s.is_integer and not s.is_positive} <= free][:8]

    @cached_property
    def vectors(self) -> list[tuple[str, tuple[Axis, ...]]]:
        """Free and defined names with their axes."""
        used = self.problem.program.nodes[0].names | self.problem.program.nodes[1].names
        named = {n: a for n, a in self.problem.inventory.tensors.items() if n not in self.setting.labels}
        named |= {n: d.axes for n, d in self.setting.definitions.items() if d.axes and not d.is_function}
        return [(n, a) for n, a in sorted(named.items()) if n in used]

    # -- a missing assumption

    def assumed(self) -> Iterator[Repair]:
        yield from self._under(self._sums_and_signs())

    def symmetric(self) -> Iterator[Repair]:
        """A matrix that was taken for symmetric."""
        yield from self._under(self._symmetries())

    def special(self) -> Iterator[Repair]:
        """Last: indices that must differ, entries that must be one-hot."""
        yield from self._under(self._special_cases())

    def _under(self, candidates: Iterator[tuple[Any, ...]]) -> Iterator[Repair]:
        """Assumptions under which the sides agree at several points, none of them of size 1."""
        for sentence, *assumptions in candidates:
            problem = self.problem.assuming(assumptions)
            agreed = 0
            if self.spent > TOTAL:
                return
            for _, same in itertools.islice(witness.generic_points(problem), 5):
                if not same:
                    agreed = 0
                    break
                agreed += 1
            if agreed >= 3:
                yield Repair(sentence, None, tuple(assumptions))

    @property
    def _finite(self) -> set[str]:
        """Names that are assumed to lie in a finite set."""
        found = (finite_values(a.relation) for a in self.setting.assumptions)
        return {_name(f[0]) for f in found if f is not None}

    @cached_property
    def _signed(self) -> bool:
        """Whether anything depends on signs: roots, logarithms, absolute values, cases."""
        used = self.problem.program.nodes[0].names | self.problem.program.nodes[1].names
        opened = [d.body for n, d in self.setting.definitions.items() if n in used or d.is_function]
        kinds = (sp.Abs, sp.Max, sp.Min, sp.sign, sp.log, sp.Piecewise)
        return any(
            e.has(*kinds) or any(not p.exp.is_integer for p in e.atoms(sp.Pow))
            for e in (self.left, self.right, *opened)
        )

    def _entries(self) -> Iterator[tuple[str, tuple[Axis, ...], list[sp.Symbol], Any]]:
        """The free tensors that an assumption may be about, each with indices and the entry at them."""
        for name, axes in sorted(self.problem.inventory.tensors.items()):
            if axes and name not in self.setting.labels and name not in self._finite:
                running = [sp.Symbol(c, integer=True) for c in _fresh(len(axes), self.setting)]
                yield name, axes, running, sp.IndexedBase(name, real=True)[tuple(running)]

    def _sums_and_signs(self) -> Iterator[tuple[Any, ...]]:
        """What people forget to say, each as a sentence and the relations it means."""
        for name in sorted(self.problem.inventory.scalars if self._signed else ()):
            yield self._needed(sp.Symbol(name, real=True) > 0)
        for _, axes, running, entry in self._entries():
            for k in reversed(range(len(axes))):
                yield self._needed(_sum_to_one(entry, running[k], axes[k]))
            if self._signed:
                yield self._needed(entry > 0)

    def _needed(self, relation: Any, fixed: frozenset[sp.Symbol] = frozenset()) -> tuple[Any, ...]:
        text = latex(relation, self.style)
        return f"needs ${text}$", Assumption(relation, text, fixed)

    def _symmetries(self) -> Iterator[tuple[Any, ...]]:
        for name, axes, running, entry in self._entries():
            if len(axes) == 2 and axes[0] == axes[1]:
                mirrored = sp.IndexedBase(name, real=True)[running[1], running[0]]
                named = f"${name_latex(name)}$"
                yield f"needs {named} to be symmetric", Assumption(sp.Eq(entry, mirrored), f"{named} is symmetric")

    def _special_cases(self) -> Iterator[tuple[Any, ...]]:
        known = {str(a.relation) for a in self.setting.assumptions}
        for (a, x), (b, y) in itertools.combinations(self.free, 2):
            relation = sp.Ne(a, b)
            if x == y and str(relation) not in known:
                yield self._needed(relation, frozenset({a, b}))
        for name, axes, running, entry in self._entries():
            hot = sp.Contains(entry, sp.FiniteSet(0, 1))
            total = _sum_to_one(entry, running[-1], axes[-1])
            meant = (Assumption(relation, latex(relation, self.style)) for relation in (hot, total))
            yield f"needs ${name_latex(name)}$ to be one-hot", *meant

    # -- what it is called

    def _say(self, said: Said) -> str:
        """A sentence with its expressions in LaTeX."""
        sentence, *exprs = said
        return str(sentence).format(*map(self._show, exprs))

    def _show(self, expr: Any) -> str:
        return f"${latex(expr, self.style)}$"

    def _off_by(self, c: Any, m: Any, term: Any) -> str:
        what = "the right side" if term is None else f"the term {self._show(term)}"
        if term == 1:
            return f"a term {self._show(c * m)} is missing"
        if m == 1 and c == -1:
            return "the sign: the right side is off by a factor $-1$" if term is None else f"the sign of {what}"
        return f"{what} is off by a factor: it must be multiplied by {self._show(c * m)}"

    # -- a change in one place

    def changed(self) -> Iterator[Repair]:
        """All variants are evaluated together; the first point leaves few."""
        places = [place for place in self._edited() if place.choice is not None]
        program = compile_all([self.left, *(p.choice for p in places)], self.setting)
        left = [(k, n) for k, place in enumerate(places, 1) for n in range(len(place.edits))]
        for point in self.points:
            full = self.problem.at_precision(point, 64)
            values = program.each(full, [(0, 0), *left], 64, WORK, self.problem.meter)
            goal = _float(values[0])
            if goal is None:
                continue
            left = [at for at, v in zip(left, values[1:], strict=True) if _close(_float(v), goal)]
            if not left:
                return
        yield from self._hits(places, left)

    def _hits(self, places: Sequence[Edits], hits: Sequence[tuple[int, int]]) -> Iterator[Repair]:
        """The right sides that fit, each once."""
        seen = {self.right}
        for k, n in hits:
            new, said = places[k - 1].edits[n]
            right = places[k - 1].right(new.func(*new.args) if isinstance(new, sp.log) else new)
            if right is not None and right not in seen:
                seen.add(right)
                yield Repair(self._say(said), right)

    def _edited(self) -> Iterator[Edits]:
        """All places of the right side with their edits, outer ones first, the whole side before them."""
        left = MOST
        for rebuild, edits in self._by_place():
            some = list(itertools.islice(edits, left))
            left -= len(some)
            if some:
                yield Edits(rebuild, some)

    def _by_place(self) -> Iterator[tuple[Callable[[Any], Any], Iterator[Edit]]]:
        yield (lambda new: new), itertools.chain(self._renamed(), self._with_deltas())
        for node, rebuild, bound in _places(self.right, ()):
            yield rebuild, (edit for edit in self._edits(node, bound) if edit[0] != node)

    def _renamed(self) -> Iterator[Edit]:
        """Two free indices taken for each other throughout, or one for the other."""
        for (a, x), (b, y) in itertools.combinations(self.free, 2):
            if x == y:
                yield _renamed(self.right, {a: b, b: a}), ("{} and {} are swapped on the right side", a, b)

    def _with_deltas(self) -> Iterator[Edit]:
        """A term that must vanish unless two indices are equal."""
        terms = sp.Add.make_args(self.right)
        for (a, x), (b, y) in itertools.combinations(self.free, 2):
            if x != y:
                continue
            delta = sp.KroneckerDelta(a, b)
            if len(terms) > 1:
                yield delta * self.right, ("the right side lacks a factor {}", delta)
            for term in terms:
                rest = self.right - term
                yield rest + delta * term, ("the term {} lacks a factor {}", term, delta)
                for (c, u), (d, v) in itertools.combinations(self.free, 2):
                    if u == v and str((c, d)) > str((a, b)):
                        both = delta * sp.KroneckerDelta(c, d)
                        yield rest + both * term, ("the term {} lacks a factor {}", term, both)

    def _edits(self, node: Any, bound: tuple[tuple[sp.Symbol, Axis], ...]) -> Iterator[Edit]:
        """What may stand in the place of a node."""
        if isinstance(node, sp.Indexed):
            yield from self._entry_edits(node, bound)
        elif isinstance(node, sp.KroneckerDelta):
            yield sp.Integer(1), ("{} does not belong there", node)
            for k, (s, _) in itertools.product(range(2), [*self.free, *bound]):
                args = list(node.args[:2])
                args[k] = s
                new = sp.KroneckerDelta(*args)
                yield new, ("{} should be {}", node, new)
        elif isinstance(node, sp.Symbol):
            yield from self._symbol_edits(node)
        elif isinstance(node, sp.Add):
            yield from _term_edits(node)
        elif isinstance(node, sp.Mul):
            for f in node.args:
                if f != -1:
                    yield node / f, ("the factor {} does not belong there", f)
            for f, g in itertools.combinations(node.args[:7], 2):
                if not (f.is_number or g.is_number):
                    yield node / (f * g), ("the factor {} does not belong there", f * g)
            yield from _joined_sums(node)
        elif isinstance(node, sp.Pow):
            for e in (node.exp + 1, node.exp - 1, -node.exp, 2 * node.exp, node.exp / 2, sp.Integer(1)):
                for c in (sp.Integer(1), sp.Rational(1, 2), sp.Integer(2)):
                    new = c * sp.Pow(node.base, e)
                    yield new, ("{} should be {}", node, new)
            if isinstance(node.base, sp.Function) and len(node.base.args) == 1:
                new = node.base.func(node.base.args[0] ** node.exp)
                yield new, ("{} should be {}", node, new)
            if node.exp == 2 and isinstance(node.base, sp.Indexed):
                for other, _ in self._entry_edits(node.base, bound):
                    yield node.base * other, ("{} should be {} {}", node, node.base, other)
        elif isinstance(node, sp.Sum):
            yield from self._sum_edits(node)
            yield from self._summand_edits(node, bound)
        elif isinstance(node, (sp.Function, AppliedUndef)) and len(node.args) == 1:
            yield from _function_edits(node)
        if isinstance(node, (sp.Indexed, AppliedUndef, sp.Sum, sp.exp, sp.log, sp.tanh)):
            one = sp.Integer(1)
            logs = (sp.log(node, evaluate=False), sp.log(one + node, evaluate=False))  # evaluated where they fit
            for new in (1 - node, node**2, node * (1 - node), one, 1 - node**2, *logs, 1 / node, sp.sqrt(node)):
                yield new, ("{} should be {}", node, new)

    def _entry_edits(self, node: Any, bound: tuple[tuple[sp.Symbol, Axis], ...]) -> Iterator[Edit]:
        name = _name(node)
        axes = dict(self.vectors).get(name, ())
        for k, axis in enumerate(axes):
            for s, a in [*self.free, *bound]:
                if a.size == axis.size and s != node.indices[k]:
                    indices = [s if m == k else i for m, i in enumerate(node.indices)]
                    yield node.base[tuple(indices)], ("{} should be {}", node, node.base[tuple(indices)])
        if len(axes) == 2 and node.indices[0] != node.indices[1]:
            new = node.base[node.indices[1], node.indices[0]]
            yield new, ("{} should be transposed: {}", node, new)
        for other, theirs in self.vectors:
            if theirs == axes and other != name:
                new = sp.IndexedBase(other, real=True)[tuple(node.indices)]
                yield new, ("{} should be {}", node, new)
                yield node - new, ("{} should be {}", node, node - new)
        if isinstance(node, sp.Indexed) and axes:
            yield sp.Integer(0), ("{} does not belong there", node)

    def _symbol_edits(self, node: sp.Symbol) -> Iterator[Edit]:
        inventory = self.problem.inventory
        if node.name in inventory.sizes:
            for other in sorted(inventory.sizes):
                if other != node.name:
                    new = sp.Symbol(other, integer=True, positive=True)
                    yield new, ("{} should be {}", node, new)
            return
        if node.is_integer:
            return
        simple = (2 * node, node / 2, node**2, 1 / node, 1 - node, sp.Integer(1), -node)
        for new in (*simple, sp.Abs(node), sp.log(node), sp.exp(node), sp.sqrt(node)):
            yield new, ("{} should be {}", node, new)
        for other in _symbols([self.left, self.right], self.setting):
            if other != node and not other.is_integer:
                yield other, ("{} should be {}", node, other)

    def _sum_edits(self, node: sp.Sum) -> Iterator[Edit]:
        body, limits = node.function, node.limits
        if isinstance(body, sp.Pow):
            new = sp.Pow(make_sum(body.base, *limits), body.exp)
            yield new, ("a sum of powers stands for the power of a sum",)
        for k, (s, first, last) in enumerate(limits):
            axis = Axis(last - first + 1, int(first)) if isinstance(first, sp.Integer) else None
            others = limits[:k] + limits[k + 1 :]
            single = [free for free, a in self.free if axis is None or a.size == axis.size]
            for free in [*single, *(self._labels(axis) if axis else ())]:
                dropped = _renamed(body, {s: free})
                new = make_sum(dropped, *others) if others else dropped
                yield new, ("there is no sum over {}: only {} = {} remains", s, s, free)

    def _summand_edits(self, node: sp.Sum, bound: tuple[tuple[sp.Symbol, Axis], ...]) -> Iterator[Edit]:
        """A factor that is missing under a sum: a delta, an entry, the derivative of an activation."""
        own = [(s, Axis(b - a + 1, int(a))) for s, a, b in node.limits if isinstance(a, sp.Integer)]
        around = [*own, *bound, *self.free]
        body, limits = node.function, node.limits
        factors = [sp.KroneckerDelta(s, t) for s, a in own for t, b in around if s != t and a.size == b.size]
        for name, axes in self.vectors:
            choices = [[s for s, a in around if a.size == axis.size][:4] for axis in axes]
            for combo in itertools.islice(itertools.product(*choices), 8):
                if any(s in combo for s, _ in own):
                    e = sp.IndexedBase(name, real=True)[combo]
                    factors += [e, 1 - e, e * (1 - e), 1 - e**2]
        for f in factors:
            yield make_sum(f * body, *limits), ("a factor {} is missing under the sum", f)

    def _labels(self, axis: Axis) -> list[Any]:
        """Labels that point into an axis: ``t[b]`` at the free indices."""
        found: list[Any] = []
        for name, target in self.setting.labels.items():
            axes = self.problem.inventory.tensors.get(name, ())
            if target.size == axis.size and axes:
                choices = [[s for s, a in self.free if a == x] for x in axes]
                found += [sp.IndexedBase(name, integer=True)[combo] for combo in itertools.product(*choices)]
        return found


def _term_edits(node: sp.Add) -> Iterator[Edit]:
    for term in node.args:
        yield node - 2 * term, ("the sign of the term {}", term)
    for term in node.args:
        yield node - term, ("the term {} does not belong there", term)
    for term in node.args:
        for c in (sp.Integer(2), sp.Rational(1, 2)):
            yield node + (c - 1) * term, ("the term {} should be {}", term, c * term)


def _function_edits(node: Any) -> Iterator[Edit]:
    (x,) = node.args
    for y in (-x, 2 * x, x / 2, x**2):
        new = node.func(y)
        yield new, ("{} should be {}", node, new)
    for term in sp.Add.make_args(x) if x.is_Add else ():
        new = node.func(x - term) + term
        yield new, ("{} should be {}", node, new)
    if x.is_Mul or x.is_Add:
        new = node.func(sp.Add(*x.args) if x.is_Mul else sp.Mul(*x.args))
        yield new, ("{} should be {}", node, new)
    yield x, ("{} should be {}", node, x)
    yield -node, ("the sign of {}", node)


def _joined_sums(node: sp.Mul) -> Iterator[Edit]:
    """A product of sums that should be one sum of products."""
    sums = [f for f in node.args if isinstance(f, sp.Sum) and len(f.limits) == 1]
    for a, b in itertools.combinations(sums, 2):
        if a.limits[0][1:] == b.limits[0][1:]:
            body = a.function * _renamed(b.function, {b.limits[0][0]: a.limits[0][0]})
            yield node / a / b * make_sum(body, a.limits[0]), ("a product of sums stands for a sum of products",)


# -------------------------------------------------------------------------------------------- trees and numbers


Place = tuple[Any, Callable[[Any], Any], tuple[tuple[sp.Symbol, Axis], ...]]


def _places(e: Any, bound: tuple[tuple[sp.Symbol, Axis], ...]) -> Iterator[Place]:
    """Each sub-expression with how to put another in its place, and the indices bound there; outer ones first."""
    queue: list[Place] = [(e, lambda new: new, bound)]
    while queue:
        node, rebuild, scope = queue.pop(0)
        yield node, rebuild, scope
        for k, child in enumerate(_children(node)):
            if child is None:
                continue
            inner = scope
            if isinstance(node, (sp.Sum, sp.Product, Binder)):
                inner = scope + tuple(
                    (s, Axis(last - first + 1, int(first)))
                    for s, first, last in node.limits
                    if isinstance(first, sp.Integer)
                )
            queue.append((child, _rebuilder(node, k, rebuild), inner))


def _children(node: Any) -> list[Any]:
    """Arguments that are expressions of their own; None for those that are not."""
    if isinstance(node, (sp.Indexed, sp.KroneckerDelta, sp.Derivative, sp.Subs, sp.Symbol)):
        return []
    if isinstance(node, sp.Piecewise):
        return []
    if isinstance(node, (sp.Sum, sp.Product, Binder)):
        return [node.args[0]]
    return [a if isinstance(a, sp.Expr) else None for a in getattr(node, "args", ())]


def _rebuilder(node: Any, k: int, rebuild: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def put(new: Any) -> Any:
        args = list(node.args)
        args[k] = new
        if isinstance(node, (sp.Sum, sp.Product)):
            return rebuild(make_sum(*args, cls=node.func))
        return rebuild(node.func(*args))

    return put


def _renamed(e: Any, names: dict[sp.Symbol, Any]) -> Any:
    """Indices renamed at once, bound ones left alone."""
    if not getattr(e, "args", ()):
        return names.get(e, e)
    if isinstance(e, sp.Indexed):
        return e.base[tuple(_renamed(i, names) for i in e.indices)]
    if isinstance(e, (sp.Sum, sp.Product, Binder)):
        names = {k: v for k, v in names.items() if k not in {limit[0] for limit in e.limits}}
    args = [_renamed(a, names) for a in e.args]
    return make_sum(*args, cls=e.func) if isinstance(e, (sp.Sum, sp.Product)) else e.func(*args)


def _name(e: Any) -> str:
    label = e.base.label if isinstance(e, sp.Indexed) else e
    return str(getattr(label, "name", label))


def _loose(e: Any) -> set[sp.Symbol]:
    """Free symbols without the names of tensors."""
    return points.free_symbols(e)


def _symbols(exprs: Sequence[Any], setting: Setting) -> list[sp.Symbol]:
    found = set().union(*(_loose(e) for e in exprs))
    return sorted((s for s in found if s not in setting.axes), key=lambda s: s.name)


def _sum_to_one(entry: Any, running: sp.Symbol, axis: Axis) -> Any:
    return sp.Eq(sp.Sum(entry, (running, axis.first, axis.last)), 1)


def _fresh(count: int, setting: Setting) -> list[str]:
    taken = {s.name for s in setting.axes} | set(setting.shapes) | set(setting.definitions)
    letters = [c for c in "ijklmnpq" if c not in taken] or [f"i_{k}" for k in range(count)]
    letters += [f"i_{k}" for k in range(count)]
    return letters[:count]


def _float(v: Any) -> float | None:
    if v is None:
        return None
    if type(v) is fmpq:
        return int(v.p) / int(v.q)
    return float(v.mid()) if v.rad() < 1e-6 * (1 + abs(v)) else None


def _close(a: float | None, b: float) -> bool:
    return a is not None and abs(a - b) <= TOLERANCE * (1 + abs(b))


CONSTANTS = sorted(
    {sp.Rational(s * p, q) for s in (1, -1) for p in range(1, 5) for q in range(1, 5)},
    key=lambda c: (int(c.q + abs(c.p)), bool(c < 0), int(c.q)),
)


def _constants(left: Any, rest: Any, term: Any, rows: Any) -> Iterator[tuple[int, Any]]:
    """The rows m, each with a simple c, for which left = rest + c m term at all points where these have values."""
    fine = np.isfinite(left) & np.isfinite(rest) & np.isfinite(term)
    if fine.sum() < 2:
        return
    goal = (left - rest)[fine]
    units = rows[:, fine] * term[fine]
    norms = (units * units).sum(axis=1)
    with np.errstate(all="ignore"):
        c = (units @ goal) / norms
        gap = np.abs(goal - c[:, None] * units).max(axis=1)
    hits = np.nonzero(
        (norms > 1e-18) & (gap <= TOLERANCE * (1 + np.abs(goal).max())) & (np.abs(c) < 4.5) & (np.abs(c) > 0.2)
    )
    for at in hits[0]:
        simple = next((k for k in CONSTANTS if abs(float(k) - c[at]) < 1e-8), None)
        if simple is not None:
            yield int(at), simple
