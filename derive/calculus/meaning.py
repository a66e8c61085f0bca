"""The value of an expression at given sizes and numbers, with a rigorous error bound.

This is the second road to the truth: it shares nothing with the normal form. An expression is compiled
once to a tree of closures and then run at many points. Numbers are exact rationals (``fmpq``) as long as
they can be, else real balls (``arb``) that contain the true value. A derivative is not taken symbolically:
the variable gets an infinitesimal ``e`` with ``e*e = 0`` of its own, and the coefficient of ``e`` is read off
the result (`Jet`). Bound indices are slots of an array, so that no capture can happen.

Where an expression has no value (a zero denominator, the log of a negative number, a kink) `Undefined` is raised.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

import sympy as sp
from flint import arb, fmpq
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from derive.calculus.frames import (
    DEFAULT_BUDGET,
    NOTHING,
    Frame,
    Key,
    Missing,
    Node,
    Point,
    Run,
    node_of,
    remembered,
    to_int,
)
from derive.calculus.language import Det, InverseEntry, MaxOver, MinOver
from derive.calculus.program import Program, deep_recursion
from derive.calculus.series import (
    CONSTANTS,
    ONE,
    RECIPROCAL,
    TAYLOR,
    ZERO,
    BudgetExceeded,
    Jet,
    MeaningError,
    Undefined,
    Unsupported,
    compose,
    demand_positive,
    real_part,
    rounded,
    t_exp,
    t_log,
    t_power,
    terms_of,
)
from derive.calculus.setting import Axis, Definition, Setting
from derive.calculus.values import (
    binomial,
    coefficient,
    determinant,
    difference,
    extreme,
    inverse_entry,
    modulo,
    product,
    sample,
    taylor_polynomial,
    total,
)

Variable = tuple[str, list[Node], Node]  # of a derivative: name, indices, present value


class Choice(sp.Expr):
    """One of several expressions, to be chosen when the program is run: variants that share all the rest."""

    is_commutative = True

    def _eval_is_integer(self) -> bool | None:
        return all(a.is_integer for a in self.args) or None


@dataclass(frozen=True)
class Bound:
    """How a bound symbol is stored: an index (with the range it runs over) or a real argument."""

    slot: int
    axis: Axis | None = None
    real: bool = False


Scope = Mapping[sp.Symbol, Bound]


# --------------------------------------------------------------------------------------------------- compiling


class Compiler:
    """SymPy trees to nodes, for one setting."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.slots = 0
        self.serial = itertools.count()
        self.procedures: dict[str, tuple[Node, tuple[int, ...]]] = {}
        self.opening: list[str] = []
        self.discrete = _discrete_names(setting)
        self.free: dict[str, int] = {}
        self.cache: dict[int, dict[Any, Node]] = {}
        self.closed: dict[Any, Node] = {}  # what depends on no binder is the same under all of them
        self.scopes: list[Scope] = []
        self.root = self.keep({})

    def entry(self, e: Any) -> Node:
        """The node of a whole expression or condition."""
        if isinstance(e, bool) or (isinstance(e, Boolean) and not isinstance(e, sp.Expr)):
            return self.condition(e, self.root)
        return self.value(sp.sympify(e), self.root)

    # -- values

    def value(self, e: Any, scope: Scope) -> Node:
        """The node of an expression; equal expressions under the same binders share one."""
        known = self.cache[id(scope)]
        if e in known:
            return known[e]
        node = self.closed.get(e)
        if node is None or any(symbol.name in node.names for symbol in scope):
            node = self._value(e, scope)
            if not node.slots and isinstance(e, CLOSABLE):
                self.closed[e] = node
        known[e] = node
        return node

    def _value(self, e: Any, scope: Scope) -> Node:
        handler = _handler(e.__class__)
        if handler is not None:
            return handler(self, e, scope)
        taylor = TAYLOR.get(e.func)
        if taylor is not None:
            return self.unary(taylor, self.value(e.args[0], scope))
        if e.func in RECIPROCAL:
            return self.unary(t_power(fmpq(-1)), self.unary(RECIPROCAL[e.func], self.value(e.args[0], scope)))
        raise Unsupported(f"{type(e).__name__} is not in the language: {str(e)[:80]}")

    def unary(self, taylor: Callable[[Any, int], list[Any]], argument: Node) -> Node:
        inner = argument.run
        return node_of(lambda fr: compose(taylor, inner(fr)), [argument])

    def number(self, e: Any, scope: Scope) -> Node:
        if isinstance(e, sp.Float):
            e = sp.Rational(str(e))
        if not e.is_Rational:
            if e in CONSTANTS:
                constant = CONSTANTS[e]
                return Node(lambda fr: constant())
            raise Undefined(f"{e} is not a real number") if not e.is_finite else Unsupported(f"the number {e}")
        constant_value = fmpq(int(e.p), int(e.q))
        return Node(lambda fr: constant_value)

    def add(self, e: Any, scope: Scope) -> Node:
        parts = [self.value(a, scope) for a in e.args]
        first, *rest = [p.run for p in parts]

        def run(fr: Frame) -> Any:
            total = first(fr)
            for r in rest:
                total = total + r(fr)
            return total

        return node_of(run, parts)

    def mul(self, e: Any, scope: Scope) -> Node:
        """A product; a factor of index truth that is false makes it 0, whatever the others are."""
        truth = [a for a in e.args if _is_index_truth(a)]
        other = [a for a in e.args if not _is_index_truth(a)]
        parts = [self.value(a, scope) for a in truth + other]
        guards = [p.run for p in parts[: len(truth)]]
        first, *rest = [p.run for p in parts[len(truth) :]] or [lambda fr: ONE]

        def plain(fr: Frame) -> Any:
            total = first(fr)
            for r in rest:
                total = total * r(fr)
            return total

        def guarded(fr: Frame) -> Any:
            factor: Any = ONE
            for g in guards:
                factor = factor * g(fr)
                if factor == 0:
                    return ZERO
            return factor * plain(fr)

        return node_of(guarded if guards else plain, parts)

    def power(self, e: Any, scope: Scope) -> Node:
        base, exponent = e.args
        if base == sp.E:
            return self.unary(t_exp, self.value(exponent, scope))
        b = self.value(base, scope)
        if exponent.is_Rational:
            a = fmpq(int(exponent.p), int(exponent.q))
            if a == 2:
                square = b.run

                def squared(fr: Frame) -> Any:
                    x = square(fr)
                    return rounded(x * x)

                return node_of(squared, [b])
            return self.unary(t_power(a), b)
        n = self.value(exponent, scope)
        integral = bool(exponent.is_integer)
        brun, nrun = b.run, n.run

        def run(fr: Frame) -> Any:
            x, y = brun(fr), nrun(fr)
            if integral and type(y) is fmpq and y.q == 1:
                return compose(t_power(y), x)
            demand_positive(real_part(x), "a real power of a number that is not positive")
            if type(y) is fmpq:
                return compose(t_power(y), x)
            return compose(t_exp, y * compose(t_log, x))

        return node_of(run, [b, n])

    def extremum(self, e: Any, scope: Scope) -> Node:
        parts = [self.value(a, scope) for a in e.args]
        runs = [p.run for p in parts]
        greatest = isinstance(e, sp.Max)
        return node_of(lambda fr: extreme([r(fr) for r in runs], greatest), parts)

    # -- names

    def symbol(self, e: Any, scope: Scope) -> Node:
        bound = scope.get(e)
        if bound is not None:
            slot = bound.slot
            if bound.real:
                return Node(lambda fr: fr.machine.arguments[slot], NOTHING, frozenset({slot}))
            return Node(lambda fr: fmpq(fr.slots[slot]), NOTHING, frozenset({slot}))
        name = e.name
        if name in self.setting.definitions and not self.setting.definitions[name].is_function:
            return self.call(name, (), scope)
        if name in self.setting.depends:
            return self.loss(name)
        self.free.setdefault(name, 0)
        return self.lookup(name, [])

    def indexed(self, e: Any, scope: Scope) -> Node:
        name = _base_name(e)
        definition = self.setting.definitions.get(name)
        axes = self.setting.shapes.get(name) or (definition.axes if definition else ())
        indices = [self.index(i, scope, axes[k] if k < len(axes) else None) for k, i in enumerate(e.indices)]
        if definition is not None and not definition.is_function:
            return self.call(name, indices, scope)
        self.free.setdefault(name, len(indices))
        return self.lookup(name, indices)

    def lookup(self, name: str, indices: Sequence[Node]) -> Node:
        names = frozenset({name})
        if not indices:
            key: Key = (name, ())

            def scalar(fr: Frame) -> Any:
                try:
                    return fr.values[key]
                except KeyError:
                    raise Missing(key) from None

            return Node(scalar, names)
        runs = [i.run for i in indices]
        shaped = name in self.setting.shapes

        def entry(fr: Frame) -> Any:
            at = (name, tuple([r(fr) for r in runs]))
            try:
                return fr.values[at]
            except KeyError:
                if shaped:
                    raise Undefined(f"{name} has no entry {list(at[1])}") from None
                raise Missing(at) from None

        return node_of(entry, indices, names)

    def index(self, e: Any, scope: Scope, axis: Axis | None = None) -> Node:
        """A node whose value is a Python integer; a bare bound index is moved to the base of its axis."""
        if isinstance(e, sp.Integer):
            constant = int(e)
            return Node(lambda fr: constant)
        bound = scope.get(e)
        if bound is not None and not bound.real:
            slot, shift = bound.slot, _shift(bound.axis, axis)
            return Node(lambda fr: fr.slots[slot] + shift, NOTHING, frozenset({slot}))
        node = self.value(e, scope)
        shift = _shift(self.setting.axes.get(e), axis) if bound is None else 0
        inner = node.run
        return Node(lambda fr: to_int(inner(fr)) + shift, node.names, node.slots, node.cost)

    # -- definitions and functions

    def procedure(self, definition: Definition) -> tuple[Node, tuple[int, ...]]:
        name = definition.name
        if name in self.procedures:
            return self.procedures[name]
        if name in self.opening:
            raise Unsupported(f"{name} is defined through itself")
        self.opening.append(name)
        scope: dict[sp.Symbol, Bound] = {}
        for k, formal in enumerate(definition.formals):
            axis = definition.axes[k] if k < len(definition.axes) else None
            scope[formal] = Bound(self.new_slot(), axis, definition.is_function)
        body = self.value(definition.body, self.keep(scope))
        self.opening.pop()
        slots = tuple(scope[f].slot for f in definition.formals)
        self.procedures[name] = (body, slots)
        return body, slots

    def call(self, name: str, indices: Sequence[Node], scope: Scope) -> Node:
        """The entry of a defined name: its override when a derivative is taken with respect to it, else its body."""
        definition = self.setting.definitions[name]
        if len(definition.formals) != len(indices):
            raise Unsupported(f"{name} has {len(definition.formals)} indices, not {len(indices)}")
        body, slots = self.procedure(definition)
        runs = [i.run for i in indices]
        depends = body.names
        run_body, cost = body.run, body.cost

        def run(fr: Frame) -> Any:
            idx = tuple([r(fr) for r in runs])
            at = (name, idx)
            values = fr.values
            if at in values:
                return values[at]
            while fr.parent is not None and name not in fr.names and depends.isdisjoint(fr.names):
                fr = fr.parent
                if at in fr.values:
                    return fr.values[at]
            memo = fr.memo
            if at in memo:
                return memo[at]
            fr.machine.spend(cost)
            state = fr.slots
            for s, i in zip(slots, idx, strict=True):
                state[s] = i
            out = rounded(run_body(fr))
            memo[at] = out
            return out

        return node_of(run, indices, depends | {name})

    def application(self, e: Any, scope: Scope) -> Node:
        name = e.func.__name__
        arguments = [self.value(a, scope) for a in e.args]
        runs = [a.run for a in arguments]
        definition = self.setting.definitions.get(name)
        if definition is None or not definition.is_function:
            self.free.setdefault(name, 0)
            return node_of(lambda fr: sample(fr.machine.functions, name, [r(fr) for r in runs]), arguments)
        if len(definition.formals) != len(arguments):
            raise Unsupported(f"{name} takes {len(definition.formals)} arguments, not {len(arguments)}")
        body, slots = self.procedure(definition)
        run_body, cost = body.run, body.cost

        def run(fr: Frame) -> Any:
            given = [r(fr) for r in runs]
            machine = fr.machine
            machine.spend(cost)
            for s, v in zip(slots, given, strict=True):
                machine.bind(s, v)
            return run_body(fr)

        return remembered(node_of(run, arguments, body.names), next(self.serial))

    def loss(self, name: str) -> Node:
        """An unknown function of the entries it depends on: its Taylor polynomial of degree 2 at the point."""
        slots: list[tuple[str, Node, list[tuple[int, Node, Node]]]] = []
        parts: list[Node] = []
        for argument in self.setting.depends[name]:
            scope: dict[sp.Symbol, Bound] = {}
            loops = []
            for symbol, axis in self.running(argument):
                scope[symbol] = Bound(self.new_slot(), axis)
                ends = self.index(sp.Integer(axis.first), self.root), self.index(axis.last, self.root)
                loops.append((scope[symbol].slot, *ends))
            node = self.value(argument, self.keep(scope))
            slots.append((f"d{name}/d{_base_name(argument)}", node, loops))
            parts.append(node)

        def run(fr: Frame) -> Any:
            gradient: list[tuple[Key, dict[int, Any]]] = []
            for label, node, loops in slots:
                ranges = [range(a.run(fr), b.run(fr) + 1) for _, a, b in loops]
                for idx in itertools.product(*ranges):
                    for (slot, _, _), i in zip(loops, idx, strict=True):
                        fr.slots[slot] = i
                    moved = terms_of(node.run(fr))
                    gradient.append(((label, idx), {m: c for m, c in moved.items() if m}))
            return taylor_polynomial(fr.values, name, gradient)

        bound = frozenset(slot for _, _, loops in slots for slot, _, _ in loops)
        return node_of(run, parts, frozenset({name}), bound)

    def running(self, argument: Any) -> list[tuple[sp.Symbol, Axis]]:
        """The index symbols of an argument of an unknown loss, each with its axis."""
        if not isinstance(argument, sp.Indexed):
            return []
        name = _base_name(argument)
        definition = self.setting.definitions.get(name)
        axes = self.setting.shapes.get(name) or (definition.axes if definition else ())
        out = []
        for k, i in enumerate(argument.indices):
            if isinstance(i, sp.Symbol):
                axis = axes[k] if k < len(axes) else self.setting.axes.get(i)
                if axis is None:
                    raise Unsupported(f"the range of {i} in {argument} is not known")
                out.append((i, axis))
        return out

    # -- binders

    def new_slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def keep(self, scope: Scope) -> Scope:
        """Scopes are told apart by identity, so they live as long as the compiler."""
        self.cache[id(scope)] = {}
        self.scopes.append(scope)
        return scope

    def bind(self, limits: Sequence[Any], scope: Scope) -> tuple[Scope, list[tuple[int, Node, Node]]]:
        """A scope with the limits' indices, outermost (last written) first: ranges may depend on those outside."""
        loops: list[tuple[int, Node, Node]] = []
        for limit in reversed(limits):
            if len(limit) != 3:
                raise Unsupported(f"a sum without a range: {limit}")
            symbol, first, last = limit
            a, b = self.index(first, scope), self.index(last, scope)
            slot = self.new_slot()
            loops.append((slot, a, b))
            axis = Axis(last - first + 1, int(first)) if isinstance(first, sp.Integer) else None
            scope = self.keep({**scope, symbol: Bound(slot, axis)})
        return scope, loops

    def folded(self, body: Any, limits: Sequence[Any], scope: Scope, fold: Callable[[Iterator[Any]], Any]) -> Node:
        """``fold`` of the values that the body takes over the limits.

        Sizes for which a range ends before it could be empty, N = 1 of ``\\sum_{i=2}^{N-1}``, are not meant, nor
        those for which a denominator under it is zero, N = 1 of ``\\sum_{i=2}^N 1 / (N - 1)``.
        """
        inner, loops = self.bind(limits, scope)
        node = self.value(body, inner)
        cost, run_body = node.cost, node.run
        of_sizes = [not (last - first).free_symbols & inner.keys() for _, first, last in reversed(limits)]
        spans = [(slot, a.run, b.run, sized) for (slot, a, b), sized in zip(loops, of_sizes, strict=True)]
        deepest = len(spans)
        needed = [self.value(p, scope) for p in sorted(self.denominators_outside(body, inner), key=str)]

        def each(fr: Frame, depth: int) -> Iterator[Any]:
            if depth == deepest:
                yield run_body(fr)
                return
            slot, first, last, sized = spans[depth]
            start, stop = first(fr), last(fr)
            if sized and stop < start - 1:
                raise Undefined("a range that ends before it begins")
            fr.machine.spend(cost * max(0, stop + 1 - start))
            for i in range(start, stop + 1):
                fr.slots[slot] = i
                if depth + 1 == deepest:
                    yield run_body(fr)
                else:
                    yield from each(fr, depth + 1)

        def run(fr: Frame) -> Any:
            for denominator in needed:
                denominator.run(fr)
            return fold(each(fr, 0))

        parts = [node, *needed, *(x for _, a, b in loops for x in (a, b))]
        bound = frozenset(slot for slot, _, _ in loops)
        return remembered(node_of(run, parts, NOTHING, bound), next(self.serial))

    def denominators_outside(self, body: Any, inner: Scope) -> set[sp.Pow]:
        """Negative powers of sizes and indices that no sum binds: they are not zero, however few terms there are."""
        return {
            p for p in sp.sympify(body).atoms(sp.Pow)
            if p.exp.is_negative and p.base.free_symbols and not p.base.has(sp.Indexed, sp.Sum, sp.Product)
            and all(x.is_integer and inner.get(x) is self.root.get(x) for x in p.base.free_symbols)
        }  # fmt: skip

    def sum(self, e: Any, scope: Scope) -> Node:
        """A sum; of a product whose factors share no index, the product of as many sums."""
        apart = separated(e)
        if len(apart) > 1:
            parts = [self.value(each, scope) for each in apart]
            return node_of(lambda fr: product(p.run(fr) for p in parts), parts)
        return self.folded(e.function, e.limits, scope, lambda items: total(items))

    def product(self, e: Any, scope: Scope) -> Node:
        return self.folded(e.function, e.limits, scope, lambda items: product(items))

    def over(self, e: Any, scope: Scope) -> Node:
        greatest = isinstance(e, MaxOver)
        return self.folded(e.body, e.limits, scope, lambda items: extreme(list(items), greatest))

    def matrix(self, e: Any, scope: Scope) -> Node:
        """det, or an entry of the inverse as cofactor / det."""
        (row, r0, r1), (column, c0, c1) = e.limits
        inner, loops = self.bind([(column, c0, c1), (row, r0, r1)], scope)
        node = self.value(e.body, inner)
        (rs, ra, rb), (cs, ca, cb) = loops
        outer = [self.index(x, scope) for x in e.outer]

        def run(fr: Frame) -> Any:
            rows, columns = range(ra.run(fr), rb.run(fr) + 1), range(ca.run(fr), cb.run(fr) + 1)
            if len(rows) != len(columns):
                raise Undefined("a determinant of a matrix that is not square")
            if len(rows) > 7:
                raise BudgetExceeded("a determinant of a large matrix")
            fr.machine.spend(node.cost * len(rows) ** 2 + len(rows) * 2 ** len(rows))
            entries: list[list[Any]] = []
            for i in rows:
                entries.append([])
                for j in columns:
                    fr.slots[rs], fr.slots[cs] = i, j
                    entries[-1].append(node.run(fr))
            if not outer:
                return determinant(entries)
            k, m = outer[0].run(fr) - columns.start, outer[1].run(fr) - rows.start
            if not (0 <= k < len(rows) and 0 <= m < len(rows)):
                raise Undefined("an entry outside of the matrix")
            return inverse_entry(entries, k, m)

        parts = [node, *outer, ra, rb, ca, cb]
        return remembered(node_of(run, parts, NOTHING, frozenset({rs, cs})), next(self.serial))

    # -- derivatives

    def derivative(self, e: Any, scope: Scope) -> Node:
        body = self.value(e.expr, scope)
        entries: list[Variable] = []
        slots: list[int] = []
        for variable, count in e.variable_count:
            if not isinstance(count, (int, sp.Integer)):
                raise Unsupported("a derivative of symbolic order")
            if int(count) > 8:
                raise BudgetExceeded("a derivative of high order")
            bound = scope.get(variable)
            if bound is not None and bound.real:
                slots += [bound.slot] * int(count)
            else:
                entries += [self.variable(variable, scope)] * int(count)
        if len(slots) + len(entries) > 8:
            raise BudgetExceeded("a derivative of high order")
        levels = _levels(entries)
        run_body, cost = body.run, body.cost

        def run(fr: Frame) -> Any:
            machine = fr.machine
            machine.spend(cost)
            base = machine.bits
            mask = 0
            child = fr
            for names, level in levels:
                above, child = child, Frame(machine, dict(child.values), child, names)
                for name, indices, node in level:
                    at = (name, tuple([i.run(fr) for i in indices]))
                    now = child.values[at] if at in child.values else node.run(above)
                    child.values[at] = now + Jet({1 << machine.bits: ONE})
                    mask |= 1 << machine.bits
                    machine.bits += 1
            saved = [(s, machine.slots[s], machine.arguments[s]) for s in slots]
            for s in slots:
                machine.bind(s, machine.arguments[s] + Jet({1 << machine.bits: ONE}))
                mask |= 1 << machine.bits
                machine.bits += 1
            try:
                out = run_body(child)
            finally:
                machine.bits = base
                for s, version, value in saved:
                    machine.slots[s], machine.arguments[s] = version, value
            return coefficient(out, mask)

        parts = [body, *(i for _, indices, _ in entries for i in indices), *(n for _, _, n in entries)]
        node = node_of(run, parts, frozenset(name for name, _, _ in entries))
        return remembered(Node(node.run, node.names, node.slots | frozenset(slots), node.cost), next(self.serial))

    def variable(self, v: Any, scope: Scope) -> Variable:
        """What a derivative is taken with respect to: its name, indices and present value."""
        if isinstance(v, sp.Indexed):
            name = _base_name(v)
            definition = self.setting.definitions.get(name)
            axes = self.setting.shapes.get(name) or (definition.axes if definition else ())
            indices = [self.index(i, scope, axes[k] if k < len(axes) else None) for k, i in enumerate(v.indices)]
            return name, indices, self.value(v, scope)
        if isinstance(v, sp.Symbol) and v not in scope:
            return v.name, [], self.value(v, scope)
        raise Unsupported(f"a derivative with respect to {v}")

    def substituted(self, e: Any, scope: Scope) -> Node:
        """``Subs(body, u, t)``: u is an argument with the value of t."""
        given = [self.value(p, scope) for p in e.point]
        slots = [self.new_slot() for _ in given]
        inner = {**scope, **{v: Bound(s, None, True) for v, s in zip(e.variables, slots, strict=True)}}
        body = self.value(e.expr, self.keep(inner))
        runs = [g.run for g in given]

        def run(fr: Frame) -> Any:
            for s, v in zip(slots, [r(fr) for r in runs], strict=True):
                fr.machine.bind(s, v)
            return body.run(fr)

        bound = frozenset(slots)
        inside = Node(body.run, body.names, body.slots - bound, body.cost)
        return remembered(node_of(run, [inside, *given]), next(self.serial))

    # -- conditions

    def delta(self, e: Any, scope: Scope) -> Node:
        same, parts = self.equality(e.args[0], e.args[1], scope)
        return node_of(lambda fr: ONE if same(fr) else ZERO, parts)

    def piecewise(self, e: Any, scope: Scope) -> Node:
        rows = [(self.value(p.expr, scope), self.condition(p.cond, scope)) for p in e.args]
        runs = [(v.run, c.run) for v, c in rows]

        def run(fr: Frame) -> Any:
            for value, holds in runs:
                if holds(fr):
                    return value(fr)
            raise Undefined("no case applies")

        return node_of(run, [n for row in rows for n in row])

    def condition(self, c: Any, scope: Scope) -> Node:
        """A node whose value is a truth value."""
        if isinstance(c, (BooleanTrue, BooleanFalse, bool)):
            truth = bool(c)
            return Node(lambda fr: truth)
        if isinstance(c, (sp.And, sp.Or)):
            parts = [self.condition(a, scope) for a in c.args]
            runs = [p.run for p in parts]
            every = isinstance(c, sp.And)
            if every:
                return node_of(lambda fr: all(r(fr) for r in runs), parts)
            return node_of(lambda fr: any(r(fr) for r in runs), parts)
        if isinstance(c, sp.Not):
            inner = self.condition(c.args[0], scope)
            return node_of(lambda fr: not inner.run(fr), [inner])
        if isinstance(c, (sp.Eq, sp.Ne)):
            same, parts = self.equality(c.args[0], c.args[1], scope)
            negate = isinstance(c, sp.Ne)
            return node_of(lambda fr: same(fr) != negate, parts)
        if type(c) in ORDER:
            return self.comparison(c, scope)
        if isinstance(c, sp.Contains):
            return self.membership(c, scope)
        raise Unsupported(f"the condition {c}")

    def equality(self, left: Any, right: Any, scope: Scope) -> tuple[Run, list[Node]]:
        """Whether two indices are the same, or two real values; for these there is no answer where they meet."""
        if left.is_integer and right.is_integer:
            a = self.index(left, scope)
            b = self.index(right, scope)
            shift = _shift(self.axis_of(right, scope), self.axis_of(left, scope))
            return (lambda fr: a.run(fr) == b.run(fr) + shift), [a, b]
        x, y = self.value(left, scope), self.value(right, scope)
        discrete = not self.discrete.isdisjoint(x.names | y.names) or not (x.names | y.names)

        def same(fr: Frame) -> bool:
            d = difference(x.run(fr), y.run(fr))
            if d == 0:
                if discrete:
                    return True
                raise Undefined("a condition on its boundary")
            if d != 0:
                return False
            raise Undefined("a condition that is too close to call", final=False)

        return same, [x, y]

    def comparison(self, c: Any, scope: Scope) -> Node:
        x, y = self.value(c.args[0], scope), self.value(c.args[1], scope)
        wanted, at_zero = ORDER[type(c)]
        integral = bool(c.args[0].is_integer and c.args[1].is_integer)
        discrete = integral or not self.discrete.isdisjoint(x.names | y.names) or not (x.names | y.names)

        def run(fr: Frame) -> bool:
            d = difference(x.run(fr), y.run(fr))
            if d > 0:
                return wanted > 0
            if d < 0:
                return wanted < 0
            if d == 0 and discrete:
                return at_zero
            raise Undefined("a condition on its boundary", final=bool(d == 0))

        return node_of(run, [x, y])

    def membership(self, c: Any, scope: Scope) -> Node:
        element, members = c.args
        if not isinstance(members, sp.FiniteSet):
            raise Unsupported(f"the condition {c}")
        x = self.value(element, scope)
        parts = [self.value(m, scope) for m in members.args]

        def run(fr: Frame) -> bool:
            v = real_part(x.run(fr))
            close = [difference(v, p.run(fr)) for p in parts]
            if any(d == 0 for d in close):
                return True
            if all(d != 0 for d in close):
                return False
            raise Undefined("a condition that is too close to call", final=False)

        return node_of(run, [x, *parts])

    def axis_of(self, e: Any, scope: Scope) -> Axis | None:
        if not isinstance(e, sp.Symbol):
            return None
        return scope[e].axis if e in scope else self.setting.axes.get(e)

    def choice(self, e: Any, scope: Scope) -> Node:
        """A node whose slot, left free, holds the number of the expression to take."""
        parts = [self.attempt(a, scope) for a in e.args]
        slot = self.new_slot()
        runs = [p.run for p in parts]
        joined = node_of(lambda fr: runs[fr.slots[slot]](fr), parts)
        return Node(joined.run, joined.names, joined.slots | {slot}, max(p.cost for p in parts))

    def attempt(self, e: Any, scope: Scope) -> Node:
        """The node of an expression; without a value where it is none of the language."""
        try:
            return self.value(e, scope)
        except (MeaningError, ValueError, AttributeError, TypeError) as problem:
            reason = str(problem)

        def undefined(fr: Frame) -> Any:
            raise Undefined(reason)

        return Node(undefined)

    def truth(self, e: Any, scope: Scope) -> Node:
        holds = self.condition(e, scope)
        return node_of(lambda fr: ONE if holds.run(fr) else ZERO, [holds])

    def integer_function(self, e: Any, scope: Scope) -> Node:
        a, b = (self.index(x, scope) for x in e.args)
        if isinstance(e, sp.binomial):
            return node_of(lambda fr: fmpq(binomial(a.run(fr), b.run(fr))), [a, b])
        return node_of(lambda fr: fmpq(modulo(a.run(fr), b.run(fr))), [a, b])


