"""A file -> a :class:`~derive.notes.note.Note`.

Three walks: collect what each relation is and which names are in force; read definitions, assumptions and claims into
values, by which all axes become known; write the values down as SymPy expressions with their setting.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import sympy as sp

from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.notes.bounded import with_bounded
from derive.notes.cases import heading
from derive.notes.collect import Collector
from derive.notes.document import (
    KINDS,
    Document,
    Heading,
    Kind,
    Place,
    Sentence,
    decode,
    read_document,
    read_text,
)
from derive.notes.evaluated import with_conditions_behind
from derive.notes.grammar import syntax as s
from derive.notes.grammar.formula import as_formula, parse
from derive.notes.grammar.trees import free_letters, head_and_indices, letter, walk
from derive.notes.inventory import Inventory
from derive.notes.losses import fix_dependence, known_by_gradient, latest, loss, said_to_be_any, same_on_both_sides
from derive.notes.meaning.conditions import COMPARE
from derive.notes.meaning.reading import Bound
from derive.notes.meaning.scope import Entity
from derive.notes.meaning.scope import Kind as Stands
from derive.notes.meaning.semantics import Meaning
from derive.notes.meaning.shapes import AxisVar, ReadProblem, ShapeProblem, Value
from derive.notes.note import Claim, CompileRequest, DeriveRequest, Given, Note, NoteError, Prose, Relation, Target
from derive.notes.properties import property_relations
from derive.notes.records import (
    AssumptionRecord,
    GivenRecord,
    LinkRecord,
    ProseRecord,
    Record,
    RequestRecord,
)
from derive.notes.specialise import Special
from derive.notes.spelling import Parsed, Spelling, spelled
from derive.notes.standard import with_standard
from derive.notes.statements import DECLARES
from derive.notes.supposed import Supposition, suppositions
from derive.notes.topics import topics

SHAPED = (
    "shape of the variable",
    "gradients are columns",
    "gradient is a column",
    "derivatives are columns",
)
EQUAL_SIGNS = frozenset({"=", ":=", r"\equiv"})


Item = Claim | Given | CompileRequest | DeriveRequest | Prose


# -- files ----------------------------------------------------------------------------------------------------------
def read_note(path: str | os.PathLike[str], text: str | bytes | None = None) -> Note:
    """The note in a file; ``text`` in its place if given. Every way in which it cannot be used is a ``NoteError``."""
    path = Path(path)
    if text is None:
        return read_parsed(read_document(path), str(path))
    kind = KINDS.get(path.suffix.lower(), "md")
    return read_parsed(read_text(text if isinstance(text, str) else decode(text), kind), str(path))


def read_source(text: str, kind: Kind = "md", path: str = "<text>") -> Note:
    """A note from its text; ``kind`` is md, tex or ipynb."""
    return read_parsed(read_text(text, kind), path)


def read_expression(latex: str, note: Note) -> tuple[Target, Setting]:
    """An expression in the names that hold at the end of a note; raises ``NoteError`` if it cannot be read."""
    if note.reading is None:
        raise NoteError("this note was not read by the reader")
    readings: tuple[Reading, ...] = note.reading
    names = {n.text for chain in parse(as_formula(latex)) for n in names_of(chain)}
    knowing = [r for r in readings if names <= r.collector.names.keys() | r.inventory.made.keys()]
    return (knowing or readings)[-1].expression(latex)


def names_of(chain: s.Chain) -> Iterable[s.Name]:
    return (n for link in chain.links if link.side is not None for n in walk(link.side) if isinstance(n, s.Name))


def read_parsed(document: Document, path: str) -> Note:
    """Each topic of a document is read for itself, what others show of its names being used where it cannot be read."""
    formulas = (f for sentence in document.sentences for f in sentence.formulas)
    parsed = with_bounded({id(f): with_conditions_behind(parse(f)) for f in formulas})
    parsed = with_standard(document, parsed)
    layout = layout_said(document)
    readings = [Reading(part, path, parsed, layout).read() for part in topics(document, parsed)]
    for k, reading in enumerate(readings):
        elsewhere = reading.shown_by([r.inventory for r in readings if r is not reading])
        if elsewhere and reading.unread:
            again = Reading(reading.document, path, parsed, layout, elsewhere).read()
            readings[k] = min(reading, again, key=lambda r: r.unread)
    items = sorted((item for reading in readings for item in reading.items), key=lambda item: in_order(item.place))
    setting = together([reading.setting_at_end() for reading in readings])
    return Note(path, tuple(items), setting, document.troubles, tuple(readings))


@dataclass(frozen=True)
class Layout:
    """What a note says of the layout of derivatives."""

    of_variable: bool = False
    denominator: bool = False


def layout_said(document: Document) -> Layout:
    words = (part for item in document.items for part in item.parts if isinstance(part, str))
    texts = [" ".join(part.lower().split()) for part in words]
    denominator = any("denominator layout" in text for text in texts)
    return Layout(denominator or any(phrase in text for text in texts for phrase in SHAPED), denominator)


def together(settings: Sequence[Setting]) -> Setting:
    """What holds at the ends of several topics, the last one's meaning of a name before that of others."""
    if len(settings) == 1:
        return settings[0]
    axes, shapes, labels, definitions, depends = (
        {key: value for setting in settings for key, value in getattr(setting, name).items()}
        for name in ("axes", "shapes", "labels", "definitions", "depends")
    )
    smooth = frozenset(name for setting in settings for name in setting.smooth)
    assumptions = tuple(assumption for setting in settings for assumption in setting.assumptions)
    return Setting(axes, shapes, labels, definitions, smooth, depends, assumptions)


