"""The meaning of a formula: a syntax tree and the names in force -> a :class:`~derive.notes.shapes.Value`.

One :class:`Meaning` reads one statement. Index letters that no sum binds are free and shared by all links of a
statement; a letter that a sum binds gets a fresh symbol when it is in use already. A function of vectors is applied by
reading its body again with the argument in the place of its parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.calculus.language import MaxOver, MinOver
from derive.notes import syntax as s
from derive.notes.scope import Entity, Formula, Kind, Names
from derive.notes.shapes import Algebra, AxisVar, Fresh, ReadProblem, ShapeProblem, Value, make_sum, scalar_value

if TYPE_CHECKING:
    from derive.notes.inventory import Inventory

# -- tables -------------------------------------------------------------------------------------------------------
ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "exp": sp.exp,
    "log": sp.log,
    "ln": sp.log,
    "tanh": sp.tanh,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "coth": lambda x: sp.cosh(x) / sp.sinh(x),
    "sech": lambda x: 1 / sp.cosh(x),
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": lambda x: sp.sin(x) / sp.cos(x),
    "erf": sp.erf,
    "erfc": lambda x: 1 - sp.erf(x),
    "sign": sp.sign,
    "sgn": sp.sign,
    "abs": sp.Abs,
    "sqrt": sp.sqrt,
    "relu": lambda x: sp.Max(0, x),
    "ReLU": lambda x: sp.Max(0, x),
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
    "softplus": lambda x: sp.log(1 + sp.exp(x)),
}
COMPARE: dict[str, Callable[..., Any]] = {
    "=": sp.Eq, r"\ne": sp.Ne, "<": sp.Lt, ">": sp.Gt, r"\le": sp.Le, r"\ge": sp.Ge,
}  # fmt: skip
IDENTITY_NAMES = frozenset({"I", "Id", r"\mathrm{Id}", r"\operatorname{Id}", r"\mathbb{I}"})
NORMS = ("", "2", "1", "F", r"\infty")


def children(node: Any) -> Iterator[s.Node]:
    """The nodes directly below a node, through tuples."""
    for name in _field_names(type(node)):
        x = getattr(node, name)
        if isinstance(x, s.Node):
            yield x
        elif isinstance(x, tuple):
            yield from _nodes(x)


_FIELDS: dict[type, tuple[str, ...]] = {}


def _field_names(cls: Any) -> tuple[str, ...]:
    if cls not in _FIELDS:
        _FIELDS[cls] = tuple(
            f.name for f in fields(cls) if f.name not in ("start", "end", "text", "dress", "sign", "signs")
        )
    return _FIELDS[cls]


def _nodes(items: tuple[Any, ...]) -> Iterator[s.Node]:
    for x in items:
        if isinstance(x, s.Node):
            yield x
        elif isinstance(x, tuple):
            yield from _nodes(x)


def walk(node: Any) -> Iterator[Any]:
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))


def letter(node: Any) -> str | None:
    """The name that a tree is, if it is nothing but a name."""
    if isinstance(node, s.Name):
        return node.text
    if isinstance(node, s.Prime) and isinstance(node.base, s.Name):
        return node.base.text + "'" * node.count
    if isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        return letter(node.items[0])
    return None


def is_number(node: Any, text: str | None = None) -> bool:
    return isinstance(node, s.Number) and (text is None or node.text == text)


def whole(node: Any) -> int | None:
    """The number that a numeral without a point is."""
    return int(node.text) if isinstance(node, s.Number) and node.text.isdigit() else None


def paren_index(node: Any) -> tuple[s.Node, ...] | None:
    """The indices of ``x^{(n)}`` and ``x^{[n]}``."""
    while isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, s.Group) and node.opening in ("(", "[") and node.items:
        return node.items
    return None


def head_and_indices(node: Any) -> tuple[Any, tuple[s.Node, ...]]:
    """``x^{(n)}_j`` -> x and (n, j): the indices in parentheses come first."""
    while isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, s.Subscript):
        head, before = head_and_indices(node.base)
        return head, before + node.indices
    if isinstance(node, s.Superscript):
        inside = paren_index(node.exponent)
        if inside is not None:
            if isinstance(node.base, s.Subscript):
                head, before = head_and_indices(node.base.base)
                return head, before + inside + node.base.indices
            head, before = head_and_indices(node.base)
            return head, before + inside
    return node, ()


def free_letters(node: Any, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names that stand as an index and that no sum binds."""
    if isinstance(node, s.Big):
        inner = bound | {name for b in node.binders for i in b.indices if (name := letter(i)) is not None}
        for b in node.binders:
            for part in (b.first, b.last):
                if part is not None:
                    if b.relation == r"\ne":
                        yield from _letters_of_index(part, bound)
                    yield from free_letters(part, bound)
        yield from free_letters(node.body, inner)
        return
    if isinstance(node, s.Subscript):
        for i in node.indices:
            yield from _letters_of_index(i, bound)
    if isinstance(node, s.Superscript) and (inside := paren_index(node.exponent)):
        for i in inside:
            yield from _letters_of_index(i, bound)
    for child in children(node):
        yield from free_letters(child, bound)


def _letters_of_index(node: Any, bound: frozenset[str]) -> Iterator[str]:
    name = letter(node)
    if name is not None:
        if name not in bound:
            yield name
    elif isinstance(node, s.Terms | s.Factors | s.Group):
        for child in children(node):
            yield from _letters_of_index(child, bound)


# -- reading ------------------------------------------------------------------------------------------------------
@dataclass
class Bound:
    """An index: ``size`` is that of the range that was written for it; ``partial`` if an axis is longer than that."""

    symbol: sp.Symbol
    axis: AxisVar
    counted: bool = False  # the index stands as a number too
    subscript: bool = False
    partial: bool = False