CLOSABLE = (sp.Sum, sp.Product, MaxOver, MinOver, Det, InverseEntry, sp.Derivative)

ORDER = {
    sp.StrictGreaterThan: (1, False),
    sp.GreaterThan: (1, True),
    sp.StrictLessThan: (-1, False),
    sp.LessThan: (-1, True),
}

HANDLERS: dict[Any, Callable[[Compiler, Any, Scope], Node]] = {
    sp.Number: Compiler.number,
    sp.NumberSymbol: Compiler.number,
    sp.Symbol: Compiler.symbol,
    sp.Indexed: Compiler.indexed,
    sp.Add: Compiler.add,
    sp.Mul: Compiler.mul,
    sp.Pow: Compiler.power,
    sp.Sum: Compiler.sum,
    sp.Product: Compiler.product,
    sp.KroneckerDelta: Compiler.delta,
    sp.Piecewise: Compiler.piecewise,
    sp.Derivative: Compiler.derivative,
    sp.Subs: Compiler.substituted,
    MaxOver: Compiler.over,
    MinOver: Compiler.over,
    Det: Compiler.matrix,
    InverseEntry: Compiler.matrix,
    AppliedUndef: Compiler.application,
    Choice: Compiler.choice,
    sp.Max: Compiler.extremum,
    sp.Min: Compiler.extremum,
    Boolean: Compiler.truth,
    sp.Mod: Compiler.integer_function,
    sp.binomial: Compiler.integer_function,
}


