"""Points: numbers for everything that is free, at which every assumption holds exactly.

A point fixes the sizes of dimensions, the values of indices and labels, and numbers for all free entries.
Points are built, not guessed: finite domains are enumerated, linear equations are solved, a quadric is walked
along a line from a rational point of it, `a = expr` gives `a` its value, the rest is drawn until it fits.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp
from flint import fmpq
from sympy.core.function import AppliedUndef

from derive.calculus import meaning
from derive.calculus.intake import complete
from derive.calculus.language import Binder
from derive.calculus.meaning import Key, Meter, Point, Program, Smooth, compile_all, working_precision
from derive.calculus.series import Undefined, ball
from derive.calculus.setting import Assumption, Axis, Setting

PRECISIONS = (64, 256, 1024, 4096)
WRITTEN_OUT = 64  # entries of a matrix or vector written out with numbers that are all looked at
Number = Fraction


@dataclass(frozen=True)
class Budget:
    """How much is tried: points of the search, operations at one point and at all, points of the simplification."""

    points: int = 160
    operations: int = 2_000_000
    total: int = 4_000_000
    shrinking: int = 160


# --------------------------------------------------------------------------------------------- what is free


@dataclass
class Inventory:
    """The free names of a claim and of all that it is defined through."""

    sizes: dict[str, int] = field(default_factory=dict)  # dimensions, with the least size that the claim needs
    integers: set[str] = field(default_factory=set)
    indices: dict[str, Axis] = field(default_factory=dict)
    scalars: set[str] = field(default_factory=set)
    tensors: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    losses: set[str] = field(default_factory=set)
    bound: int = 0  # the most bound indices in one term

    @property
    def closed(self) -> bool:
        return not (self.scalars or self.tensors or self.functions or self.integers or self.losses or self.sizes)


def _inventory(exprs: Iterable[Any], setting: Setting) -> Inventory:
    found = Inventory()
    seen: set[str] = set()
    queue = [(e, frozenset[Any]()) for e in exprs]
    while queue:
        e, bound = queue.pop()
        _collect(e, bound, setting, found, seen, queue)
    for axes in found.tensors.values():
        _note_sizes(axes, found)
    _note_sizes(found.indices.values(), found)
    return found


def _note_sizes(axes: Iterable[Axis], found: Inventory) -> None:
    for axis in axes:
        for symbol in sp.sympify(axis.size).free_symbols:
            found.sizes.setdefault(symbol.name, 1)
            found.integers.discard(symbol.name)


def _collect(
    e: Any,
    bound: frozenset[Any],
    setting: Setting,
    found: Inventory,
    seen: set[str],
    queue: list[tuple[Any, frozenset[Any]]],
) -> None:
    if isinstance(e, sp.Indexed):
        name = str(getattr(e.base.label, "name", e.base.label))
        _name(name, e.indices, setting, found, seen, queue)
        queue += [(i, bound) for i in e.indices]
        return
    if isinstance(e, sp.Symbol):
        if e not in bound:
            _symbol(e, setting, found, seen, queue)
        return
    if isinstance(e, AppliedUndef):
        name = e.func.__name__
        if name in setting.definitions:
            _open(name, setting, seen, queue)
        else:
            found.functions[name] = max(found.functions.get(name, 0), len(e.args))
        queue += [(a, bound) for a in e.args]
        return
    if isinstance(e, (sp.Sum, sp.Product, Binder)):
        limits = e.limits
        inner = bound | {limit[0] for limit in limits}
        for limit in limits:
            for end in limit[1:]:
                queue.append((end, bound | inner))
                for s in sp.sympify(end).free_symbols - inner:
                    if s not in setting.axes:
                        found.sizes.setdefault(s.name, 1)
        queue.append((e.args[0], inner))
        queue += [(a, bound) for a in getattr(e, "outer", ())]
        return
    if isinstance(e, sp.Subs):
        queue += [(e.expr, bound | set(e.variables)), *((p, bound) for p in e.point)]
        return
    queue += [(a, bound) for a in getattr(e, "args", ())]


def _open(name: str, setting: Setting, seen: set[str], queue: list[tuple[Any, frozenset[Any]]]) -> None:
    if name not in seen:
        seen.add(name)
        definition = setting.definitions[name]
        queue.append((definition.body, frozenset(definition.formals)))


def _symbol(e: Any, setting: Setting, found: Inventory, seen: set[str], queue: list[Any]) -> None:
    name = e.name
    if name in setting.definitions and not setting.definitions[name].is_function:
        _open(name, setting, seen, queue)
    elif name in setting.depends:
        found.losses.add(name)
        queue += [(a, frozenset(a.free_symbols if isinstance(a, sp.Indexed) else ())) for a in setting.depends[name]]
        for a in setting.depends[name]:
            if isinstance(a, sp.Indexed):
                queue += [(a.base[tuple(a.indices)], frozenset(s for s in a.indices if isinstance(s, sp.Symbol)))]
    elif e in setting.axes:
        found.indices[name] = setting.axes[e]
    elif e.is_integer:
        if e.is_positive:
            found.sizes.setdefault(name, 1)
        elif name not in found.sizes:
            found.integers.add(name)
    else:
        found.scalars.add(name)


def _name(
    name: str, indices: Sequence[Any], setting: Setting, found: Inventory, seen: set[str], queue: list[Any]
) -> None:
    definition = setting.definitions.get(name)
    axes = setting.shapes.get(name) or (definition.axes if definition else ())
    for k, i in enumerate(indices):
        if isinstance(i, sp.Integer) and k < len(axes) and isinstance(axes[k].size, sp.Symbol):
            least = int(i) - axes[k].first + 1
            size = axes[k].size.name
            found.sizes[size] = max(found.sizes.get(size, 1), least)
    if definition is not None and not definition.is_function:
        _open(name, setting, seen, queue)
    elif len(axes) == len(indices):
        found.tensors[name] = tuple(axes)


def _most_bound(exprs: Iterable[Any]) -> int:
    """The most bound indices in one term: power-sum identities can hold up to that size."""
    most = 0
    for e in exprs:
        for term in sp.Add.make_args(e):
            count = 0
            for node in sp.preorder_traversal(term):
                if isinstance(node, (sp.Sum, sp.Product)):
                    count += len(node.limits)
                elif isinstance(node, sp.Pow) and isinstance(node.exp, sp.Integer) and isinstance(node.base, sp.Sum):
                    count += len(node.base.limits) * (min(abs(int(node.exp)), 8) - 1)
            most = max(most, count)
    return most


# ------------------------------------------------------------------------------------------------ assumptions


@dataclass(frozen=True)
class Rule:
    """An assumption, compiled: its two sides, and the indices that it is about.

    ``target`` is the name that the equation gives a value to (``a = expr``), '' if none.
    """

    assumption: Assumption
    kind: type
    sides: Program
    members: tuple[Fraction, ...]
    free: tuple[tuple[str, Axis], ...]
    names: frozenset[str]
    target: str = ""
    slots: tuple[str | int, ...] = ()


def _sides(relation: Any) -> tuple[Any, Any]:
    if isinstance(relation, sp.Contains):
        return relation.args[0], sp.Integer(0)
    return relation.args[0], relation.args[1]


def _range_in(relation: Any, symbol: sp.Symbol, setting: Setting) -> Axis | None:
    """The axis that an index of an assumption runs over: that of the place where it stands."""
    for e in relation.atoms(sp.Indexed):
        name = str(getattr(e.base.label, "name", e.base.label))
        definition = setting.definitions.get(name)
        axes = setting.shapes.get(name) or (definition.axes if definition else ())
        for k, i in enumerate(e.indices):
            if i == symbol and k < len(axes):
                return axes[k]
    return setting.axes.get(symbol)


def free_symbols(e: Any, bound: frozenset[Any] = frozenset()) -> set[Any]:
    """Free symbols, those of derivative variables and of index slots too, without the names of tensors."""
    if isinstance(e, sp.Symbol):
        return set() if e in bound else {e}
    if isinstance(e, sp.Indexed):
        return set().union(*(free_symbols(i, bound) for i in e.indices))
    if isinstance(e, (sp.Sum, sp.Product, Binder)):
        bound = bound | {limit[0] for limit in e.limits}
    if isinstance(e, sp.Subs):
        inner = bound | set(e.variables)
        return set().union(free_symbols(e.expr, inner), *(free_symbols(p, bound) for p in e.point))
    return set().union(*(free_symbols(a, bound) for a in getattr(e, "args", ())))


def _rule(a: Assumption, setting: Setting) -> Rule | None:
    relation = a.relation
    if not isinstance(relation, (sp.Rel, sp.Contains)):
        return None
    if isinstance(relation, sp.Contains) and not isinstance(relation.args[1], sp.FiniteSet):
        return None
    members: tuple[Fraction, ...] = ()
    finite = meaning.finite_values(relation)
    if finite is not None:
        if not all(m.is_Rational for m in finite[1]):
            return None
        members = tuple(sorted(Fraction(int(m.p), int(m.q)) for m in finite[1]))
    left, right = _sides(relation)
    free = []
    for s in sorted(free_symbols(relation), key=lambda s: s.name):
        if s in a.fixed or s.name in setting.definitions or not s.is_integer or s.is_positive:
            continue
        axis = _range_in(relation, s, setting)
        if axis is not None:
            free.append((s.name, axis))
    program = compile_all([left, right], setting)
    names = program.nodes[0].names | program.nodes[1].names
    target: str = ""
    slots: tuple[str | int, ...] = ()
    if isinstance(relation, sp.Eq):
        target, slots = _orient(left, right, program, setting, a)
        if not target:
            target, slots = _orient(right, left, program, setting, a, flip=True)
    kind = sp.Contains if isinstance(relation, sp.Contains) else type(relation)
    return Rule(a, kind, program, members, tuple(free), names, target, slots)


def _orient(
    atom: Any, value: Any, program: Program, setting: Setting, a: Assumption, flip: bool = False
) -> tuple[str, tuple[str | int, ...]]:
    """``a = expr``: the name that takes the value, if it is free, general and does not stand in the value."""
    if not isinstance(atom, (sp.Symbol, sp.Indexed)):
        return "", ()
    name = atom.name if isinstance(atom, sp.Symbol) else str(getattr(atom.base.label, "name", atom.base.label))
    other = program.nodes[0 if flip else 1]
    if name in setting.definitions or name in setting.depends or name in other.names or atom.is_integer:
        return "", ()
    if isinstance(atom, sp.Symbol):
        return name, ()
    indices = atom.indices
    symbols = [i for i in indices if isinstance(i, sp.Symbol)]
    if len(set(symbols)) != len(symbols) or not all(isinstance(i, (sp.Symbol, sp.Integer)) for i in indices):
        return "", ()
    return name, tuple(i.name if isinstance(i, sp.Symbol) else int(i) for i in indices)


ORDER = {
    sp.StrictGreaterThan: (lambda d: d > 0),
    sp.GreaterThan: (lambda d: d >= 0),
    sp.StrictLessThan: (lambda d: d < 0),
    sp.LessThan: (lambda d: d <= 0),
    sp.Ne: (lambda d: d != 0),
}


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


# --------------------------------------------------------------------------------------------- drawing numbers


@dataclass(frozen=True)
class Style:
    """How numbers are drawn: ``choices``, and whether all of one sign."""

    choices: tuple[Fraction, ...]


def _fractions(*texts: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(t) for t in " ".join(texts).split())


MIXED = Style(_fractions("1 -1 2 -2 3 1/2 -1/2 3/2 -3/2 1/3 -2/3 5/2 -5/3 4/3"))
POSITIVE = Style(_fractions("1 2 3 1/2 1/3 3/2 2/3 4 5/2 5/3 1/4 4/3"))
UNIT = Style(_fractions("1/2 1/3 1/4 2/3 3/4 1/5 2/5 3/5 1/6 5/6"))
NEGATIVE = Style(_fractions("-1 -2 -3 -1/2 -3/2 -1/3 -2/3 -5/2"))
WIDE = Style(_fractions("5 -7 11/2 -13/3 9 -3/7 10 -4/9 13/11 -6 7/5 -8/3"))
SIMPLE = Style(_fractions("0 1 2 -1 0 1"))
TINY = Style(_fractions("0 1"))
GENERIC = (MIXED, POSITIVE, UNIT, WIDE, NEGATIVE)


def _draw(domain: Domain, style: Style, rng: random.Random) -> Fraction:
    if domain.members:
        return rng.choice(domain.members)
    fitting = [c for c in style.choices if domain.holds(c)]
    if fitting:
        return rng.choice(fitting)
    low, high = domain.low, domain.high
    step = Fraction(rng.randint(1, 5), rng.randint(1, 3))
    if low is not None and high is not None:
        return low + (high - low) * Fraction(rng.randint(1, 5), 6)
    return low + step if low is not None else (high or Fraction(0)) - step


def _drawn_function(arity: int, style: Style, rng: random.Random) -> Smooth:
    """A polynomial for an unknown function: of degree 4, or of degree 2 with small coefficients."""
    if style in GENERIC:
        parts = [[Fraction(rng.choice((1, 2, -1, 3, -2)), k + 1) for k in range(5)] for _ in range(arity)]
    else:
        parts = [[Fraction(rng.choice((0, 1, 1, 2))) for _ in range(3)] for _ in range(arity)]
    return Smooth(tuple(tuple(p) for p in parts), Fraction(rng.choice((1, 2, -1))))


# -------------------------------------------------------------------------------------------------- the problem


class Unsatisfied(Exception):
    """The assumptions were not met."""


class Hopeless(Unsatisfied):
    """They will not be met at these sizes, however often one draws."""


class Problem:
    """Two sides and what is assumed, compiled: makes points, evaluates both sides there."""

    def __init__(self, left: Any, right: Any, setting: Setting, budget: Budget) -> None:
        self.left, self.right, self.setting, self.budget = left, right, setting, budget
        self.program = compile_all([left, right], setting)
        self.rules = [r for r in (_rule(a, setting) for a in setting.assumptions) if r is not None]
        self.given = self._acyclic([r for r in self.rules if r.target])
        self.checks = [r for r in self.rules if r not in self.given]
        exprs = [left, right, *(s for a in setting.assumptions for s in _relation_sides(a.relation))]
        self.inventory = self._of_claim(exprs)
        self.structure: dict[Any, list[Key]] = {}  # the entries that each instance of an equation is about
        self.rng = random.Random(20)
        self.meter = Meter()

    def assuming(self, assumptions: Sequence[Assumption]) -> Problem:
        """The same two sides under more assumptions about names that stand in them."""
        other = copy.copy(self)
        other.setting = self.setting.assuming(*assumptions)
        other.rules = self.rules + [r for r in (_rule(a, other.setting) for a in assumptions) if r is not None]
        other.given = self._acyclic([r for r in other.rules if r.target])
        other.checks = [r for r in other.rules if r not in other.given]
        other.__dict__.pop("index_rules", None)
        return other

    def _acyclic(self, oriented: list[Rule]) -> list[Rule]:
        """Of the equations ``a = expr``, those that can be worked off in order: no name gets its value from itself."""
        done: list[Rule] = []
        taken: set[str] = set()
        for rule in oriented:
            others = rule.names - {rule.target}
            if rule.target not in taken and not any(rule.target in r.names for r in done) and not others & taken:
                done.append(rule)
                taken.add(rule.target)
        return done

    def _of_claim(self, exprs: Sequence[Any]) -> Inventory:
        """Free names of the claim; the indices of assumptions alone are not the claim's."""
        found = _inventory(exprs[:2], self.setting)
        whole = _inventory(exprs, self.setting)
        fixed = {s.name for a in self.setting.assumptions for s in a.fixed}
        whole.indices = {k: v for k, v in whole.indices.items() if k in found.indices or k in fixed}
        whole.bound = _most_bound(exprs[:2])
        return whole

    # -- sizes and indices

    def sizes(self) -> Iterator[dict[str, int]]:
        """Assignments of sizes, small ones first; different dimensions vary on their own."""
        names = sorted(self.inventory.sizes)
        least = self.inventory.sizes
        top = min(6, max(3, self.inventory.bound + 1))
        seen = set()
        if not names:
            yield {}
            return
        tuples = []
        for n in range(1, top + 1):
            tuples.append((n,) * len(names))
            if len(names) > 1 and n < top:
                tuples += [tuple(n + (k + shift) % 2 for k in range(len(names))) for shift in (1, 0)]
                tuples += [tuple(n + 1 if k == m else n for k in range(len(names))) for m in range(min(3, len(names)))]
            if len(names) > 1 and n == 2:
                tuples += [tuple(2 + (k + s) % 3 for k in range(len(names))) for s in (0, 1)]
        tuples.sort(key=lambda t: (max(t) if max(t) > 3 else 0, sum(t)))
        for t in tuples:
            fitted = tuple(max(v, least[n]) for v, n in zip(t, names, strict=True))
            if fitted not in seen:
                seen.add(fitted)
                yield dict(zip(names, fitted, strict=True))

    def span(self, axis: Axis, sizes: Mapping[str, int]) -> range:
        size = axis.size
        if isinstance(size, sp.Symbol):
            count = sizes[size.name]
        else:
            size = sp.sympify(size)
            count = int(size.xreplace({s: sp.Integer(sizes[s.name]) for s in size.free_symbols}))
        return range(axis.first, axis.first + count)

    def indices(self, sizes: Mapping[str, int], limit: int = 12) -> list[dict[str, int]]:
        """Values for the free indices: all of them where they are few, else a spread of coincidences.

        Over an axis with a number as its size each entry may have been written out by itself, so none is left out.
        """
        names = sorted(self.inventory.indices)
        if any(axis.size.is_Integer for axis in self.inventory.indices.values()):
            limit = max(limit, WRITTEN_OUT)
        spans = [self.span(self.inventory.indices[n], sizes) for n in names]
        total = 1
        for s in spans:
            total *= len(s)
        if total <= limit:
            rows = list(itertools.product(*spans))
            rows.sort(key=lambda row: len(set(row)) == 1)
        else:
            rows = self._spread(spans, limit)
        out = [dict(zip(names, row, strict=True)) for row in rows]
        return [at for at in out if self.indices_fit(at, sizes)]

    def _spread(self, spans: Sequence[range], limit: int) -> list[tuple[int, ...]]:
        """Distinct, all equal, each pair equal, then at random."""
        k = len(spans)
        patterns = [list(range(k)), [0] * k]
        for a, b in itertools.combinations(range(k), 2):
            patterns.append([a if m == b else m for m in range(k)])
        if k == 4:
            patterns += [[0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]]
        rows = [tuple(s[p % len(s)] for s, p in zip(spans, pattern, strict=True)) for pattern in patterns]
        while len(rows) < limit:
            rows.append(tuple(self.rng.choice(s) for s in spans))
        return list(dict.fromkeys(rows))[: max(limit, len(patterns))]

    @cached_property
    def index_rules(self) -> list[Rule]:
        """Assumptions about indices alone, such as i != j."""
        known = set(self.inventory.indices) | set(self.inventory.sizes) | self.inventory.integers
        return [r for r in self.rules if r.names <= known]

    def indices_fit(self, at: Mapping[str, int], sizes: Mapping[str, int]) -> bool:
        point = Point(dict(sizes), dict(at))
        return all(self._holds(rule, point) for rule in self.index_rules)

    def labels_fit(self, point: Point) -> bool:
        """Whether the labels are indices of the axes that they point into."""
        for (name, _), value in point.values.items():
            axis = self.setting.labels.get(name)
            if axis is not None and (value.denominator != 1 or int(value) not in self.span(axis, point.sizes)):
                return False
            if name in self.inventory.integers and (value.denominator != 1 or value < 1):
                return False
        return True

    # -- building a point

    def point(self, sizes: Mapping[str, int], at: Mapping[str, int], style: Style) -> Point:
        """A point in that style that meets all assumptions; raises Unsatisfied."""
        for attempt in range(12):
            point = self._drawn(sizes, at, style if attempt < 4 else GENERIC[attempt % len(GENERIC)])
            try:
                self._solve(point, style)
                self.check(point)
            except Hopeless:
                raise
            except (Unsatisfied, Undefined):
                continue
            return point
        raise Unsatisfied("no numbers were found that meet the assumptions")

    def _drawn(self, sizes: Mapping[str, int], at: Mapping[str, int], style: Style) -> Point:
        point = Point(dict(sizes), dict(at))
        rng, inventory = self.rng, self.inventory
        for name in sorted(inventory.integers):
            point.values[name, ()] = Fraction(rng.choice((1, 2, 3) if style is not TINY else (1, 2)))
        domains = self.domains(sizes, at)
        for name in sorted(inventory.scalars):
            point.values[name, ()] = _draw(domains.get((name, ()), FREE), style, rng)
        for name, axes in sorted(inventory.tensors.items()):
            spans = [self.span(a, sizes) for a in axes]
            within = self.setting.labels.get(name)
            members = Domain(tuple(Fraction(v) for v in self.span(within, sizes))) if within is not None else None
            used: set[Fraction] = set()
            for idx in itertools.product(*spans):
                key = (name, idx)
                value = _draw(members or domains.get(key, FREE), style, rng)
                if style in GENERIC and members is None and value in used:
                    value = _draw(domains.get(key, FREE), style, rng)
                used.add(value)
                point.values[key] = value
        for name, arity in sorted(inventory.functions.items()):
            point.functions[name] = _drawn_function(max(arity, 1), style, rng)
        for name in sorted(inventory.losses):
            point.values[name, ()] = _draw(FREE, style, rng)
            for key in self._gradient(name, sizes):
                point.values[key] = _draw(FREE, style, rng)
        return point

    def _gradient(self, name: str, sizes: Mapping[str, int]) -> Iterator[Key]:
        for argument in self.setting.depends[name]:
            if isinstance(argument, sp.Indexed):
                base = str(getattr(argument.base.label, "name", argument.base.label))
                definition = self.setting.definitions.get(base)
                axes = self.setting.shapes.get(base) or (definition.axes if definition else ())
                running = [
                    self.span(axes[k] if k < len(axes) else self.setting.axes[i], sizes)
                    for k, i in enumerate(argument.indices)
                    if isinstance(i, sp.Symbol)
                ]
                for idx in itertools.product(*running):
                    yield (f"d{name}/d{base}", idx)
            else:
                yield (f"d{name}/d{argument}", ())

    # -- assumptions at a point

    def _instances(self, rule: Rule, point: Point) -> Iterator[Point]:
        """The point with each value of the indices that the assumption is about."""
        if not rule.free:
            yield point
            return
        spans = [self.span(axis, point.sizes) for _, axis in rule.free]
        for idx in itertools.product(*spans):
            indices = dict(point.indices)
            indices.update(zip((n for n, _ in rule.free), idx, strict=True))
            yield Point(point.sizes, indices, point.values, point.functions)

    def _gap(self, rule: Rule, point: Point, precision: int = 64) -> Any:
        values = {k: point.values[k] for k in self.about(rule, point) if k in point.values}
        at = Point(point.sizes, point.indices, values, point.functions)
        left, right = rule.sides.values(at, precision, self.budget.operations)
        with working_precision(precision):
            return left - right

    def about(self, rule: Rule, point: Point) -> list[Key]:
        """The keys of a point that an assumption reads."""
        state = (id(rule), tuple(sorted(point.sizes.items())))
        if state not in self.structure:
            self.structure[state] = sorted(k for k in point.values if k[0] in rule.names)
        return self.structure[state]

    def _holds(self, rule: Rule, point: Point) -> bool:
        """Whether one instance holds, for certain; an equation between reals may hold to 100 digits."""
        d = self._gap(rule, point)
        if rule.kind is sp.Contains:
            return any(d == fmpq(m.numerator, m.denominator) for m in rule.members)
        if rule.kind is sp.Eq:
            if type(d) is fmpq:
                return bool(d == 0)
            d = self._gap(rule, point, 400)
            return bool(abs(d) < TINY_GAP)
        return bool(ORDER[rule.kind](d))

    def check(self, point: Point) -> None:
        point = self.at_precision(point, 64)
        for rule in self.checks:
            for instance in self._instances(rule, point):
                if not self._holds(rule, instance):
                    raise Unsatisfied(rule.assumption.text or str(rule.assumption.relation))

    def at_precision(self, point: Point, precision: int) -> Point:
        """The point with the values of names that an equation ``a = expr`` gives; exact or enclosures."""
        if not self.given:
            return point
        point = Point(point.sizes, point.indices, dict(point.values), point.functions)
        for rule in self.given:
            first = rule.sides.nodes[0].names == {rule.target} or rule.target in rule.sides.nodes[0].names
            program = Program((rule.sides.nodes[1 if first else 0],), rule.sides.slots, rule.sides.free)
            for instance in self._instances(rule, point):
                at = tuple(instance.indices[s] if isinstance(s, str) else s for s in rule.slots)
                point.values[rule.target, at] = program.values(instance, precision, self.budget.operations)[0]
        return point

    def domains(self, sizes: Mapping[str, int], at: Mapping[str, int]) -> dict[Key, Domain]:
        """Finite sets and bounds that assumptions put on single entries."""
        out: dict[Key, Domain] = {}
        for rule in self.rules:
            if rule.kind in (sp.Eq, sp.Ne) and not rule.members:
                continue
            left, right = _sides(rule.assumption.relation)
            finite = meaning.finite_values(rule.assumption.relation)
            if finite is not None:
                left, right = finite[0], sp.Integer(0)
            kind = rule.kind
            if isinstance(right, (sp.Symbol, sp.Indexed)) and left.is_Rational:
                left, right, kind = right, left, MIRROR[kind]
            if not isinstance(left, (sp.Symbol, sp.Indexed)) or not right.is_Rational:
                continue
            bound = Fraction(int(right.p), int(right.q))
            for instance in self._instances(rule, Point(dict(sizes), dict(at))):
                key = _key(left, instance)
                if key is None:
                    break
                known = out.get(key, FREE)
                if rule.members:
                    out[key] = replace(known, members=rule.members)
                elif kind in (sp.StrictGreaterThan, sp.GreaterThan):
                    strict = kind is sp.StrictGreaterThan
                    out[key] = known.narrowed(bound + (Fraction(1, 8) if strict else 0), None)
                else:
                    strict = kind is sp.StrictLessThan
                    out[key] = known.narrowed(None, bound - (Fraction(1, 8) if strict else 0))
        return out

    # -- equations at a point

    def _solve(self, point: Point, style: Style) -> None:
        """Change the numbers of the point so that the equations hold."""
        rules = [r for r in self.checks if r.kind is sp.Eq and r not in self.index_rules]
        if not rules:
            return
        domains = dict(self.domains(point.sizes, point.indices))
        system = [Equation(self, rule, instance) for rule in rules for instance in self._instances(rule, point)]
        for group in _connected([e for e in system if e.variables(point)], point):
            _solve_group(group, point, domains, self.rng)

    # -- evaluation

    def compare(self, point: Point, precisions: Sequence[int] = PRECISIONS[:1]) -> tuple[bool | None, Any, Any]:
        """True: equal as far as can be seen; False: the enclosures are apart; None: a side is not defined."""
        left = right = None
        for precision in precisions:
            try:
                full = self.at_precision(point, precision)
                left, right = self.program.values(full, precision, self.budget.operations, self.meter)
            except Undefined as problem:
                if problem.final:
                    return None, None, None
                continue
            if type(left) is fmpq and type(right) is fmpq:
                return left == right, left, right
            with working_precision(precision):
                if not ball(left).overlaps(ball(right)):
                    return False, left, right
        return (None if left is None else True), left, right