# -- expressions ----------------------------------------------------------------------------------------------------
class Reading:
    """All that is known while a note is read."""

    def __init__(
        self, document: Document, path: str, parsed: Parsed, layout: Layout, elsewhere: dict[str, int] | None = None
    ) -> None:
        self.path = path
        self.items: list[Item] = []
        self.inventory = Inventory()
        self.inventory.shape_of_variable = layout.of_variable
        self.inventory.denominator_layout = layout.denominator
        self.inventory.elsewhere = elsewhere or {}
        self.document = document
        self.parsed = parsed
        self.spelling = Spelling()
        self.chains: Parsed = {}
        self.pending: list[tuple[Record, Pending | str]] = []
        self.collector = Collector(self.inventory)
        self.assumed: list[Pending] = []
        self.specials: dict[tuple[int, tuple[tuple[str, int], ...]], Special] = {}

    # -- the three walks --------------------------------------------------------------------------------------
    def read(self) -> Reading:
        self.survey()
        for name, said in sorted(self.losses().items()):
            self.collector.bind(loss(name, said))
        for item in self.document.items:
            self.collector.place = item.place
            self.prose(item)
            if isinstance(item, Sentence):
                self.collector.sentence(item, self.chains)
            else:
                heading(self.collector, item)
        self.read_definitions()
        self.read_assumptions()
        items = [item for item in map(self.first_pass, self.collector.records) if item is not None]
        self.write_assumptions()
        self.items = [item() for item in items]
        return self

    @property
    def unread(self) -> int:
        return sum(isinstance(item, Claim) and item.problem is not None for item in self.items)

    def shown_by(self, others: Sequence[Inventory]) -> dict[str, int]:
        """The indices that names have elsewhere in the note which nothing here shows to have any."""
        bare = [name for name, entity in self.inventory.made.items() if entity.axes == ()]
        ranks = {name: max((other.implied_rank(name) for other in others), default=0) for name in bare}
        return {name: rank for name, rank in ranks.items() if rank}

    def setting_at_end(self) -> Setting:
        return self.setting_at(self.collector.names, self.collector.position, ())

    def survey(self) -> None:
        self.spelling, self.chains = spelled(self.document, self.parsed)
        for chains in self.chains.values():
            for chain in chains:
                for link in chain.links:
                    if link.side is not None:
                        self.inventory.survey(link.side)
        self.inventory.axes.taken |= self.inventory.all_names
        dresses = self.spelling.dresses
        self.inventory.dressed_names = frozenset(
            name for name in self.inventory.all_names for plain in dresses if name.endswith(f"{{{plain}}}")
        )

    def prose(self, item: Sentence | Heading) -> None:
        """A record for each stretch of words between displays; inline math stands within it."""
        words, place = "", item.place
        for part in item.parts:
            if isinstance(part, str) or not part.display:
                words += part if isinstance(part, str) else f"${part.latex}$"
            else:
                self.stretch(item, words, place)
                words, place = "", part.places[-1] if part.places else place
        self.stretch(item, words, place)

    def stretch(self, item: Sentence | Heading, words: str, place: Place) -> None:
        if words.strip():
            record = ProseRecord(place, item.section, self.collector.position, self.collector.names)
            record.text, record.level = words.strip(), item.level if isinstance(item, Heading) else 0
            self.collector.records.append(record)

    def read_definitions(self) -> None:
        entities = [(at, e) for found in self.inventory.introduced.values() for at, e in found]
        for _, entity in sorted(entities, key=lambda pair: pair[0]):
            self.depends(entity)
            try:
                self.inventory.resolve(entity)
            except ReadProblem:
                continue
        for _, entity in entities:
            if entity.depends == ("?",):
                fix_dependence(self.inventory, entity)

    def losses(self) -> dict[str, bool]:
        """Losses known by their gradients, and whether words say of each that it is any."""
        names = known_by_gradient(c for chains in self.chains.values() for c in chains)
        said: dict[str, bool] = dict.fromkeys(names, False)
        for sentence in self.document.items:
            parts = ("", *sentence.parts, "") if isinstance(sentence, Sentence) else ()
            for before, part, behind in zip(parts, parts[1:], parts[2:], strict=False):
                chains = self.chains.get(id(part), ())
                name = letter(chains[0].links[0].side) if len(chains) == 1 and len(chains[0].links) == 1 else None
                if name in said and isinstance(before, str) and isinstance(behind, str):
                    said[name] |= said_to_be_any(before, behind)
        return said

    def depends(self, entity: Entity) -> None:
        """``L : R^{N x K} -> R`` depends on what the note differentiates it by, or stands in its parenthesis."""
        if not entity.depends:
            return
        if entity.depends == ("?",):
            if entity.size is None:
                return  # seen once all definitions are read
            found = self.inventory.arguments_of(entity.name)
            fitting = [n for n in found if self.has_sizes(n, entity.size)]
            entity.depends = latest(self.inventory, fitting)
        for name in entity.depends:
            known = [
                (at, e) for at, e in self.inventory.introduced.get(name, ()) if e.kind in (Stands.TENSOR, Stands.MAP)
            ]
            before = [e for at, e in known if at <= entity.defined_at]
            entity.uses += before[-1:] or [e for _, e in known[:1]]

    def has_sizes(self, name: str, sizes: Any) -> bool:
        for _, e in self.inventory.introduced.get(name, ()):
            try:
                self.inventory.resolve(e)
            except ReadProblem:
                continue
            if e.axes is not None and [self.inventory.axes.size(a) for a in e.axes] == list(sizes):
                return True
        return False

    def read_assumptions(self) -> None:
        for record in self.collector.records:
            if isinstance(record, AssumptionRecord):
                record.read = ""
                self.assumed.append(Pending(self, record))
        for pending in self.assumed:
            pending.read_assumption()

    def write_assumptions(self) -> None:
        """Once all axes are known; one that cannot be written is unread itself and holds nowhere."""
        for pending in self.assumed:
            if pending.record.problem is None and pending.relations:
                try:
                    pending.build()
                except ReadProblem as problem:
                    pending.record.problem = problem.message

    def first_pass(self, record: Record) -> Any:
        if isinstance(record, LinkRecord):
            pending = Pending(self, record)
            pending.read_link()
            return pending.claim
        if isinstance(record, AssumptionRecord):
            return lambda: self.given_assumption(record)
        if isinstance(record, GivenRecord):
            return lambda: self.given(record)
        if isinstance(record, RequestRecord):
            return lambda: self.request(record)
        if isinstance(record, ProseRecord):
            return lambda: Prose(record.place, record.text, record.level)
        return None

    # -- items ------------------------------------------------------------------------------------------------
    def given(self, record: GivenRecord) -> Given | Claim:
        problem = (
            next((e.problem for e in record.entities if e.problem is not None), None)
            if record.kind == "definition"
            else None
        )
        if problem is None and record.kind == "definition":
            problem = self.unwritable(record.entities)
        if problem is not None:
            return Claim(
                record.place,
                record.latex,
                record.latex,
                "",
                None,
                None,
                Setting(),
                problem=problem,
                section=record.section,
            )
        from derive.notes.echo import read_given

        names = tuple(entity.name for entity in record.entities)
        warnings = tuple(w for entity in record.entities for w in entity.warnings)
        return Given(record.kind, record.place, record.latex, read_given(self, record), names, record.section, warnings)

    def unwritable(self, entities: tuple[Entity, ...]) -> str | None:
        for entity in entities:
            try:
                self.definition(entity)
            except ReadProblem as problem:
                entity.problem = f"the definition of {entity.name} could not be read: {problem.message}"
                return entity.problem
        return None

    def given_assumption(self, record: AssumptionRecord) -> Given | Claim:
        if record.problem is not None:
            return Claim(
                record.place,
                record.text,
                record.text,
                "",
                None,
                None,
                Setting(),
                problem=record.problem,
                section=record.section,
            )
        return Given("assumption", record.place, record.text, record.read)

    def request(self, record: RequestRecord) -> CompileRequest | DeriveRequest:
        targets: list[Target] = []
        problem = record.problem
        meanings: list[Meaning] = []
        for latex, node, trouble in record.formulas:
            if trouble is not None or node is None:
                problem = problem or trouble or "this formula could not be read"
                continue
            try:
                target, meaning = self.target(latex, node, record)
                targets.append(self.apart(target, meaning, meanings))
                meanings.append(meaning)
            except ReadProblem as e:
                problem = problem or e.message
        asked = (record.names, record.horizon, record.section, [t.expr for t in targets])
        setting = self.setting(meanings, *asked, folded=record.what == "derive")
        written = tuple(f[0] for f in record.formulas)
        if record.what == "compile":
            return CompileRequest(
                record.place, written, tuple(targets), record.name, record.arguments, setting, problem
            )
        target_ = targets[0] if targets else None
        return DeriveRequest(record.place, written[0] if written else "", target_, record.route, setting, problem)

    def expression(self, latex: str) -> tuple[Target, Setting]:
        chains = tuple(map(self.spelling.renamed, parse(as_formula(latex))))
        links = chains[0].links if len(chains) == 1 else ()
        if len(links) != 1 or links[0].side is None:
            trouble = next(
                (link.problem.message for link in links if link.problem), "an expression without a relation is expected"
            )
            raise NoteError(trouble)
        end = self.collector
        record = Record(Place(1, 1), (), end.position, end.names)
        self.inventory.survey(links[0].side)
        try:
            target, meaning = self.target(latex, links[0].side, record)
            asked = (end.names, end.position, end.section, [target.expr])
            return target, self.setting([meaning], *asked, folded=True)
        except ReadProblem as problem:
            raise NoteError(problem.message) from None

    def target(self, latex: str, node: s.Node, record: Record) -> tuple[Target, Meaning]:
        """A formula with its axes opened; the free indices come first in the order in which they stand."""
        problem: ReadProblem | None = None
        for free in (False, True):
            letters = list(dict.fromkeys(free_letters(node)))
            meaning = Meaning(self.inventory, record.names, record.position, set(letters))
            meaning.free_index_axes = free
            mark = self.inventory.axes.mark()
            try:
                value = meaning.value(node)
                return self.opened(latex, value, meaning, letters), meaning
            except ShapeProblem as e:
                problem = problem or e
                self.inventory.axes.undo(mark)
        assert problem is not None
        raise problem

    def opened(self, latex: str, value: Value, meaning: Meaning, letters: list[str]) -> Target:
        components = [meaning.fresh.index() for _ in value.axes]
        for symbol, axis in zip(components, value.axes, strict=True):
            meaning.letters[symbol.name] = Bound(symbol, axis)
        free = [meaning.letters[name].symbol for name in letters if name in meaning.letters]
        return Target(latex, value.entry(*components), (*free, *components), tuple(components), value.row)

    def apart(self, target: Target, meaning: Meaning, before: list[Meaning]) -> Target:
        """The target with other symbols for indices that stand for other axes in the formulas ``before`` it."""
        size = self.inventory.axes.size
        known = {b.symbol: size(b.axis) for m in before for b in m.letters.values()}
        taken = {symbol.name for symbol in known} | set(meaning.letters)
        renaming: dict[sp.Basic, sp.Basic] = {}
        for written, bound in list(meaning.letters.items()):
            if known.get(bound.symbol, size(bound.axis)) == size(bound.axis):
                continue
            name = next(n for k in range(2, len(taken) + 3) if (n := f"{bound.symbol.name}_{k}") not in taken)
            taken.add(name)
            new = sp.Symbol(name, **bound.symbol.assumptions0)
            renaming[bound.symbol] = new
            meaning.letters[written] = replace(bound, symbol=new)
        indices, axes = (tuple(renaming.get(i, i) for i in found) for found in (target.indices, target.axes))
        return replace(target, expr=target.expr.xreplace(renaming), indices=indices, axes=axes)

    def special(self, names: Any, sizes: dict[str, int]) -> Special:
        key = (id(names), tuple(sorted(sizes.items())))
        if key not in self.specials:
            self.specials[key] = Special(self.inventory, names, sizes)
        return self.specials[key]

    # -- settings ---------------------------------------------------------------------------------------------
    def definition(self, entity: Entity) -> Definition:
        """The definition of a name with its components opened, written once."""
        if entity.written is None:
            self.inventory.resolve(entity)
            assert entity.formula is not None and entity.value is not None
            body = entity.value.entry(*entity.component_symbols)
            if entity.kind is Stands.FUNCTION:
                formals = tuple(sp.Symbol(p, real=True) for p in entity.formula.params)
                entity.written = Definition(entity.symbol, formals, body, True)
            else:
                axes = tuple(self.inventory.axes.axis(a) for a in entity.axes or ())
                formals = entity.formal_symbols + entity.component_symbols
                entity.written = Definition(entity.symbol, formals, body, False, axes, family_spelling(entity))
        return entity.written

    def reachable(self, start: Iterable[Entity], horizon: int) -> dict[int, Entity]:
        found: dict[int, Entity] = {}
        queue = list(start)
        while queue:
            entity = queue.pop()
            if id(entity) in found:
                continue
            found[id(entity)] = entity
            if entity.depends or (entity.formula is not None and (not entity.declared or entity.defined_at <= horizon)):
                queue.extend(entity.uses)
        return found

    def setting(
        self,
        meanings: list[Meaning],
        names: Any,
        horizon: int,
        section: tuple[int, ...],
        exprs: list[Any],
        conditions: Sequence[AssumptionRecord] = (),
        folded: bool = False,
    ) -> Setting:
        """What holds for what was read; with names that it can be ``folded`` to, defined through its own."""
        axes: dict[sp.Symbol, Axis] = {}
        start: dict[int, Entity] = {}
        for meaning in meanings:
            start |= meaning.used
            for bound in meaning.letters.values():
                if self.matters(bound, exprs):
                    axes[bound.symbol] = self.inventory.axes.axis(bound.axis)
        reach = self.reachable(start.values(), horizon)
        assumptions = [a for a in self.assumed if a.holds(horizon, section, conditions, names, reach)]
        for a in assumptions:
            reach |= self.reachable(a.used.values(), horizon)
        if folded:
            reach |= self.in_terms_of(reach, names, horizon)
        return self.filled(reach, axes, assumptions, horizon)

    def in_terms_of(self, reach: dict[int, Entity], names: Any, horizon: int) -> dict[int, Entity]:
        """The names in force whose definitions speak of what is reached, and of nothing else."""
        found = dict(reach)
        plain = (Stands.DIMENSION, Stands.INDEX)
        open_ = [e for e in names.values() if e.formula is not None and e.kind not in plain and e.defined_at <= horizon]
        while True:
            new = [e for e in open_ if id(e) not in found and self.speaks_of(e, found)]
            if not new:
                return found
            found |= {id(e): e for e in new}

    def speaks_of(self, entity: Entity, found: dict[int, Entity]) -> bool:
        try:
            self.definition(entity)
        except ReadProblem:
            return False
        own = [e for e in entity.uses if e.kind not in (Stands.DIMENSION, Stands.INDEX)]
        taken = {e.symbol for e in found.values()}
        return bool(own) and all(id(e) in found for e in own) and entity.symbol not in taken

    def matters(self, bound: Bound, exprs: list[Any]) -> bool:
        return self.inventory.axes.size(bound.axis) is not None or any(bound.symbol in e.free_symbols for e in exprs)

    def filled(
        self, reach: dict[int, Entity], axes: dict[sp.Symbol, Axis], assumptions: list[Pending], horizon: int
    ) -> Setting:
        shapes: dict[str, tuple[Axis, ...]] = {}
        labels: dict[str, Axis] = {}
        definitions: dict[str, Definition] = {}
        smooth: set[str] = set()
        depends: dict[str, tuple[sp.Expr, ...]] = {}
        owner: dict[str, Entity] = {}
        final = self.inventory.axes.axis
        for entity in reach.values():
            if entity.kind in (Stands.DIMENSION, Stands.INDEX):
                continue
            if owner.setdefault(entity.symbol, entity) is not entity:
                raise ReadProblem(
                    f"{entity.name} has been introduced again, and a name defined through the old one still stands "
                    "here: define it again"
                )
            if entity.kind is Stands.LABEL:
                if entity.range is not None:
                    axes[entity.sympy] = final(entity.range)
                continue
            if entity.kind is Stands.LABELS and entity.range is not None:
                labels[entity.symbol] = final(entity.range)
            if entity.axes and entity.kind is not Stands.FUNCTION:
                shapes[entity.symbol] = tuple(final(a) for a in entity.axes)
            if entity.formula is not None and (not entity.declared or entity.defined_at <= horizon):
                definitions[entity.symbol] = self.definition(entity)
            elif entity.kind is Stands.FUNCTION:
                smooth.add(entity.symbol)
            if entity.depends and entity.formula is None:
                depends[entity.symbol] = self.dependence(entity)
        written = [a.written(axes) for a in assumptions]
        return Setting(
            axes, shapes, labels, definitions, frozenset(smooth), depends, tuple(w for ws in written for w in ws)
        )

    def dependence(self, entity: Entity) -> tuple[sp.Expr, ...]:
        out = []
        for name in entity.depends:
            for other in entity.uses:
                if other.name == name and other.axes is not None:
                    letters = [sp.Symbol(c, integer=True) for c in "ijklmn"[: len(other.axes)]]
                    out.append(other.indexed[tuple(letters)] if letters else other.sympy)
        return tuple(out)

    def setting_at(self, names: Any, position: int, section: tuple[int, ...]) -> Setting:
        """What holds at a place, for expressions that are yet to come; names that cannot be read are left out."""
        reach: dict[int, Entity] = {}
        for entity in names.values():
            try:
                self.inventory.resolve(entity)
                if entity.formula is not None:
                    self.definition(entity)
            except ReadProblem:
                continue
            reach |= self.reachable([entity], position)
        chosen: dict[str, Entity] = {}
        for entity in reach.values():
            if entity.problem is None and (names.get(entity.name) is entity or entity.name not in names):
                chosen.setdefault(entity.symbol, entity)
        assumptions = [a for a in self.assumed if a.holds(position, section, (), names, reach)]
        axes = {
            e.sympy: self.inventory.axes.axis(e.range)
            for e in names.values()
            if e.kind is Stands.INDEX and e.range is not None
        }
        return self.filled({id(e): e for e in chosen.values()}, axes, assumptions, position)


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
            own = labels | set(symbols) if record.local else labels
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