@cache
def _handler(kind: type) -> Callable[[Compiler, Any, Scope], Node] | None:
    return next((handler for base, handler in HANDLERS.items() if issubclass(kind, base)), None)


# ------------------------------------------------------------------------------------------- arithmetic of parts


def _base_name(e: Any) -> str:
    label = e.base.label if isinstance(e, sp.Indexed) else e
    return str(getattr(label, "name", label))


def _shift(written: Axis | None, wanted: Axis | None) -> int:
    """How far an index that runs over ``written`` must be moved to run over ``wanted``, if both are the same axis."""
    if written is None or wanted is None or written.first == wanted.first or written.size != wanted.size:
        return 0
    return wanted.first - written.first


def _is_index_truth(e: Any) -> bool:
    """A Kronecker delta, or 1 minus one, or a number by cases: a factor that is 0 or 1 by its indices alone."""
    if isinstance(e, sp.KroneckerDelta):
        return True
    if isinstance(e, sp.Piecewise):
        return all(value.is_number and _is_index_condition(c) for value, c in e.args)
    return isinstance(e, sp.Add) and len(e.args) == 2 and e.args[0] == 1 and isinstance(-e.args[1], sp.KroneckerDelta)


def _is_index_condition(c: Any) -> bool:
    """A condition on whole numbers."""
    if isinstance(c, sp.Rel):
        return all(bool(a.is_integer) for a in c.args)
    return c in (sp.true, sp.false) or all(map(_is_index_condition, c.args))


