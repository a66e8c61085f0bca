r"""Matrices written out: ``pmatrix`` with all its entries, or with ``\dots`` as a pattern.

A pattern is read from its corners: what changes from the first row to the last follows the row, what changes from the
first column to the last follows the column; the diagonal may look different. Every entry that is written must be the
one that the pattern gives, else the matrix is not read.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, walk
from derive.notes.meaning.binders import limit
from derive.notes.meaning.reading import Bound, Meaning
from derive.notes.meaning.shapes import AxisVar, ReadProblem, ShapeProblem, Value

if TYPE_CHECKING:
    from derive.notes.pending import Pending

ROW, COLUMN = "\x00row", "\x00column"  # names of indices that no note can write


def matrix_value(meaning: Meaning, node: s.Matrix) -> Value:
    rows = node.rows
    if not rows or len({len(r) for r in rows}) != 1:
        raise ShapeProblem("the rows of this matrix have different lengths", (node.start, node.end))
    if any(isinstance(e, s.Dots) for r in rows for e in r):
        return _pattern(meaning, node)
    values = [[meaning.value(e) for e in r] for r in rows]
    if any(v.rank for r in values for v in r):
        return _stacked(meaning, node, values)
    return _explicit(values)


def _explicit(values: list[list[Value]]) -> Value:
    n, m = len(values), len(values[0])
    if (m == 1 and n > 1) or n == 1:
        cells = [r[0] for r in values] if m == 1 else values[0]
        return Value(
            (AxisVar(sp.Integer(len(cells))),),
            lambda i: _chosen(i, [c.entry() for c in cells]),
            row=m > 1,
            explicit=True,
        )
    axes = (AxisVar(sp.Integer(n)), AxisVar(sp.Integer(m)))
    return Value(axes, lambda i, j: _chosen(i, [_chosen(j, [c.entry() for c in r]) for r in values]), explicit=True)


def _chosen(index: sp.Expr, items: list[sp.Expr]) -> sp.Expr:
    """The item at an index counted from 1."""
    if isinstance(index, sp.Integer):
        return items[int(index) - 1] if 1 <= int(index) <= len(items) else sp.nan
    pieces: list[tuple[Any, Any]] = [(x, sp.Eq(index, k + 1)) for k, x in enumerate(items)]
    pieces[-1] = (items[-1], True)
    return items[0] if len(items) == 1 else sp.Piecewise(*pieces, evaluate=False)


def _stacked(meaning: Meaning, node: s.Matrix, values: list[list[Value]]) -> Value:
    if len(values) == 1:
        return meaning.algebra.stack(values[0], True)
    if len(values[0]) == 1 and all(not r[0].rank or not r[0].row for r in values):
        return meaning.algebra.stack([r[0] for r in values], False)
    raise ReadProblem("blocks in a matrix are not known", (node.start, node.end))


# -- patterns ---------------------------------------------------------------------------------------------------------
def _pattern(meaning: Meaning, node: s.Matrix) -> Value:
    cells = [[None if isinstance(e, s.Dots) else e for e in r] for r in node.rows]
    if len(cells) == 1 or len(cells[0]) == 1:
        return vector_pattern(meaning, node, [c for r in cells for c in r], len(cells) == 1)
    corners = (cells[0][0], cells[0][-1], cells[-1][0], cells[-1][-1])
    if any(c is None for c in corners):
        raise ReadProblem("the corners of a matrix with dots must be written", (node.start, node.end))
    first, right, below, last = corners
    off = _merge([first, right, below, last], [(0, 0), (0, 1), (1, 0), (1, 1)])
    diagonal = None
    if off is None:
        diagonal = _merge([first, last], [(0, 0), (1, 1)])
        off = _off_diagonal(cells)
    if off is None:
        raise ReadProblem("the pattern of this matrix is not clear", (node.start, node.end))
    row_end, column_end = _end(right, below, last, off)
    _check_written(cells, off, diagonal, row_end, column_end, node)
    base = _base(cells)
    rows, columns = _axis_to(meaning, row_end, base), _axis_to(meaning, column_end, base)
    general = _at(meaning, off, rows, columns)
    if diagonal is None:
        return Value((rows, columns), general)
    meaning.axes.unite(rows, columns)
    special = _at(meaning, diagonal, rows, columns)
    return Value(
        (rows, columns), lambda i, j: sp.Piecewise((special(i, j), sp.Eq(i, j)), (general(i, j), True), evaluate=False)
    )


def _off_diagonal(cells: list[list[Any]]) -> Any:
    right, below = cells[0][-1], cells[-1][0]
    return _merge([right, below], [(0, 1), (1, 0)])


class _Mixed(Exception):
    pass


def _merge(trees: list[Any], places: list[tuple[int, int]]) -> Any:
    """One tree of which all are instances: where they differ stands the row's or the column's index."""
    try:
        return _merged(trees, places)
    except _Mixed:
        return None


def _merged(trees: list[Any], places: list[tuple[int, int]]) -> Any:
    texts = [dump(t) for t in trees]
    if len(set(texts)) == 1:
        return trees[0]
    head = trees[0]
    leaf = all(isinstance(t, s.Number | s.Name) for t in trees)
    if leaf:
        for which, name in ((0, ROW), (1, COLUMN)):
            groups = {p[which]: {t for t, q in zip(texts, places, strict=True) if q[which] == p[which]} for p in places}
            if all(len(g) == 1 for g in groups.values()) and len(groups) == 2:
                return s.Name(head.start, head.end, name)
        raise _Mixed
    if any(type(t) is not type(head) for t in trees):
        raise _Mixed
    if isinstance(head, tuple):
        if any(len(t) != len(head) for t in trees):
            raise _Mixed
        return tuple(_merged([t[k] for t in trees], places) for k in range(len(head)))
    if not isinstance(head, s.Node):
        raise _Mixed
    inner = [f.name for f in fields(head) if f.name not in ("start", "end")]
    return replace(head, **{name: _merged([getattr(t, name) for t in trees], places) for name in inner})


def _end(right: Any, below: Any, last: Any, off: Any) -> tuple[Any, Any]:
    """What stands in the place of the row's index in the last row, and of the column's in the last column."""
    row = _found(off, below, ROW) or _found(off, last, ROW)
    column = _found(off, right, COLUMN) or _found(off, last, COLUMN)
    return row, column


def _found(template: Any, tree: Any, name: str) -> Any:
    if isinstance(template, s.Name) and template.text == name:
        return tree
    if isinstance(template, tuple) and isinstance(tree, tuple):
        return next((x for a, b in zip(template, tree, strict=False) if (x := _found(a, b, name)) is not None), None)
    if isinstance(template, s.Node) and type(template) is type(tree):
        for f in fields(template):
            x = _found(getattr(template, f.name), getattr(tree, f.name), name)
            if x is not None:
                return x
    return None


def _check_written(
    cells: list[list[Any]], off: Any, diagonal: Any, row_end: Any, column_end: Any, node: s.Matrix
) -> None:
    n, m = len(cells), len(cells[0])
    for a, row in enumerate(cells):
        for b, cell in enumerate(row):
            if cell is None:
                continue
            values = []
            for k, count, end in ((a, n, row_end), (b, m, column_end)):
                values.append(end if k == count - 1 else s.Number(0, 0, str(k + _base(cells))))
            on = diagonal is not None and ((a == n - 1) == (b == m - 1)) and (a == b or a == n - 1)
            wanted = _filled(diagonal if on else off, *values)
            if dump(cell) != dump(wanted):
                raise ReadProblem("an entry of this matrix does not follow its pattern", (cell.start, cell.end))


def _base(cells: list[list[Any]]) -> int:
    numbers = [int(n.text) for n in walk(cells[0][0]) if isinstance(n, s.Number) and n.text in ("0", "1")]
    subscripts = [
        int(i.text)
        for n in walk(cells[0][0])
        if isinstance(n, s.Subscript)
        for i in n.indices
        if isinstance(i, s.Number) and i.text.isdigit()
    ]
    return min(subscripts or numbers or [1])


def _filled(template: Any, row: Any, column: Any) -> Any:
    from derive.notes.rebuild import rebuilt

    def change(node: Any) -> Any:
        if isinstance(node, s.Name) and node.text == ROW and row is not None:
            return row
        if isinstance(node, s.Name) and node.text == COLUMN and column is not None:
            return column
        return node

    return rebuilt(template, change)


def _at(meaning: Meaning, template: Any, rows: AxisVar, columns: AxisVar) -> Any:
    """The entry at a row and a column: the template read with the two indices bound."""
    outer = dict(meaning.bound)
    i, j = meaning.fresh.index("i"), meaning.fresh.index("j")
    meaning.bound[ROW], meaning.bound[COLUMN] = Bound(i, rows), Bound(j, columns)
    try:
        value = meaning.scalar(template, "an entry of a matrix")
    finally:
        meaning.bound = outer
    # i and j are fresh: nothing else in the expression is called so
    return lambda a, b: value.entry().xreplace({i: sp.sympify(a), j: sp.sympify(b)})


def _axis_to(meaning: Meaning, end: Any, first: int) -> AxisVar:
    """The axis whose last index is written as ``end``."""
    if end is None:
        return AxisVar()
    return AxisVar(sp.expand(limit(meaning, end) - first + 1), first)


def vector_pattern(meaning: Meaning, node: Any, cells: list[Any], row: bool = False) -> Value:
    r"""``(a_1, a_2, \dots, a_N)``."""
    at = next(k for k, c in enumerate(cells) if c is None)
    if at == 0 or at != len(cells) - 2:
        raise ReadProblem("a list with dots is written a_1, \\dots, a_N", (node.start, node.end))
    template, first, end = _run(cells[:at], cells[-1])
    if template is None or first is None or first != _first_of(cells[0], template):
        raise ReadProblem("the pattern of this list is not clear", (node.start, node.end))
    axis = _axis_to(meaning, end, first)
    entry = _at(meaning, template, axis, axis)
    return Value((axis,), lambda k: entry(k, k), row=row)


def _run(before: list[Any], last: Any) -> tuple[Any, int | None, Any]:
    """The template of ``t_1, t_2, ..., t_N``, the number of the first item that follows it, and what stands for N."""
    template = _merge([before[-1], last], [(0, 0), (1, 1)])
    if template is None:
        return None, None, None
    number = _found(template, before[-1], ROW)
    if not isinstance(number, s.Number) or not number.text.isdigit():
        return None, None, None
    first = int(number.text)
    for item in reversed(before[:-1]):
        if first == 0 or dump(item) != dump(_filled(template, s.Number(0, 0, str(first - 1)), None)):
            break
        first -= 1
    return template, first, _found(template, last, ROW)


def _first_of(item: Any, template: Any) -> int | None:
    number = _found(template, item, ROW)
    return int(number.text) if isinstance(number, s.Number) and number.text.isdigit() else None


def written_out(
    meaning: Meaning, kind: str, signs: tuple[str, ...], parts: tuple[Any, ...], neutral: str
) -> tuple[list[str], list[Any]]:
    r"""The terms of ``a_1 + a_2 + \dots + a_N`` with the run in the middle as one sum; factors likewise."""
    at = next(k for k, p in enumerate(parts) if isinstance(p, s.Dots))
    span = (parts[at].start, parts[at].end)
    if at == 0 or at + 1 >= len(parts):
        raise ReadProblem("dots stand between the first terms and the last", span)
    template, first, end = _run(list(parts[:at]), parts[at + 1])
    if template is None or first is None:
        raise ReadProblem("the pattern of these dots is not clear", span)
    start = at
    while start > 0 and (number := _first_of(parts[start - 1], template)) is not None and number >= first:
        start -= 1
    run_signs = {*signs[start + 1 : at + 2]} | ({signs[start]} if kind == "sum" else set())
    if (kind == "sum" and len(run_signs) > 1) or (kind == "prod" and run_signs - {"", r"\cdot", r"\times"}):
        raise ReadProblem("the signs of the terms beside the dots differ", span)
    name = next(c for c in "lkmnpqrst" if c not in meaning.free and c not in meaning.bound and not _names(template, c))
    index = s.Name(span[0], span[1], name)
    binder = s.Binder(span[0], span[1], (index,), "=", s.Number(span[0], span[1], str(first)), end)
    body = _filled(template, index, None)
    big = s.Big(parts[start].start, parts[at + 1].end, kind, (binder,), body)
    return [*signs[: start + 1], *signs[at + 2 :]], [*parts[:start], big, *parts[at + 2 :]]


def _names(tree: Any, name: str) -> bool:
    return any(isinstance(n, s.Name) and n.text == name for n in walk(tree))


# -- explicit sizes ---------------------------------------------------------------------------------------------------
def explicit_sizes(pending: Pending) -> dict[str, int]:
    """``{N: 4}`` where one side is a name of N entries and the other writes out four."""
    record = pending.record
    meaning = Meaning(pending.reading.inventory, record.names, record.position, set())
    sides = []
    for tree in (record.left, record.right):
        mark = meaning.axes.mark()
        try:
            value = meaning.value(tree)
        except ReadProblem:
            meaning.axes.undo(mark)
            return {}
        sides.append(value)
    found: dict[str, int] = {}
    a, b = sides if sides[1].explicit else sides[::-1]
    if not b.explicit or a.rank != b.rank:
        return {}
    for x, y in zip(a.axes, b.axes, strict=True):
        name, count = meaning.axes.size(x), meaning.axes.size(y)
        if (
            isinstance(name, sp.Symbol)
            and isinstance(count, sp.Integer)
            and found.setdefault(name.name, int(count)) == int(count)
        ):
            continue
        if name != count:
            return {}
    return found
