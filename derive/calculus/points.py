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
from functools import cached_property, lru_cache, partial
from typing import Any

import sympy as sp
from flint import fmpq
from sympy.core.function import AppliedUndef

from derive.calculus import meaning
from derive.calculus.equations import (
    FREE,
    Domain,
    Equation,
    Form,
    Hopeless,
    Unsatisfied,
    connected,
    form_of,
    fractions,
    is_polynomial,
    solve_group,
)
from derive.calculus.frames import Key, Point, Smooth
from derive.calculus.intake import complete
from derive.calculus.language import Binder
from derive.calculus.meaning import compile_all
from derive.calculus.program import Meter, Program, working_precision
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
    for name, axes in found.tensors.items():
        _note_sizes(axes, found)
        if name in setting.labels:
            _note_sizes((setting.labels[name],), found)
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
    return max((_bound_in(term) for e in exprs for term in sp.Add.make_args(e)), default=0)


@lru_cache(maxsize=4096)
def _bound_in(term: Any) -> int:
    count = 0
    for node in sp.preorder_traversal(term):
        if isinstance(node, (sp.Sum, sp.Product)):
            count += len(node.limits)
        elif isinstance(node, sp.Pow) and isinstance(node.exp, sp.Integer) and isinstance(node.base, sp.Sum):
            count += len(node.base.limits) * (min(abs(int(node.exp)), 8) - 1)
    return count


# ------------------------------------------------------------------------------------------------ assumptions


@dataclass(frozen=True, eq=False)
class Rule:
    """An assumption, compiled: its two sides, and the indices that it is about.

    ``target`` is the name that the equation gives a value to (``a = expr``), '' if none. ``runs`` are all names
    of integers in it; ``polynomial`` tells that the difference of the sides is one in the entries.
    """

    assumption: Assumption
    kind: type
    sides: Program
    members: tuple[Fraction, ...]
    free: tuple[tuple[str, Axis], ...]
    names: frozenset[str]
    target: str = ""
    slots: tuple[str | int, ...] = ()
    runs: tuple[str, ...] = ()
    polynomial: bool = False

    def allows(self, gap: Fraction) -> bool:
        """Whether the relation holds where left - right has that value."""
        if self.kind is sp.Contains:
            return gap in self.members
        return gap == 0 if self.kind is sp.Eq else bool(ORDER[self.kind](gap))


Instance = tuple[Rule, Mapping[str, int], Form | None]


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


def _rules(assumptions: Iterable[Assumption], setting: Setting) -> list[Rule]:
    made = (_rule(part, setting) for a in assumptions for part in a.parts)
    return [rule for rule in made if rule is not None]


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
    runs = tuple(sorted({s.name for s in free_symbols(relation) if s.is_integer}))
    polynomial = names.isdisjoint(setting.definitions) and names.isdisjoint(setting.depends) and is_polynomial(relation)
    return Rule(a, kind, program, members, tuple(free), names, target, slots, runs, polynomial)


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


# --------------------------------------------------------------------------------------------- drawing numbers


@dataclass(frozen=True)
class Style:
    """How numbers are drawn: ``choices``, and whether all of one sign."""

    choices: tuple[Fraction, ...]


MIXED = Style(fractions("1 -1 2 -2 3 1/2 -1/2 3/2 -3/2 1/3 -2/3 5/2 -5/3 4/3"))
POSITIVE = Style(fractions("1 2 3 1/2 1/3 3/2 2/3 4 5/2 5/3 1/4 4/3"))
UNIT = Style(fractions("1/2 1/3 1/4 2/3 3/4 1/5 2/5 3/5 1/6 5/6"))
NEGATIVE = Style(fractions("-1 -2 -3 -1/2 -3/2 -1/3 -2/3 -5/2"))
WIDE = Style(fractions("5 -7 11/2 -13/3 9 -3/7 10 -4/9 13/11 -6 7/5 -8/3"))
SIMPLE = Style(fractions("0 1 2 -1 0 1"))
TINY = Style(fractions("0 1"))
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


