"""Conditions on indices and on values: indicators and cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import span
from derive.notes.meaning.reading import Meaning
from derive.notes.meaning.shapes import ReadProblem, Value, scalar_value

COMPARE: dict[str, Callable[..., Any]] = {
    "=": sp.Eq, r"\ne": sp.Ne, "<": sp.Lt, ">": sp.Gt, r"\le": sp.Le, r"\ge": sp.Ge,
}  # fmt: skip


def where_all(m: Meaning, relations: tuple[s.Relation, ...]) -> Callable[..., Value]:
    """All relations hold: a function from two values to the value that is the first where they do."""
    tests: list[tuple[Callable[..., Any], list[Value]]] = []
    for r in relations:
        compare = COMPARE.get(r.sign)
        if compare is None:
            raise ReadProblem(f"the condition {r.sign} is not known", span(r))
        pair = m.index_pair(r.left, r.right)
        if pair is not None:
            tests.append((compare, [scalar_value(pair[0]), scalar_value(pair[1])]))
        else:
            tests.append((compare, [m.value(r.left), m.value(r.right)]))
    return lambda yes, no: m.algebra.combine(
        lambda y, n, *ends: _choose(y, n, [f(a, b) for (f, _), a, b in zip(tests, ends[::2], ends[1::2], strict=True)]),
        [yes, no, *(v for _, pair in tests for v in pair)],
        "a condition",
    )


def read_indicator(m: Meaning, node: s.Indicator) -> Value:
    value = scalar_value(sp.Integer(1))
    rest: list[s.Relation] = []
    for r in node.conditions:
        pair = m.index_pair(r.left, r.right) if r.sign in ("=", r"\ne") else None
        if pair is None:
            rest.append(r)
            continue
        delta = sp.KroneckerDelta(*pair)
        value = m.algebra.scale(value, scalar_value(delta if r.sign == "=" else 1 - delta))
    if not rest:
        return value
    truth = where_all(m, tuple(rest))(scalar_value(sp.Integer(1)), scalar_value(sp.Integer(0)))
    return m.algebra.scale(value, truth)


def read_cases(m: Meaning, node: s.Cases) -> Value:
    rows = list(node.rows)
    out: Value | None = None
    if (rows and not rows[-1][1]) or (rows and complementary(m, rows)):
        out = m.value(rows.pop()[0])
    for body, conditions in reversed(rows):
        if not conditions:
            raise ReadProblem("only the last case can stand without a condition", span(body))
        value = m.value(body)
        out = where_all(m, conditions)(value, out if out is not None else scalar_value(sp.nan))
    if out is None:
        raise ReadProblem("cases without a case", span(node))
    return out


def complementary(m: Meaning, rows: list[Any]) -> bool:
    """Two cases on i = j and i != j leave nothing out."""
    if len(rows) != 2 or any(len(c) != 1 for _, c in rows):
        return False
    (_, (a,)), (_, (b,)) = rows
    pairs = [m.index_pair(r.left, r.right) for r in (a, b)]
    return {a.sign, b.sign} == {"=", r"\ne"} and None not in pairs and set(pairs[0] or ()) == set(pairs[1] or ())


def _choose(yes: Any, no: Any, conditions: list[Any]) -> sp.Expr:
    condition = sp.And(*conditions)
    if condition is sp.true:
        return yes
    if condition is sp.false:
        return no
    if no is sp.nan:
        return sp.Piecewise((yes, condition), evaluate=False)
    if isinstance(no, sp.Piecewise):
        return sp.Piecewise((yes, condition), *no.args, evaluate=False)
    return sp.Piecewise((yes, condition), (no, True), evaluate=False)