TINY_GAP = ball(fmpq(1, 10**100))
MIRROR = {
    sp.StrictGreaterThan: sp.StrictLessThan,
    sp.GreaterThan: sp.LessThan,
    sp.StrictLessThan: sp.StrictGreaterThan,
    sp.LessThan: sp.GreaterThan,
}


def _relation_sides(relation: Any) -> list[Any]:
    return list(_sides(relation)) if isinstance(relation, (sp.Rel, sp.Contains)) else []


def _key(e: Any, point: Point) -> Key | None:
    """The entry that a symbol or an indexed name stands for at a point."""
    if isinstance(e, sp.Symbol):
        return e.name, ()
    idx = []
    for i in e.indices:
        if isinstance(i, sp.Integer):
            idx.append(int(i))
        elif isinstance(i, sp.Symbol) and i.name in point.indices:
            idx.append(point.indices[i.name])
        else:
            return None
    return str(getattr(e.base.label, "name", e.base.label)), tuple(idx)


# ------------------------------------------------------------------------------------------- solving equations


class Equation:
    """One instance of an assumed equation, as a function of the numbers of a point."""

    def __init__(self, problem: Problem, rule: Rule, instance: Point) -> None:
        self.problem, self.rule, self.indices = problem, rule, instance.indices

    def gap(self, point: Point) -> Fraction:
        """left - right, exactly; raises Unsatisfied where it is not rational."""
        d = self.problem._gap(self.rule, Point(point.sizes, self.indices, point.values, point.functions))
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
        state = (id(self.rule), tuple(sorted(point.sizes.items())), tuple(sorted(self.indices.items())))
        known = self.problem.structure
        if state not in known:
            known[state] = self._variables(point)
        return known[state]

    def _variables(self, point: Point) -> list[Key]:
        try:
            now = self.gap(point)
            mine = self.problem.about(self.rule, point)
            steps = (Fraction(17, 13), Fraction(-5, 11))
            return [k for k in mine if any(self.moved(point, k, point.values[k] + d) != now for d in steps)]
        except (Unsatisfied, Undefined):
            return []

    def slope(self, point: Point, key: Key) -> Fraction | None:
        """The coefficient of an entry that stands linearly, else None."""
        now, v = self.gap(point), point.values[key]
        one, two = self.moved(point, key, v + 1), self.moved(point, key, v + 2)
        return one - now if two - now == 2 * (one - now) else None


def _connected(system: list[Equation], point: Point) -> list[list[Equation]]:
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


ROOTS = _fractions("0 1 -1 2 -2 1/2 -1/2 3 -3 4 1/3 1/4")


def _solve_group(group: list[Equation], point: Point, domains: dict[Key, Domain], rng: random.Random) -> None:
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
    digits = _fractions("0 1 -1 2") if len(keys) <= 4 else _fractions("0 1 -1")
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


def completed(left: Any, right: Any, setting: Setting) -> Setting:
    """Axes and shapes that plain expressions leave out."""
    try:
        return complete(left, right, setting)
    except (ValueError, NotImplementedError):
        return setting
