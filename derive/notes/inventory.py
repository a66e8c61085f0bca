"""What a whole note tells about its names, before and after the place where one stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import (
    dump,
    free_letters,
    head_and_indices,
    is_number,
    letter,
    paren_index,
    value_names,
    walk,
)
from derive.notes.meaning.functions import ELEMENTWISE
from derive.notes.meaning.reading import Bound
from derive.notes.meaning.scope import Entity, Formula, Kind, Names
from derive.notes.meaning.semantics import Meaning
from derive.notes.meaning.shapes import Axes, AxisVar, ReadProblem, ShapeProblem, Value, scalar_value
from derive.notes.means import COUNTS


class Inventory:
    """Axes, uses of names, what is introduced where, and the layouts that a note declares."""

    def __init__(self) -> None:
        self.axes = Axes()
        self.all_names: set[str] = set()
        self.dressed_names: frozenset[str] = frozenset()  # \mathbf{w} where w is another name
        self.usage: dict[str, int] = {}
        self.crossed: set[str] = set()  # names that are taken by a row and a column, neither of them the first
        self.scripted: dict[str, set[bool]] = {}  # whether its scripts have a superscript in parentheses
        self.letters: set[str] = set()
        self.valued: set[str] = set()
        self.turned: dict[str, int] = {}  # names that are transposed, with the indices that they have there
        self.limits: set[str] = set()
        self.introduced: dict[str, list[tuple[int, Entity]]] = {}
        self.named: set[str] = set()  # names that are introduced as something else than an index
        self.made: dict[str, Entity] = {}
        self.elsewhere: dict[str, int] = {}  # indices that other topics of the note give to names
        self.lost: dict[str, str] = {}  # names of which only an equation that is not read would say what they are
        self.layouts: dict[str, Value] = {}
        self.by: dict[str, list[str]] = {}
        self.laid_out: list[tuple[s.Partial, Value]] = []  # derivatives that are declared, with their shapes
        self.shape_of_variable = False
        self.denominator_layout = False

    # -- what trees use ---------------------------------------------------------------------------------------
    def survey(self, tree: Any) -> None:
        inner: set[int] = set()  # parts of a name with its scripts that was counted
        for node in walk(tree):
            if isinstance(node, s.Name):
                self.all_names.add(node.text)
            elif isinstance(node, s.Prime) and (name := letter(node)):
                self.all_names.add(name)
            elif isinstance(node, s.Subscript | s.Superscript):
                head, indices = head_and_indices(node)
                if isinstance(head, s.Name) and indices:
                    self.usage[head.text] = max(self.usage.get(head.text, 0), len(indices))
                    if len(indices) == 2 and not any(is_number(i, "1") for i in indices):
                        self.crossed.add(head.text)
                    members = any(isinstance(n, s.Superscript) and paren_index(n.exponent) for n in _layers(node))
                    if id(node) not in inner:
                        self.scripted.setdefault(head.text, set()).add(members)
                    inner |= {id(n) for n in _layers(node)}
                if _is_turned(node):
                    self.transposed(node.base)
            elif isinstance(node, s.Transpose):
                self.transposed(node.base)
            elif isinstance(node, s.Partial | s.Nabla):
                self.differentiated(node)
            elif isinstance(node, s.Factors):
                self.applied(node)
                for left, right, sign in zip(node.factors, node.factors[1:], node.signs[1:], strict=False):
                    if not sign and _is_turned(left) and head_and_indices(right)[1]:
                        self.transposed(right)  # w_j^T x_i: x_i is a vector, too
            elif isinstance(node, s.Binder):
                for part in (node.first, node.last) if node.relation == "=" else ():
                    self.limits |= {n.text for n in walk(part) if isinstance(n, s.Name)} if part is not None else set()
        self.letters |= set(free_letters(tree))
        self.valued |= set(value_names(tree))

    def transposed(self, node: s.Node) -> None:
        head, indices = head_and_indices(node)
        if isinstance(head, s.Name):
            self.turned[head.text] = max(self.turned.get(head.text, 0), len(indices))

    def differentiated(self, node: s.Partial | s.Nabla) -> None:
        body = letter(node.body)
        below = [v for v, _ in node.variables] if isinstance(node, s.Partial) else list(node.variables)
        for v in below:
            self._argument(body, letter(head_and_indices(v)[0]))

    def applied(self, node: s.Factors) -> None:
        """``f(x)``, which may be a product too."""
        for head, group in zip(node.factors, node.factors[1:], strict=False):
            if isinstance(group, s.Group) and group.opening == "(" and len(group.items) == 1:
                self._argument(letter(head), letter(group.items[0]))

    def _argument(self, name: str | None, argument: str | None) -> None:
        if name is not None and argument is not None and argument not in self.by.setdefault(name, []):
            self.by[name].append(argument)

    def arguments_of(self, name: str) -> list[str]:
        """What a scalar is differentiated by, or stands in front of, somewhere in the note."""
        return self.by.get(name, [])

    # -- names ------------------------------------------------------------------------------------------------
    def introduce(self, entity: Entity, position: int) -> None:
        self.introduced.setdefault(entity.name, []).append((position, entity))
        if entity.kind is not Kind.INDEX:
            self.named.add(entity.name)

    def taken_names(self) -> set[str]:
        """Names that no index of our own may bear."""
        return self.named | self.made.keys()

    def later(self, name: str, position: int, horizon: int | None = None) -> Entity | None:
        """What a name is introduced as further down, up to the horizon."""
        return next(
            (e for at, e in self.introduced.get(name, ()) if at > position and (horizon is None or at <= horizon)), None
        )

    def later_value(self, name: str, position: int) -> Entity | None:
        found = self.later(name, position)
        return found if found is not None and found.kind is not Kind.INDEX else None

    def implicit(self, name: str, names: Names) -> Entity:
        """A name that the note never introduces: a row family's other name, a dimension, or a free tensor."""
        family = self.family(name, names)
        if family is not None:
            return family
        if name in self.lost:
            raise ReadProblem(self.lost[name])
        if name not in self.made:
            if name in self.limits and not self.usage.get(name):
                self.made[name] = Entity(name, Kind.DIMENSION)
            else:
                self.made[name] = Entity(
                    name, Kind.TENSOR, axes=tuple(AxisVar(hint=name) for _ in range(self.implied_rank(name)))
                )
        return self.made[name]

    def bare_counts(self) -> list[str]:
        """Letters of numbers that the note never introduces and that may be sizes."""
        return sorted(n for n, e in self.made.items() if n in COUNTS and e.kind is Kind.TENSOR and e.axes == ())

    def is_vector_family(self, name: str) -> bool:
        """``x^{(i)}``, ``x^{(i)}_j`` of a name that the note never introduces."""
        return name not in self.introduced and self.usage.get(name, 0) == 2 and self.scripted.get(name) == {True}

    def implied_rank(self, name: str) -> int:
        rank = self.usage.get(name, 0)
        if self.turned.get(name) != rank:
            return rank or self.elsewhere.get(name, 0)
        return 2 if not rank and name[:1].isupper() else rank + 1

    def family(self, name: str, names: Names) -> Entity | None:
        """``w`` beside a declared matrix ``W``, ``W`` beside a declared family ``w``."""
        other = (
            name.swapcase()
            if len(name) == 1
            else "\\" + name[1:].swapcase()[0] + name[2:]
            if name.startswith("\\")
            else ""
        )
        entity = names.get(other)
        if entity is None or entity.kind is not Kind.TENSOR or entity.axes is None or len(entity.axes) != 2:
            return None
        if name.islower() and not 1 <= self.usage.get(name, 0) <= 2:
            return None
        if not name.islower() and not entity.family:
            return None
        return entity

    def implicit_labels(self, name: str, count: int) -> Entity:
        if name not in self.made:
            self.made[name] = Entity(name, Kind.LABELS, axes=tuple(AxisVar() for _ in range(count)), range=AxisVar())
        return self.made[name]

    def known_at(self, name: str, formula: Formula) -> Entity:
        return formula.names.get(name) or self.later_value(name, formula.position) or self.implicit(name, formula.names)

    # -- definitions ------------------------------------------------------------------------------------------
    def resolve(self, entity: Entity, asking: Meaning | None = None) -> None:
        """Read the definition of a name, once: its axes are known afterwards."""
        self.decide(entity)
        if entity.problem is not None:
            raise ReadProblem(entity.problem)
        if entity.formula is None or entity.value is not None:
            return
        if entity.busy:
            raise ReadProblem(f"{entity.name} is defined through itself")
        entity.busy = True
        try:
            self._attempt(entity)
        except ReadProblem as problem:
            entity.problem = f"the definition of {entity.name} could not be read: {problem.message}"
            problem.message = entity.problem
            raise
        finally:
            entity.busy = False

    def _attempt(self, entity: Entity) -> None:
        """The first reading whose shapes fit; the message is that of the plainest one."""
        mark, kind = self.axes.mark(), entity.kind
        first: ShapeProblem | None = None
        for stands, free_index_axes in ((kind, False), (kind, True), *self._otherwise(entity)):
            entity.kind = stands
            try:
                self._read_definition(entity, free_index_axes)
                return
            except ShapeProblem as problem:
                first = first or problem
                self.axes.undo(mark)
        assert first is not None
        entity.kind = kind
        raise first

    def _otherwise(self, entity: Entity) -> tuple[tuple[Kind, bool], ...]:
        """A function of numbers with a matrix as its value; a parameter that bears the name of a vector and is none."""
        formula = entity.formula
        if formula is None or formula.formals or not self._takes_numbers(formula):
            return ()
        return (({Kind.FUNCTION: Kind.MAP, Kind.MAP: Kind.FUNCTION}.get(entity.kind, entity.kind), False),)

    def _takes_numbers(self, formula: Formula) -> bool:
        """Whether the body of a function of vectors, as their names are known, has a meaning for numbers."""
        return bool(formula.params) and not formula.rows and all(self._untouched(p, formula) for p in formula.params)

    def _read_definition(self, entity: Entity, free_index_axes: bool) -> None:
        """``free_index_axes`` for what does not fit as it stands: then ``Z = X W + b`` adds ``b`` to each row, too."""
        formula = entity.formula
        assert formula is not None
        rows = [i for indices in formula.rows.values() for i in indices]
        formals = tuple(dict.fromkeys([*rows, *formula.formals]))
        meaning = Meaning(self, formula.names, formula.position, set(free_letters(formula.body)) | set(formals))
        meaning.free_index_axes = meaning.algebra.biases = free_index_axes
        meaning.horizon, meaning.section = formula.horizon, formula.section
        if entity.kind is Kind.FUNCTION:
            for param in formula.params:
                meaning.params[param] = scalar_value(sp.Symbol(param, real=True))
        bounds = [meaning.free_letter(f) for f in formals]
        self._declared_axes(entity, bounds, meaning)
        body = meaning.value(formula.body)
        self._fit_body(entity, body, bounds, meaning)
        stray = [name for name, b in meaning.letters.items() if name not in formals]
        if stray and any(self._is_open(name, formula) for name in stray):
            names = ", ".join(stray)
            raise ReadProblem(f"the index {names} stands free on the right side only")
        entity.value = body
        entity.warnings = tuple(meaning.warnings)
        entity.uses = [e for e in meaning.used.values() if e is not entity]
        entity.formal_symbols = tuple(b.symbol for b in bounds)
        if entity.kind is not Kind.FUNCTION:
            entity.component_symbols = tuple(meaning.fresh.index() for _ in body.axes)
            entity.axes = tuple(b.axis for b in bounds) + body.axes
            entity.row = body.row and not bounds
        elif body.rank:
            raise ShapeProblem(f"{entity.name} is a function of numbers, and its value is {self.axes.show_shape(body)}")

    def _is_open(self, name: str, formula: Formula) -> bool:
        entity = formula.names.get(name) or self.later(name, formula.position, formula.horizon)
        return entity is None or entity.kind not in (Kind.LABEL, Kind.DIMENSION)

    def _declared_axes(self, entity: Entity, bounds: list[Bound], meaning: Meaning) -> None:
        for bound, axis in zip(bounds, entity.axes or (), strict=False):
            meaning.unite_index(bound.axis, axis, bound.symbol.name, entity.name, None)

    def _fit_body(self, entity: Entity, body: Value, bounds: list[Bound], meaning: Meaning) -> None:
        if entity.axes is None:
            return
        declared = Value(entity.axes[len(bounds) :], body.entry)
        if len(entity.axes) < len(bounds):
            raise ShapeProblem(
                f"{entity.name} is declared with {len(entity.axes)} axes and defined with {len(bounds)} indices"
            )
        if body.rank == 0 and declared.rank and body.zero:
            return
        meaning.algebra.fit(declared, body, f"the two sides of the definition of {entity.name}")

    def param_value(self, entity: Entity, param: str, asking: Meaning) -> Value:
        """What a parameter stands for where its function is defined; only its shape is of interest."""
        formula = entity.formula
        assert formula is not None
        own = self.known_at(param, formula)
        self.resolve(own, asking)
        skip = len(formula.rows.get(param, ()))
        return Value((own.axes or ())[skip:], lambda *i: sp.Integer(0), row=False)

    def decide(self, entity: Entity) -> Entity:
        """Whether a function takes numbers: then it is one of SymPy's, else its name stands for its value."""
        if entity.undecided and entity.formula is not None:
            entity.undecided = False
            try:
                if not entity.formula.formals and self.scalar_params(entity.formula):
                    entity.kind = Kind.FUNCTION
            except ReadProblem as problem:
                entity.problem = f"the definition of {entity.name} could not be read: {problem.message}"
        return entity

    def scalar_params(self, formula: Formula) -> bool:
        """Whether a function takes numbers: nothing in its body treats an argument as a vector."""
        if formula.rows:
            return False
        if all(self._scalar_param(p, formula) for p in formula.params):
            return True
        return len(formula.params) == 1 and not formula.formals and self.elementwise(formula.body, formula)

    def _scalar_param(self, param: str, formula: Formula) -> bool:
        entity = formula.names.get(param) or self.later(param, formula.position, formula.horizon)
        if entity is not None and entity.kind is Kind.TENSOR:
            if entity.axes is None and entity.formula is not None:
                self.resolve(entity)
            return not entity.axes
        if entity is not None and entity.kind in (Kind.LABEL, Kind.LABELS, Kind.DIMENSION):
            return False
        if entity is None and self.usage.get(param) and not f_has(formula.body, param):
            return False  # it depends on the argument through other names, and the note gives that one indices
        return self._untouched(param, formula)

    def _untouched(self, param: str, formula: Formula) -> bool:
        """Whether a body takes no entry, transpose or norm of a parameter."""
        for node in walk(formula.body):
            if isinstance(node, s.Subscript | s.Superscript):
                head, indices = head_and_indices(node)
                if indices and letter(head) == param:
                    return False
            if isinstance(node, s.Transpose) and letter(node.base) == param:
                return False
            if isinstance(node, s.Bars) and node.double and param in {letter(n) for n in walk(node)}:
                return False
        return True

    def elementwise(self, body: Any, formula: Formula) -> bool:
        for node in walk(body):
            if isinstance(node, s.Name):
                entity = formula.names.get(node.text) or self.later(node.text, formula.position, formula.horizon)
                wide = entity is not None and entity.kind is Kind.TENSOR and bool(entity.axes)
                of_vectors = entity is not None and (entity.kind is Kind.MAP or bool(entity.depends))
                if (wide or of_vectors) and node.text not in formula.params:
                    return False
            elif isinstance(node, s.Call):
                if node.function not in ELEMENTWISE and node.function not in ("max", "min"):
                    return False
            elif isinstance(node, s.Factors):
                if sum(f_has(f, formula.params[0]) for f in node.factors) > 1 and r"\odot" not in node.signs:
                    return False
            elif not isinstance(node, ELEMENTWISE_NODES):
                return False
        return True

    # -- layouts ----------------------------------------------------------------------------------------------
    def layout_of(self, node: s.Partial) -> Value | None:
        return self.layouts.get(dump(node))


ELEMENTWISE_NODES = (
    s.Number, s.Terms, s.Group, s.Fraction, s.Superscript, s.Root, s.Prime, s.Cases, s.Indicator, s.Relation,
)  # fmt: skip


def f_has(node: Any, name: str) -> bool:
    return any(isinstance(n, s.Name) and n.text == name for n in walk(node))


def _is_turned(node: Any) -> bool:
    return isinstance(node, s.Transpose) or (isinstance(node, s.Superscript) and letter(node.exponent) == "T")


def _layers(node: Any) -> Iterator[Any]:
    """A name with its scripts, from the outermost in."""
    while isinstance(node, s.Subscript | s.Superscript):
        yield node
        node = node.base
