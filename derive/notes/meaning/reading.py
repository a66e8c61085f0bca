"""What reading a formula rests on: the names in force, the letters that are indices, and the table of readers.

One :class:`Meaning` reads one statement. Index letters that no sum binds are free and shared by all links of a
statement; a letter that a sum binds gets a fresh symbol when it is in use already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import sympy as sp

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, is_number, letter, span
from derive.notes.meaning.scope import Entity, Kind, Names
from derive.notes.meaning.shapes import Algebra, AxisVar, Fresh, ReadProblem, ShapeProblem, Value

if TYPE_CHECKING:
    from derive.notes.inventory import Inventory


@dataclass
class Bound:
    """An index: ``size`` is that of the range that was written for it; ``partial`` if an axis is longer than that."""

    symbol: sp.Symbol
    axis: AxisVar
    counted: bool = False  # the index stands as a number too
    subscript: bool = False
    partial: bool = False


class Meaning:
    readers: ClassVar[dict[type, Callable[[Meaning, Any], Value]]] = {}

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
        known = (self.names[n] for n in sorted(names))
        return next((e for e in known if e.kind not in (Kind.FUNCTION, Kind.MAP)), None)

    def known(self, name: str) -> Entity:
        return self.entity(name) or self.inventory.implicit(name, self.names)

    def resolve(self, entity: Entity) -> Entity:
        self.used[id(entity)] = entity
        if not (entity.declared and entity.axes is not None and entity.defined_at > self.horizon):
            self.inventory.resolve(entity, self)
        return entity

    # -- indices -----------------------------------------------------------------------------------------------
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
        raise ReadProblem(f"this is not known as an index of {what}", span(node))

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
                span(node),
            )

    def index_label(self, head: s.Name, indices: tuple[s.Node, ...], axis: AxisVar | None, what: str) -> sp.Expr:
        entity = self.entity(head.text)
        if entity is None:
            entity = self.inventory.implicit_labels(head.text, len(indices))
        if entity.kind is not Kind.LABELS:
            raise ReadProblem(
                f"{head.text} stands as an index of {what} and is not declared as integer labels", span(head)
            )
        self.used[id(entity)] = entity
        assert entity.axes is not None and entity.range is not None
        if len(indices) != len(entity.axes):
            raise ShapeProblem(f"{head.text} has {len(entity.axes)} axes and {len(indices)} indices here", span(head))
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
            and (name in self.inventory.letters or name not in self.inventory.valued)
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

    # -- values ------------------------------------------------------------------------------------------------
    def value(self, node: Any) -> Value:
        given = self.given.get(id(node))
        if given is not None:
            return given
        method = self.readers.get(type(node))
        if method is None:
            raise ReadProblem(f"{type(node).__name__.lower()} is not known here", span(node))
        self.level += 1
        if self.level > 150:
            raise ReadProblem("this formula is nested too deeply", span(node))
        try:
            return method(self, node)
        except ReadProblem as problem:
            if problem.span is None and self.depth == 0:
                problem.span = span(node)
            raise
        finally:
            self.level -= 1

    def scalar(self, node: Any, what: str) -> Value:
        value = self.value(node)
        if value.rank:
            raise ShapeProblem(f"{what} is a number, and this is {self.axes.show_shape(value)}", span(node))
        return value