class Problem:
    """Two sides (of a chain: the rest is ``beyond``) and what is assumed, compiled: makes points, evaluates there."""

    def __init__(self, left: Any, right: Any, setting: Setting, budget: Budget, beyond: Sequence[Any] = ()) -> None:
        self.left, self.right, self.setting, self.budget = left, right, setting, budget
        sides = [left, right, *beyond]
        self.program = compile_all(sides, setting)
        self.rules = _rules(setting.assumptions, setting)
        self.given = self._acyclic([r for r in self.rules if r.target])
        self.checks = [r for r in self.rules if r not in self.given]
        self.inventory = self._of_claim(sides)
        self.structure: dict[Any, list[Key]] = {}  # the entries that an assumption is about, by sizes
        self.forms: dict[Any, Form | None] = {}  # instances of assumptions as polynomials, by sizes and indices
        self.known_domains: dict[Any, dict[Key, Domain]] = {}
        self.systems: dict[Any, list[Equation]] = {}
        self.checked: dict[Any, list[Instance]] = {}
        self.rng = random.Random(20)
        self.meter = Meter()

    def assuming(self, assumptions: Sequence[Assumption]) -> Problem:
        """The same two sides under more assumptions about names that stand in them."""
        other = copy.copy(self)
        other.setting = self.setting.assuming(*assumptions)
        other.rules = self.rules + _rules(assumptions, other.setting)
        other.given = self._acyclic([r for r in other.rules if r.target])
        other.checks = [r for r in other.rules if r not in other.given]
        other.known_domains, other.systems, other.checked = {}, {}, {}
        for name in ("index_rules", "relevant"):
            other.__dict__.pop(name, None)
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

    def _of_claim(self, sides: Sequence[Any]) -> Inventory:
        """Free names of the claim; the indices of assumptions alone are not the claim's."""
        assumed = [s for a in self.setting.assumptions for s in _relation_sides(a.relation)]
        found = _inventory(sides, self.setting)
        whole = _inventory([*sides, *assumed], self.setting)
        fixed = {s.name for a in self.setting.assumptions for s in a.fixed}
        whole.indices = {k: v for k, v in whole.indices.items() if k in found.indices or k in fixed}
        whole.bound = _most_bound(sides)
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

    @cached_property
    def relevant(self) -> tuple[str, ...]:
        """The indices of the claim that some assumption reads."""
        if not all(rule.polynomial for rule in self.rules):
            return tuple(sorted(self.inventory.indices))
        read = {name for rule in self.rules for name in set(rule.runs) - {n for n, _ in rule.free}}
        return tuple(sorted(read & set(self.inventory.indices)))

    def _state(self, sizes: Mapping[str, int], at: Mapping[str, int]) -> tuple[Any, ...]:
        """What the instances of assumptions depend on."""
        return (*sizes.items(), None, *[at.get(name) for name in self.relevant])

    def _gap(self, rule: Rule, point: Point, precision: int = 64) -> Any:
        """left - right of one instance of an assumption."""
        form = self.form(rule, point)
        if form is not None and all(type(point.values.get(k)) is Fraction for k in form.keys):
            d = form.at(point.values)
            return fmpq(d.numerator, d.denominator)
        values = {k: point.values[k] for k in self.about(rule, point) if k in point.values}
        at = Point(point.sizes, point.indices, values, point.functions)
        left, right = rule.sides.values(at, precision, self.budget.operations)
        with working_precision(precision):
            return left - right

    def form(self, rule: Rule, point: Point) -> Form | None:
        """One instance of an assumption as a polynomial, if it is one."""
        if not rule.polynomial:
            return None
        at = point.indices
        state = (rule, *point.sizes.items(), None, *[at.get(name) for name in rule.runs])
        if state not in self.forms:
            self.forms[state] = form_of(rule.sides, point, self.about(rule, point), self.budget.operations)
        return self.forms[state]

    def about(self, rule: Rule, point: Point) -> list[Key]:
        """The keys of a point that an assumption reads."""
        state = (rule, *point.sizes.items())
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
        """Raises Unsatisfied where an assumption does not hold for certain."""
        state = self._state(point.sizes, point.indices)
        if state not in self.checked:
            self.checked[state] = [
                (rule, instance.indices, self.form(rule, instance) if not self.given else None)
                for rule in self.checks
                for instance in self._instances(rule, point)
            ]
        full = self.at_precision(point, 64)
        for rule, indices, form in self.checked[state]:
            if form is not None:
                fine = rule.allows(form.at(full.values))
            else:
                at = {**point.indices, **{name: indices[name] for name, _ in rule.free}}
                fine = self._holds(rule, Point(full.sizes, at, full.values, full.functions))
            if not fine:
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
        state = self._state(sizes, at)
        if state not in self.known_domains:
            self.known_domains[state] = self._domains(sizes, at)
        return self.known_domains[state]

    def _domains(self, sizes: Mapping[str, int], at: Mapping[str, int]) -> dict[Key, Domain]:
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
        state = self._state(point.sizes, point.indices)
        if state not in self.systems:
            self.systems[state] = [self._equation(r, instance) for r in rules for instance in self._instances(r, point)]
        system = [e for e in self.systems[state] if e.variables(point)]
        for group in connected(system, point):
            solve_group(group, point, domains, self.rng)

    def _equation(self, rule: Rule, instance: Point) -> Equation:
        form = self.form(rule, instance)
        return Equation(instance.indices, form, partial(self._gap, rule), self.about(rule, instance))

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
            same = overlap(left, right, precision)
            if not same or (type(left) is fmpq and type(right) is fmpq):
                return same, left, right
        return (None if left is None else True), left, right

    def values(self, point: Point) -> list[Any]:
        """The value of each side in a tight enclosure; None for those that are not defined at the point."""
        try:
            full = self.at_precision(point, CHECKING)
        except Undefined:
            return [None] * len(self.program.nodes)
        return self.program.where_defined(full, CHECKING, self.budget.operations, self.meter)


def overlap(left: Any, right: Any, precision: int) -> bool:
    """Whether two values may be the same: equal rationals, or enclosures with a point in common."""
    if type(left) is fmpq and type(right) is fmpq:
        return bool(left == right)
    with working_precision(precision):
        return bool(ball(left).overlaps(ball(right)))


CHECKING = PRECISIONS[1]  # the precision at which what was proved is looked at
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


def completed(left: Any, right: Any, setting: Setting) -> Setting:
    """Axes and shapes that plain expressions leave out."""
    try:
        return complete(left, right, setting)
    except (ValueError, NotImplementedError):
        return setting
