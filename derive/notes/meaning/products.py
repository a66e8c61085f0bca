"""Sums and products of written terms and factors, where a function takes the bracket behind it."""

from __future__ import annotations

from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, is_number, letter, span
from derive.notes.meaning.applications import application
from derive.notes.meaning.patterns import written_out
from derive.notes.meaning.reading import Meaning
from derive.notes.meaning.scope import Kind
from derive.notes.meaning.shapes import ReadProblem, Value


def read_terms(m: Meaning, node: s.Terms) -> Value:
    signs = []
    if any(isinstance(t, s.Dots) for t in node.terms):
        said, terms = written_out(m, "sum", node.signs, node.terms, "0")
        return read_terms(m, s.Terms(node.start, node.end, tuple(said), tuple(terms)))
    for sign in node.signs:
        if sign not in "+-":
            raise ReadProblem(f"{sign} has two values", span(node))
        signs.append(-1 if sign == "-" else 1)
    return m.algebra.add(signs, [m.value(t) for t in node.terms])


def read_factors(m: Meaning, node: s.Factors) -> Value:
    if any(isinstance(f, s.Dots) for f in node.factors):
        said, factors = written_out(m, "prod", node.signs, node.factors, "1")
        return read_factors(m, s.Factors(node.start, node.end, tuple(said), tuple(factors)))
    read = applied(m, node)
    check_slash(m, node, read)
    blocks: list[tuple[str, Value]] = []
    for k, (sign, value, _) in enumerate(read):
        if k and sign == "" and is_row(m, read[k - 1][2]) and blocks[-1][1] is read[k - 1][1] and value.rank == 1:
            blocks[-1] = (blocks[-1][0], m.algebra.dot(blocks[-1][1], value))
        elif blocks and sign in (r"\odot", r"\otimes", r"\circ"):
            blocks.append((sign, value))
        elif blocks:
            before, left = blocks[-1]
            blocks[-1] = (before, joined(m, left, sign, value))
        else:
            blocks.append(("", value))
    out = blocks[0][1]
    for sign, value in blocks[1:]:
        out = m.algebra.outer(out, value) if sign == r"\otimes" else m.algebra.hadamard(out, value)
    return out


def is_row(m: Meaning, node: Any) -> bool:
    """``W_i`` of a matrix that is called W stands as a row before a column: ``W_i v``."""
    head, indices = head_and_indices(node)
    name = letter(head)
    if name is None or not name[:1].isupper() or len(indices) != 1 or name in m.params:
        return False
    entity = m.entity(name)
    return entity is not None and entity.kind is Kind.TENSOR and len(entity.axes or ()) == 2 and not entity.family


def joined(m: Meaning, left: Value, sign: str, right: Value) -> Value:
    if sign == "/":
        return m.algebra.divide(left, right)
    if sign == r"\cdot" and left.rank == 1 and right.rank == 1 and left.row == right.row:
        return m.algebra.dot(left, right)
    if sign == r"\times" and left.rank and right.rank:
        raise ReadProblem("\\times between vectors or matrices is not known")
    return m.algebra.multiply(left, right)


def check_slash(m: Meaning, node: s.Factors, read: list[tuple[str, Value, Any]]) -> None:
    """``a/bc`` has two readings; ``1/2 x`` has one."""
    for k, (sign, _, _) in enumerate(read[:-1]):
        if sign == "/" and read[k + 1][0] == "" and not (is_number(read[k][2]) and is_number(read[k - 1][2])):
            raise ReadProblem("a/bc can be (a/b)c or a/(bc): write a fraction or parentheses", span(node))


def applied(m: Meaning, node: s.Factors) -> list[tuple[str, Value, Any]]:
    """The factors, where a function has taken the parenthesis behind it."""
    out: list[tuple[str, Value, Any]] = []
    k = 0
    while k < len(node.factors):
        factor, sign = node.factors[k], node.signs[k]
        if k + 1 < len(node.factors) and node.signs[k + 1] == "":
            value = application(m, factor, node.factors[k + 1])
            if value is not None:
                out.append((sign, value, node))
                k += 2
                continue
        out.append((sign, m.value(factor), factor))
        k += 1
    return out
