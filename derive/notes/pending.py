"""Claims and assumptions between their two walks: read into values, then written down as expressions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.calculus.setting import Assumption, Axis, Setting
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import free_letters, head_and_indices, letter, walk
from derive.notes.losses import same_on_both_sides
from derive.notes.meaning.conditions import COMPARE
from derive.notes.meaning.reading import Bound
from derive.notes.meaning.scope import Entity
from derive.notes.meaning.scope import Kind as Stands
from derive.notes.meaning.semantics import Meaning
from derive.notes.meaning.shapes import AxisVar, ReadProblem, ShapeProblem, Value
from derive.notes.note import Claim, Relation
from derive.notes.properties import property_relations
from derive.notes.records import (
    AssumptionRecord,
    LinkRecord,
)
from derive.notes.statements import DECLARES
from derive.notes.supposed import Supposition, suppositions

if TYPE_CHECKING:
    from derive.notes.reading import Reading

EQUAL_SIGNS = frozenset({"=", ":=", r"\equiv"})


@dataclass
class Pending:
    """A claim or an assumption whose values are read and not yet written down."""

    reading: Reading
    record: Any
    meaning: Meaning | None = None
    left: Value | None = None
    right: Value | None = None
    problem: str | None = None
    transposed: bool = False
    warnings: list[str] = field(default_factory=list)
    relations: list[tuple[Any, Any, Any]] = field(default_factory=list)
    built: list[tuple[sp.Basic, frozenset[sp.Symbol], dict[sp.Symbol, AxisVar]]] | None = None
    names: Any = None

    @property
    def axes(self) -> Any:
        return self.reading.inventory.axes

    @property
    def used(self) -> dict[int, Entity]:
        return self.meaning.used if self.meaning is not None else {}

    # -- claims -----------------------------------------------------------------------------------------------
    def read_link(self) -> None:
        record = self.record
        self.problem = record.problem
        if self.problem is not None or record.left is None or record.right is None:
            self.lose()
            return
        first: ReadProblem | None = None
        for attempt in self.attempts():
            mark = self.axes.mark()
            try:
                self.attempt_link(**attempt)
                return
            except ReadProblem as problem:
                self.axes.undo(mark)
                if first is None:
                    first = problem
                if not isinstance(problem, ShapeProblem):
                    break
        assert first is not None
        self.meaning = None
        self.problem = self.located(first)
        self.lose()

    def lose(self) -> None:
        """What an equation that is not read may have been to introduce is not taken for a free quantity."""
        record, inventory = self.record, self.reading.inventory
        if record.sign not in EQUAL_SIGNS or record.left is None:
            return
        left = record.left.factors[0] if isinstance(record.left, s.Factors) else record.left
        name = letter(head_and_indices(left)[0])
        if name is None or name in record.names or name in inventory.introduced or name in inventory.made:
            return
        if isinstance(record.left, s.Factors) and not is_application(record.left):
            return
        inventory.lost[name] = f"{name} stands on the left of an equation that is not read"

    def attempts(self) -> Iterable[dict[str, Any]]:
        special = dict(self.record.special)
        yield {"special": special}
        yield {"special": special, "free_index_axes": True}
        text = self.record.left_latex + self.record.right_latex
        if ":" in text or r"\cdot" in text:
            yield {"special": special, "rows_as_columns": True}
        sizes = explicit_size(self)
        if sizes:
            yield {"special": {**special, **sizes}, "noted": True}

    def attempt_link(
        self, special: dict[str, int], free_index_axes: bool = False, rows_as_columns: bool = False, noted: bool = False
    ) -> None:
        record, reading = self.record, self.reading
        names = record.names
        if special:
            names = reading.special(names, special)
        letters = set(free_letters(record.left)) | set(free_letters(record.right))
        meaning = Meaning(reading.inventory, names, record.position, letters)
        meaning.free_index_axes, meaning.rows_as_columns = free_index_axes, rows_as_columns
        meaning.denied = not record.expected
        meaning.horizon, meaning.section = record.horizon, record.section
        self.meaning, self.names = meaning, names
        left = meaning.value(record.left)
        sides = [set(meaning.touched)]
        meaning.touched.clear()
        used, meaning.used = meaning.used, {}
        right = meaning.value(record.right)
        same_on_both_sides(used.values(), meaning.used.values())
        meaning.used = {**used, **meaning.used}
        sides.append(set(meaning.touched))
        self.left, self.right = self.fitted(left, right)
        self.warnings = list(meaning.warnings)
        if free_index_axes:
            self.warnings.append("an index runs over another axis here than the one that it is declared for")
        if rows_as_columns:
            self.warnings.append("rows are read as columns: as rows, the shapes do not fit")
        if noted:
            self.warnings.append("read for " + ", ".join(f"{k} = {v}" for k, v in special.items()))
        self.one_sided(record, sides)

    def one_sided(self, record: LinkRecord, sides: list[set[str]]) -> None:
        """A free index on one side only is judged like any other, and is worth a warning."""
        assert self.meaning is not None
        if "partial" in record.right_latex or "partial" in record.left_latex:
            repeated = (einstein(record.right, sides[0]) | einstein(record.left, sides[1])) & set(self.meaning.letters)
            if repeated:
                raise ReadProblem(
                    f"{', '.join(sorted(repeated))} is repeated in a product of derivatives and is on one side only: "
                    "it can be summed over (write \\sum) or be free"
                )
        for names, where in ((sides[0] - sides[1], "left"), (sides[1] - sides[0], "right")):
            if names and not _zero(self.right if where == "left" else self.left):
                self.warnings.append(f"the index {', '.join(sorted(names))} is free on the {where} side only")

    def fitted(self, left: Value, right: Value) -> tuple[Value, Value]:
        """The two sides with the same axes; 0 fits all, a row fits a column up to transposition."""
        assert self.meaning is not None
        algebra = self.meaning.algebra
        if left.zero and not left.rank and right.rank:
            return Value(right.axes, lambda *i: sp.Integer(0), row=right.row), right
        if right.zero and not right.rank and left.rank:
            return left, Value(left.axes, lambda *i: sp.Integer(0), row=left.row)
        mark = self.axes.mark()
        try:
            algebra.fit(left, right, "the two sides")
        except ShapeProblem:
            self.axes.undo(mark)
            if left.rank != 2 or right.rank != 2 or not (left.derivative or right.derivative):
                raise
            flipped = algebra.transpose(right)
            try:
                algebra.fit(left, flipped, "the two sides")
            except ShapeProblem:
                self.axes.undo(mark)
                raise algebra.mismatch(left, right, "the two sides") from None
            self.transposed = True
            return left, flipped
        self.transposed = left.rank == 1 and left.row != right.row
        return left, right

    def located(self, problem: ReadProblem) -> str:
        formula = self.record.formula
        if problem.span is None or formula is None:
            return problem.message
        start, end = problem.span
        if not 0 <= start < len(formula.places):
            return problem.message
        place = formula.places[start]
        part = formula.latex[start:end].strip()
        part = part if len(part) <= 60 else part[:59] + "…"
        return f"{problem.message}, at ${part}$ (line {place.line}, column {place.column})"

    def claim(self) -> Claim:
        record = self.record
        sign = record.sign
        relation = (
            Relation.EQUAL if sign in EQUAL_SIGNS else Relation.APPROXIMATE if sign == r"\approx" else Relation.OTHER
        )
        left = right = doubt = None
        axes: tuple[sp.Symbol, ...] = ()
        setting = Setting()
        tolerance = None
        supposed: tuple[Supposition, ...] = ()
        if self.problem is None and self.meaning is not None:
            try:
                left, right, axes = self.written_sides()
                setting = self.setting(left, right, record.conditions)
                doubt = self.doubted(left, right)
                sizes = self.axes.invented.values()
                supposed = tuple(suppositions(left, right, setting, sizes, self.reading.inventory.bare_counts()))
                if relation is Relation.APPROXIMATE:
                    tolerance = shown_tolerance(record.right)
            except ReadProblem as problem:
                self.problem, left, right = self.located(problem), None, None
            except RecursionError:
                self.problem, left, right = "this formula is nested too deeply", None, None
        latex = f"{record.left_latex} {sign} {record.right_latex}"
        return Claim(
            record.place, latex, record.left_latex, record.right_latex, left, right, setting, relation, tolerance,
            record.expected, record.continues, record.reason,
            self.problem if relation is not Relation.OTHER or sign in DECLARES else None,
            self.transposed, tuple(dict.fromkeys(self.warnings)), record.section, doubt, axes, supposed,
        )  # fmt: skip

    def setting(self, left: sp.Expr, right: sp.Expr, conditions: Sequence[AssumptionRecord]) -> Setting:
        record = self.record
        assert self.meaning is not None
        found = self.reading.setting(
            [self.meaning], self.names, record.horizon, record.section, [left, right], conditions
        )
        return self.fixed(found)

    def doubted(self, left: sp.Expr, right: sp.Expr) -> Setting | None:
        record = self.record
        return self.setting(left, right, [*record.conditions, *record.doubtful]) if record.doubtful else None

    def written_sides(self) -> tuple[sp.Expr, sp.Expr, tuple[sp.Symbol, ...]]:
        """The entries of the two sides, and their indices where the sides are vectors or matrices."""
        assert self.left is not None and self.right is not None and self.meaning is not None
        components = [self.meaning.fresh.index() for _ in self.left.axes]
        for symbol, axis in zip(components, self.left.axes, strict=True):
            self.meaning.letters[symbol.name] = Bound(symbol, axis)
        return self.left.entry(*components), self.right.entry(*components), tuple(components)

    def fixed(self, setting: Setting) -> Setting:
        """Assumptions speak of the claim's own indices; one about an index that the claim lacks says nothing."""
        free = set(setting.axes)
        kept = tuple(a for a in setting.assumptions if a.fixed <= free)
        return setting if len(kept) == len(setting.assumptions) else replace(setting, assumptions=kept)

    # -- assumptions ------------------------------------------------------------------------------------------
    def read_assumption(self) -> None:
        record = self.record
        if record.problem is not None:
            return
        for free in (False, True):
            mark = self.axes.mark()
            try:
                self.attempt_assumption(free)
                record.problem = None
                return
            except ShapeProblem as problem:
                self.axes.undo(mark)
                record.problem = record.problem or problem.message
            except ReadProblem as problem:
                record.problem = problem.message
                return

    def attempt_assumption(self, free_index_axes: bool) -> None:
        record = self.record
        trees = [t for a, _, b in record.relations for t in (a, b)]
        if record.values is not None:
            trees += [record.values[0], *record.values[1]]
        letters = {name for t in trees for name in free_letters(t)}
        bare = [letter(t) for t in trees]
        letters |= {n for n in bare if n is not None and n in self.reading.inventory.letters and n not in record.names}
        meaning = Meaning(self.reading.inventory, record.names, record.position, letters)
        meaning.free_index_axes = free_index_axes
        meaning.horizon = max(record.position, record.horizon)
        self.meaning = meaning
        self.relations = []
        if record.property is not None:
            self.relations = [("made", r, None) for r in property_relations(meaning, *record.property)]
            return
        if record.values is not None:
            items = [meaning.scalar(v, "an item of a set") for v in record.values[1]]
            self.relations.append(("values", meaning.value(record.values[0]), items))
        for left, sign, right in record.relations:
            pair = meaning.index_pair(left, right)
            if pair is not None:
                self.relations.append(("index", sign, pair))
                continue
            a, b = self.fitted(*self.spread(meaning.value(left), meaning.value(right), sign))
            self.relations.append((sign, a, b))
        self.transposed = False

    def spread(self, left: Value, right: Value, sign: str) -> tuple[Value, Value]:
        """``x > 0`` for a vector holds entry by entry."""
        if sign != "=" and left.rank and not right.rank:
            return left, Value(left.axes, lambda *i: right.entry(), row=left.row)
        return left, right

    def build(self) -> None:
        assert self.meaning is not None
        self.built = []
        record = self.record
        labels = {e.sympy for e in self.used.values() if e.kind is Stands.LABEL}
        for kind, a, b in self.relations:
            symbols: dict[sp.Symbol, AxisVar] = {x.symbol: x.axis for x in self.meaning.letters.values()}
            # What is said of a matrix holds in every entry: the letters that stand there are those of one claim.
            own = labels | set(symbols) if record.local and kind != "made" else labels
            if kind == "made":
                relation = a()
            elif kind == "index":
                relation = COMPARE[a](*b, evaluate=False)
                fixed = frozenset(relation.free_symbols & (set(symbols) | labels))
                self.built.append((relation, fixed, {s: x for s, x in symbols.items() if s in fixed}))
                continue
            else:
                value = a
                components = [self.meaning.fresh.index() for _ in value.axes]
                symbols |= dict(zip(components, value.axes, strict=True))
                if kind == "values":
                    relation = sp.Contains(a.entry(*components), sp.FiniteSet(*(v.entry() for v in b)), evaluate=False)
                else:
                    relation = COMPARE[kind](a.entry(*components), b.entry(*components), evaluate=False)
            fixed = frozenset(relation.free_symbols & own)
            self.built.append((relation, fixed, symbols))
        if not record.read:
            from derive.notes.echo import read_relations

            record.read = read_relations([relation for relation, _, _ in self.built], record.text)

    def written(self, axes: dict[sp.Symbol, Axis]) -> list[Assumption]:
        """The relations, with their own indices renamed where a claim has the same letter on another axis."""
        if self.built is None:
            self.build()
        out = []
        for relation, fixed, symbols in self.built or ():
            moved = {}
            for symbol, axis in symbols.items():
                if symbol not in relation.free_symbols or symbol in fixed:
                    continue
                final = self.axes.axis(axis)
                if axes.get(symbol, final) != final:
                    moved[symbol] = sp.Symbol(symbol.name + "'", integer=True)
            out.append(Assumption(relation.xreplace(moved) if moved else relation, self.record.text, fixed))
        return out

    def holds(
        self,
        horizon: int,
        section: tuple[int, ...],
        conditions: Sequence[AssumptionRecord],
        names: Any,
        reach: dict[int, Entity],
    ) -> bool:
        record = self.record
        if record.problem is not None or record.position > horizon or section[: len(record.section)] != record.section:
            return False
        if record.local and not any(record is condition for condition in conditions):
            return False
        if not self.relations:
            return False
        return all(
            key in reach or (known := names.get(entity.name)) is None or known is entity or self.declares(known, entity)
            for key, entity in self.used.items()
        )

    def declares(self, known: Entity, entity: Entity) -> bool:
        """Whether a name that nothing introduced so far is declared late: then it is the same one."""
        inventory = self.reading.inventory
        if inventory.made.get(entity.name) is not entity or known.formula is not None or known.kind is not entity.kind:
            return False
        first = inventory.introduced.get(entity.name, [(0, None)])[0][1] is known
        return first and len(known.axes or ()) == len(entity.axes or ())


