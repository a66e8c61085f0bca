"""What one topic of a note says, in three walks.

Collect what each relation is and which names are in force; read definitions, assumptions and claims into values, by
which all axes become known; write the values down as SymPy expressions with their setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from derive.calculus.setting import Axis, Definition, Setting
from derive.notes.cases import heading
from derive.notes.collect import Collector
from derive.notes.document import (
    Document,
    Heading,
    Place,
    Sentence,
)
from derive.notes.grammar import syntax as s
from derive.notes.grammar.formula import as_formula, parse
from derive.notes.grammar.trees import free_letters, letter
from derive.notes.inventory import Inventory
from derive.notes.losses import fix_dependence, known_by_gradient, latest, loss, said_to_be_any
from derive.notes.meaning.reading import Bound
from derive.notes.meaning.scope import Entity
from derive.notes.meaning.scope import Kind as Stands
from derive.notes.meaning.semantics import Meaning
from derive.notes.meaning.shapes import ReadProblem, ShapeProblem, Value
from derive.notes.note import Claim, CompileRequest, DeriveRequest, Given, NoteError, Prose, Target
from derive.notes.pending import Pending
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

SHAPED = (
    "shape of the variable",
    "gradients are columns",
    "gradient is a column",
    "derivatives are columns",
)

Item = Claim | Given | CompileRequest | DeriveRequest | Prose


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


def in_order(place: Place) -> tuple[int, int, int]:
    return (place.cell or 0, place.line, place.column)
