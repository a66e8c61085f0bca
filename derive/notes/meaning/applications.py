"""Functions at their arguments: built in, of the note, unknown.

A function of vectors is applied by reading its body again with the argument in the place of its parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from derive.calculus.language import MaxOver, MinOver
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import counted_words, head_and_indices, is_number, letter, paren_index, signed, span
from derive.notes.meaning.functions import ELEMENTWISE, derivative_at, nearest
from derive.notes.meaning.naming import apply_function, entity_value
from derive.notes.meaning.operations import array_power, entry_at, over_all
from derive.notes.meaning.reading import Bound, Meaning
from derive.notes.meaning.scope import Entity, Formula, Kind
from derive.notes.meaning.shapes import AxisVar, ReadProblem, ShapeProblem, Value

FUNCTIONS = frozenset({"f", "g", r"\sigma", r"\phi", r"\varphi", r"\psi"})  # in front of parentheses, not factors


def application(m: Meaning, function: Any, behind: Any) -> Value | None:
    """The value of ``f(x)``, ``f'(x)``, ``f^2(x)``, ``f_k(x)``, ``f(x)_k``, ``f(x)^2``; None if it is a product."""
    group: Any = behind
    while isinstance(group, s.Subscript | s.Superscript | s.Transpose):
        group = group.base
    if not isinstance(group, s.Group) or group.opening != "(":
        return None
    power = None
    head: Any = function
    if isinstance(head, s.Superscript) and paren_index(head.exponent) is None:
        head, power = head.base, head.exponent
    primes = 0
    if isinstance(head, s.Prime):
        head, primes = head.base, head.count
    indices: tuple[s.Node, ...] = ()
    if isinstance(head, s.Subscript):
        head, indices = head_and_indices(head)
    if not isinstance(head, s.Name) or head.text in m.params or head.text in m.bound:
        return None
    entity = m.entity(head.text) if head.text in m.names else None
    if entity is None and not (head.text in m.free and not primes):
        entity = m.entity(head.text)
    if entity is None:
        value = unknown_application(m, head, group, indices, primes)
        return value if value is None else _scripted(m, group, behind, value)
    used = id(entity) in m.used
    m.resolve(entity)
    if entity.kind is Kind.MAP and not used:
        del m.used[id(entity)]  # its body may be read in its place
    if entity.kind not in (Kind.FUNCTION, Kind.MAP) and not (entity.depends and not indices):
        if primes:
            raise ReadProblem(f"{head.text} is not introduced as a function", span(function))
        return None
    value = call(m, entity, group, primes, function)
    if indices:
        value = entry_at(m, value, indices, head.text, function)
    if power is not None:
        exponent = m.scalar(power, "an exponent")
        value = m.algebra.map(lambda x: x ** exponent.entry(), value)
    return _scripted(m, group, behind, value)


def _scripted(m: Meaning, group: s.Group, behind: Any, value: Value) -> Value:
    """What stands behind the arguments, ``f(x)_k``, ``f(x)^2``, is of the value."""
    m.given[id(group)] = value
    try:
        return m.value(behind)
    finally:
        del m.given[id(group)]


def unknown_application(
    m: Meaning, head: s.Name, group: s.Group, indices: tuple[Any, ...], primes: int
) -> Value | None:
    if head.text == "softmax" and not primes and len(group.items) == 1:
        return None if indices else softmax(m, m.value(group.items[0]))
    if len(group.items) > 1 or primes:
        raise ReadProblem(
            f"{head.text} stands as a function and is not introduced; "
            f"declare it, e.g. {head.text} : \\mathbb{{R}} \\to \\mathbb{{R}}",
            span(head),
        )
    of_name = head.text == "h" and isinstance(group.items[0], s.Name)
    if head.word or (not indices and (head.text in FUNCTIONS or of_name)):
        raise ReadProblem(
            f"{head.text}(…) can be a value of a function or a product: {head.text} is not introduced; say what it is, "
            f"e.g. {head.text}(t) = …, or in words: the sigmoid function {head.text}",
            span(head),
        )
    return None