def separated(e: Any) -> list[Any]:
    """sum_{ij} a_i b_j = (sum_i a_i) (sum_j b_j): the sums over indices that stand together in a factor of the body."""
    bound = {limit[0] for limit in e.limits}
    ends = set().union(*(_symbols(end) for limit in e.limits for end in limit[1:]))
    if len(bound) < 2 or len(bound) < len(e.limits) or ends & bound:
        return [e]
    together = [{limit[0]} for limit in e.limits]
    factors = [(f, _symbols(f) & bound) for f in sp.Mul.make_args(e.function)]
    for _, touched in factors:
        met = [group for group in together if group & touched]
        if len(met) > 1:
            together = [group for group in together if not group & touched] + [set().union(*met)]
    if len(together) == 1:
        return [e]
    outside = [f for f, touched in factors if not touched]
    sums = []
    for group in together:
        inside = [f for f, touched in factors if touched & group]
        limits = [limit for limit in e.limits if limit[0] in group]
        sums.append(sp.Expr.__new__(sp.Sum, sp.Mul(*inside, evaluate=False), *limits))
    return [*outside, *sums]


def _symbols(e: Any) -> set[Any]:
    """All symbols in an expression, in whatever role."""
    return set(sp.sympify(e).atoms(sp.Symbol))