class Meaning:
    def __init__(
        self, inventory: Inventory, names: Names, position: int, letters: set[str], taken: set[str] | None = None
    ) -> None:
        self.inventory = inventory
        self.axes = inventory.axes
        self.names = names
        self.position = position
        self.horizon = position
        self.section: tuple[int, ...] | None = None
        self.free = letters
        self.letters: dict[str, Bound] = {}
        self.bound: dict[str, Bound] = {}
        self.params: dict[str, Value] = {}
        self.rows: dict[str, Value] = {}
        self.given: dict[int, Value] = {}
        self.depth = 0
        self.fresh: Fresh = Fresh(taken if taken is not None else inventory.taken_names() | letters)
        self.algebra: Algebra = Algebra(self.axes, self.fresh)
        self.warnings: list[str] = []
        self.derived: list[tuple[str, str]] = []
        self.rows_as_columns = False
        self.denied = False  # what is read is said to be wrong
        self.free_index_axes = False  # declared ranges of indices are not insisted on
        self.level = 0
        self.used: dict[int, Entity] = {}
        self.touched: set[str] = set()  # free letters since somebody last looked

    def warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    # -- names ------------------------------------------------------------------------------------------------
    def entity(self, name: str) -> Entity | None:
        """What the note introduces under this name, here or further down; None if nowhere."""
        found = self.names.get(name) or self.dressed(name)
        if found is None:
            found = self.inventory.later(name, self.position)
            if found is not None and found.kind in (Kind.INDEX, Kind.LABEL, Kind.DIMENSION):
                found = self.inventory.later(name, self.position, self.horizon)
            elif found is not None and found.formula is None and self.section not in (None, found.section):
                found = None
            elif found is not None and self.inventory.later(name, self.position, self.horizon) is None:
                self.warn(f"${name}$ is used before it is introduced")
        return found if found is None else self.inventory.decide(found)

    def dressed(self, name: str) -> Entity | None:
        """``w_j`` where only ``\\mathbf{w}`` is introduced so far, though the note tells the two apart further down."""
        names = (n for n in self.inventory.dressed_names if n.endswith(f"{{{name}}}") and n in self.names)
        return next((self.names[n] for n in sorted(names)), None)

    def known(self, name: str) -> Entity:
        return self.entity(name) or self.inventory.implicit(name, self.names)

    def resolve(self, entity: Entity) -> Entity:
        self.used[id(entity)] = entity
        if not (entity.declared and entity.axes is not None and entity.defined_at > self.horizon):
            self.inventory.resolve(entity, self)
        return entity

    # -- indices ----------------------------------------------------------------------------------------------
    def free_letter(self, name: str) -> Bound:
        self.touched.add(name)
        if name not in self.letters:
            declared = self.names.get(name)
            axis = None
            if (
                declared is not None
                and declared.kind is Kind.INDEX
                and not self.free_index_axes
                and self.within(declared)
            ):
                axis = declared.range
            self.letters[name] = Bound(sp.Symbol(name, integer=True), axis or AxisVar(hint=""))
        return self.letters[name]

    def within(self, declared: Entity) -> bool:
        """The range that a note gives an index holds in the section where it is given."""
        return self.section is None or self.section[: len(declared.section)] == declared.section

    def index(self, node: Any, axis: AxisVar | None, what: str) -> sp.Expr:
        """The value of an index that runs over (a part of) the axis."""
        if isinstance(node, s.Group) and node.opening in "({" and len(node.items) == 1:
            return self.index(node.items[0], axis, what)
        name = letter(node)
        if name is not None:
            return self.index_name(name, axis, what, node)
        if isinstance(node, s.Number):
            return sp.Rational(node.text)
        if isinstance(node, s.Terms):
            parts = [self.index(t, None, what) for t in node.terms]
            return sp.Add(*(-p if sign == "-" else p for sign, p in zip(node.signs, parts, strict=True)))
        if isinstance(node, s.Factors) and all(x in ("", r"\cdot") for x in node.signs):
            return sp.Mul(*(self.index(f, None, what) for f in node.factors))
        head, indices = head_and_indices(node)
        if indices and isinstance(head, s.Name):
            return self.index_label(head, indices, axis, what)
        raise ReadProblem(f"this is not known as an index of {what}", _span(node))

    def index_name(self, name: str, axis: AxisVar | None, what: str, node: Any) -> sp.Expr:
        here = self.bound.get(name)
        if here is None and name in self.params and not self.params[name].rank:
            return self.params[name].entry()
        if here is None:
            entity = self.names.get(name) or self.inventory.later(name, self.position, self.horizon)
            if entity is not None and entity.kind is Kind.DIMENSION and not self.runs(name, entity, axis):
                return entity.sympy
            if entity is not None and entity.kind is Kind.LABEL:
                self.used[id(entity)] = entity
                if axis is not None and entity.range is not None:
                    self.unite_index(entity.range, axis, name, what, node)
                return entity.sympy
            here = self.free_letter(name)
        here.subscript = True
        if axis is not None and not self.part_of(here, axis):
            self.unite_index(here.axis, axis, name, what, node)
        return here.symbol

    def runs(self, name: str, dimension: Entity, axis: AxisVar | None) -> bool:
        """Whether the letter of a dimension is an index here: it stands on an axis of another size."""
        if name in self.letters:
            return True
        size = self.axes.size(axis) if axis is not None else None
        return size is not None and dimension.sympy not in sp.sympify(size).free_symbols

    def part_of(self, here: Bound, axis: AxisVar) -> bool:
        """Whether an index runs over a part of a longer axis: ``1, \\dots, N`` where the axis has ``0, \\dots, N``."""
        own, other = self.axes.size(here.axis), self.axes.size(axis)
        if own is None or other is None or own == other:
            return False
        longer = other - own
        if not (longer.is_Integer and abs(longer) == 1):
            return False
        if longer < 0:
            here.axis = axis
        here.partial = True
        self.warn(f"the index {here.symbol.name} runs over a part of an axis")
        return True

    def unite_index(self, own: AxisVar, axis: AxisVar, name: str, what: str, node: Any) -> None:
        if not self.axes.unite(own, axis):
            raise ShapeProblem(
                f"the index {name} runs over an axis of size {self.axes.show(own)}, and stands in {what} "
                f"where the axis has size {self.axes.show(axis)}",
                _span(node),
            )

    def index_label(self, head: s.Name, indices: tuple[s.Node, ...], axis: AxisVar | None, what: str) -> sp.Expr:
        entity = self.entity(head.text)
        if entity is None:
            entity = self.inventory.implicit_labels(head.text, len(indices))
        if entity.kind is not Kind.LABELS:
            raise ReadProblem(
                f"{head.text} stands as an index of {what} and is not declared as integer labels", _span(head)
            )
        self.used[id(entity)] = entity
        assert entity.axes is not None and entity.range is not None
        if len(indices) != len(entity.axes):
            raise ShapeProblem(f"{head.text} has {len(entity.axes)} axes and {len(indices)} indices here", _span(head))
        if axis is not None:
            self.unite_index(entity.range, axis, head.text, what, head)
        return entity.indexed[tuple(self.index(i, a, head.text) for i, a in zip(indices, entity.axes, strict=True))]

    def index_like(self, node: Any) -> bool:
        name = letter(node)
        if name is not None:
            if name in self.bound or name in self.free:
                return True
            entity = self.names.get(name) or self.inventory.later(name, self.position, self.horizon)
            return entity is not None and entity.kind in (Kind.INDEX, Kind.LABEL)
        head, indices = head_and_indices(node)
        if indices and isinstance(head, s.Name):
            entity = self.entity(head.text)
            return entity is not None and entity.kind is Kind.LABELS
        if isinstance(node, s.Terms):
            return any(self.index_like(t) for t in node.terms) and all(
                is_number(t) or self.index_like(t) for t in node.terms
            )
        return False

    def unknown_letter(self, node: Any) -> bool:
        """A letter that the note introduces as nothing else can be an index."""
        name = letter(node)
        return (
            name is not None
            and name not in self.params
            and self.entity(name) is None
            and not self.inventory.usage.get(name)
        )

    def index_pair(self, left: Any, right: Any) -> tuple[sp.Expr, sp.Expr] | None:
        """Both sides of a condition on indices; None if it is one on values."""
        sides = [self.index_like(side) for side in (left, right)]
        unknown = [self.unknown_letter(side) for side in (left, right)]
        if not all(a or b or is_number(c) for a, b, c in zip(sides, unknown, (left, right), strict=True)):
            return None
        if not any(sides) and not all(unknown):
            return None
        a, b = self.compared([left, right], "a condition")
        return a, b

    def compared(self, nodes: list[Any], what: str) -> list[sp.Expr]:
        """Indices that are compared run over one axis; a denial may compare those of two, as numbers."""
        axis, mark = AxisVar(), self.axes.mark()
        try:
            return [self.index(n, axis, what) for n in nodes]
        except ShapeProblem:
            if not self.denied:
                raise
            self.axes.undo(mark)
            self.warn("indices of two axes are compared")
            return [self.index(n, None, what) for n in nodes]

    # -- trees ------------------------------------------------------------------------------------------------
    def value(self, node: Any) -> Value:
        given = self.given.get(id(node))
        if given is not None:
            return given
        method = READERS.get(type(node))
        if method is None:
            raise ReadProblem(f"{type(node).__name__.lower()} is not known here", _span(node))
        self.level += 1
        if self.level > 150:
            raise ReadProblem("this formula is nested too deeply", _span(node))
        try:
            return method(self, node)
        except ReadProblem as problem:
            if problem.span is None and self.depth == 0:
                problem.span = _span(node)
            raise
        finally:
            self.level -= 1

    def scalar(self, node: Any, what: str) -> Value:
        value = self.value(node)
        if value.rank:
            raise ShapeProblem(f"{what} is a number, and this is {self.axes.show_shape(value)}", _span(node))
        return value

    def number(self, node: s.Number) -> Value:
        return scalar_value(sp.Rational(node.text))

    def name(self, node: s.Name) -> Value:
        name = node.text
        if name in self.params:
            return self.params[name]
        if name in self.bound:
            self.bound[name].counted = True
            return scalar_value(self.bound[name].symbol)
        if is_ones(node):
            return self.algebra.constant(int(name))
        entity = self.names.get(name)
        if entity is None and name in self.free and self.inventory.later_value(name, self.position) is None:
            return self.counted(name)
        entity = entity or self.entity(name)
        if entity is None:
            if name == "e":
                return scalar_value(sp.E)
            if name in (r"\pi", "π"):
                return scalar_value(sp.pi)
            if name in IDENTITY_NAMES:
                return self.algebra.identity()
            if name == r"\infty":
                raise ReadProblem("infinity is not a number of the language", _span(node))
            if node.dress == r"\mathbb":
                raise ReadProblem(f"\\mathbb{{{name}}} is not known here", _span(node))
            entity = self.unintroduced(node)
        return self.entity_value(entity, node)

    def unintroduced(self, node: s.Name) -> Entity:
        """A letter that the note never introduces is a free quantity; a word is not."""
        if node.word and len(node.text) > 1:
            raise ReadProblem(f"{node.text} is not known and not introduced{_nearest(node.text)}", _span(node))
        return self.inventory.implicit(node.text, self.names)

    def counted(self, name: str) -> Value:
        here = self.free_letter(name)
        here.counted = True
        return scalar_value(here.symbol)

    def entity_value(self, entity: Entity, node: Any) -> Value:
        if entity.kind is Kind.INDEX:
            return self.counted(entity.name)
        if entity.kind in (Kind.DIMENSION, Kind.LABEL):
            self.used[id(entity)] = entity
            return scalar_value(entity.sympy)
        self.resolve(entity)
        if entity.kind is Kind.FUNCTION:
            if entity.formula is None:
                raise ReadProblem(f"{entity.name} is a function and stands without its argument", _span(node))
            return self.apply_function(entity, self.own_arguments(entity.formula, node), 0, node)
        axes = entity.axes or ()
        if not axes:
            return scalar_value(entity.sympy)
        base = entity.indexed
        return Value(axes, lambda *i: base[i], row=entity.row)

    def own_arguments(self, formula: Formula, node: Any) -> list[Value]:
        """The bare name of a function of scalars is its value at its own parameters."""
        owns = [(param, self.names.get(param)) for param in formula.params]
        return [
            self.entity_value(own, node)
            if own is not None and own.kind is Kind.TENSOR
            else scalar_value(sp.Symbol(param, real=True))
            for param, own in owns
        ]

    # -- subscripts -------------------------------------------------------------------------------------------
    def subscript(self, node: Any) -> Value:
        head, indices = head_and_indices(node)
        if not indices:
            return self.superscript(node)
        if isinstance(head, s.Bars):
            return self.norm(head, letter(indices[0]) or str(getattr(indices[0], "text", "?")))
        if isinstance(head, s.Name):
            special = self.special_subscript(head, indices)
            if special is not None:
                return special
        if isinstance(head, s.Name) and head.text not in self.params:
            entity = self.entity(head.text) or self.unintroduced(head)
            if entity.kind is Kind.INDEX and self.inventory.usage.get(head.text):
                entity = self.inventory.implicit(head.text, {})
            if entity.kind in (Kind.DIMENSION, Kind.LABEL, Kind.FUNCTION, Kind.INDEX):
                raise ShapeProblem(f"{head.text} is a {entity.kind} and has no indices", _span(node))
            if entity.kind is Kind.LABELS:
                return scalar_value(self.index_label(head, indices, None, head.text))
            value, what = self.entity_value(entity, head), head.text
        else:
            value, what = self.value(head), "this expression"
        return self.at(value, indices, what, node)

    def special_subscript(self, head: s.Name, indices: tuple[s.Node, ...]) -> Value | None:
        if head.text in self.params or self.entity(head.text) is not None:
            return None
        if head.text == r"\delta" or (head.text in IDENTITY_NAMES and len(indices) == 2):
            entries = self.compared(list(indices), r"\delta")
            if len(entries) == 1:
                raise ReadProblem(f"{head.text} takes two indices")
            return scalar_value(sp.Mul(*(sp.KroneckerDelta(a, b) for a, b in pairwise(entries))))
        if is_ones(head) and len(indices) == 1:
            return None
        if head.text == "e" and len(indices) == 1 and letter(indices[0]) in self.free | self.bound.keys():
            axis = AxisVar()
            return self.algebra.unit(self.index(indices[0], axis, "a unit vector"), axis)
        return None

    def at(self, value: Value, indices: tuple[s.Node, ...], what: str, node: Any) -> Value:
        """An entry, a row, a column: the axes without an index stay."""
        if len(indices) > value.rank:
            shape = self.axes.show_shape(value)
            raise ShapeProblem(
                f"{what} is {shape}, and stands with {_count(len(indices), 'index', 'indices')} here", _span(node)
            )
        fixed: list[Any] = []
        for i, axis in zip(indices, value.axes, strict=False):
            if is_number(i, "0"):
                self.axes.count_from(axis, 0)
            fixed.append(None if isinstance(i, s.Wildcard) else self.index(i, axis, what))
        fixed += [None] * (value.rank - len(fixed))
        rest = tuple(a for f, a in zip(fixed, value.axes, strict=True) if f is None)
        if not rest:
            return Value((), lambda: value.entry(*fixed))

        def entry(*open_: Any) -> sp.Expr:
            it = iter(open_)
            return value.entry(*(next(it) if f is None else f for f in fixed))

        wild = [isinstance(i, s.Wildcard) for i in indices]
        row = len(rest) == 1 and value.rank == 2 and wild == [False, True] and not self.rows_as_columns
        if len(rest) == 1 and value.rank == 1:
            row = value.row
        return Value(rest, entry, row=row)

    def superscript(self, node: s.Superscript) -> Value:
        base, exponent = node.base, node.exponent
        if isinstance(base, s.Name) and base.text == "e" and self.entity("e") is None and "e" not in self.params:
            return self.algebra.map(sp.exp, self.value(exponent))
        value = self.value(base)
        if value.rank:
            return self.array_power(value, exponent, node)
        return self.algebra.combine(lambda b, e: b**e, [value, self.value(exponent)], "this power")

    def array_power(self, value: Value, exponent: Any, node: Any) -> Value:
        sign, body = _signed(exponent)
        if letter(body) == "T":
            return self.algebra.transpose(self.algebra.inverse(value) if sign < 0 else value)
        n = whole(body)
        if n is not None:
            if value.rank == 2:
                if not 1 <= n <= 64:
                    raise ReadProblem(f"the power {n} of a matrix is not known", _span(node))
                if self.algebra.biases and sign > 0 and self.algebra.oblong(value):
                    self.warn("a power of a matrix that is not square is read entry by entry")
                    return self.algebra.map(lambda x: x**n, value)
                base = self.algebra.inverse(value) if sign < 0 else value
                if n > 1:
                    self.algebra.square(value, "a power")
                return self.algebra.power(base, n)
            self.warn("a power of a vector is read entry by entry")
            return self.algebra.map(lambda x: x ** (sign * n), value)
        if value.rank == 1 or sign:
            power = self.scalar(exponent, "an exponent")
            if value.rank == 1:
                self.warn("a power of a vector is read entry by entry")
                return self.algebra.map(lambda x: x ** power.entry(), value)
        raise ReadProblem("this power of a matrix is not known", _span(node))

    def transpose(self, node: s.Transpose) -> Value:
        value = self.value(node.base)
        return self.algebra.transpose(self.algebra.inverse(value) if node.inverse else value)

    def prime(self, node: s.Prime) -> Value:
        name = letter(node)
        if name is not None and name in self.params:
            return self.params[name]
        if name is not None and (name in self.bound or self.names.get(name) is not None or name in self.free):
            return self.name(s.Name(node.start, node.end, name))
        head, indices = head_and_indices(node.base)
        primed = self.entity(head.text + "'" * node.count) if isinstance(head, s.Name) and indices else None
        if primed is not None:  # c_i' is entry i of c'
            return self.at(self.entity_value(primed, node), indices, primed.name, node)
        value = self.value(node.base)
        if value.rank and node.count == 1:
            return self.algebra.transpose(value)
        raise ReadProblem("a prime stands here behind what is neither a function nor a vector", _span(node))

    # -- groups -----------------------------------------------------------------------------------------------
    def group(self, node: s.Group) -> Value:
        if len(node.items) == 1:
            return self.value(node.items[0])
        if not node.items or node.opening == "{":
            raise ReadProblem("an empty or set-like bracket is not a value", _span(node))
        if any(isinstance(i, s.Dots) for i in node.items):
            from derive.notes.patterns import vector_pattern

            return vector_pattern(self, node, [None if isinstance(i, s.Dots) else i for i in node.items])
        parts = [self.value(i) for i in node.items]
        row = any(p.rank == 1 and p.row for p in parts)
        if any(p.rank == 1 and not p.row for p in parts) and row:
            raise ShapeProblem("rows and columns are stacked together", _span(node))
        return self.algebra.stack(parts, row)

    def bars(self, node: s.Bars) -> Value:
        if node.double:
            return self.norm(node, "")
        value = self.value(node.body)
        if value.rank == 2:
            return self.algebra.determinant(value)
        if value.rank:
            raise ReadProblem(
                "single bars around a vector can be a norm or absolute values; write \\|x\\|", _span(node)
            )
        return self.algebra.map(sp.Abs, value)

    def norm(self, node: s.Bars, kind: str) -> Value:
        value = self.value(node.body)
        if kind not in NORMS:
            raise ReadProblem(f"the norm with the subscript {kind} is not known", _span(node))
        if not value.rank:
            return self.algebra.map(sp.Abs, value)
        if value.rank == 2 and kind != "F":
            raise ReadProblem("this norm of a matrix is not known; the Frobenius norm is \\|X\\|_F", _span(node))
        if kind == "1":
            return self.algebra.sum_all(self.algebra.map(sp.Abs, value))
        if kind == r"\infty":
            return self.over_all(MaxOver, self.algebra.map(sp.Abs, value))
        return self.algebra.map(sp.sqrt, self.algebra.sum_all(self.algebra.map(lambda x: x**2, value)))

    def over_all(self, cls: Any, value: Value) -> Value:
        def entry() -> sp.Expr:
            finals = [(self.fresh.index(), self.axes.axis(a)) for a in value.axes]
            return cls(value.entry(*(k for k, _ in finals)), *((k, a.first, a.last) for k, a in finals))

        return Value((), entry)

    def angle(self, node: s.Angle) -> Value:
        return self.algebra.dot(replace(self.value(node.left), row=False), replace(self.value(node.right), row=False))

    # -- sums and products ------------------------------------------------------------------------------------
    def terms(self, node: s.Terms) -> Value:
        signs = []
        if any(isinstance(t, s.Dots) for t in node.terms):
            from derive.notes.patterns import written_out

            said, terms = written_out(self, "sum", node.signs, node.terms, "0")
            return self.terms(s.Terms(node.start, node.end, tuple(said), tuple(terms)))
        for sign in node.signs:
            if sign not in "+-":
                raise ReadProblem(f"{sign} has two values", _span(node))
            signs.append(-1 if sign == "-" else 1)
        return self.algebra.add(signs, [self.value(t) for t in node.terms])

    def factors(self, node: s.Factors) -> Value:
        if any(isinstance(f, s.Dots) for f in node.factors):
            from derive.notes.patterns import written_out

            said, factors = written_out(self, "prod", node.signs, node.factors, "1")
            return self.factors(s.Factors(node.start, node.end, tuple(said), tuple(factors)))
        read = self.applied(node)
        self.check_slash(node, read)
        blocks: list[tuple[str, Value]] = []
        for sign, value, _ in read:
            if blocks and sign in (r"\odot", r"\otimes", r"\circ"):
                blocks.append((sign, value))
            elif blocks:
                before, left = blocks[-1]
                blocks[-1] = (before, self.join(left, sign, value))
            else:
                blocks.append(("", value))
        out = blocks[0][1]
        for sign, value in blocks[1:]:
            out = self.algebra.outer(out, value) if sign == r"\otimes" else self.algebra.hadamard(out, value)
        return out

    def join(self, left: Value, sign: str, right: Value) -> Value:
        if sign == "/":
            return self.algebra.divide(left, right)
        if sign == r"\cdot" and left.rank == 1 and right.rank == 1 and left.row == right.row:
            return self.algebra.dot(left, right)
        if sign == r"\times" and left.rank and right.rank:
            raise ReadProblem("\\times between vectors or matrices is not known")
        return self.algebra.multiply(left, right)

    def check_slash(self, node: s.Factors, read: list[tuple[str, Value, Any]]) -> None:
        """``a/bc`` has two readings; ``1/2 x`` has one."""
        for k, (sign, _, _) in enumerate(read[:-1]):
            if sign == "/" and read[k + 1][0] == "" and not (is_number(read[k][2]) and is_number(read[k - 1][2])):
                raise ReadProblem("a/bc can be (a/b)c or a/(bc): write a fraction or parentheses", _span(node))

    def applied(self, node: s.Factors) -> list[tuple[str, Value, Any]]:
        """The factors, where a function has taken the parenthesis behind it."""
        out: list[tuple[str, Value, Any]] = []
        k = 0
        while k < len(node.factors):
            factor, sign = node.factors[k], node.signs[k]
            if k + 1 < len(node.factors) and node.signs[k + 1] == "":
                value = self.application(factor, node.factors[k + 1])
                if value is not None:
                    out.append((sign, value, node))
                    k += 2
                    continue
            out.append((sign, self.value(factor), factor))
            k += 1
        return out

    def application(self, function: Any, behind: Any) -> Value | None:
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
        if not isinstance(head, s.Name) or head.text in self.params or head.text in self.bound:
            return None
        entity = self.entity(head.text) if head.text in self.names else None
        if entity is None and not (head.text in self.free and not primes):
            entity = self.entity(head.text)
        if entity is None:
            return self.unknown_application(head, group, indices, primes)
        self.resolve(entity)
        if entity.kind not in (Kind.FUNCTION, Kind.MAP) and not (entity.depends and not indices):
            if primes:
                raise ReadProblem(f"{head.text} is not introduced as a function", _span(function))
            return None
        value = self.call(entity, group, primes, function)
        if indices:
            value = self.at(value, indices, head.text, function)
        if power is not None:
            exponent = self.scalar(power, "an exponent")
            value = self.algebra.map(lambda x: x ** exponent.entry(), value)
        self.given[id(group)] = value
        try:
            return self.value(behind)
        finally:
            del self.given[id(group)]

    def unknown_application(self, head: s.Name, group: s.Group, indices: tuple[Any, ...], primes: int) -> Value | None:
        if head.text == "softmax" and not primes and len(group.items) == 1:
            return None if indices else self.softmax(self.value(group.items[0]))
        if len(group.items) > 1 or primes:
            raise ReadProblem(
                f"{head.text} stands as a function and is not introduced; "
                f"declare it, e.g. {head.text} : \\mathbb{{R}} \\to \\mathbb{{R}}",
                _span(head),
            )
        if head.word or (not indices and head.text in "fgh" and isinstance(group.items[0], s.Name)):
            raise ReadProblem(
                f"{head.text}(…) can be a value of a function or a product: {head.text} is not introduced", _span(head)
            )
        return None

    def call(self, entity: Entity, group: s.Group, primes: int, node: Any) -> Value:
        if entity.kind is Kind.TENSOR:  # known through its gradient only
            return self.entity_value(entity, node)
        formula = entity.formula
        if formula is not None and len(group.items) != len(formula.params):
            raise ReadProblem(
                f"{entity.name} takes {_count(len(formula.params), 'argument', 'arguments')}, "
                f"and has {len(group.items)} here",
                _span(group),
            )
        if entity.kind is Kind.FUNCTION:
            return self.apply_function(entity, [self.value(i) for i in group.items], primes, node)
        assert formula is not None
        if primes:
            raise ReadProblem(f"{entity.name} is a function of vectors: its prime is not known", _span(node))
        own = self.own_formals(entity, formula, group)
        if own is not None:
            return own
        return self.substituted(entity, formula, [self.value(i) for i in group.items])

    def own_formals(self, entity: Entity, formula: Formula, group: s.Group) -> Value | None:
        """``F(x)`` with its own ``x`` is ``F``; ``f_k(x_{i:})`` is entry (i, k)."""
        indices: list[Any] = []
        for item, param in zip(group.items, formula.params, strict=True):
            head, given = head_and_indices(item)
            given = tuple(i for i in given if not isinstance(i, s.Wildcard))
            if letter(head) != param or param in self.params or len(given) != len(formula.rows.get(param, ())):
                return None
            if self.known(param) is not self.inventory.known_at(param, formula):
                return None
            indices.extend(given)
        value = self.entity_value(entity, group)
        return self.at(value, tuple(indices), entity.name, group) if indices else value

    def substituted(self, entity: Entity, formula: Formula, arguments: list[Value]) -> Value:
        """The body read again with the arguments in the place of the parameters."""
        inner = Meaning(self.inventory, formula.names, formula.position, set(), self.fresh.taken)
        inner.fresh = self.fresh
        inner.algebra = self.algebra
        inner.depth = self.depth + 1
        inner.used = self.used
        self.used.pop(id(entity), None)
        if inner.depth > 20:
            raise ReadProblem(f"{entity.name} is opened too deeply")
        for param, argument in zip(formula.params, arguments, strict=True):
            own = self.inventory.param_value(entity, param, self)
            if argument.zero and not argument.rank:
                argument = Value(own.axes, lambda *i: sp.Integer(0))
            if own.rank != argument.rank:
                raise self.algebra.mismatch(own, argument, f"the argument of {entity.name} and its parameter {param}")
            rows = formula.rows.get(param, ())
            inner.params[param] = replace(argument, row=False) if not rows else _behind(argument, len(rows))
        holes = {}
        for name in formula.formals:
            holes[name] = Bound(self.fresh.index(name), AxisVar())
        inner.bound = dict(holes)
        for rows in formula.rows.values():
            for name in rows:
                inner.bound.setdefault(name, Bound(self.fresh.index(name), AxisVar()))
        body = inner.value(formula.body)
        if not holes:
            return body
        formals = [holes[f] for f in formula.formals]
        n = len(formals)

        def entry(*i: Any) -> sp.Expr:
            # the formals are fresh symbols, and no binder inside bears their names
            return body.entry(*i[n:]).xreplace({b.symbol: x for b, x in zip(formals, i, strict=False)})

        return Value(tuple(b.axis for b in formals) + body.axes, entry)

    def apply_function(self, entity: Entity, arguments: list[Value], primes: int, node: Any) -> Value:
        f = sp.Function(entity.symbol)
        if primes and len(arguments) != 1:
            raise ReadProblem(f"the prime of {entity.name} needs one argument", _span(node))

        def at(*x: Any) -> sp.Expr:
            return f(*x) if not primes else derivative_at(f, x[0], primes)

        return self.algebra.combine(at, arguments, f"the arguments of {entity.name}")

    def builtin(self, node: s.Call) -> Value:
        """A function that the language knows; a note's own of this name comes first."""
        own = self.entity(node.function)
        if own is not None and own.kind in (Kind.FUNCTION, Kind.MAP):
            group = s.Group(node.start, node.end, "(", node.arguments)
            return self.raised(self.call(own, group, node.primes, node), node.power)
        special = SPECIAL_CALLS.get(node.function)
        if special is not None:
            if node.primes or node.base is not None:
                raise ReadProblem(f"{node.function} with this dress is not known", _span(node))
            return self.raised(special(self, node), node.power)
        f = ELEMENTWISE.get(node.function)
        if f is None or len(node.arguments) != 1:
            raise ReadProblem(f"the function {node.function} is not known{_nearest(node.function)}", _span(node))
        argument = self.value(node.arguments[0])
        if argument.rank == 2 and node.function in ("exp", "log", "sin", "cos"):
            self.warn(f"{node.function} of a matrix is read entry by entry")
        if node.primes:
            primes = node.primes
            value = self.algebra.map(lambda x: derivative_at(f, x, primes), argument)
        else:
            value = self.algebra.map(f, argument)
        if node.base is not None:
            base = self.scalar(node.base, "the base of a logarithm")
            value = self.algebra.map(lambda x: x / sp.log(base.entry()), value)
        return self.raised(value, node.power)

    def raised(self, value: Value, power: Any) -> Value:
        if power is None:
            return value
        if letter(power) == "T" and value.rank:
            return self.algebra.transpose(value)
        if is_number(power) or isinstance(power, s.Terms):
            sign, body = _signed(power)
            if sign < 0 and is_number(body, "1") and value.rank < 2:
                raise ReadProblem("f^{-1} can be an inverse function or a reciprocal")
        if value.rank == 2:
            return self.array_power(value, power, power)
        exponent = self.scalar(power, "an exponent")
        return self.algebra.map(lambda x: x ** exponent.entry(), value)

    def softmax(self, value: Value) -> Value:
        """Over the last axis."""
        if not value.rank:
            raise ShapeProblem("softmax needs a vector")

        def entry(*i: Any) -> sp.Expr:
            return sp.exp(value.entry(*i)) / self.algebra.total(
                value.axes[-1], lambda k: sp.exp(value.entry(*i[:-1], k))
            )

        return replace(value, entry=entry)

    def largest(self, node: s.Call) -> Value:
        cls, over = (sp.Max, MaxOver) if node.function == "max" else (sp.Min, MinOver)
        items = node.arguments
        if len(items) == 1 and isinstance(items[0], s.Group) and len(items[0].items) > 1:
            items = items[0].items
        values = [self.value(a) for a in items]
        if len(values) == 1:
            return self.over_all(over, values[0]) if values[0].rank else values[0]
        return self.algebra.combine(cls, values, f"the arguments of {node.function}")

    def fraction(self, node: s.Fraction) -> Value:
        return self.algebra.divide(self.value(node.numerator), self.value(node.denominator))

    def root(self, node: s.Root) -> Value:
        value = self.value(node.body)
        if node.degree is None:
            return self.algebra.map(sp.sqrt, value)
        n = whole(node.degree)
        if not n:
            raise ReadProblem("the degree of a root is a positive integer", _span(node.degree))
        if n % 2:
            return self.algebra.map(lambda x: sp.sign(x) * sp.Abs(x) ** sp.Rational(1, n), value)
        return self.algebra.map(lambda x: x ** sp.Rational(1, n), value)

    # -- binders ----------------------------------------------------------------------------------------------
    def big(self, node: s.Big) -> Value:
        outer = dict(self.bound)
        made: list[tuple[Bound, s.Binder, Any, Any, Any]] = []
        try:
            for binder in node.binders:
                self.take_binder(binder, made)
            body = self.value(node.body)
            exclusions = [self.exclusion(b, x, outer) for b, _, _, _, x in made if x is not None]
            spans = [self.settle(b, binder, first, last) for b, binder, first, last, _ in made]
        finally:
            self.bound = outer
        return self.big_value(node.kind, body, spans, exclusions)

    def take_binder(self, binder: s.Binder, made: list[tuple[Bound, s.Binder, Any, Any, Any]]) -> None:
        if binder.relation in (r"\in", "<", r"\le", ">", r"\ge"):
            raise ReadProblem(f"a sum whose index stands before {binder.relation} is not known", _span(binder))
        first = last = excluded = None
        if binder.relation == r"\ne":
            excluded = binder.first
            last = self.limit(binder.last) if binder.last is not None else None
        elif binder.first is not None:
            first = self.limit(binder.first)
            last = self.limit(binder.last) if binder.last is not None else None
        for i in binder.indices:
            name = letter(i)
            if name is None:
                raise ReadProblem("this is not known as the index of a sum", _span(i))
            again = next((k for k, m in enumerate(made) if self.bound.get(name) is m[0]), None)
            if again is None:
                made.append((self.bind(name, self.own_size(first, last)), binder, first, last, excluded))
            elif excluded is not None and made[again][4] is None:  # j = 1, j != i
                made[again] = (*made[again][:4], excluded)
            else:
                raise ReadProblem(f"the index {name} is bound twice", _span(binder))

    def limit(self, node: Any) -> sp.Expr:
        value = self.scalar(node, "a limit of a sum")
        return sp.expand(value.entry())

    def own_size(self, first: Any, last: Any) -> Any:
        """The size of a range that could be a whole axis."""
        if first is None or last is None or first not in (0, 1):
            return None
        size = sp.expand(last - first + 1)
        indices = {b.symbol for b in (*self.bound.values(), *self.letters.values())}
        return None if size.free_symbols & indices else size

    def bind(self, name: str, size: Any = None) -> Bound:
        busy = name in self.bound or name in self.free or name in self.letters
        if busy:
            self.warn(f"the bound index {name} has the name of an index that is in use")
        clash = (
            busy
            or (self.depth > 0 and name in self.fresh.taken)
            or any(name == b.symbol.name for b in self.bound.values())
        )
        symbol = self.fresh.index(name) if clash else sp.Symbol(name, integer=True)
        self.fresh.taken.add(symbol.name)
        bound = Bound(symbol, AxisVar(size))
        self.bound[name] = bound
        return bound

    def exclusion(self, bound: Bound, node: Any, outer: dict[str, Bound]) -> tuple[sp.Symbol, sp.Expr]:
        return bound.symbol, self.index(node, bound.axis, "a sum")

    def settle(self, bound: Bound, binder: s.Binder, first: Any, last: Any) -> Callable[[], tuple[Any, Any, Any]]:
        """The limits of a bound index, once all axes are known."""
        axes, axis, symbol = self.axes, bound.axis, bound.symbol
        if first is None or last is None:
            if axes.size(axis) is None:
                self.declared_range(bound, binder)

            def whole() -> tuple[Any, Any, Any]:
                final = axes.axis(axis)
                return symbol, final.first if first is None else first, final.last

            if first is None and axes.size(axis) is None and not bound.subscript:
                raise ReadProblem(f"the range of {symbol.name} is not known", _span(binder))
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

    def declared_range(self, bound: Bound, binder: s.Binder) -> None:
        for i in binder.indices:
            name = letter(i)
            if name is None or self.bound.get(name) is not bound:
                continue
            entity = self.names.get(name)
            if entity is not None and entity.kind is Kind.INDEX and entity.range is not None:
                self.axes.unite(bound.axis, entity.range)
                bound.subscript = True

    def big_value(self, kind: str, body: Value, spans: list[Any], exclusions: list[tuple[Any, Any]]) -> Value:
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

    # -- derivatives ------------------------------------------------------------------------------------------
    def variable(self, node: Any) -> Value:
        if isinstance(node, s.Transpose):
            node = node.base
        value = self.value(node)

        def entry(*i: Any) -> sp.Expr:
            x = value.entry(*i)
            if not isinstance(x, sp.Symbol | sp.Indexed) or x.is_integer:
                raise ReadProblem(f"the derivative with respect to {sp.latex(x)} is not known")
            return x

        return replace(value, entry=entry)

    def derived_body(self, node: Any, variables: tuple[Any, ...]) -> Value:
        """What is differentiated; the bare name of a function of one scalar is its value at the variable."""
        name = letter(node)
        if name is not None and name not in self.params and len(variables) == 1:
            entity = self.entity(name)
            if entity is not None and entity.kind is Kind.FUNCTION:
                at = self.value(variables[0])
                if not at.rank and (entity.formula is None or len(entity.formula.params) == 1):
                    return self.apply_function(entity, [at], 0, node)
        return self.value(node)

    def partial(self, node: s.Partial) -> Value:
        variables = tuple(v for v, _ in node.variables)
        body = self.derived_body(node.body, variables)
        steps: list[tuple[Value, Any]] = []
        total = 0
        for v, count in node.variables:
            value = self.variable(v)
            total += count
            if value.rank and count > 1:
                steps += [(value, 1)] * count
            else:
                steps.append((value, count))
        if total != node.order:
            raise ReadProblem(f"the derivative is of order {node.order} above and {total} below the line", _span(node))
        return self.differentiate(body, steps, node)

    def differentiate(self, body: Value, steps: list[tuple[Value, Any]], node: Any) -> Value:
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
        return self.laid_out(Value(axes, entry, derivative=True), body, wide, node)

    def laid_out(self, full: Value, body: Value, wide: list[Value], node: Any) -> Value:
        """The layout of a derivative by vectors and matrices; ``full`` has the body's axes, then the variables'."""
        declared = self.inventory.layout_of(node) if isinstance(node, s.Partial) else None
        own_shape = self.inventory.shape_of_variable
        if len(wide) > 1:
            if body.rank or any(v.rank > 1 for v in wide):
                raise ReadProblem("this higher derivative by vectors or matrices has no layout", _span(node))
            return full
        rank = wide[0].rank
        if body.rank == 0 and rank == 1:
            row = not own_shape if declared is None else declared.row
            return replace(full, row=row)
        if body.rank == 0 and rank == 2:
            if (
                declared is not None
                and not self.same_shape(declared, full)
                and self.same_shape(declared, self.algebra.transpose(full))
            ):
                own_shape = False
            elif declared is not None:
                own_shape = True
            convention = declared is None
            return replace(full if own_shape else self.algebra.transpose(full), derivative=convention)
        if body.rank == 1 and rank == 1:
            flip = self.inventory.denominator_layout
            return replace(self.algebra.transpose(full), derivative=True) if flip else full
        if rank == 2:
            n = body.rank
            return Value(
                full.axes[:n] + full.axes[n:][::-1], lambda *i: full.entry(*i[:n], i[n + 1], i[n]), derivative=True
            )
        return full

    def same_shape(self, a: Value, b: Value) -> bool:
        return a.rank == b.rank and all(
            self.axes.find(x) is self.axes.find(y)
            or (self.axes.size(x) is not None and self.axes.size(x) == self.axes.size(y))
            for x, y in zip(a.axes, b.axes, strict=True)
        )

    def nabla(self, node: s.Nabla) -> Value:
        variables = node.variables or self.only_parameter(node)
        if len(variables) != 1:
            raise ReadProblem("a gradient by several things at once is not known", _span(node))
        inner = node.body
        if isinstance(inner, s.Nabla) and node.order == inner.order == 1 and self.by_the_same(node, inner):
            return self.nabla(replace(inner, order=2))
        body = self.derived_body(node.body, variables)
        if body.rank:
            raise ReadProblem("a gradient of what is not a scalar has no layout: write a Jacobian", _span(node))
        x = self.variable(variables[0])
        if node.order == 1:
            return Value(x.axes, lambda *i: sp.Derivative(body.entry(), x.entry(*i)))
        if node.order != 2 or x.rank > 1:
            raise ReadProblem("this power of nabla is not known", _span(node))
        if not x.rank:
            return Value((), lambda: sp.Derivative(body.entry(), (x.entry(), 2)))
        return Value(x.axes * 2, lambda i, j: sp.Derivative(body.entry(), x.entry(i), x.entry(j)))

    def by_the_same(self, outer: s.Nabla, inner: s.Nabla) -> bool:
        r"""``\nabla_w \nabla_w L`` is the Hessian."""
        names = [[letter(v) for v in n.variables] for n in (outer, inner)]
        return len(names[0]) == 1 and names[0] == names[1] and None not in names[0]

    def only_parameter(self, node: s.Nabla) -> tuple[s.Node, ...]:
        """``\\nabla f``, ``\\nabla f(x)``: by the parameter that f is defined with."""
        body = node.body
        applied = isinstance(body, s.Factors) and len(body.factors) == 2 and isinstance(body.factors[1], s.Group)
        head = body.factors[0] if isinstance(body, s.Factors) and applied else body
        name = letter(head)
        entity = self.entity(name) if name is not None else None
        if entity is None or entity.formula is None or len(entity.formula.params) != 1:
            raise ReadProblem("\\nabla needs to say what it differentiates by", _span(node))
        param = entity.formula.params[0]
        if isinstance(body, s.Factors):
            inner = body.factors[1]
            if not isinstance(inner, s.Group) or len(inner.items) != 1 or letter(inner.items[0]) != param:
                raise ReadProblem("a gradient at a point can be by the point or by the parameter", _span(node))
        return (s.Name(node.start, node.end, param),)

    def evaluated(self, node: s.Evaluated) -> Value:
        body = self.value(node.body)
        points = []
        for condition in node.conditions:
            if condition.sign != "=":
                raise ReadProblem("a value is put in with =", _span(condition))
            variable, point = self.variable(condition.left), self.value(condition.right)
            if variable.rank or point.rank:
                raise ReadProblem("a vector that is put in afterwards is not known", _span(condition))
            points.append((variable, point))

        def entry(*i: Any) -> sp.Expr:
            out = body.entry(*i)
            for variable, point in points:
                out = sp.Subs(out, variable.entry(), point.entry())
            return out

        return replace(body, entry=entry)

    # -- conditions -------------------------------------------------------------------------------------------
    def condition(self, relations: tuple[s.Relation, ...]) -> Callable[..., Value]:
        """All relations hold: a function from two values to the value that is the first where they do."""
        tests: list[tuple[Callable[..., Any], list[Value]]] = []
        for r in relations:
            compare = COMPARE.get(r.sign)
            if compare is None:
                raise ReadProblem(f"the condition {r.sign} is not known", _span(r))
            pair = self.index_pair(r.left, r.right)
            if pair is not None:
                tests.append((compare, [scalar_value(pair[0]), scalar_value(pair[1])]))
            else:
                tests.append((compare, [self.value(r.left), self.value(r.right)]))
        return lambda yes, no: self.algebra.combine(
            lambda y, n, *ends: _choose(
                y, n, [f(a, b) for (f, _), a, b in zip(tests, ends[::2], ends[1::2], strict=True)]
            ),
            [yes, no, *(v for _, pair in tests for v in pair)],
            "a condition",
        )

    def indicator(self, node: s.Indicator) -> Value:
        value = scalar_value(sp.Integer(1))
        rest: list[s.Relation] = []
        for r in node.conditions:
            pair = self.index_pair(r.left, r.right) if r.sign in ("=", r"\ne") else None
            if pair is None:
                rest.append(r)
                continue
            delta = sp.KroneckerDelta(*pair)
            value = self.algebra.scale(value, scalar_value(delta if r.sign == "=" else 1 - delta))
        if not rest:
            return value
        truth = self.condition(tuple(rest))(scalar_value(sp.Integer(1)), scalar_value(sp.Integer(0)))
        return self.algebra.scale(value, truth)

    def cases(self, node: s.Cases) -> Value:
        rows = list(node.rows)
        out: Value | None = None
        if (rows and not rows[-1][1]) or (rows and self.complementary(rows)):
            out = self.value(rows.pop()[0])
        for body, conditions in reversed(rows):
            if not conditions:
                raise ReadProblem("only the last case can stand without a condition", _span(body))
            value = self.value(body)
            out = self.condition(conditions)(value, out if out is not None else scalar_value(sp.nan))
        if out is None:
            raise ReadProblem("cases without a case", _span(node))
        return out

    def complementary(self, rows: list[Any]) -> bool:
        """Two cases on i = j and i != j leave nothing out."""
        if len(rows) != 2 or any(len(c) != 1 for _, c in rows):
            return False
        (_, (a,)), (_, (b,)) = rows
        pairs = [self.index_pair(r.left, r.right) for r in (a, b)]
        return {a.sign, b.sign} == {"=", r"\ne"} and None not in pairs and set(pairs[0] or ()) == set(pairs[1] or ())

    # -- matrices ---------------------------------------------------------------------------------------------
    def matrix(self, node: s.Matrix) -> Value:
        from derive.notes.patterns import matrix_value

        return matrix_value(self, node)