def call(m: Meaning, entity: Entity, group: s.Group, primes: int, node: Any) -> Value:
    if entity.kind is Kind.TENSOR:  # known through its gradient only
        return entity_value(m, entity, node)
    formula = entity.formula
    if formula is not None and len(group.items) != len(formula.params):
        raise ReadProblem(
            f"{entity.name} takes {counted_words(len(formula.params), 'argument', 'arguments')}, "
            f"and has {len(group.items)} here",
            span(group),
        )
    if entity.kind is Kind.FUNCTION:
        return apply_function(m, entity, [m.value(i) for i in group.items], primes, node)
    assert formula is not None
    if primes:
        raise ReadProblem(f"{entity.name} is a function of vectors: its prime is not known", span(node))
    own = own_formals(m, entity, formula, group)
    if own is not None:
        return own
    return substituted(m, entity, formula, [m.value(i) for i in group.items])


def own_formals(m: Meaning, entity: Entity, formula: Formula, group: s.Group) -> Value | None:
    """``F(x)`` with its own ``x`` is ``F``; ``f_k(x_{i:})`` is entry (i, k)."""
    indices: list[Any] = []
    for item, param in zip(group.items, formula.params, strict=True):
        head, given = head_and_indices(item)
        given = tuple(i for i in given if not isinstance(i, s.Wildcard))
        if letter(head) != param or param in m.params or param in m.bound:
            return None
        if len(given) != len(formula.rows.get(param, ())):
            return None
        if m.known(param) is not m.inventory.known_at(param, formula):
            return None
        indices.extend(given)
    value = entity_value(m, entity, group)
    return entry_at(m, value, tuple(indices), entity.name, group) if indices else value


def written_out(m: Meaning, entity: Entity, values: Mapping[str, Value]) -> Value:
    """What a name without parameters is defined as, with values in the place of other names."""
    assert entity.formula is not None
    value = substituted(m, entity, entity.formula, [], values)
    for own, axis in zip(entity.axes or (), value.axes, strict=True):
        m.axes.unite(own, axis)
    return value


def substituted(
    m: Meaning, entity: Entity, formula: Formula, arguments: list[Value], values: Mapping[str, Value] | None = None
) -> Value:
    """The body read again with the arguments in the place of the parameters."""
    inner = Meaning(m.inventory, formula.names, formula.position, set(), m.fresh.taken)
    inner.fresh = m.fresh
    inner.algebra = m.algebra
    inner.depth = m.depth + 1
    inner.used = m.used
    if inner.depth > 20:
        raise ReadProblem(f"{entity.name} is opened too deeply")
    inner.params.update(values or {})
    for param, argument in zip(formula.params, arguments, strict=True):
        own = m.inventory.param_value(entity, param, m)
        if argument.zero and not argument.rank:
            argument = Value(own.axes, lambda *i: sp.Integer(0))
        if own.rank != argument.rank:
            raise m.algebra.mismatch(own, argument, f"the argument of {entity.name} and its parameter {param}")
        rows = formula.rows.get(param, ())
        inner.params[param] = replace(argument, row=False) if not rows else _behind(argument, len(rows))
    holes = {}
    for name in formula.formals:
        holes[name] = Bound(m.fresh.index(name), AxisVar())
    inner.bound = dict(holes)
    for rows in formula.rows.values():
        for name in rows:
            inner.bound.setdefault(name, Bound(m.fresh.index(name), AxisVar()))
    body = inner.value(formula.body)
    if not holes:
        return body
    formals = [holes[f] for f in formula.formals]
    n = len(formals)

    def entry(*i: Any) -> sp.Expr:
        # the formals are fresh symbols, and no binder inside bears their names
        return body.entry(*i[n:]).xreplace({b.symbol: x for b, x in zip(formals, i, strict=False)})

    return Value(tuple(b.axis for b in formals) + body.axes, entry)