@lru_cache(maxsize=512)
def finite_values(relation: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """The entry and the finite set that it must lie in, if a relation says so: ``y in {0, 1}`` or ``y^2 = y``."""
    if isinstance(relation, sp.Contains) and isinstance(relation.args[1], sp.FiniteSet):
        return relation.args[0], tuple(relation.args[1].args)
    if not isinstance(relation, sp.Eq) or relation.has(sp.Sum, sp.Product, AppliedUndef):
        return None
    difference = relation.lhs - relation.rhs
    symbols = difference.atoms(sp.Indexed) or difference.atoms(sp.Symbol)
    if len(symbols) != 1 or relation.has(sp.KroneckerDelta, sp.Derivative):
        return None
    (entry,) = symbols
    if not difference.is_polynomial(entry):
        return None
    polynomial = sp.Poly(difference, entry)
    plain = 2 <= polynomial.degree() <= 6 and (polynomial.domain.is_QQ or polynomial.domain.is_ZZ)
    roots = polynomial.ground_roots() if plain else {}
    return (entry, tuple(sorted(roots))) if len(roots) > 1 else None


def _discrete_names(setting: Setting) -> frozenset[str]:
    """Names of entries that are assumed to lie in a finite set, and of labels."""
    found = (finite_values(a.relation) for a in setting.assumptions)
    return frozenset(setting.labels) | {_base_name(f[0]) for f in found if f is not None}


def _levels(variables: list[Variable]) -> list[tuple[frozenset[str], list[Variable]]]:
    """Variables of a derivative, outermost first; one that is defined through another lies on a later level.

    So d/dz dL/ds has one meaning, in whatever order it is written: L is differentiated as a function of s first.
    """
    levels: list[tuple[frozenset[str], list[Variable]]] = []
    for v in sorted(variables, key=lambda v: len(v[2].names)):
        if levels and levels[-1][0].isdisjoint(v[2].names - {v[0]}):
            names, level = levels[-1]
            levels[-1] = names | {v[0]}, [*level, v]
        else:
            levels.append((frozenset({v[0]}), [v]))
    return levels


def compile_all(exprs: Sequence[Any], setting: Setting) -> Program:
    """One program for several expressions or conditions, which share the definitions they open."""
    compiler = Compiler(setting)
    with deep_recursion():
        nodes = tuple([compiler.entry(e) for e in exprs])
    return Program(nodes, compiler.slots, dict(compiler.free))


def compile(expr: Any, setting: Setting) -> Program:
    return compile_all([expr], setting)


def evaluate(expr: Any, setting: Setting, point: Point, precision: int = 64, budget: int = DEFAULT_BUDGET) -> arb:
    """A ball that contains the value of the expression at the point."""
    return compile(expr, setting).run(point, precision, budget)


def evaluate_exact(expr: Any, setting: Setting, point: Point, budget: int = DEFAULT_BUDGET) -> Fraction | None:
    """The rational value of the expression, or None if it could not be computed exactly."""
    return compile(expr, setting).exact(point, budget)
