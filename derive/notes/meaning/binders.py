"""Sums and products over an index, their ranges and what is left out of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from derive.calculus.language import MaxOver, MinOver
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import ORDERED, letter, span
from derive.notes.meaning.reading import Bound, Meaning
from derive.notes.meaning.scope import Kind
from derive.notes.meaning.shapes import AxisVar, ReadProblem, Value, make_sum


def read_big(m: Meaning, node: s.Big) -> Value:
    outer = dict(m.bound)
    made: list[tuple[Bound, s.Binder, Any, Any, Any]] = []
    try:
        for binder in node.binders:
            take_binder(m, binder, made)
        body = m.value(node.body)
        exclusions = [exclusion(m, b, x, outer) for b, _, _, _, x in made if x is not None]
        spans = [settle(m, b, binder, first, last) for b, binder, first, last, _ in made]
    finally:
        m.bound = outer
    if node.reaches:
        names = ", ".join(b.symbol.name for b, *_ in made)
        m.warn(f"the sum over {names} takes the terms behind it in which {names} stands")
    return big_value(m, node.kind, body, spans, exclusions)


def take_binder(m: Meaning, binder: s.Binder, made: list[tuple[Bound, s.Binder, Any, Any, Any]]) -> None:
    if binder.relation == r"\in":
        raise ReadProblem(f"a sum whose index stands before {binder.relation} is not known", span(binder))
    first = last = excluded = None
    if binder.relation in ORDERED:
        first, last = ordered(m, binder)
    elif binder.relation == r"\ne":
        excluded = binder.first
        last = limit(m, binder.last) if binder.last is not None else None
    elif binder.first is not None:
        first = limit(m, binder.first)
        last = limit(m, binder.last) if binder.last is not None else None
    size = last if excluded is not None else own_size(m, first, last)
    for i in binder.indices:
        name = letter(i)
        if name is None:
            raise ReadProblem("this is not known as the index of a sum", span(i))
        again = next((k for k, one in enumerate(made) if m.bound.get(name) is one[0]), None)
        if again is None:
            made.append((bind_index(m, name, size), binder, first, last, excluded))
        elif excluded is not None and made[again][4] is None:  # j = 1, j != i
            made[again] = (*made[again][:4], excluded)
        else:
            raise ReadProblem(f"the index {name} is bound twice", span(binder))


def limit(m: Meaning, node: Any) -> sp.Expr:
    value = m.scalar(node, "a limit of a sum")
    return sp.expand(value.entry())


def ordered(m: Meaning, binder: s.Binder) -> tuple[Any, Any]:
    """First and last value under a condition such as ``j < i``, which leaves the other end to the axis."""
    node = binder.first
    seen = [b for b in (*m.bound.values(), *m.letters.values()) if not b.subscript]
    end = m.index(node, None, "a sum") if m.index_like(node) else limit(m, node)
    for b in seen:  # a condition gives no range
        b.subscript = False
    if binder.relation in ("<", r"\le"):
        return None, end - int(binder.relation == "<")
    return end + int(binder.relation == ">"), None


def own_size(m: Meaning, first: Any, last: Any) -> Any:
    """The size of a range that could be a whole axis."""
    if first is None or last is None or first not in (0, 1):
        return None
    size = sp.expand(last - first + 1)
    indices = {b.symbol for b in (*m.bound.values(), *m.letters.values())}
    return None if size.free_symbols & indices else size


def bind_index(m: Meaning, name: str, size: Any = None) -> Bound:
    busy = name in m.bound or name in m.free or name in m.letters
    if busy:
        m.warn(f"the bound index {name} has the name of an index that is in use")
    clash = busy or (m.depth > 0 and name in m.fresh.taken) or any(name == b.symbol.name for b in m.bound.values())
    symbol = m.fresh.index(name) if clash else sp.Symbol(name, integer=True)
    m.fresh.taken.add(symbol.name)
    bound = Bound(symbol, AxisVar(size))
    m.bound[name] = bound
    return bound


def exclusion(m: Meaning, bound: Bound, node: Any, outer: dict[str, Bound]) -> tuple[sp.Symbol, sp.Expr]:
    return bound.symbol, m.index(node, bound.axis, "a sum")


def settle(m: Meaning, bound: Bound, binder: s.Binder, first: Any, last: Any) -> Callable[[], tuple[Any, Any, Any]]:
    """The limits of a bound index, once all axes are known."""
    axes, axis, symbol = m.axes, bound.axis, bound.symbol
    share_axis(m, bound, first, last)
    if first is None or last is None:
        if axes.size(axis) is None:
            declared_range(m, bound, binder)

        def whole() -> tuple[Any, Any, Any]:
            final = axes.axis(axis)
            at_end = last is not None and binder.relation in ORDERED
            return symbol, final.first if first is None else first, last if at_end else final.last

        if first is None and axes.size(axis) is None and not bound.subscript:
            raise ReadProblem(f"the range of {symbol.name} is not known", span(binder))
        return whole
    size = sp.expand(last - first + 1)
    if axes.size(axis) != size or not first.is_Integer or not bound.subscript or bound.partial:
        return lambda: (symbol, first, last)
    axes.count_from(axis, int(first))

    def covered() -> tuple[Any, Any, Any]:
        final = axes.axis(axis)
        if bound.counted and final.first != first:
            raise ReadProblem(
                f"{symbol.name} is counted from {first}, its axis from {final.first}, and it stands as a number"
            )
        return symbol, final.first, final.last

    return covered


def share_axis(m: Meaning, bound: Bound, first: Any, last: Any) -> None:
    """An index that is summed up to another, or from it on, runs over the same axis, unless both have sizes."""
    for end in (e for e in (first, last) if e is not None):
        others = [b for b in (*m.bound.values(), *m.letters.values()) if (end - b.symbol).is_Integer]
        for other in others:
            if other is not bound and None in (m.axes.size(other.axis), m.axes.size(bound.axis)):
                m.axes.unite(bound.axis, other.axis)
                bound.subscript = bound.subscript or other.subscript
        if others and last is not None and m.axes.size(bound.axis) is None:
            reach(m, bound, last)
    for other in m.letters.values() if last is not None else ():
        whole = last + other.symbol  # N where the sum ends at N - i
        alone = other.symbol in last.free_symbols and other.symbol not in whole.free_symbols
        if alone and m.axes.size(other.axis) is None:
            reach(m, other, whole)


def reach(m: Meaning, bound: Bound, last: Any) -> None:
    """An index that is summed from another on, up to N or N - 1, has an axis that ends there."""
    extra, size = last.as_coeff_Add()
    if isinstance(size, sp.Symbol) and size.is_positive and extra in (0, -1):
        m.axes.unite(bound.axis, AxisVar(size, int(1 + extra)))


def declared_range(m: Meaning, bound: Bound, binder: s.Binder) -> None:
    for i in binder.indices:
        name = letter(i)
        if name is None or m.bound.get(name) is not bound:
            continue
        entity = m.names.get(name)
        if entity is not None and entity.kind is Kind.INDEX and entity.range is not None:
            m.axes.unite(bound.axis, entity.range)
            bound.subscript = True


def big_value(m: Meaning, kind: str, body: Value, spans: list[Any], exclusions: list[tuple[Any, Any]]) -> Value:
    neutral = sp.Integer(0 if kind == "sum" else 1)
    cls = {"sum": sp.Sum, "prod": sp.Product, "max": MaxOver, "min": MinOver}[kind]
    if kind in ("max", "min") and exclusions:
        raise ReadProblem(f"a {kind} that leaves out an index is not known")

    def entry(*i: Any) -> sp.Expr:
        inner = body.entry(*i)
        for a, b in exclusions:
            inner = sp.Piecewise((inner, sp.Ne(a, b)), (neutral, True), evaluate=False)
        limits = [span() for span in spans]
        if kind in ("sum", "prod"):
            return make_sum(inner, *reversed(limits), cls=cls)
        return cls(inner, *limits)

    return Value(body.axes, entry, row=body.row)