def read_call(m: Meaning, node: s.Call) -> Value:
    """A function that the language knows; a note's own of this name comes first."""
    own = m.entity(node.function)
    if own is not None and own.kind in (Kind.FUNCTION, Kind.MAP):
        group = s.Group(node.start, node.end, "(", node.arguments)
        return raised(m, call(m, own, group, node.primes, node), node.power)
    special = SPECIAL_CALLS.get(node.function)
    if special is not None:
        if node.primes or node.base is not None:
            raise ReadProblem(f"{node.function} with this dress is not known", span(node))
        return raised(m, special(m, node), node.power)
    f = ELEMENTWISE.get(node.function)
    if f is None or len(node.arguments) != 1:
        raise ReadProblem(f"the function {node.function} is not known{nearest(node.function)}", span(node))
    argument = m.value(node.arguments[0])
    if argument.rank == 2 and node.function in ("exp", "log", "sin", "cos"):
        m.warn(f"{node.function} of a matrix is read entry by entry")
    if node.primes:
        primes = node.primes
        value = m.algebra.map(lambda x: derivative_at(f, x, primes), argument)
    else:
        value = m.algebra.map(f, argument)
    if node.base is not None:
        base = m.scalar(node.base, "the base of a logarithm")
        value = m.algebra.map(lambda x: x / sp.log(base.entry()), value)
    return raised(m, value, node.power)


def raised(m: Meaning, value: Value, power: Any) -> Value:
    if power is None:
        return value
    if letter(power) == "T" and value.rank:
        return m.algebra.transpose(value)
    if is_number(power) or isinstance(power, s.Terms):
        sign, body = signed(power)
        if sign < 0 and is_number(body, "1") and value.rank < 2:
            raise ReadProblem("f^{-1} can be an inverse function or a reciprocal")
    if value.rank == 2:
        return array_power(m, value, power, power)
    exponent = m.scalar(power, "an exponent")
    return m.algebra.map(lambda x: x ** exponent.entry(), value)


def softmax(m: Meaning, value: Value) -> Value:
    """Over the last axis."""
    if not value.rank:
        raise ShapeProblem("softmax needs a vector")

    def entry(*i: Any) -> sp.Expr:
        return sp.exp(value.entry(*i)) / m.algebra.total(value.axes[-1], lambda k: sp.exp(value.entry(*i[:-1], k)))

    return replace(value, entry=entry)


def largest(m: Meaning, node: s.Call) -> Value:
    cls, over = (sp.Max, MaxOver) if node.function == "max" else (sp.Min, MinOver)
    items = node.arguments
    if len(items) == 1 and isinstance(items[0], s.Group) and len(items[0].items) > 1:
        items = items[0].items
    values = [m.value(a) for a in items]
    if len(values) == 1:
        return over_all(m, over, values[0]) if values[0].rank else values[0]
    return m.algebra.combine(cls, values, f"the arguments of {node.function}")


def _behind(argument: Value, count: int) -> Value:
    """A vector in the place of the row family that a parameter names: the row's own indices are idle."""
    return Value(tuple(AxisVar() for _ in range(count)) + argument.axes, lambda *i: argument.entry(*i[count:]))


def _one(f: Callable[[Meaning, Value], Value]) -> Callable[[Meaning, s.Call], Value]:
    def read(m: Meaning, node: s.Call) -> Value:
        if len(node.arguments) != 1:
            raise ReadProblem(f"{node.function} takes one argument", span(node))
        return f(m, m.value(node.arguments[0]))

    return read


SPECIAL_CALLS: dict[str, Callable[[Meaning, s.Call], Value]] = {
    "max": largest,
    "min": largest,
    "diag": _one(lambda m, v: m.algebra.diag(v)),
    "tr": _one(lambda m, v: m.algebra.trace(v)),
    "Tr": _one(lambda m, v: m.algebra.trace(v)),
    "trace": _one(lambda m, v: m.algebra.trace(v)),
    "det": _one(lambda m, v: m.algebra.determinant(v)),
    "softmax": _one(lambda m, v: softmax(m, v)),
}
