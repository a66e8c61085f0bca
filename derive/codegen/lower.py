"""From a SymPy expression in index notation to the array language.

A sum over products becomes a contraction, a delta with a bound index a substitution, a delta of free indices a shared
axis, an integer label a gather, ``Piecewise`` on values a selection. Defined names are opened once and shared.
Nothing here rounds or reorders for the sake of stability: that is ``stable``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.language import Binder, Det, InverseEntry, MaxOver, MinOver
from derive.calculus.setting import Axis, Definition, Setting
from derive.codegen import build
from derive.codegen.array import (
    AtLabel,
    Concat,
    Contract,
    Extent,
    Gather,
    Input,
    Map,
    Matrix,
    Mul,
    Node,
    Number,
    OnDiagonal,
    Positions,
    Reduce,
    Slice,
    Take,
    Use,
)
from derive.codegen.names import identifier

ClosedForm = Callable[[sp.Expr, Setting], tuple[sp.Expr, Setting] | None]  # with what its names mean


class CompileError(Exception):
    """The formula has no array form; the message says which part, in plain words, and where it was asked for."""


@dataclass(frozen=True)
class Named:
    """A node whose axes are these indices."""

    node: Node
    names: tuple[sp.Symbol, ...] = ()


FUNCTIONS: dict[Any, str] = {
    sp.exp: "exp",
    sp.log: "log",
    sp.tanh: "tanh",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.atan: "arctan",
    sp.asin: "arcsin",
    sp.acos: "arccos",
    sp.asinh: "arcsinh",
    sp.acosh: "arccosh",
    sp.atanh: "arctanh",
    sp.erf: "erf",
    sp.Abs: "abs",
    sp.sign: "sign",
    sp.floor: "floor",
    sp.ceiling: "ceil",
    sp.Max: "maximum",
    sp.Min: "minimum",
}

COMPARISONS: dict[Any, str] = {
    sp.StrictGreaterThan: "greater",
    sp.GreaterThan: "greater_equal",
    sp.StrictLessThan: "less",
    sp.LessThan: "less_equal",
    sp.Equality: "equal",
    sp.Unequality: "not_equal",
}

CONSTANTS = {
    sp.S.NegativeInfinity: "ninf",
    sp.pi: "pi",
    sp.E: "e",
    sp.GoldenRatio: "golden_ratio",
    sp.EulerGamma: "euler_gamma",
}


def size_text(size: sp.Expr) -> str:
    """A size as source text."""
    size = sp.sympify(size)
    if not size.is_polynomial(*size.free_symbols):
        raise CompileError(f"the size {size} is not a number or a simple expression of dimensions")
    return str(size.xreplace({s: sp.Symbol(identifier(s.name)) for s in size.free_symbols})).replace("**", " ** ")


def substitute(expr: sp.Expr, mapping: Mapping[sp.Basic, sp.Basic]) -> sp.Expr:
    """Replace free symbols; bound indices are renamed where they would capture."""
    live = {k: v for k, v in mapping.items() if k in expr.free_symbols}
    if not live:
        return expr
    if isinstance(expr, sp.Sum | sp.Product):
        return _substitute_bound(expr.func, expr.function, expr.limits, (), live)
    if isinstance(expr, Binder):
        return _substitute_bound(expr.func, expr.body, expr.limits, expr.outer, live)
    if expr in live:
        return live[expr]
    if not expr.args:
        return expr
    return expr.func(*(substitute(a, live) if isinstance(a, sp.Basic) else a for a in expr.args))


def _substitute_bound(kind: Any, body: Any, limits: Any, outer: Any, live: Mapping[Any, Any]) -> Any:
    bound = {limit[0] for limit in limits}
    incoming = set().union(*(v.free_symbols for v in live.values()))
    fresh = {b: sp.Dummy(b.name, integer=True) for b in bound if b in incoming}
    inner = {k: v for k, v in live.items() if k not in bound} | fresh
    new = [(fresh.get(s, s), substitute(a, live), substitute(b, live)) for s, a, b in limits]
    return kind(substitute(body, inner), *new, *(substitute(o, live) for o in outer))


def is_index_condition(condition: sp.Basic) -> bool:
    """True when the condition is about the equality of indices only."""
    if isinstance(condition, sp.And | sp.Or | sp.Not):
        return all(is_index_condition(a) for a in condition.args)
    return isinstance(condition, sp.Eq | sp.Ne) and all(a.is_integer for a in condition.args)


def truth(condition: sp.Basic) -> sp.Expr:
    """An index condition as a polynomial in deltas."""
    match condition:
        case sp.And():
            return sp.Mul(*(truth(a) for a in condition.args))
        case sp.Or():
            return 1 - sp.Mul(*(1 - truth(a) for a in condition.args))
        case sp.Not():
            return 1 - truth(condition.args[0])
        case sp.Eq():
            return sp.KroneckerDelta(*condition.args)
    return 1 - sp.KroneckerDelta(*condition.args)


def is_position(expr: sp.Basic) -> bool:
    """A fixed place along an axis: a number or an expression in dimensions."""
    return bool(expr.is_integer) and all(s.is_Symbol and s.is_positive for s in expr.free_symbols)


def at_positions(expr: sp.Piecewise) -> bool:
    """True when the cases are fixed places of an index: entries put together, each defined where it stands only."""
    conditions = [c for _, c in expr.args if c is not sp.true]
    return all(isinstance(c, sp.Eq) and any(is_position(a) for a in c.args) for c in conditions)


def open_cases(expr: sp.Expr) -> sp.Expr:
    """``Piecewise`` on equalities of indices as delta * a + (1 - delta) * b."""
    if not isinstance(expr, sp.Piecewise) or not all(c is sp.true or is_index_condition(c) for _, c in expr.args):
        return expr
    if any(branch is sp.S.NegativeInfinity for branch, _ in expr.args):
        return expr
    return expr if at_positions(expr) else as_deltas(expr)


def as_deltas(expr: sp.Piecewise) -> sp.Expr:
    value, left = sp.S.Zero, sp.S.One
    for branch, condition in expr.args:
        share = left if condition is sp.true else sp.expand(left * truth(condition))
        value += share * branch
        left = sp.expand(left - share)
    return value


def has_delta(expr: sp.Basic, symbols: Iterable[sp.Symbol] | None = None) -> bool:
    """A delta, outside of functions and inner sums, that fixes one of ``symbols`` (or any)."""
    if isinstance(expr, sp.KroneckerDelta):
        return symbols is None or sifted(expr, symbols) is not None
    if isinstance(expr, sp.Piecewise):
        return open_cases(expr) is not expr and has_delta(open_cases(expr), symbols)
    if isinstance(expr, sp.Add | sp.Mul) or (isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0):
        return any(has_delta(a, symbols) for a in expr.args)
    return False


def distributed(expr: sp.Expr, symbols: Iterable[sp.Symbol] | None = None) -> list[sp.Expr]:
    """Terms whose sum is ``expr``, multiplied out only where that frees a delta."""
    expr = open_cases(expr)
    if isinstance(expr, sp.Add):
        if not has_delta(expr, symbols):
            return [expr]
        return [t for a in expr.args for t in distributed(a, symbols)]
    if isinstance(expr, sp.Pow) and has_delta(expr, symbols) and expr.base.is_Add:
        return distributed(sp.expand(expr), symbols)
    if isinstance(expr, sp.Mul):
        for k, factor in enumerate(expr.args):
            terms = distributed(factor, symbols) if has_delta(factor, symbols) else [factor]
            if len(terms) > 1 or terms[0] != factor:
                rest = sp.Mul(*expr.args[:k], *expr.args[k + 1 :])
                return [t for term in terms for t in distributed(term * rest, symbols)]
    return [expr]


class Lowering:
    """Lowers the expressions of one function; defined names are shared between them."""

    def __init__(self, setting: Setting, arguments: Iterable[str], closed_form: ClosedForm | None = None) -> None:
        self.asked = self.setting = setting
        self.arguments = {identifier(a) for a in arguments}
        self.closed_form = closed_form
        self.axes: dict[sp.Symbol, Axis] = {}
        self.names: dict[Node, str] = {}
        self._definitions: dict[str, Node] = {}
        self._opening: list[str] = []
        self._rank: dict[sp.Symbol, int] = {}
        self._memo: dict[sp.Expr, Named] = {}

    # ----- the result -----

    def target(self, expr: sp.Expr, indices: Sequence[sp.Symbol]) -> Node:
        """The array whose axes are ``indices``."""
        for symbol in indices:
            if symbol not in self.setting.axes:
                raise CompileError(f"the range of the index {symbol} is not known")
        return self._body(expr, [(s, self.setting.axes[s]) for s in indices])

    def _body(self, expr: sp.Expr, formals: Sequence[tuple[sp.Symbol, Axis]]) -> Node:
        """The array of ``expr`` over ``formals``, in a scope of its own."""
        expr = self.resolved(expr)
        saved = self.axes, self._rank, self._memo
        self.axes = dict(formals)
        self._rank = {s: k for k, (s, _) in enumerate(formals)}
        self._memo = {}
        try:
            return self.spread(self.lower(expr), [s for s, _ in formals])
        finally:
            self.axes, self._rank, self._memo = saved

    def spread(self, value: Named, names: Sequence[sp.Symbol]) -> Node:
        """The node with exactly these axes, in this order; an entry that does not depend on one is repeated."""
        extra = [s for s in value.names if s not in names]
        if extra:
            raise CompileError(f"the index {extra[0]} is free in the formula but not an axis of the result")
        if tuple(names) == value.names:
            return value.node
        uses = [self.use(value, names)]
        for s in names:
            if s not in value.names:
                along = Positions(size_text(self.axis(s).size), 0)
                uses.append(Use(Map("ones", (Use(along, (0,)),)), (names.index(s),)))
        if len(uses) == 1:
            return build.arranged(uses[0])
        factors = tuple((u, Fraction(1)) for u in uses)
        made = build.multiply(Fraction(1), factors)
        return made if made.rank == len(names) else Mul(Fraction(1), factors)  # of zeros

    # ----- names and axes -----

    def axis(self, symbol: sp.Symbol) -> Axis:
        axis = self.axes.get(symbol) or self.setting.axes.get(symbol)
        if axis is None:
            raise CompileError(f"the range of the index {symbol} is not known")
        return axis

    def is_label(self, expr: sp.Basic) -> bool:
        """An integer that is given, not run over: an entry of a label tensor or a label that is an argument."""
        if isinstance(expr, sp.Indexed):
            return True
        return isinstance(expr, sp.Symbol) and expr not in self.axes and identifier(expr.name) in self.arguments

    def use(self, value: Named, names: Sequence[sp.Symbol]) -> Use:
        return Use(value.node, tuple(names.index(s) for s in value.names))

    def ordered(self, values: Iterable[Named]) -> list[sp.Symbol]:
        """The indices of several values: those of the result first, then in order of appearance."""
        seen = list(dict.fromkeys(s for value in values for s in value.names))
        for s in seen:
            self._rank.setdefault(s, len(self._rank))
        return sorted(seen, key=lambda s: self._rank[s])

    def together(self, make: Callable[[list[Use]], Node], *values: Named) -> Named:
        names = self.ordered(values)
        return Named(make([self.use(v, names) for v in values]), tuple(names))

    # ----- expressions -----

    def lower(self, expr: sp.Expr) -> Named:
        expr = sp.sympify(expr)
        if expr not in self._memo:
            self._memo[expr] = self._lower(open_cases(expr))
        return self._memo[expr]

    def _lower(self, expr: sp.Expr) -> Named:
        if expr.is_Rational:
            return Named(Number(Fraction(int(expr.p), int(expr.q))))
        if expr.is_Float:
            return Named(Number(Fraction(str(expr))))
        if expr in CONSTANTS:
            return Named(Number(CONSTANTS[expr]))
        match expr:
            case sp.Symbol():
                return self.symbol(expr)
            case sp.Indexed():
                return self.entry(expr)
            case sp.Add():
                return self.total([t for a in expr.args for t in distributed(a)])
            case sp.Mul() | sp.KroneckerDelta():
                terms = distributed(expr)
                return self.product(terms[0]) if len(terms) == 1 else self.total(terms)
            case sp.Pow():
                return self.power(expr)
            case sp.Sum():
                body, limits = self.partial(expr.function, expr.limits)
                return self.contraction(body, self.ranges(limits))
            case sp.Product():
                return self.reduction("prod", expr.function, expr.limits)
            case MaxOver():
                return self.reduction("max", expr.body, expr.limits)
            case MinOver():
                return self.reduction("min", expr.body, expr.limits)
            case Det():
                return self.matrix("det", expr)
            case InverseEntry():
                return self.matrix("inv", expr)
            case sp.Piecewise():
                return self.cases(expr)
            case AppliedUndef():
                return self.application(expr)
            case sp.Derivative() | sp.Subs():
                return self.lower(self.resolved(expr))
        if expr.func in FUNCTIONS:
            return self.mapped(FUNCTIONS[expr.func], *expr.args)
        if expr.func in COMPARISONS:
            return self.mapped(COMPARISONS[expr.func], *expr.args)
        if isinstance(expr, sp.Heaviside):
            return self.lower(sp.Piecewise((1, expr.args[0] > 0), (0, True)))
        if isinstance(expr, sp.And | sp.Or | sp.Not):
            return self.mapped("logical_" + type(expr).__name__.lower(), *expr.args)
        raise CompileError(f"no array form is known for {type(expr).__name__} in {expr}")

    def mapped(self, op: str, *args: sp.Expr) -> Named:
        values = [self.lower(a) for a in args]
        if op in ("maximum", "minimum", "logical_and", "logical_or"):
            value = values[0]
            for other in values[1:]:
                value = self.together(lambda uses: Map(op, tuple(uses)), value, other)
            return value
        return self.together(lambda uses: Map(op, tuple(uses)), *values)

    def symbol(self, symbol: sp.Symbol) -> Named:
        name = symbol.name
        if symbol in self.axes:
            axis = self.axis(symbol)
            return Named(Positions(size_text(axis.size), axis.first), (symbol,))
        if identifier(name) in self.arguments:
            return Named(Input(identifier(name), (), bool(symbol.is_integer)))
        definition = self.setting.definitions.get(name)
        if definition is not None and not definition.is_function:
            return Named(self.defined(definition))
        if symbol.is_integer and symbol.is_positive:
            return Named(Extent(size_text(symbol)))
        raise CompileError(f"{name} has no value: it is neither an argument nor defined")

    def defined(self, definition: Definition) -> Node:
        name = definition.name
        if name in self._opening:
            raise CompileError(f"{name} is defined through itself")
        if name not in self._definitions:
            axes = definition.axes or tuple(self.axis(f) for f in definition.formals)
            self._opening.append(name)
            self._definitions[name] = self._body(definition.body, list(zip(definition.formals, axes, strict=True)))
            self._opening.pop()
            self.names.setdefault(self._definitions[name], identifier(name))
        return self._definitions[name]

    def entry(self, expr: sp.Indexed) -> Named:
        name = str(expr.base.label)
        definition = self.setting.definitions.get(name)
        if identifier(name) in self.arguments or definition is None:
            if identifier(name) not in self.arguments:
                raise CompileError(f"{name} has no value: it is neither an argument nor defined")
            axes = self.setting.shapes.get(name)
            if axes is None or len(axes) != len(expr.indices):
                raise CompileError(f"the shape of {name} is not known")
            node: Node = Input(identifier(name), tuple(size_text(a.size) for a in axes), name in self.setting.labels)
        else:
            node = self.defined(definition)
            axes = definition.axes or tuple(self.setting.axes[f] for f in definition.formals)
        return self.at(node, axes, expr.indices)

    def at(self, node: Node, axes: Sequence[Axis], indices: Sequence[sp.Expr]) -> Named:
        """The node at the given indices: symbols, shifted symbols, numbers and labels."""
        names = [sp.Dummy(f"axis{k}") for k in range(len(axes))]
        value = Named(node, tuple(names))
        for slot, axis, where in zip(names, axes, indices, strict=True):
            value = self.put(value, slot, axis, sp.sympify(where))
        return value

    def put(self, value: Named, slot: sp.Symbol, axis: Axis, where: sp.Expr) -> Named:
        """``value`` with its axis ``slot`` at ``where``."""
        if where in self.axes:
            shifted = self.shifted(value, slot, axis, where, 0)
            return Named(shifted.node, tuple(where if s is slot else s for s in shifted.names))
        rest = [s for s in value.names if s is not slot]
        hole = Use(value.node, tuple(-1 if s is slot else rest.index(s) for s in value.names))
        if where.is_Integer:
            return Named(Take(hole, int(where) - axis.first), tuple(rest))
        if self.is_label(where):
            label = self.lower(where)
            names = rest + [s for s in label.names if s not in rest]
            return Named(Gather(hole, Use(label.node, tuple(names.index(s) for s in label.names))), tuple(names))
        symbols = [s for s in where.free_symbols if s in self.axes]
        if len(symbols) == 1 and (offset := where - symbols[0]).is_Integer:
            moved = self.shifted(value, slot, axis, symbols[0], int(offset))
            return Named(moved.node, tuple(symbols[0] if s is slot else s for s in moved.names))
        if not symbols and where.free_symbols and all(s.is_positive for s in where.free_symbols):
            offset = sp.expand(where - axis.last)
            if offset.is_Integer and offset <= 0:
                return Named(Take(hole, int(offset) - 1), tuple(rest))
        raise CompileError(f"{where} cannot stand as an index")

    def shifted(self, value: Named, slot: sp.Symbol, axis: Axis, symbol: sp.Symbol, offset: int) -> Named:
        """The entries that ``symbol + offset`` runs over, out of the whole axis."""
        run = self.axis(symbol)
        start = run.first + offset - axis.first
        room = sp.expand(axis.size - run.size)
        if (start == 0 and room == 0) or (offset == 0 and room == 0):
            return value
        if start < 0 or (room.is_number and room < start):
            raise CompileError(f"the index {symbol} leaves the axis of size {axis.size} that it stands in")
        k = value.names.index(slot)
        return Named(Slice(Use(value.node, tuple(range(value.node.rank))), k, start, size_text(run.size)), value.names)

    def power(self, expr: sp.Pow) -> Named:
        base, exponent = expr.args
        if base == sp.E:
            return self.mapped("exp", exponent)
        if exponent.is_Rational:
            if has_delta(expr):
                return self.total(distributed(expr))
            p = Fraction(int(exponent.p), int(exponent.q))
            return self.together(lambda uses: build.multiply(Fraction(1), [(uses[0], p)]), self.lower(base))
        return self.together(lambda uses: Map("power", tuple(uses)), self.lower(base), self.lower(exponent))

    def total(self, terms: Sequence[sp.Expr]) -> Named:
        values = [self.lower(t) for t in terms]
        return self.together(lambda uses: build.add([(Fraction(1), u) for u in uses]), *values)

    def product(self, expr: sp.Expr) -> Named:
        factors = list(sp.Mul.make_args(expr))
        for k, factor in enumerate(factors):
            delta = factor.base if isinstance(factor, sp.Pow) and factor.exp.is_positive else factor
            if isinstance(delta, sp.KroneckerDelta):
                a, b = delta.args
                return self.delta(a, b, sp.Mul(*factors[:k], *factors[k + 1 :]))
        values = [self.lower(f) for f in factors]
        return self.together(lambda uses: build.multiply(Fraction(1), [(u, Fraction(1)) for u in uses]), *values)

    def delta(self, a: sp.Expr, b: sp.Expr, rest: sp.Expr) -> Named:
        """delta_{ab} * rest, with no index or label in free play."""
        free = [s for s in (a, b) if s in self.axes]
        if len(free) == 2:
            i, j = sorted(free, key=lambda s: (self._rank.setdefault(s, len(self._rank)), s.name))
            value = self.lower(substitute(rest, {j: i}))
            names = self.ordered([value, along(i), along(j)])
            size = size_text(self.axis(i).size)
            return Named(OnDiagonal(self.use(value, names), names.index(i), names.index(j), size), tuple(names))
        if len(free) == 1:
            i, label = free[0], (b if a == free[0] else a)
            value = self.lower(substitute(rest, {i: label}))
            where = self.label(label, self.axis(i))
            names = self.ordered([value, where, along(i)])
            size = size_text(self.axis(i).size)
            return Named(AtLabel(self.use(value, names), self.use(where, names), names.index(i), size), tuple(names))
        if a.is_Integer and b.is_Integer:
            return self.lower(rest if a == b else sp.S.Zero)
        same = self.mapped("equal", a, b)
        return self.together(lambda u: build.multiply(Fraction(1), [(u[0], Fraction(1)), (u[1], Fraction(1))]),
                             same, self.lower(rest))

    def label(self, expr: sp.Expr, axis: Axis) -> Named:
        """A label as an array of integers counted from zero."""
        if expr.is_Integer:
            return Named(Number(Fraction(int(expr) - axis.first)))
        return self.lower(expr)

    # ----- sums -----

    def partial(self, body: sp.Expr, limits: Sequence[Any]) -> tuple[sp.Expr, list[Any]]:
        """A sum whose bounds move with another index, as one over the whole range of terms that are 0 beyond them."""
        reach = {s: (sp.Integer(a.first), a.last) for s, a in self.axes.items()}
        new = []
        for symbol, first, last in reversed(limits):  # the outer ones first
            low, high = moved(first, reach, 0), moved(last, reach, 1)
            tests = [sp.Ge(symbol, first)] if low != first else []
            tests += [sp.Le(symbol, last)] if high != last else []
            if tests:
                body = sp.Piecewise((body, sp.And(*tests)), (0, True))
            reach[symbol] = low, high
            new.append((symbol, low, high))
        return body, new[::-1]

    def ranges(self, limits: Sequence[Any]) -> dict[sp.Symbol, Axis]:
        found: dict[sp.Symbol, Axis] = {}
        for symbol, first, last in limits:
            size = sp.expand(last - first + 1)
            if not first.is_Integer or symbol in found:
                raise CompileError(f"a sum over {symbol} from {first} to {last} has no array form")
            if size.free_symbols & (set(self.axes) | set(found)):
                raise CompileError(f"the range of {symbol} depends on another index")
            found[symbol] = Axis(size, int(first))
        return found

    def contraction(self, body: sp.Expr, bound: dict[sp.Symbol, Axis]) -> Named:
        """sum of ``body`` over ``bound``."""
        terms = distributed(self.masked(body), bound)
        if len(terms) > 1:
            values = [self.contraction(t, dict(bound)) for t in terms]
            return self.together(lambda uses: build.add([(Fraction(1), u) for u in uses]), *values)
        saved = {s: (self.axes.get(s), self._rank.get(s)) for s in bound}
        self.axes |= bound
        memo, self._memo = self._memo, {}
        try:
            return self._contract(list(sp.Mul.make_args(terms[0])), dict(bound))
        finally:
            self._memo = memo
            for s, (axis, rank) in saved.items():
                self._restore(s, axis, rank)

    def masked(self, body: sp.Expr) -> sp.Expr:
        """(1 - delta_{ab}) exp(x) as exp of -infinity where a is b: no sum less one of its terms."""
        factors = [f for part in sp.Mul.make_args(body) for f in sp.Mul.make_args(open_cases(part))]
        unlike = [(f, d) for f in factors for d in f.atoms(sp.KroneckerDelta) if f == 1 - d]
        exponential = next((f for f in factors if isinstance(f, sp.exp)), None)
        if exponential is None or not unlike:
            return body
        equal = sp.Or(*(sp.Eq(*self.counted(d.args)) for _, d in unlike))
        rest = [f for f in factors if f is not exponential and f not in [u for u, _ in unlike]]
        exponent = sp.Piecewise((sp.S.NegativeInfinity, equal), (exponential.args[0], True), evaluate=False)
        return sp.Mul(sp.exp(exponent, evaluate=False), *rest)

    def counted(self, sides: Sequence[sp.Expr]) -> list[sp.Expr]:
        """An index and a label to compare, the index counted from zero as labels are."""
        if not any(self.is_label(s) for s in sides):
            return list(sides)
        return [s if self.is_label(s) else s - self.axis(s).first for s in sides]

    def _restore(self, symbol: sp.Symbol, axis: Axis | None, rank: int | None) -> None:
        self.axes.pop(symbol, None)
        self._rank.pop(symbol, None)
        if axis is not None:
            self.axes[symbol] = axis
        if rank is not None:
            self._rank[symbol] = rank

    def _contract(self, factors: list[sp.Expr], bound: dict[sp.Symbol, Axis]) -> Named:
        for k, factor in enumerate(factors):
            delta = factor.base if isinstance(factor, sp.Pow) and factor.exp.is_positive else factor
            rest = factors[:k] + factors[k + 1 :]
            if isinstance(delta, sp.KroneckerDelta) and (found := sifted(delta, bound)):
                return self._sift(*found, rest, bound)
        inside = [f for f in factors if f.free_symbols & set(bound)]
        outside = [f for f in factors if not f.free_symbols & set(bound)]
        used = set().union(*(f.free_symbols for f in inside)) if inside else set()
        counts = [Named(Extent(size_text(a.size))) for s, a in bound.items() if s not in used]
        values: list[Named] = []
        for factor in inside:
            base, exponent = factor.as_base_exp() if isinstance(factor, sp.Pow) else (factor, sp.S.One)
            times = 2 if exponent == 2 else 1
            values += [self.lower(base if times == 2 else factor)] * times
        parts = counts + [self.lower(f) for f in outside]
        if values:
            names = self.ordered(values)
            kept = [s for s in names if s not in bound]
            summed = [s for s in names if s in bound]
            uses = grouped([self.use(v, kept + summed) for v in values])
            parts.append(Named(Contract(uses, len(kept)), tuple(kept)))
        if len(parts) == 1:
            return parts[0]
        return self.together(lambda uses: build.multiply(Fraction(1), [(u, Fraction(1)) for u in uses]), *parts)

    def _sift(self, symbol: sp.Symbol, at: sp.Expr, rest: list[sp.Expr], bound: dict[sp.Symbol, Axis]) -> Named:
        """sum_l delta_{l a} f_l = f_a, and 0 where a is not in the range of l."""
        left = {s: axis for s, axis in bound.items() if s != symbol}
        body = substitute(sp.Mul(*rest), {symbol: at})
        moving = [s for s in at.free_symbols if s in self.axes and is_position(at - s)]
        if len(moving) == 1:
            j, run = moving[0], self.axis(moving[0])
            low, high = sp.expand(bound[symbol].first - at + j), sp.expand(bound[symbol].last - at + j)
            outside = [(0, sp.Lt(j, low))] if sp.expand(low - run.first).is_positive else []
            outside += [(0, sp.Gt(j, high))] if sp.expand(run.last - high).is_positive else []
            if outside:
                return self.lower(sp.Piecewise(*outside, (sum_over(body, left), True), evaluate=False))
        return self.contraction(body, left)

    def reduction(self, op: str, body: sp.Expr, limits: Sequence[Any]) -> Named:
        bound = self.ranges(limits)
        saved = {s: (self.axes.get(s), self._rank.get(s)) for s in bound}
        self.axes |= bound
        memo, self._memo = self._memo, {}
        try:
            value = self.lower(body)
            names = self.ordered([value])
        finally:
            self._memo = memo
            for s, (axis, rank) in saved.items():
                self._restore(s, axis, rank)
        kept = [s for s in names if s not in bound]
        summed = [s for s in names if s in bound]
        if len(summed) < len(bound):
            if op != "prod":
                return value
            raise CompileError("a product over an index that its body does not mention")
        return Named(Reduce(op, self.use(value, kept + summed), len(kept)), tuple(kept))

    def matrix(self, op: str, expr: Binder) -> Named:
        """det of, or an entry of the inverse of, the matrix with the given entry."""
        bound = self.ranges(expr.limits)
        rows, columns = bound
        if rows == columns:
            raise CompileError(f"{expr} names its rows and columns alike")
        value = self.reduction_body(expr.body, bound)
        kept = [s for s in value.names if s not in bound]
        names = [*kept, rows, columns]
        square = self.fill(value, names, bound)
        node = Matrix(op, Use(square, tuple(range(len(names)))))
        if op != "inv":
            return Named(node, tuple(kept))
        slots = [sp.Dummy("row"), sp.Dummy("column")]
        found = Named(node, (*kept, *slots))
        for slot, axis, where in zip(slots, bound.values(), expr.outer, strict=True):
            found = self.put(found, slot, axis, where)
        return found

    def reduction_body(self, body: sp.Expr, bound: dict[sp.Symbol, Axis]) -> Named:
        saved = {s: (self.axes.get(s), self._rank.get(s)) for s in bound}
        self.axes |= bound
        memo, self._memo = self._memo, {}
        try:
            return self.lower(body)
        finally:
            self._memo = memo
            for s, (axis, rank) in saved.items():
                self._restore(s, axis, rank)

    def fill(self, value: Named, names: Sequence[sp.Symbol], bound: dict[sp.Symbol, Axis]) -> Node:
        saved = dict(self.axes)
        self.axes |= bound
        try:
            return self.spread(value, names)
        finally:
            self.axes = saved

    # ----- cases, functions, derivatives -----

    def cases(self, expr: sp.Piecewise) -> Named:
        joined = self.stacked(expr)
        if joined is not None:
            return joined
        if at_positions(expr):
            return self.lower(as_deltas(expr))
        *branches, (last, condition) = expr.args
        value = self.lower(last)
        if condition is not sp.true:
            branches.append((last, condition))
        for branch, test in reversed(branches):
            value = self.together(lambda uses: Map("where", tuple(uses)), self.lower(test), self.lower(branch), value)
        return value

    def stacked(self, expr: sp.Piecewise) -> Named | None:
        """Pieces along an axis, where each case is a run of one index at an end of what is left of its range."""
        tests = [c for _, c in expr.args if c is not sp.true]
        symbols = set().union(*(c.free_symbols for c in tests)) & set(self.axes)
        if len(symbols) != 1 or expr.args[-1][1] is not sp.true:
            return None
        (symbol,) = symbols
        first, last = sp.Integer(self.axis(symbol).first), sp.expand(self.axis(symbol).last)
        front: list[Run] = []
        back: list[Run] = []
        for branch, test in expr.args[:-1]:
            run = interval(test, symbol, first, last)
            if run is None:
                return None
            if run[0] == first:
                front.append((branch, *run))
                first = sp.expand(run[1] + 1)
            elif run[1] == last:
                back.append((branch, *run))
                last = sp.expand(run[0] - 1)
            else:
                return None
        return self.joined([*front, (expr.args[-1][0], first, last), *back[::-1]], symbol)

    def joined(self, runs: Sequence[Run], symbol: sp.Symbol) -> Named:
        """The branches of the runs, one after the other along ``symbol``."""
        pieces = []
        for branch, first, last in runs:
            slot, size = sp.Dummy(symbol.name, integer=True), sp.expand(last - first + 1)
            if size == 0:
                continue
            bound = {slot: Axis(size)}
            branch = substitute(branch, {symbol: sp.expand(slot + first - 1)})
            pieces.append((self.reduction_body(branch, bound), bound, slot))
        rest = self.ordered([*(Named(v.node, tuple(s for s in v.names if s is not x)) for v, _, x in pieces),
                             along(symbol)])
        uses = tuple(
            Use(self.fill(value, [slot if s is symbol else s for s in rest], bound), tuple(range(len(rest))))
            for value, bound, slot in pieces
        )
        size_ = size_text(self.axis(symbol).size)
        return Named(Concat(uses, rest.index(symbol), size_), tuple(rest))

    def application(self, expr: sp.Expr) -> Named:
        name = type(expr).__name__
        definition = self.setting.definitions.get(name)
        if definition is None:
            raise CompileError(f"the function {name} is not defined")
        if len(definition.formals) != len(expr.args):
            raise CompileError(f"{name} takes {len(definition.formals)} arguments, not {len(expr.args)}")
        return self.lower(substitute(definition.body, dict(zip(definition.formals, expr.args, strict=True))))

    def resolved(self, expr: sp.Expr) -> sp.Expr:
        """The expression with closed forms in the place of derivatives: one for the whole, else one for each."""
        if not expr.has(sp.Derivative, sp.Subs):
            return expr
        closed = self.closed_form(expr, self.asked) if self.closed_form else None
        if closed is not None and not closed[0].has(sp.Derivative, sp.Subs):
            self.learn(closed[1])
            return closed[0]
        if isinstance(expr, sp.Derivative | sp.Subs):
            raise CompileError(f"no closed form is known for {expr}")
        return expr.func(*(self.resolved(a) if isinstance(a, sp.Expr) else a for a in expr.args))


    def learn(self, more: Setting) -> None:
        """Take over the names of a closed form."""
        for name, definition in more.definitions.items():
            if self.setting.definitions.get(name, definition) != definition:
                raise CompileError(f"{name} means different things in the closed forms of one function")
        mine = self.setting
        self.setting = replace(
            mine,
            axes={**more.axes, **mine.axes},
            shapes={**more.shapes, **mine.shapes},
            labels={**more.labels, **mine.labels},
            definitions={**more.definitions, **mine.definitions},
        )


def sifted(delta: sp.KroneckerDelta, bound: Iterable[sp.Symbol]) -> tuple[sp.Symbol, sp.Expr] | None:
    """(l, a) for a delta that holds where the bound index l is a, which does not depend on l."""
    for one, other in (delta.args, delta.args[::-1]):
        for symbol in sorted(one.free_symbols & set(bound), key=str):
            offset = sp.expand(one - symbol)
            if is_position(offset) and symbol not in other.free_symbols:
                return symbol, sp.expand(other - offset) if offset else other
    return None


def sum_over(body: sp.Expr, bound: Mapping[sp.Symbol, Axis]) -> sp.Expr:
    return sp.Sum(body, *((s, a.first, a.last) for s, a in bound.items())) if bound else body


def moved(bound: sp.Expr, reach: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]], end: int) -> sp.Expr:
    """The extreme value of a bound that is an index plus something fixed."""
    for symbol in bound.free_symbols & set(reach):
        if is_position(offset := sp.expand(bound - symbol)):
            return sp.expand(reach[symbol][end] + offset)
    return bound


Run = tuple[sp.Expr, sp.Expr, sp.Expr]  # a branch, the first and the last place where it holds


def interval(test: sp.Basic, symbol: sp.Symbol, first: sp.Expr, last: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """The places from ``first`` to ``last`` where ``test`` holds, as a run that starts or ends there."""
    if not isinstance(test, sp.Eq | sp.Lt | sp.Le | sp.Gt | sp.Ge) or symbol not in test.args:
        return None
    if test.args[1] == symbol and not isinstance(test, sp.Eq):
        test = test.reversed
    at = test.args[1] if test.args[0] == symbol else test.args[0]
    if not is_position(at):
        return None
    match test:
        case sp.Eq():
            return (sp.expand(at), sp.expand(at))
        case sp.Lt():
            return (first, sp.expand(at - 1))
        case sp.Le():
            return (first, sp.expand(at))
        case sp.Gt():
            return (sp.expand(at + 1), last)
    return (sp.expand(at), last)


def along(symbol: sp.Symbol) -> Named:
    """Something whose axis is ``symbol``: it takes part in the order of indices."""
    return Named(Positions("1", 0), (symbol,))


def grouped(uses: Sequence[Use]) -> tuple[Use, ...]:
    """Of more than two operands, those with the same labels are multiplied first."""
    if len(uses) <= 2:
        return tuple(uses)
    groups: dict[tuple[int, ...], list[Use]] = {}
    for use in uses:
        groups.setdefault(tuple(sorted(use.labels)), []).append(use)
    found = []
    for labels, members in groups.items():
        if len(members) == 1 or len(set(labels)) < len(labels):
            found += members
        else:
            local = [Use(u.node, tuple(labels.index(x) for x in u.labels)) for u in members]
            found.append(Use(build.multiply(Fraction(1), [(u, Fraction(1)) for u in local]), labels))
    return tuple(found)
