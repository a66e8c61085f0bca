"""Derivatives and gradients, the layout of those by vectors and matrices, and values that are put in afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sympy as sp

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, letter, span
from derive.notes.meaning.applications import written_out
from derive.notes.meaning.naming import apply_function
from derive.notes.meaning.reading import Meaning
from derive.notes.meaning.scope import Entity, Kind, reached
from derive.notes.meaning.shapes import ReadProblem, Value


def variable_value(m: Meaning, node: Any) -> Value:
    if isinstance(node, s.Transpose):
        node = node.base
    value = m.value(node)

    def entry(*i: Any) -> sp.Expr:
        x = value.entry(*i)
        if not isinstance(x, sp.Symbol | sp.Indexed) or x.is_integer:
            raise ReadProblem(f"the derivative with respect to {sp.latex(x)} is not known")
        return x

    return replace(value, entry=entry)


def known_body(m: Meaning, node: Any, variables: tuple[Any, ...]) -> Value:
    """The body of a derivative; one of a name that is never introduced, and not of the variable, cannot be known."""
    before, m.used = m.used, {}
    try:
        body = derived_body(m, node, variables)
        own = m.used
    finally:
        m.used = {**before, **m.used}
    made = [e for e in own.values() if m.inventory.made.get(e.name) is e and e.kind is Kind.TENSOR]
    names = {e.name for e in reached(own.values()).values()}
    if made and not any(letter(head_and_indices(v)[0]) in names for v in variables):
        raise ReadProblem(f"{made[0].name} is not introduced: what its derivative is cannot be known", span(node))
    return body


def derived_body(m: Meaning, node: Any, variables: tuple[Any, ...]) -> Value:
    """What is differentiated; the bare name of a function of one scalar is its value at the variable."""
    name = letter(node)
    if name is not None and name not in m.params and len(variables) == 1:
        entity = m.entity(name)
        if entity is not None and entity.kind in (Kind.FUNCTION, Kind.MAP):
            m.resolve(entity)
        if entity is not None and entity.kind is Kind.FUNCTION:
            m.resolve(entity)
            at = m.value(variables[0])
            if not at.rank and (entity.formula is None or len(entity.formula.params) == 1):
                return apply_function(m, entity, [at], 0, node)
    return m.value(node)


def read_partial(m: Meaning, node: s.Partial) -> Value:
    variables = tuple(v for v, _ in node.variables)
    body = known_body(m, node.body, variables)
    if node.order == 1 and len(variables) == 1 and node.variables[0][1] == 2:
        return by_square(m, body, variables[0], node)
    steps: list[tuple[Value, Any]] = []
    total = 0
    for v, count in node.variables:
        value = variable_value(m, v)
        total += count
        if value.rank and count > 1:
            steps += [(value, 1)] * count
        else:
            steps.append((value, count))
    if total != node.order:
        raise ReadProblem(f"the derivative is of order {node.order} above and {total} below the line", span(node))
    return differentiate(m, body, steps, node)


def by_square(m: Meaning, body: Value, variable: Any, node: Any) -> Value:
    r"""``\frac{\partial f}{\partial \sigma^2} = \frac{1}{2 \sigma} \frac{\partial f}{\partial \sigma}``"""
    value = variable_value(m, variable)
    if value.rank:
        raise ReadProblem("the derivative with respect to the square of a vector is not known", span(node))
    x = value.entry()
    return m.algebra.map(lambda e: sp.Derivative(e, x) / (2 * x), body)


def differentiate(m: Meaning, body: Value, steps: list[tuple[Value, Any]], node: Any) -> Value:
    wide = [v for v, _ in steps if v.rank]
    n = body.rank

    def entry(*i: Any) -> sp.Expr:
        k = n
        over = []
        for v, count in steps:
            over.append((v.entry(*i[k : k + v.rank]), count))
            k += v.rank
        return sp.Derivative(body.entry(*i[:n]), *over)

    axes = body.axes + tuple(a for v in wide for a in v.axes)
    if not wide:
        return Value(axes, entry, row=body.row)
    return laid_out(m, Value(axes, entry, derivative=True), body, wide, node)


def laid_out(m: Meaning, full: Value, body: Value, wide: list[Value], node: Any) -> Value:
    """The layout of a derivative by vectors and matrices; ``full`` has the body's axes, then the variables'."""
    declared = m.inventory.layout_of(node) if isinstance(node, s.Partial) else None
    own_shape = m.inventory.shape_of_variable or shown_shape_of_variable(m)
    if len(wide) > 1:
        if body.rank or any(v.rank > 1 for v in wide):
            raise ReadProblem("this higher derivative by vectors or matrices has no layout", span(node))
        return full
    rank = wide[0].rank
    if body.rank == 0 and rank == 1:
        row = (wide[0].row if own_shape else True) if declared is None else declared.row
        return replace(full, row=row)
    if body.rank == 0 and rank == 2:
        if (
            declared is not None
            and not same_shape(m, declared, full)
            and same_shape(m, declared, m.algebra.transpose(full))
        ):
            own_shape = False
        elif declared is not None:
            own_shape = True
        convention = declared is None
        return replace(full if own_shape else m.algebra.transpose(full), derivative=convention)
    if body.rank == 1 and rank == 1:
        flip = m.inventory.denominator_layout
        return replace(m.algebra.transpose(full), derivative=True) if flip else full
    if rank == 2:
        n = body.rank
        return Value(
            full.axes[:n] + full.axes[n:][::-1], lambda *i: full.entry(*i[:n], i[n + 1], i[n]), derivative=True
        )
    return full


def shown_shape_of_variable(m: Meaning) -> bool:
    """Whether the note declares a derivative by an oblong matrix in the shape of the matrix: then all have it."""
    return any(_bears_shape(m, v, declared) for node, declared in m.inventory.laid_out for v, _ in node.variables)


def _bears_shape(m: Meaning, variable: s.Node, declared: Value) -> bool:
    entity = m.entity(variable.text) if isinstance(variable, s.Name) else None
    if entity is None or entity.kind is not Kind.TENSOR or len(entity.axes or ()) != 2 or declared.rank != 2:
        return False
    own = Value(entity.axes or (), declared.entry)
    return same_shape(m, declared, own) and not same_shape(m, declared, m.algebra.transpose(own))


def same_shape(m: Meaning, a: Value, b: Value) -> bool:
    return a.rank == b.rank and all(
        m.axes.find(x) is m.axes.find(y) or (m.axes.size(x) is not None and m.axes.size(x) == m.axes.size(y))
        for x, y in zip(a.axes, b.axes, strict=True)
    )


def read_nabla(m: Meaning, node: s.Nabla) -> Value:
    variables = node.variables or only_parameter(m, node)
    if len(variables) != 1:
        raise ReadProblem("a gradient by several things at once is not known", span(node))
    inner = node.body
    if isinstance(inner, s.Nabla) and node.order == inner.order == 1 and by_the_same(node, inner):
        return read_nabla(m, replace(inner, order=2))
    body = known_body(m, node.body, variables)
    if body.rank == 1 and isinstance(inner, s.Nabla) and inner.turned and node.order == inner.order == 1:
        x = variable_value(m, variables[0])
        return Value(x.axes + body.axes, lambda *i: sp.Derivative(body.entry(i[-1]), x.entry(*i[:-1])))
    if body.rank:
        raise ReadProblem("a gradient of what is not a scalar has no layout: write a Jacobian", span(node))
    x = variable_value(m, variables[0])
    if node.order == 1:
        return Value(x.axes, lambda *i: sp.Derivative(body.entry(), x.entry(*i)), row=node.turned and x.rank == 1)
    if node.order != 2 or x.rank > 1:
        raise ReadProblem("this power of nabla is not known", span(node))
    if not x.rank:
        return Value((), lambda: sp.Derivative(body.entry(), (x.entry(), 2)))
    return Value(x.axes * 2, lambda i, j: sp.Derivative(body.entry(), x.entry(i), x.entry(j)))


def by_the_same(outer: s.Nabla, inner: s.Nabla) -> bool:
    r"""``\nabla_w \nabla_w L`` and ``\nabla \nabla L`` are the Hessian."""
    names = [[letter(v) for v in n.variables] for n in (outer, inner)]
    return len(names[0]) < 2 and names[0] == names[1] and None not in names[0]


def only_parameter(m: Meaning, node: s.Nabla) -> tuple[s.Node, ...]:
    """``\\nabla f``, ``\\nabla f(x)``: by the parameter that f is defined with; at a point, by the point."""
    body = node.body.body if isinstance(node.body, s.Nabla) and not node.body.variables else node.body
    applied = isinstance(body, s.Factors) and len(body.factors) == 2 and isinstance(body.factors[1], s.Group)
    head = body.factors[0] if isinstance(body, s.Factors) and applied else body
    name = letter(head)
    entity = m.entity(name) if name is not None else None
    params = () if entity is None else entity.formula.params if entity.formula is not None else entity.depends
    if len(params) != 1:
        raise ReadProblem("\\nabla needs to say what it differentiates by", span(node))
    param = params[0]
    if isinstance(body, s.Factors):
        inner = body.factors[1]
        point = letter(inner.items[0]) if isinstance(inner, s.Group) and len(inner.items) == 1 else None
        if point is None:
            raise ReadProblem("a gradient at a point can be by the point or by the parameter", span(node))
        param = point
    return (s.Name(node.start, node.end, param),)


def leads_through(entity: Entity, name: str | None) -> bool:
    """Whether what an entity stands for is made of a name."""
    return any(u.name == name for u in reached(entity.uses).values())


def opened(m: Meaning, node: s.Evaluated, name: str | None, own: Iterable[Entity]) -> Value:
    """The body with what is defined through a name written out, so that a value can be put in for the name."""
    values: dict[str, Value] = {}

    def open_(entity: Entity) -> None:
        if entity.name in values or entity.name == name or not leads_through(entity, name):
            return
        formula = entity.formula
        if formula is None or formula.params or m.names.get(entity.name) is not entity:
            told = f"{entity.name} is defined through {name}: a value put in for it is not known"
            raise ReadProblem(told, span(node))
        for used in entity.uses:
            open_(used)
        values[entity.name] = written_out(m, entity, values)

    for entity in own:
        open_(entity)
    before = m.params
    m.params = {**before, **values}
    try:
        return m.value(node.body)
    finally:
        m.params = before


def read_evaluated(m: Meaning, node: s.Evaluated) -> Value:
    before, m.used = m.used, {}
    try:
        body = m.value(node.body)
        own = m.used
    finally:
        m.used = {**before, **m.used}
    points = []
    for condition in node.conditions:
        if condition.sign != "=":
            raise ReadProblem("a value is put in with =", span(condition))
        name = letter(head_and_indices(condition.left)[0])
        if any(e.name != name and leads_through(e, name) for e in own.values()):
            body = opened(m, node, name, own.values())
        variable, point = variable_value(m, condition.left), m.value(condition.right)
        if variable.rank or point.rank:
            raise ReadProblem("a vector that is put in afterwards is not known", span(condition))
        points.append((variable, point))

    def entry(*i: Any) -> sp.Expr:
        out = body.entry(*i)
        for variable, point in points:
            out = sp.Subs(out, variable.entry(), point.entry())
        return out

    return replace(body, entry=entry)
