"""What a word such as "one-hot" or "symmetric" assumes, as relations of entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from derive.notes.meaning.naming import entity_value
from derive.notes.meaning.reading import Bound, Meaning
from derive.notes.meaning.scope import Kind
from derive.notes.meaning.shapes import AxisVar, ReadProblem, Value

Relation = Callable[[], sp.Basic]


def property_relations(meaning: Meaning, name: str, who: str) -> list[Relation]:
    entity = meaning.known(who)
    if entity.kind is Kind.INDEX:
        return []  # "the positive $i$": the sample of that number
    value = entity_value(meaning, entity, None)
    build = TABLE.get(name)
    if build is None:
        raise ReadProblem(f"the property {name} is not known")
    return build(meaning, value, who)


def _free(meaning: Meaning, axes: tuple[AxisVar, ...]) -> list[sp.Symbol]:
    symbols = [meaning.fresh.index() for _ in axes]
    for symbol, axis in zip(symbols, axes, strict=True):
        meaning.letters[symbol.name] = Bound(symbol, axis)
    return symbols


def _eq(a: Any, b: Any) -> sp.Basic:
    return sp.Eq(a, b, evaluate=False)


def _rows_sum_to_one(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    if not value.rank:
        raise ReadProblem(f"{who} is a scalar: only vectors and rows sum to one")
    *rows, last = value.axes
    free = _free(meaning, tuple(rows))
    return [lambda: _eq(meaning.algebra.total(last, lambda k: value.entry(*free, k)), 1)]


def _one_hot(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    """Entries are 0 or 1, one of each row is 1: y_i y_j = delta_ij y_i."""
    sums = _rows_sum_to_one(meaning, value, who)
    *rows, last = value.axes
    free = _free(meaning, tuple(rows))
    i, j = _free(meaning, (last, last))
    return [
        lambda: _eq(value.entry(*free, i) ** 2, value.entry(*free, i)),
        lambda: _eq(value.entry(*free, i) * value.entry(*free, j), sp.KroneckerDelta(i, j) * value.entry(*free, i)),
        *sums,
    ]


def _square(meaning: Meaning, value: Value, who: str) -> tuple[sp.Symbol, sp.Symbol]:
    meaning.algebra.square(value, f"this property of {who}")
    i, j = _free(meaning, value.axes)
    return i, j


def _symmetric(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    i, j = _square(meaning, value, who)
    return [lambda: _eq(value.entry(i, j), value.entry(j, i))]


def _skew(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    i, j = _square(meaning, value, who)
    return [lambda: _eq(value.entry(i, j), -value.entry(j, i))]


def _diagonal(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    i, j = _square(meaning, value, who)
    return [lambda: _eq(value.entry(i, j), sp.KroneckerDelta(i, j) * value.entry(i, i))]


def _orthogonal(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    i, j = _square(meaning, value, who)
    axis = value.axes[0]
    return [
        lambda: _eq(
            meaning.algebra.total(axis, lambda k: value.entry(k, i) * value.entry(k, j)), sp.KroneckerDelta(i, j)
        ),
        lambda: _eq(
            meaning.algebra.total(axis, lambda k: value.entry(i, k) * value.entry(j, k)), sp.KroneckerDelta(i, j)
        ),
    ]


def _entries(relation: Any) -> Callable[[Meaning, Value, str], list[Relation]]:
    def build(meaning: Meaning, value: Value, who: str) -> list[Relation]:
        free = _free(meaning, value.axes)
        return [lambda: relation(value.entry(*free), 0, evaluate=False)]

    return build


def _unit(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    if value.rank != 1:
        raise ReadProblem(f"{who} is not a vector: it has no unit norm")
    return [lambda: _eq(meaning.algebra.total(value.axes[0], lambda k: value.entry(k) ** 2), 1)]


def _centred(meaning: Meaning, value: Value, who: str) -> list[Relation]:
    if value.rank != 1:
        raise ReadProblem(f"{who} is not a vector: say which of its sums is zero")
    return [lambda: _eq(meaning.algebra.total(value.axes[0], lambda k: value.entry(k)), 0)]


TABLE: dict[str, Callable[[Meaning, Value, str], list[Relation]]] = {
    "one-hot": _one_hot,
    "sum-one": _rows_sum_to_one,
    "symmetric": _symmetric,
    "skew": _skew,
    "diagonal": _diagonal,
    "orthogonal": _orthogonal,
    "positive": _entries(sp.Gt),
    "nonnegative": _entries(sp.Ge),
    "nonzero": _entries(sp.Ne),
    "unit": _unit,
    "centred": _centred,
}
