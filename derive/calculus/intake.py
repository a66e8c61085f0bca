"""Plain SymPy expressions -> a complete setting: which index runs over which axis.

An index that is summed says its range; a free one has the range of the place that it stands in. Places
are joined by the indices that they share, ranges must agree. What cannot be made out is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.calculus.language import Binder, dimension
from derive.calculus.setting import Axis, Setting

Scope = dict[sp.Symbol, Axis | None]  # bound indices; those whose range hangs on another index say nothing
Place = tuple[str, int] | str  # a slot of a tensor, or a free index
Fact = tuple[str, Any, Any]  # what an expression says of a place; a free index stands for its place


@dataclass
class Ranges:
    """Places that are known to run over the same axis, with the ranges seen for them."""

    parent: dict[Place, Place] = field(default_factory=dict)
    seen: dict[Place, list[Axis]] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    indices: dict[str, sp.Symbol] = field(default_factory=dict)
    hints: dict[Place, Axis] = field(default_factory=dict)  # counts where nothing was seen
    lowest: dict[tuple[str, int], int] = field(default_factory=dict)  # the least fixed index in a slot
    highest: dict[tuple[str, int], list[sp.Expr]] = field(default_factory=dict)  # fixed indices that name a size

    def root(self, p: Place) -> Place:
        while self.parent.setdefault(p, p) != p:
            p = self.parent[p]
        return p

    def join(self, p: Place, q: Place) -> None:
        p, q = self.root(p), self.root(q)
        if p != q:
            self.parent[q] = p
            for axis in self.seen.pop(q, []):
                self.note(p, axis)

    def note(self, p: Place, axis: Axis) -> None:
        known = self.seen.setdefault(self.root(p), [])
        if axis not in known:
            known.append(axis)

    def rank(self, name: str, rank: int) -> None:
        if self.ranks.setdefault(name, rank) != rank:
            raise ValueError(f"{name} is used with {self.ranks[name]} and with {rank} indices")

    def learn(self, facts: tuple[Fact, ...], scope: str) -> None:
        """What an expression says; its free indices are those of the claim if ``scope`` is empty."""

        def place(p: Any) -> Place:
            return p.name + scope if isinstance(p, sp.Symbol) else p

        for what, p, more in facts:
            match what:
                case "rank":
                    self.rank(p, more)
                case "free" if not scope:
                    self.indices.setdefault(p.name, p)
                case "axis":
                    self.note(place(p), more)
                case "joined":
                    self.join(place(p), place(more))
                case "hint":
                    self.hints.setdefault(place(p), more)
                case "fixed":
                    self.lowest[p] = min(more, self.lowest.get(p, more))
                case "last":
                    self.highest.setdefault(p, []).append(more)


def complete(left: sp.Expr, right: sp.Expr, setting: Setting) -> Setting:
    """The setting with an axis for each free index and each tensor's slots.

    Raises ValueError where a name is used at two ranks or an index over ranges that do not fit.
    """
    ranges = Ranges()
    for symbol, axis in setting.axes.items():
        ranges.note(symbol.name, axis)
    for name, axes in setting.shapes.items():
        for k, axis in enumerate(axes):
            ranges.note((name, k), axis)
    expressions = [
        left,
        right,
        *(d.body for d in setting.definitions.values()),
        *(a.relation for a in setting.assumptions),
    ]
    for name, d in setting.definitions.items():
        if not d.is_function:
            _note_definition(ranges, name, d.formals, d.axes)
    for n, d in enumerate(setting.definitions.values(), start=2):
        for formal, axis in zip(d.formals, d.axes, strict=False):
            ranges.note(f"{formal.name}/{n}", axis)
    for n, e in enumerate(expressions):
        ranges.learn(said(e), f"/{n}" if n > 1 else "")
    known = dict(setting.axes)
    for name, symbol in ranges.indices.items():
        if symbol not in known:
            known[symbol] = _axis(ranges, name, symbol)
    shapes = dict(setting.shapes)
    for name, rank in ranges.ranks.items():
        if name not in shapes and rank and name not in setting.labels:
            shapes[name] = tuple(_slot(ranges, name, k) for k in range(rank))
    return replace(setting, axes=known, shapes=shapes)


def _note_definition(ranges: Ranges, name: str, formals: tuple[sp.Symbol, ...], axes: tuple[Axis, ...]) -> None:
    for k, axis in enumerate(axes):
        ranges.note((name, k), axis)
    ranges.ranks.setdefault(name, len(formals))


def _slot(ranges: Ranges, name: str, k: int) -> Axis:
    """The axis of a slot, widened to fixed entries before its first and behind its last (``w_{i0}``, ``x_N``)."""
    axis = _axis(ranges, (name, k), None)
    below = axis.first - min(axis.first, ranges.lowest.get((name, k), axis.first))
    gaps = (sp.expand(last - axis.last) for last in ranges.highest.get((name, k), ()))
    above = max((gap for gap in gaps if gap.is_Integer), default=sp.Integer(0))
    if below or above > 0:
        return Axis(axis.size + below + max(above, sp.Integer(0)), axis.first - below)
    return axis


def _axis(ranges: Ranges, place: Place, symbol: sp.Symbol | None) -> Axis:
    root = ranges.root(place)
    seen = ranges.seen.get(root) or [axis for p, axis in ranges.hints.items() if ranges.root(p) == root][:1]
    if not seen:
        return Axis(dimension("n_" + (root.split("/")[0] if isinstance(root, str) else f"{root[0]}{root[1] + 1}")))
    if len(seen) == 1:
        return seen[0]
    widest = [a for a in seen if all(_within(b, a) for b in seen)]
    if len(widest) == 1:
        return widest[0]
    hull = _hull(seen) if symbol is None else None  # a[t] and a[t - 1] are entries of one tensor
    if hull is not None:
        return hull
    shown = " and ".join(f"{a.first}..{a.last}" for a in seen)
    raise ValueError(f"{symbol or place[0]} runs over different ranges: {shown}")


def _hull(axes: list[Axis]) -> Axis | None:
    """The range from the first to the last value of all; None if it is not known which is the last."""
    last = axes[0].last
    for axis in axes:
        gap = sp.expand(axis.last - last)
        if not gap.is_Integer:
            return None
        last = axis.last if gap > 0 else last
    first = min(axis.first for axis in axes)
    return Axis(sp.expand(last - first + 1), first)


def _within(a: Axis, b: Axis) -> bool:
    before, after = a.first - b.first, b.last - a.last
    return a == b or bool(before >= 0 and after.is_Integer and after >= 0)


@lru_cache(maxsize=4096)
def said(e: Any) -> tuple[Fact, ...]:
    """What an expression says of ranges, in the order of its parts."""
    facts: list[Fact] = []
    _walk(e, {}, facts)
    return tuple(facts)


def _walk(e: Any, bound: Scope, facts: list[Fact]) -> None:
    if isinstance(e, sp.Indexed):
        _entry(e, bound, facts)
        return
    if isinstance(e, sp.KroneckerDelta):
        _same(e.args[0], e.args[1], bound, facts)
        return
    if isinstance(e, (sp.Sum, sp.Product)):
        inner = _within_limits(e.limits, bound)
        _walk(e.function, inner, facts)
        return
    if isinstance(e, Binder):
        inner = _within_limits(e.limits, bound)
        _walk(e.body, inner, facts)
        axes = [axis for _, axis in _ranges(e.limits, bound) if axis]
        for a in e.outer:
            place = _index(a, bound, facts)
            if axes and isinstance(place, sp.Symbol):
                facts.append(("axis", place, axes[0]))
        return
    if isinstance(e, sp.And):
        _hint(e, bound, facts)
    if isinstance(e, (sp.Eq, sp.Ne)) and all(_is_index(a) for a in e.args):
        _same(e.args[0], e.args[1], bound, facts)
        return
    for a in getattr(e, "args", ()):
        _walk(a, bound, facts)


def _hint(e: sp.And, bound: Scope, facts: list[Fact]) -> None:
    """``1 <= j <= N``, as SymPy writes the condition of a sifted sum."""
    lows = {c.gts: c.lts for c in e.args if isinstance(c, (sp.Ge, sp.Le)) and c.lts.is_Integer}
    highs = {c.lts: c.gts for c in e.args if isinstance(c, (sp.Ge, sp.Le)) and _is_index(c.lts)}
    for symbol in lows.keys() & highs.keys():
        place = _index(symbol, bound, facts)
        if isinstance(place, sp.Symbol):
            facts.append(("hint", place, Axis(highs[symbol] - lows[symbol] + 1, int(lows[symbol]))))


def plain(e: Any) -> Any:
    """``Idx`` as its symbol, entries of matrix symbols as entries of tensors."""
    if isinstance(e, sp.Idx):
        return e.label
    if isinstance(e, MatrixElement) and isinstance(e.parent, sp.MatrixSymbol):
        base = sp.IndexedBase(e.parent.name, shape=e.parent.shape, real=True)
        return base[plain(e.i), plain(e.j)]
    if not isinstance(e, sp.Basic) or not e.has(sp.Idx, sp.MatrixSymbol):
        return e
    return e.func(*map(plain, e.args))


def _within_limits(limits: Any, bound: Scope) -> Scope:
    """The scope under a binder, whose first limit is the innermost."""
    inner = dict(bound)
    for limit in reversed(limits):
        inner |= _ranges([limit], inner)
    return inner


def _ranges(limits: Any, bound: Scope) -> Iterator[tuple[sp.Symbol, Axis | None]]:
    """What each index runs over at most."""
    for symbol, first, last in limits:
        low, high = (_extreme(sp.sympify(e), bound, k) for k, e in enumerate((first, last)))
        axis = None
        if isinstance(low, sp.Integer) and high is not None:
            axis = Axis(sp.expand(high - low + 1), int(low))
        yield getattr(symbol, "label", symbol), axis


def _extreme(end: sp.Expr, bound: Scope, last: int) -> sp.Expr | None:
    """The least value of the first end of a range, or the greatest of its last one."""
    indices = [s for s in end.free_symbols if _is_index(s)]
    if not indices:
        return end
    axis = bound.get(indices[0])
    shift = end - indices[0]
    if len(indices) > 1 or axis is None or not shift.is_Integer:
        return None
    return (axis.last if last else sp.Integer(axis.first)) + shift


def _is_index(e: Any) -> bool:
    return isinstance(e, sp.Idx) or (
        isinstance(e, (sp.Symbol, sp.Indexed)) and bool(e.is_integer) and not e.is_positive
    )


def _entry(e: sp.Indexed, bound: Scope, facts: list[Fact]) -> None:
    name = str(getattr(e.base.label, "name", e.base.label))
    facts.append(("rank", name, len(e.indices)))
    shape = e.base.shape
    for k, index in enumerate(e.indices):
        slot = (name, k)
        if shape is not None and k < len(shape) and sp.sympify(shape[k]).free_symbols:
            facts.append(("hint", slot, Axis(shape[k])))
        if isinstance(index, sp.Symbol) and index.is_positive:
            facts.append(("hint", slot, Axis(index)))  # the last entry of an axis
        if index.free_symbols and all(s.is_integer and s.is_positive for s in index.free_symbols):
            facts.append(("last", slot, index))
        if isinstance(index, sp.Integer):
            facts.append(("fixed", slot, int(index)))
        place = _index(index, bound, facts)
        if place is not None:
            facts.append(("axis" if isinstance(place, Axis) else "joined", slot, place))


def _index(e: Any, bound: Scope, facts: list[Fact]) -> sp.Symbol | Axis | None:
    """Where an index expression belongs: the range of a bound one, a place of its own for a free one."""
    offset = 0
    if isinstance(e, sp.Add) and len(e.args) == 2 and isinstance(e.args[0], sp.Integer):
        offset, e = int(e.args[0]), e.args[1]
    if isinstance(e, sp.Idx):
        e = e.label
    if isinstance(e, sp.Indexed):
        _entry(e, bound, facts)
        return None
    if not isinstance(e, sp.Symbol):
        return None
    if e in bound:
        axis = bound[e]
        return Axis(axis.size, axis.first + offset) if axis else None
    if offset or e.is_positive:
        return None
    facts.append(("free", e, None))
    return e


def _same(a: Any, b: Any, bound: Scope, facts: list[Fact]) -> None:
    p, q = _index(a, bound, facts), _index(b, bound, facts)
    if isinstance(p, Axis):
        p, q = q, p
    if isinstance(p, sp.Symbol) and q is not None:
        facts.append(("axis" if isinstance(q, Axis) else "joined", p, q))