def is_ones(node: s.Name) -> bool:
    r"""``\mathbf 1``, ``\mathbb 1``, ``\mathbf 0``."""
    return node.text in ("1", "0") and bool(node.dress)


def derivative_at(f: Any, x: Any, order: int) -> sp.Expr:
    """The derivative of a function of one variable, at x."""
    name = "u"
    taken = {str(a) for a in sp.sympify(x).free_symbols}
    while name in taken:
        name += "'"
    u = sp.Symbol(name, real=True)
    return sp.Subs(sp.Derivative(f(u), (u, order)), u, x)


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


def _behind(argument: Value, count: int) -> Value:
    """A vector in the place of the row family that a parameter names: the row's own indices are idle."""
    return Value(tuple(AxisVar() for _ in range(count)) + argument.axes, lambda *i: argument.entry(*i[count:]))


def _signed(node: Any) -> tuple[int, Any]:
    while isinstance(node, s.Group) and len(node.items) == 1:
        node = node.items[0]
    if isinstance(node, s.Terms) and len(node.terms) == 1:
        sign, body = _signed(node.terms[0])
        return (-sign if node.signs[0] == "-" else sign), body
    return 1, node


def _span(node: Any) -> tuple[int, int] | None:
    return (node.start, node.end) if isinstance(node, s.Node) else None


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [*ELEMENTWISE, *SPECIAL_CALLS], 1)
    return f"; is it {near[0]}?" if near else ""


