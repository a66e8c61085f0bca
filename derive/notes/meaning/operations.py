"""Entries, powers, transposes, brackets, norms, fractions, roots and matrices."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import sympy as sp

from derive.calculus.language import MaxOver
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import counted_words, head_and_indices, is_number, letter, signed, span, whole
from derive.notes.meaning.naming import IDENTITY_NAMES, entity_value, is_ones, read_name, unintroduced
from derive.notes.meaning.patterns import matrix_value, vector_pattern
from derive.notes.meaning.reading import Meaning
from derive.notes.meaning.scope import Kind
from derive.notes.meaning.shapes import AxisVar, ReadProblem, ShapeProblem, Value, scalar_value

NORMS = ("", "2", "1", "F", r"\infty")


def read_subscript(m: Meaning, node: Any) -> Value:
    head, indices = head_and_indices(node)
    if not indices:
        return read_superscript(m, node)
    if isinstance(head, s.Bars):
        return norm(m, head, letter(indices[0]) or str(getattr(indices[0], "text", "?")))
    if isinstance(head, s.Name):
        special = special_subscript(m, head, indices)
        if special is not None:
            return special
    if isinstance(head, s.Name) and head.text not in m.params:
        entity = m.entity(head.text) or unintroduced(m, head)
        if entity.kind is Kind.INDEX and m.inventory.usage.get(head.text):
            entity = m.inventory.implicit(head.text, {})
        if entity.kind in (Kind.DIMENSION, Kind.LABEL, Kind.FUNCTION, Kind.INDEX):
            raise ShapeProblem(f"{head.text} is a {entity.kind} and has no indices", span(node))
        if entity.kind is Kind.LABELS:
            return scalar_value(m.index_label(head, indices, None, head.text))
        value, what = entity_value(m, entity, head), head.text
    else:
        value, what = m.value(head), "this expression"
    return entry_at(m, value, indices, what, node)


def special_subscript(m: Meaning, head: s.Name, indices: tuple[s.Node, ...]) -> Value | None:
    if head.text in m.params or m.entity(head.text) is not None:
        return None
    kronecker = head.text == r"\delta" and m.inventory.usage.get(head.text) != 1
    if kronecker or (head.text in IDENTITY_NAMES and len(indices) == 2):
        entries = m.compared(list(indices), r"\delta")
        if len(entries) == 1:
            raise ReadProblem(f"{head.text} takes two indices")
        return scalar_value(sp.Mul(*(sp.KroneckerDelta(a, b) for a, b in pairwise(entries))))
    if is_ones(head) and len(indices) == 1:
        return None
    if head.text == "e" and len(indices) == 1 and letter(indices[0]) in m.free | m.bound.keys():
        axis = AxisVar()
        return m.algebra.unit(m.index(indices[0], axis, "a unit vector"), axis)
    return None


def entry_at(m: Meaning, value: Value, indices: tuple[s.Node, ...], what: str, node: Any) -> Value:
    """An entry, a row, a column: the axes without an index stay."""
    indices = spelled_out(indices, value.rank)
    if len(indices) == 2 and value.rank == 1 and is_number(indices[0 if value.row else 1], "1"):
        indices = indices[1:] if value.row else indices[:1]  # an entry of the only row or column
    if len(indices) > value.rank:
        shape = m.axes.show_shape(value)
        raise ShapeProblem(
            f"{what} is {shape}, and stands with {counted_words(len(indices), 'index', 'indices')} here", span(node)
        )
    fixed: list[Any] = []
    for i, axis in zip(indices, value.axes, strict=False):
        if is_number(i, "0"):
            m.axes.count_from(axis, 0)
        fixed.append(None if isinstance(i, s.Wildcard) else m.index(i, axis, what))
    fixed += [None] * (value.rank - len(fixed))
    rest = tuple(a for f, a in zip(fixed, value.axes, strict=True) if f is None)
    if not rest:
        return Value((), lambda: value.entry(*fixed))

    def entry(*open_: Any) -> sp.Expr:
        it = iter(open_)
        return value.entry(*(next(it) if f is None else f for f in fixed))

    wild = [isinstance(i, s.Wildcard) for i in indices]
    row = len(rest) == 1 and value.rank == 2 and wild == [False, True] and not m.rows_as_columns
    if len(rest) == 1 and value.rank == 1:
        row = value.row
    return Value(rest, entry, row=row)


def spelled_out(indices: tuple[s.Node, ...], rank: int) -> tuple[s.Node, ...]:
    """``A_{12}`` of a matrix is its entry 1, 2."""
    last = indices[-1]
    if not isinstance(last, s.Number) or not last.text.isdigit() or len(last.text) < 2:
        return indices
    if len(indices) - 1 + len(last.text) != rank:
        return indices
    return (*indices[:-1], *(s.Number(last.start, last.end, digit) for digit in last.text))


def read_superscript(m: Meaning, node: s.Superscript) -> Value:
    base, exponent = node.base, node.exponent
    if isinstance(base, s.Name) and base.text == "e" and m.entity("e") is None and "e" not in m.params:
        return m.algebra.map(sp.exp, m.value(exponent))
    value = m.value(base)
    if value.rank:
        return array_power(m, value, exponent, node)
    return m.algebra.combine(lambda b, e: b**e, [value, m.value(exponent)], "this power")


def array_power(m: Meaning, value: Value, exponent: Any, node: Any) -> Value:
    sign, body = signed(exponent)
    if letter(body) == "T":
        return m.algebra.transpose(m.algebra.inverse(value) if sign < 0 else value)
    n = whole(body)
    if n is not None:
        if value.rank == 2:
            if not 1 <= n <= 64:
                raise ReadProblem(f"the power {n} of a matrix is not known", span(node))
            if m.algebra.biases and sign > 0 and m.algebra.oblong(value):
                m.warn("a power of a matrix that is not square is read entry by entry")
                return m.algebra.map(lambda x: x**n, value)
            base = m.algebra.inverse(value) if sign < 0 else value
            if n > 1:
                m.algebra.square(value, "a power")
            return m.algebra.power(base, n)
        m.warn("a power of a vector is read entry by entry")
        return m.algebra.map(lambda x: x ** (sign * n), value)
    if value.rank == 1 or sign:
        power = m.scalar(exponent, "an exponent")
        if value.rank == 1:
            m.warn("a power of a vector is read entry by entry")
            return m.algebra.map(lambda x: x ** power.entry(), value)
    raise ReadProblem("this power of a matrix is not known", span(node))


def read_transpose(m: Meaning, node: s.Transpose) -> Value:
    value = m.value(node.base)
    return m.algebra.transpose(m.algebra.inverse(value) if node.inverse else value)


def read_prime(m: Meaning, node: s.Prime) -> Value:
    name = letter(node)
    if name is not None and name in m.params:
        return m.params[name]
    if name is not None and (name in m.bound or m.names.get(name) is not None or name in m.free):
        return read_name(m, s.Name(node.start, node.end, name))
    head, indices = head_and_indices(node.base)
    primed = m.entity(head.text + "'" * node.count) if isinstance(head, s.Name) and indices else None
    if primed is not None:  # c_i' is entry i of c'
        return entry_at(m, entity_value(m, primed, node), indices, primed.name, node)
    value = m.value(node.base)
    if value.rank and node.count == 1:
        return m.algebra.transpose(value)
    raise ReadProblem("a prime stands here behind what is neither a function nor a vector", span(node))


def read_group(m: Meaning, node: s.Group) -> Value:
    if len(node.items) == 1:
        return m.value(node.items[0])
    if not node.items or node.opening == "{":
        raise ReadProblem("an empty or set-like bracket is not a value", span(node))
    if any(isinstance(i, s.Dots) for i in node.items):
        return vector_pattern(m, node, [None if isinstance(i, s.Dots) else i for i in node.items])
    parts = [m.value(i) for i in node.items]
    row = any(p.rank == 1 and p.row for p in parts)
    if any(p.rank == 1 and not p.row for p in parts) and row:
        raise ShapeProblem("rows and columns are stacked together", span(node))
    return m.algebra.stack(parts, row)


def read_bars(m: Meaning, node: s.Bars) -> Value:
    if node.double:
        return norm(m, node, "")
    value = m.value(node.body)
    if value.rank == 2:
        return m.algebra.determinant(value)
    if value.rank:
        raise ReadProblem("single bars around a vector can be a norm or absolute values; write \\|x\\|", span(node))
    return m.algebra.map(sp.Abs, value)


def norm(m: Meaning, node: s.Bars, kind: str) -> Value:
    value = m.value(node.body)
    if kind not in NORMS:
        raise ReadProblem(f"the norm with the subscript {kind} is not known", span(node))
    if not value.rank:
        return m.algebra.map(sp.Abs, value)
    if value.rank == 2 and kind != "F":
        raise ReadProblem("this norm of a matrix is not known; the Frobenius norm is \\|X\\|_F", span(node))
    if kind == "1":
        return m.algebra.sum_all(m.algebra.map(sp.Abs, value))
    if kind == r"\infty":
        return over_all(m, MaxOver, m.algebra.map(sp.Abs, value))
    return m.algebra.map(sp.sqrt, m.algebra.sum_all(m.algebra.map(lambda x: x**2, value)))


def over_all(m: Meaning, cls: Any, value: Value) -> Value:
    def entry() -> sp.Expr:
        finals = [(m.fresh.index(), m.axes.axis(a)) for a in value.axes]
        return cls(value.entry(*(k for k, _ in finals)), *((k, a.first, a.last) for k, a in finals))

    return Value((), entry)


def read_angle(m: Meaning, node: s.Angle) -> Value:
    return m.algebra.dot(replace(m.value(node.left), row=False), replace(m.value(node.right), row=False))


def read_fraction(m: Meaning, node: s.Fraction) -> Value:
    return m.algebra.divide(m.value(node.numerator), m.value(node.denominator))


def read_root(m: Meaning, node: s.Root) -> Value:
    value = m.value(node.body)
    if node.degree is None:
        return m.algebra.map(sp.sqrt, value)
    n = whole(node.degree)
    if not n:
        raise ReadProblem("the degree of a root is a positive integer", span(node.degree))
    if n % 2:
        return m.algebra.map(lambda x: sp.sign(x) * sp.Abs(x) ** sp.Rational(1, n), value)
    return m.algebra.map(lambda x: x ** sp.Rational(1, n), value)


def read_matrix(m: Meaning, node: s.Matrix) -> Value:
    return matrix_value(m, node)