def family_spelling(entity: Entity) -> str:
    r"""``\sigma_k(x_{i\cdot})`` for a function of the rows of a matrix, its indices to be filled in."""
    formula = entity.formula
    if formula is None or not formula.rows or entity.component_symbols or set(formula.rows) != set(formula.params):
        return ""
    if any(own is not None and own.family for own in map(formula.names.get, formula.params)):
        return ""
    place = {letter: f"{{{k}}}" for k, letter in enumerate(symbol.name for symbol in entity.formal_symbols)}
    at = "".join(place[i] for i in formula.formals)
    rows = ", ".join(f"{p}_{{{{{''.join(place[i] for i in formula.rows[p])}\\cdot}}}}" for p in formula.params)
    return f"{entity.symbol}_{{{{{at}}}}}({rows})"


def is_application(node: s.Factors) -> bool:
    group = node.factors[-1]
    return len(node.factors) == 2 and isinstance(group, s.Group) and group.opening == "("


def _zero(value: Value | None) -> bool:
    return value is not None and value.zero


def einstein(tree: Any, others: set[str]) -> set[str]:
    """Letters repeated in a product of two derivatives that the other side does not have."""
    from derive.notes.grammar.trees import walk

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


def in_order(place: Place) -> tuple[int, int, int]:
    return (place.cell or 0, place.line, place.column)


def explicit_size(pending: Pending) -> dict[str, int]:
    """Dimensions that the explicit matrices and lists of a claim fix: those whose place a number takes."""
    from derive.notes.meaning.patterns import explicit_sizes

    return explicit_sizes(pending)


def shown_tolerance(node: Any) -> sp.Rational:
    """Half a unit of the last digit shown."""
    from derive.notes.grammar.trees import walk

    digits = {len(n.text.partition(".")[2]) for n in walk(node) if isinstance(n, s.Number)}
    if not digits:
        raise ReadProblem("\\approx needs a number written out on its right side")
    if len(digits) > 1:
        raise ReadProblem("the numbers behind \\approx are shown with different numbers of digits")
    return sp.Rational(1, 2) / sp.Integer(10) ** digits.pop()