def _one(f: Callable[[Meaning, Value], Value]) -> Callable[[Meaning, s.Call], Value]:
    def read(self: Meaning, node: s.Call) -> Value:
        if len(node.arguments) != 1:
            raise ReadProblem(f"{node.function} takes one argument", _span(node))
        return f(self, self.value(node.arguments[0]))

    return read


SPECIAL_CALLS: dict[str, Callable[[Meaning, s.Call], Value]] = {
    "max": Meaning.largest,
    "min": Meaning.largest,
    "diag": _one(lambda m, v: m.algebra.diag(v)),
    "tr": _one(lambda m, v: m.algebra.trace(v)),
    "Tr": _one(lambda m, v: m.algebra.trace(v)),
    "trace": _one(lambda m, v: m.algebra.trace(v)),
    "det": _one(lambda m, v: m.algebra.determinant(v)),
    "softmax": _one(lambda m, v: m.softmax(v)),
}

READERS: dict[type, Callable[[Meaning, Any], Value]] = {
    s.Number: Meaning.number,
    s.Name: Meaning.name,
    s.Subscript: Meaning.subscript,
    s.Superscript: Meaning.subscript,
    s.Transpose: Meaning.transpose,
    s.Prime: Meaning.prime,
    s.Group: Meaning.group,
    s.Bars: Meaning.bars,
    s.Angle: Meaning.angle,
    s.Terms: Meaning.terms,
    s.Factors: Meaning.factors,
    s.Fraction: Meaning.fraction,
    s.Root: Meaning.root,
    s.Call: Meaning.builtin,
    s.Big: Meaning.big,
    s.Partial: Meaning.partial,
    s.Nabla: Meaning.nabla,
    s.Evaluated: Meaning.evaluated,
    s.Indicator: Meaning.indicator,
    s.Cases: Meaning.cases,
    s.Matrix: Meaning.matrix,
}