def is_application(node: s.Factors) -> bool:
    group = node.factors[-1]
    return len(node.factors) == 2 and isinstance(group, s.Group) and group.opening == "("


def _zero(value: Value | None) -> bool:
    return value is not None and value.zero


def einstein(tree: Any, others: set[str]) -> set[str]:
    """Letters repeated in a product of two derivatives that the other side does not have."""

    found: set[str] = set()
    for node in walk(tree):
        if not isinstance(node, s.Factors):
            continue
        partials = [f for f in node.factors if isinstance(f, s.Partial)]
        for first, second in pairwise(partials):
            below = {x for v, _ in first.variables for x in free_letters(v)}
            above = set(free_letters(second.body))
            found |= (below & above) - others
    bound = {x for node in walk(tree) if isinstance(node, s.Binder) for i in node.indices if (x := letter(i))}
    return found - bound


def explicit_size(pending: Pending) -> dict[str, int]:
    """Dimensions that the explicit matrices and lists of a claim fix: those whose place a number takes."""
    from derive.notes.meaning.patterns import explicit_sizes

    return explicit_sizes(pending)


def shown_tolerance(node: Any) -> sp.Rational:
    """Half a unit of the last digit shown."""

    digits = {len(n.text.partition(".")[2]) for n in walk(node) if isinstance(n, s.Number)}
    if not digits:
        raise ReadProblem("\\approx needs a number written out on its right side")
    if len(digits) > 1:
        raise ReadProblem("the numbers behind \\approx are shown with different numbers of digits")
    return sp.Rational(1, 2) / sp.Integer(10) ** digits.pop()
