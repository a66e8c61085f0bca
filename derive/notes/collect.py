"""First walk over a note: what each relation is, and which names are in force where it stands.

Shapes are not known yet; what comes out is a list of records in the order of the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import sympy as sp

from derive.notes.document import Formula, Place, Sentence
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, head_and_indices, is_number, letter, walk, whole
from derive.notes.inventory import Inventory
from derive.notes.meaning.scope import Entity, Kind, Names
from derive.notes.meaning.scope import Formula as Definition
from derive.notes.meaning.shapes import AxisVar, ReadProblem, Value
from derive.notes.rebuild import rebuilt
from derive.notes.statements import (
    ASSUMING,
    BRIEF,
    FUNCTION_OF,
    LOCAL,
    MENTION,
    Left,
    Mode,
    bare_names,
    left_side,
    mode_after,
    properties,
)

DEFINES = frozenset({"=", ":=", r"\equiv"})
LEADING = frozenset({Mode.SINCE, Mode.IF, Mode.WITH})  # a clause in front of the main one
LOCAL_VALUES = frozenset({Mode.IF, Mode.FOR})  # of an index or a size, unless the name is new
COMPARES = frozenset({"<", ">", r"\le", r"\ge", r"\ne"})
DECLARES = frozenset({r"\in", ":"})


@dataclass
class Record:
    place: Place
    section: tuple[int, ...]
    position: int
    names: Names


@dataclass
class LinkRecord(Record):
    """One relation to be claimed; ``problem`` if a side could not be parsed."""

    sign: str = "="
    left: s.Node | None = None
    right: s.Node | None = None
    left_latex: str = ""
    right_latex: str = ""
    expected: bool = True
    continues: bool = False
    reason: str | None = None
    problem: str | None = None
    sentence: int = 0
    horizon: int = 0
    special: dict[str, int] = field(default_factory=dict)
    formula: Formula | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class AssumptionRecord(Record):
    """Relations in force from here to the end of the section, or of the sentence if ``sentence`` is a number."""

    relations: list[tuple[s.Node, str, s.Node]] = field(default_factory=list)
    values: tuple[s.Node, tuple[s.Node, ...]] | None = None
    property: tuple[str, str] | None = None
    text: str = ""
    sentence: int | None = None
    read: str = ""
    problem: str | None = None


@dataclass
class GivenRecord(Record):
    kind: str = "declaration"
    latex: str = ""
    entities: tuple[Entity, ...] = ()


@dataclass
class RequestRecord(Record):
    """A sentence that begins with Compile or Derive."""

    what: str = "compile"
    formulas: tuple[tuple[str, s.Node | None, str | None], ...] = ()
    name: str = ""
    arguments: tuple[str, ...] = ()
    route: str | None = None
    problem: str | None = None
    horizon: int = 0


@dataclass
class ProseRecord(Record):
    text: str = ""
    level: int = 0


STATED = re.compile(r"\W*(is|are|holds?|contains?|has)\s+(an?\s+|the\s+|fixed\s+|given\s+)*one[- ]hot\b", re.I)
CONDITIONAL = re.compile(
    r"\b(when|whenever|if|unless|only|once|where|because|in case|needs?|requires?|provided|whether)\b"
    r"|\b(not|no|wrong(ly)?|were)\b",
    re.I,
)
NOTHING: list[s.Node | None] = [None]
SIGNATURE = re.compile(r"`\s*([A-Za-z_]\w*)\s*\(\s*([^()`]*)\)\s*`")
ROUTE = re.compile(
    r"\b(?:by|with|using|via|through)\s+(?:the\s+)?([a-z][a-z\- ]*?)\s*(?:rule|trick|route|method|steps)?\s*[.,;]?\s*$",
    re.I,
)
ROW_OF = re.compile(r"^\W*(?:is|be|denotes?|for|being|as)?\s*(?:the\s*)?$", re.I)


class Collector:
    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.names: dict[str, Entity] = {}
        self.position = 0
        self.records: list[Record] = []
        self.sentence_number = 0
        self.section: tuple[int, ...] = ()
        self.last: tuple[s.Node | None, str] = (None, "")
        self.mentioned: list[str] = []
        self.waiting: list[str] = []
        self.shared: list[str] = []  # properties said in front of a list of names
        self.listing = False
        self.unconditional = True  # no word so far makes what the sentence says a case
        self.special: dict[str, int] = {}
        self.families: dict[str, list[AxisVar]] = {}  # axes of x_n, waiting for n = 1, ..., N in the same sentence

    # -- sentences --------------------------------------------------------------------------------------------
    def sentence(self, sentence: Sentence, chains: dict[int, tuple[s.Chain, ...]]) -> None:
        self.section = sentence.section
        self.sentence_number += 1
        self.mentioned, self.waiting, self.special, self.families = [], [], {}, {}
        self.shared, self.listing, self.unconditional = [], False, True
        first = len(self.records)
        opening = sentence.parts[0] if sentence.parts and isinstance(sentence.parts[0], str) else ""
        word = re.match(r"\W*(compile|derive)\b", opening, re.I)
        if word is not None and any(isinstance(p, Formula) for p in sentence.parts):
            self.request(sentence, chains, word.group(1).lower())
            return
        mode = before = Mode.PLAIN
        words = ""
        for k, part in enumerate(sentence.parts):
            if isinstance(part, str):
                words = part.rstrip()
                if mode in BRIEF and not re.fullmatch(r"\s*(and|or)\s*", part):
                    mode = before
                if mode not in BRIEF:
                    before = mode
                mode = mode_after(part, mode, k == 0)
                self.said(part, mode)
                self.listing = re.fullmatch(r"[\s,]*(and|or)?\s*", part) is not None
                continue
            if self.is_row_family(sentence, k, chains) or self.is_unknown_function(sentence, k, chains):
                words = ""
                continue
            if (
                part.display
                and mode in LEADING
                and self.told_since(first)
                and not re.search(r"\b(and|that|where|with)\s*$", words)
            ):
                mode = Mode.CLAIM
            if part.display and mode in BRIEF:
                mode = before
            for number, chain in enumerate(chains[id(part)]):
                self.chain(chain, part, mode, words if number == 0 else "")
            words = ""
        for record in self.records[first:]:
            if isinstance(record, LinkRecord):
                record.horizon = self.position
            elif isinstance(record, GivenRecord):
                for entity in record.entities:
                    if entity.formula is not None:
                        entity.formula.horizon = self.position

    def told_since(self, first: int) -> bool:
        return any(isinstance(r, AssumptionRecord | GivenRecord) for r in self.records[first:]) or bool(self.special)

    def said(self, words: str, mode: Mode) -> None:
        """Properties that the words ascribe to what was, or will be, mentioned."""
        if mode is Mode.PLAIN and self.unconditional:
            for who in self.mentioned if STATED.match(words) else ():
                known = self.names.get(who)
                if known is not None and known.kind is Kind.TENSOR and known.formula is None:
                    self.ascribe("one-hot", who, mode)
        self.unconditional = self.unconditional and CONDITIONAL.search(words) is None
        if mode not in ASSUMING and mode is not Mode.LET:
            return
        for name in properties(words):
            if self.mentioned:
                for who in self.mentioned:
                    self.ascribe(name, who, mode)
            else:
                self.waiting.append(name)

    def ascribe(self, name: str, who: str, mode: Mode) -> None:
        local = self.sentence_number if mode in LOCAL else None
        self.note(AssumptionRecord(*self.here(None), property=(name, who), text=f"${who}$ is {name}", sentence=local))

    def mention(self, nodes: list[s.Node], mode: Mode, listed: bool = False) -> None:
        """Names that stand alone; ``listed`` if only "and" or a comma parts them from those before."""
        heads = [letter(head_and_indices(n)[0]) for n in nodes]
        found = [h for h in heads if h is not None]
        self.shared = self.shared if listed else []
        for name in [*self.shared, *self.waiting]:
            for who in found:
                self.ascribe(name, who, mode)
        self.mentioned = [*self.mentioned, *found] if listed else found
        if found:
            self.shared, self.waiting = [*self.shared, *self.waiting], []

    def here(self, place: Place | None) -> tuple[Place, tuple[int, ...], int, Names]:
        return place or self.place, self.section, self.position, self.names

    place = Place(1, 1)

    def note(self, record: Record) -> None:
        self.position += 1
        record.position = self.position
        self.records.append(record)

    # -- families said in words -------------------------------------------------------------------------------
    def is_row_family(self, sentence: Sentence, k: int, chains: dict[int, tuple[s.Chain, ...]]) -> bool:
        """``x_i`` the ``i``-th row of ``X``."""
        parts = sentence.parts
        if not (k + 4 < len(parts) and all(isinstance(parts[k + j], Formula) == (j % 2 == 0) for j in range(5))):
            return False
        between = str(parts[k + 1])
        kind = re.match(r"^\s*-?\s*(?:th|st|nd|rd)?\s*(row|column)\s+of\s*(the matrix\s*)?$", f"{parts[k + 3]}", re.I)
        if kind is None or not re.match(r"^\W*(?:is|be|are|denotes?|for|being|as|=)?\s*the\s*$", between, re.I):
            return False
        nodes = [self.only(chains[id(parts[k + j])]) for j in (0, 2, 4)]
        if any(n is None for n in nodes):
            return False
        head, indices = head_and_indices(nodes[0])
        index, matrix, name = letter(nodes[1]), letter(nodes[2]), letter(head)
        if name is None or matrix is None or index is None or len(indices) != 1 or letter(indices[0]) != index:
            return False
        at = nodes[0]
        assert at is not None
        inner: tuple[s.Node, ...] = (s.Name(at.start, at.end, index),)
        if kind.group(1).lower() == "column":
            inner = (s.Wildcard(at.start, at.end), *inner)
        body = s.Subscript(at.start, at.end, s.Name(at.start, at.end, matrix), inner)
        owner = self.names.get(matrix)
        if (
            kind.group(1).lower() == "row"
            and owner is not None
            and owner.kind is Kind.TENSOR
            and name not in self.names
        ):
            self.names = {**self.names, name: owner}
            return True
        self.position += 1
        self.bind(
            Entity(
                name,
                Kind.TENSOR,
                formula=Definition(body, (index,), names=self.names, position=self.position, section=self.section),
            )
        )
        return True

    def is_unknown_function(self, sentence: Sentence, k: int, chains: dict[int, tuple[s.Chain, ...]]) -> bool:
        """Let ``L`` be a function of ``Y``."""
        parts = sentence.parts
        words = parts[k + 1] if k + 2 < len(parts) else None
        if not isinstance(words, str) or not isinstance(parts[k + 2], Formula) or FUNCTION_OF.match(words) is None:
            return False
        subject = chains[id(parts[k])]
        declared = len(subject) == 1 and len(subject[0].links) == 3 and subject[0].links[1].sign == ":"
        name = letter(subject[0].links[0].side if declared else self.only(subject))
        of = bare_names(self.only(chains[id(parts[k + 2])]))
        names = [letter(head_and_indices(n)[0]) for n in of]
        before = parts[k - 1] if k and isinstance(parts[k - 1], str) else ""
        again = mode_after(f"{before}", Mode.PLAIN, False) is Mode.LET
        if name is None or (name in self.names and not again) or not names or None in names:
            return False
        self.unknown_function(name, [n for n in names if n is not None], self.written(chains[id(parts[k])][0]))
        return True

    def unknown_function(self, name: str, names: list[str], latex: str) -> None:
        entity = self.bind(Entity(name, Kind.TENSOR, axes=(), declared=True, depends=tuple(names)))
        self.note(GivenRecord(*self.here(None), latex=latex, entities=(entity,)))

    def only(self, chains: tuple[s.Chain, ...]) -> s.Node | None:
        return chains[0].links[0].side if len(chains) == 1 and len(chains[0].links) == 1 else None

    # -- requests ---------------------------------------------------------------------------------------------
    def request(self, sentence: Sentence, chains: dict[int, tuple[s.Chain, ...]], what: str) -> None:
        text = " ".join(p for p in sentence.parts if isinstance(p, str))
        formulas = []
        for part in sentence.parts:
            if isinstance(part, Formula):
                for chain in chains[id(part)]:
                    link = chain.links[-1 if len(chain.links) == 1 else 0]
                    for node in bare_names(link.side) or NOTHING:
                        problem = link.problem.message if link.problem else None
                        latex = part.latex[node.start : node.end] if node is not None else part.latex
                        formulas.append((latex.strip(), node, problem))
        record = RequestRecord(*self.here(sentence.place), what=what, formulas=tuple(formulas))
        if what == "compile":
            signature = SIGNATURE.search(text)
            if signature is None:
                record.problem = "a Compile sentence ends in the name and arguments of a function, as `name(a, b)`"
            else:
                record.name = signature.group(1)
                record.arguments = tuple(a.strip() for a in signature.group(2).split(",") if a.strip())
        else:
            last = sentence.parts[-1]
            route = ROUTE.search(last.strip()) if isinstance(last, str) else None
            record.route = route.group(1).strip().lower() if route else None
        self.note(record)
        record.horizon = self.position

    # -- chains -----------------------------------------------------------------------------------------------
    def chain(self, chain: s.Chain, formula: Formula, mode: Mode, words: str) -> None:
        if chain.words:
            mode = mode_after(chain.words, mode, False)
        links = chain.links
        self.place = self.at(formula, links[min(1, len(links) - 1)].at)
        if len(links) < 2:
            if links and links[0].side is not None:
                self.mention(bare_names(links[0].side), mode, self.listing)
            return
        if not formula.display and self.is_mention(chain, words, mode):
            return
        sign = links[1].sign
        if len(links) == 3 and links[2].sign == r"\in" and sign == "=" and lists_members(links[0].side, links[1].side):
            self.declaration(replace(chain, links=(links[0], links[2])), formula, mode)
        elif len(links) > 2 and links[-1].sign == r"\in":  # a = b \in a space: of b, said last
            self.declaration(replace(chain, links=links[-2:]), formula, mode)
            self.chain(replace(chain, links=links[:-1]), formula, mode, words)
        elif sign in DECLARES:
            self.declaration(chain, formula, mode)
        elif self.is_index_list(links):
            self.index_list(links, formula)
        elif not self.told(chain, formula, mode):
            self.claims(chain, formula, mode, 1)

    def told(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        """Whether the relation tells something: a definition or an assumption."""
        if chain.links[1].sign in COMPARES:
            return self.condition(chain, formula, mode)
        if chain.links[1].sign not in DEFINES:
            return False
        if self.definition(chain, formula, mode) or self.plus_minus(chain, formula, mode):
            return True
        if mode is Mode.LET and not formula.display and self.demands(chain):
            return self.assumption(chain, formula, mode)
        if mode in (Mode.SINCE, Mode.WITH) and self.speaks_of_a_derivative(chain):
            return False
        return mode in ASSUMING | {Mode.AWAY} and self.assumption(chain, formula, mode)

    def demands(self, chain: s.Chain) -> bool:
        """``Let \\sum_i y_i = 1``: an equation of free quantities that can define none of them is demanded of them."""
        if len(chain.links) != 2 or any(link.side is None for link in chain.links):
            return False
        left = left_side(chain.links[0].side) if chain.links[0].side is not None else None
        if left is not None and left.name not in self.names:
            return False
        nodes = [n for link in chain.links for n in walk(link.side)]
        if any(isinstance(n, s.Partial | s.Nabla) for n in nodes):
            return False
        known = [self.names[n.text] for n in nodes if isinstance(n, s.Name) and n.text in self.names]
        free = [e for e in known if e.kind is Kind.TENSOR and e.formula is None and not e.depends]
        return bool(free) and all(e.formula is None and e.kind is not Kind.FUNCTION for e in known)

    def speaks_of_a_derivative(self, chain: s.Chain) -> bool:
        """``since f' = g``: what a derivative is follows from the definitions and is claimed, unless it says Assume."""
        sides = [link.side for link in chain.links if link.side is not None]
        return any(isinstance(node, s.Partial | s.Nabla) for side in sides for node in walk(side))

    def at(self, formula: Formula, offset: int) -> Place:
        places = formula.places
        return places[min(offset, len(places) - 1)] if places else Place(1, 1)

    def is_mention(self, chain: s.Chain, words: str, mode: Mode) -> bool:
        """An inline relation that prose only speaks of: "the last link needs ``\\sum_i y_i = 1``"."""
        if mode is not Mode.PLAIN or not words.strip() or chain.links[1].sign not in DEFINES | {r"\approx"}:
            return False
        if not MENTION.search(words.rstrip()):
            return False
        left = left_side(chain.links[0].side) if chain.links[0].side is not None else None
        return left is None or left.name in self.names or (not left.formals and left.name in self.inventory.letters)

    def latex(self, formula: Formula, link: s.Link) -> str:
        return link.latex.strip()

    def written(self, chain: s.Chain) -> str:
        return " ".join(f"{link.sign} {link.latex.strip()}".strip() for link in chain.links)

    # -- claims -----------------------------------------------------------------------------------------------
    def claims(self, chain: s.Chain, formula: Formula, mode: Mode, start: int) -> None:
        links = chain.links
        before, before_latex, trouble = links[start - 1].side, links[start - 1].latex.strip(), links[start - 1].problem
        if before is None and trouble is None and start == 1:
            before, before_latex = self.last
        for k in range(start, len(links)):
            link = links[k]
            record = LinkRecord(
                *self.here(self.at(formula, link.at)),
                sign=link.sign, left=before, right=link.side, left_latex=before_latex, right_latex=link.latex.strip(),
                expected=mode is not Mode.DENY, continues=k > 1 or links[0].side is None, reason=link.reason,
                sentence=self.sentence_number, special=dict(self.special), formula=formula,
            )  # fmt: skip
            bad = link.problem or trouble
            if bad is not None:
                record.problem = self.located(formula, bad)
            elif before is None:
                record.problem = "the relation has no left side, and nothing above that it could go on from"
            elif link.side is None:
                record.problem = "the relation has no right side"
            self.note(record)
            before, before_latex, trouble = link.side, link.latex.strip(), link.problem
        if links[-1].side is not None:
            self.last = (links[-1].side, links[-1].latex.strip())

    def located(self, formula: Formula, problem: s.Problem) -> str:
        place = self.at(formula, problem.at)
        return f"{problem.message} (line {place.line}, column {place.column})"

    # -- definitions ------------------------------------------------------------------------------------------
    def bind(self, entity: Entity) -> Entity:
        self.position += 1
        entity.defined_at = entity.defined_at or self.position
        self.names = {**self.names, entity.name: entity}
        self.inventory.introduce(entity, self.position)
        entity.section = self.section
        return entity

    def definition(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        left_node = chain.links[0].side
        left = left_side(left_node) if left_node is not None else None
        if left is not None and self.names_its_function(left, chain, mode):
            self.definition(replace(chain, links=chain.links[1:]), formula, mode)
            return self.definition(replace(chain, links=chain.links[:2]), formula, mode)
        if left is None and self.squared(chain, formula, mode):
            return True
        if left is not None and self.is_named_argument(left, chain, mode):
            return True
        if left is None or not self.definable(left, chain, mode):
            return False
        first = chain.links[1]
        self.note(
            GivenRecord(
                *self.here(self.at(formula, first.at)), kind="definition", latex=self.written(s.Chain(chain.links[:2]))
            )
        )
        record = self.records[-1]
        assert isinstance(record, GivenRecord)
        entity = self.defined(left, first, formula)
        record.entities = (entity,)
        if first.problem is not None:
            entity.problem = f"the definition of {left.name} could not be read: {self.located(formula, first.problem)}"
        self.mentioned = [left.name]
        if first.side is not None:
            self.last = (first.side, first.latex.strip())
        if len(chain.links) > 2:
            self.claims(chain, formula, mode, 2)
        return True

    def names_its_function(self, left: Left, chain: s.Chain, mode: Mode) -> bool:
        r"""``r = \mathrm{RMS}(x) = …`` introduces the function, and then its value."""
        if len(chain.links) < 3 or chain.links[2].sign not in DEFINES or chain.links[1].side is None:
            return False
        inner = left_side(chain.links[1].side)
        if inner is None or not inner.params or inner.formals or inner.name in self.names or inner.name == left.name:
            return False
        rest = replace(chain, links=chain.links[1:])
        return self.definable(left, chain, mode) and self.definable(inner, rest, mode)

    def squared(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        r"""``\sigma^2 = …`` defines a new ``\sigma`` as the root."""
        first, second = chain.links[:2]
        if not (isinstance(first.side, s.Superscript) and is_number(first.side.exponent, "2")) or second.side is None:
            return False
        left = left_side(first.side.base)
        if left is None or left.params or not self.definable(left, chain, mode):
            return False
        known = self.names.get(left.name)
        if known is not None and (known.formula is None or mode is not Mode.LET):
            return False
        root = s.Root(second.side.start, second.side.end, second.side, None)
        named = replace(chain, links=(replace(first, side=first.side.base), replace(second, side=root)))
        done = self.definition(named, formula, mode)
        self.last = (second.side, second.latex.strip())
        if done and len(chain.links) > 2:
            self.claims(chain, formula, mode, 2)
        return done

    def is_named_argument(self, left: Left, chain: s.Chain, mode: Mode) -> bool:
        """``L = L(Y)`` says what an unknown loss depends on."""
        right = left_side(chain.links[1].side) if chain.links[1].side is not None else None
        if right is None or right.name != left.name or not right.params or right.formals or left.formals or left.params:
            return False
        if left.name in self.names or len(chain.links) != 2 or mode is Mode.DENY:
            return False
        self.unknown_function(left.name, list(right.params), self.written(chain))
        return True

    def defined(self, left: Left, first: s.Link, formula: Formula) -> Entity:
        body = first.side if first.side is not None else s.Number(0, 0, "0")
        left, body = self.of_members(left, body)
        own = Definition(
            body, left.formals, left.params, dict(left.rows), self.names, self.position, section=self.section
        )
        entity = self.names.get(left.name)
        fresh = (
            entity is None
            or entity.formula is not None
            or entity.kind in (Kind.INDEX, Kind.DIMENSION, Kind.LABEL, Kind.LABELS)
            or self.stale(entity)
            or (bool(left.params) and entity.formula is None and bool(entity.axes))  # a function beside a tensor
        )
        if fresh:
            entity = Entity(left.name, Kind.TENSOR)
        assert entity is not None
        entity.defined_at, entity.sentence = self.position, self.sentence_number
        entity.formula = own
        if left.params:
            entity.kind, entity.undecided = Kind.MAP, True
        if fresh:
            self.bind(entity)
        return entity

    def rests_on(self, body: s.Node, entity: Entity) -> bool:
        """Whether what stands in a tree is defined through a name: then an equation for the name defines nothing."""
        seen: set[int] = set()
        queue = [self.names[n] for n in self.names_in(body) if n in self.names]
        while queue:
            other = queue.pop()
            if other is entity:
                return True
            if id(other) in seen or other.formula is None:
                continue
            seen.add(id(other))
            inner = {n.text for n in walk(other.formula.body) if isinstance(n, s.Name)} - set(other.formula.params)
            queue += [other.formula.names[n] for n in inner if n in other.formula.names]
        return False

    def elsewhere(self, entity: Entity) -> bool:
        """Whether a name was introduced in a section beside this one, not above it."""
        return self.section[: len(entity.section)] != entity.section

    def of_members(self, left: Left, body: s.Node) -> tuple[Left, s.Node]:
        r"""``h(x) = \theta^\top x`` beside a family of vectors ``x^{(i)}`` is a function of its members."""
        for param in left.params:
            entity = self.names.get(param)
            if entity is None or not entity.family or len(entity.axes or ()) <= entity.family or left.rows.get(param):
                continue
            scripts = [head_and_indices(n) for n in walk(body) if isinstance(n, s.Subscript | s.Superscript)]
            if any(letter(head) == param and indices for head, indices in scripts):
                continue
            taken = self.names_in(body) | set(left.formals) | {x for row in left.rows.values() for x in row}
            letters = tuple(c for c in "ijklmnrstuvw" if c not in taken and self.is_free_letter(c))[: entity.family]
            if len(letters) < entity.family:
                continue

            def member(node: Any, param: str = param, letters: tuple[str, ...] = letters) -> Any:
                if not (isinstance(node, s.Name) and node.text == param):
                    return node
                return s.Subscript(node.start, node.end, node, tuple(s.Name(node.start, node.end, c) for c in letters))

            left, body = replace(left, rows={**left.rows, param: letters}), rebuilt(body, member)
        return left, body

    def is_free_letter(self, name: str) -> bool:
        entity = self.names.get(name)
        return entity is None or entity.kind is Kind.INDEX

    def definable(self, left: Left, chain: s.Chain, mode: Mode) -> bool:
        body = chain.links[1].side
        entity = self.names.get(left.name)
        if mode in (Mode.DENY, Mode.AWAY) or (mode in LOCAL_VALUES and not self.is_new_quantity(left, body)):
            return False
        if left.name.endswith("'") and entity is None and self.may_be_derivative(left, mode):
            return False
        if body is not None and plus_minus_values(body) is not None:
            return False
        if body is not None and left.name in self.names_in(body) and not self.renewed(entity):
            return False
        plain = not left.formals and not left.params
        if plain and left.name in self.inventory.letters and body is not None and self.is_index(body):
            return False
        if body is not None and entity is not None and entity.formula is None and self.rests_on(body, entity):
            return False
        sizes = [self.names[f] for f in left.formals if f in self.names and self.names[f].kind is Kind.DIMENSION]
        if any(not self.elsewhere(e) for e in sizes):
            return False
        if entity is None or (entity.kind is Kind.DIMENSION and not plain):
            return True
        if entity.kind is Kind.INDEX:
            return not plain or mode is Mode.LET
        again = mode is Mode.LET and entity.section != self.section and body is not None and not self.is_index(body)
        if entity.kind in (Kind.LABEL, Kind.LABELS) and again:
            return True
        if entity.kind in (Kind.DIMENSION, Kind.LABEL, Kind.LABELS) or entity.depends:
            return False
        if entity.formula is None and entity.axes is not None and len(left.formals) > len(entity.axes):
            return False
        if entity.formula is None:
            return mode not in (Mode.ASSUME, Mode.SINCE)
        return self.renewed(entity) or (mode is Mode.LET and entity.sentence != self.sentence_number)

    def is_new_quantity(self, left: Left, body: s.Node | None) -> bool:
        r"""``For \ell = g^\top y``: a name that stands nowhere as an index, given by more than a value of one."""
        name = left.name
        free = name not in self.names and name not in self.inventory.letters and name not in self.inventory.limits
        return free and not left.params and body is not None and not isinstance(body, s.Number) and letter(body) is None

    def may_be_derivative(self, left: Left, mode: Mode) -> bool:
        """``f'(x)`` and the prime of what is defined: a name of its own only where the note introduces it as one."""
        plain = self.names.get(left.name.rstrip("'"))
        if left.params or plain is None:
            return bool(left.params)
        return plain.kind in (Kind.FUNCTION, Kind.MAP) or (plain.formula is not None and mode is not Mode.LET)

    def names_in(self, tree: s.Node) -> set[str]:
        """The names that stand in a tree; of a primed name that the note introduces, only that."""
        aside = {id(n.base) for n in walk(tree) if isinstance(n, s.Prime) and letter(n) in self.names}
        norms = [n for n in walk(tree) if isinstance(n, s.Subscript) and isinstance(n.base, s.Bars)]
        aside |= {id(i) for n in norms for i in n.indices}  # the F of a Frobenius norm
        return {n.text for n in walk(tree) if isinstance(n, s.Name) and id(n) not in aside}

    def renewed(self, entity: Entity | None) -> bool:
        return entity is not None and entity.formula is not None and self.stale(entity)

    def is_index(self, node: s.Node) -> bool:
        name = letter(node)
        return isinstance(node, s.Number) or (
            name is not None and name in self.inventory.letters and name not in self.names
        )

    def stale(self, entity: Entity, depth: int = 0) -> bool:
        """Whether what a name is defined through has been introduced again since."""
        formula = entity.formula
        if formula is None or depth > 20:
            return False
        for name in {n.text for n in walk(formula.body) if isinstance(n, s.Name)} - set(formula.formals):
            then, now = formula.names.get(name), self.names.get(name)
            if then is None or then is entity or then.kind is Kind.INDEX:
                continue
            if then is not now or self.stale(then, depth + 1):
                return True
        return False

    def plus_minus(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        """``c_i = \\pm 1`` tells the values of a name that is declared and not defined."""
        left, body = chain.links[0].side, chain.links[1].side
        if len(chain.links) != 2 or left is None or body is None or mode is Mode.DENY:
            return False
        value = plus_minus_values(body)
        head, _ = head_and_indices(left)
        name = letter(head)
        if value is None or name is None or (name in self.names and self.names[name].formula is not None):
            return False
        square = s.Superscript(left.start, left.end, left, s.Number(left.end, left.end, "2"))
        other = s.Superscript(value.start, value.end, value, s.Number(value.end, value.end, "2"))
        self.note(
            AssumptionRecord(
                *self.here(self.at(formula, chain.links[1].at)),
                relations=[(square, "=", other)],
                text=self.written(chain),
            )
        )
        return True

    # -- assumptions ------------------------------------------------------------------------------------------
    def assumption(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        links = chain.links
        place = self.at(formula, links[1].at)
        local = self.sentence_number if mode in LOCAL else None
        if len(links) == 2 and mode is not Mode.AWAY and self.fixed_size(links, local):
            self.note(AssumptionRecord(*self.here(place), text=self.written(chain), sentence=local))
            return True
        bad = next((link.problem for link in links if link.problem is not None), None)
        record = AssumptionRecord(*self.here(place), text=self.written(chain), sentence=local)
        if bad is not None or any(link.side is None for link in links):
            record.problem = self.located(formula, bad) if bad else "a side is missing"
        else:
            for before, link in pairwise(links):
                assert before.side is not None and link.side is not None
                sign = "=" if link.sign in DEFINES else link.sign
                if mode is Mode.AWAY:
                    sign = {"=": r"\ne"}.get(sign, sign)
                record.relations.append((before.side, sign, link.side))
        self.note(record)
        return True

    def fixed_size(self, links: tuple[s.Link, ...], local: int | None) -> bool:
        """``N = 4``: the dimension is that number for the rest of the sentence."""
        name, value = letter(links[0].side), links[1].side
        count = whole(value)
        if name is None or count is None or local is None:
            return False
        entity = self.names.get(name)
        if entity is None and name in self.inventory.limits and not self.inventory.usage.get(name):
            entity = self.inventory.implicit(name, {})
        if entity is None or entity.kind is not Kind.DIMENSION or not 1 <= count <= 64:
            return False
        self.special[name] = count
        return True

    def condition(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        """An inequality: assumed where words say so or where it introduces its name; else shown as not checked."""
        links = chain.links
        new = []
        for link in links:
            for node in bare_names(link.side):
                name = letter(node)
                if (
                    name is not None
                    and name not in self.names
                    and name not in self.inventory.letters
                    and not self.inventory.usage.get(name)
                ):
                    new.append(name)
        if mode not in ASSUMING and mode not in (Mode.LET, Mode.AWAY) and not (new and not formula.display):
            return False
        if mode is Mode.DENY:
            return False
        for node in bare_names(links[0].side) if mode is Mode.LET else ():
            name = letter(node)
            known = self.names.get(name) if name is not None else None
            if known is not None and known.kind is Kind.TENSOR and known.axes != () and known.section != self.section:
                new.append(known.name)
        for name in new:
            self.bind(Entity(name, Kind.TENSOR, axes=(), declared=True))
        if (
            links[0].side is not None
            and len(bare_names(links[0].side)) > 1
            and len(links) == 2
            and links[1].side is not None
        ):
            local = self.sentence_number if mode in LOCAL else None
            pairs = [(n, links[1].sign, links[1].side) for n in bare_names(links[0].side)]
            self.note(
                AssumptionRecord(
                    *self.here(self.at(formula, links[1].at)), relations=pairs, text=self.written(chain), sentence=local
                )
            )
            return True
        return self.assumption(chain, formula, mode)

    # -- declarations -----------------------------------------------------------------------------------------
    def is_index_list(self, links: tuple[s.Link, ...]) -> bool:
        if len(links) != 2 or links[1].sign != "=" or links[1].side is None or links[0].side is None:
            return False
        right = links[1].side
        return (
            isinstance(right, s.Group)
            and right.opening in ("", "{")
            and any(isinstance(i, s.Dots) for i in right.items)
            and all(letter(n) is not None for n in bare_names(links[0].side))
        )

    def span_of(self, items: tuple[s.Node, ...]) -> tuple[int, Any]:
        """``1, \\dots, N`` -> first value and size."""
        first = whole(items[0]) if len(items) >= 3 and isinstance(items[-2], s.Dots) else None
        if first is None:
            raise ReadProblem("a list of index values is written 1, \\dots, N or 0, \\dots, N - 1")
        if first not in (0, 1):
            raise ReadProblem("an axis is counted from 0 or from 1")
        return first, sp.expand(self.size(items[-1]) - first + 1)

    def index_list(self, links: tuple[s.Link, ...], formula: Formula) -> None:
        right = links[1].side
        assert isinstance(right, s.Group) and links[0].side is not None
        place = self.at(formula, links[1].at)
        made = []
        try:
            first, size = self.span_of(right.items)
        except ReadProblem as problem:
            self.unread(links, formula, place, problem.message)
            return
        for node in bare_names(links[0].side):
            name = letter(node)
            assert name is not None
            axis = AxisVar(size, first)
            for waiting in self.families.pop(name, ()):
                self.inventory.axes.unite(axis, waiting)
            made.append(self.bind(Entity(name, Kind.INDEX, range=axis, declared=True)))
        self.note(GivenRecord(*self.here(place), latex=self.written(s.Chain(links)), entities=tuple(made)))

    def unread(self, links: tuple[s.Link, ...], formula: Formula, place: Place, message: str) -> None:
        self.note(LinkRecord(
            *self.here(place), sign=links[1].sign,
            left_latex=links[0].latex.strip(), right_latex=links[1].latex.strip(),
            problem=message, sentence=self.sentence_number, formula=formula,
        ))  # fmt: skip

    def declaration(self, chain: s.Chain, formula: Formula, mode: Mode) -> None:
        links = chain.links
        place = self.at(formula, links[1].at)
        bad = next((link.problem for link in links if link.problem is not None), None)
        if bad is not None or any(link.side is None for link in links):
            self.unread(links, formula, place, self.located(formula, bad) if bad else "a side is missing")
            return
        names = bare_names(links[0].side)
        record = GivenRecord(*self.here(place), latex=self.written(chain))
        try:
            names = self.families_among(names)
            if links[1].sign == ":" and len(links) == 3 and links[2].sign == r"\to":
                record.entities = tuple(self.declare_function(n, links[1].side, links[2].side) for n in names)
            elif len(links) == 2 and links[1].side is not None:
                record.entities = tuple(e for n in names for e in self.declare(n, links[1].side, chain, formula, mode))
            else:
                raise ReadProblem("this declaration is not known")
        except ReadProblem as problem:
            self.unread(links, formula, place, problem.message)
            self.lost(names, problem.message)
            return
        self.note(record)
        record.names = self.names
        self.mention(names, mode)

    def families_among(self, names: list[s.Node]) -> list[s.Node]:
        """``q, k_1, \\dots, k_m``: the dots take the names of one family around them."""
        out: list[s.Node] = []
        while any(isinstance(n, s.Dots) for n in names):
            dots = next(k for k, n in enumerate(names) if isinstance(n, s.Dots))
            base = letter(head_and_indices(names[dots - 1])[0]) if dots else None
            first = dots
            while first and base is not None and letter(head_and_indices(names[first - 1])[0]) == base:
                first -= 1
            out += [*names[:first], self.listed_family(names[first : dots + 2])]
            names = names[dots + 2 :]
        return out + names

    def listed_family(self, names: list[s.Node]) -> s.Node:
        """``x_1, \\dots, x_N`` is the family ``x_n`` over an axis of its own."""
        first, last = names[0], names[-1]
        if not (isinstance(first, s.Subscript) and isinstance(last, s.Subscript) and isinstance(names[-2], s.Dots)):
            raise ReadProblem("a list of names is written x_1, \\dots, x_N")
        name, start = letter(first.base), first.indices[0]
        base = whole(start)
        if name is None or letter(last.base) != name or base is None or len(first.indices) != 1:
            raise ReadProblem("a list of names is written x_1, \\dots, x_N")
        if base not in (0, 1):
            raise ReadProblem("an axis is counted from 0 or from 1")
        size = sp.expand(self.size(last.indices[-1]) - base + 1)
        self.families.setdefault("", []).append(AxisVar(size, base))
        return s.Subscript(first.start, last.end, first.base, (s.Name(first.start, last.end, ""),))

    def lost(self, nodes: list[s.Node], message: str) -> None:
        """Names whose declaration is not understood: nothing that is said of them can be."""
        for node in nodes:
            name = letter(head_and_indices(node)[0])
            if name is not None and name not in self.names:
                self.bind(Entity(name, Kind.TENSOR, problem=f"the declaration of {name} could not be read: {message}"))

    def size(self, node: s.Node) -> Any:
        """The number of values of an axis: names that stand in it are dimensions from here on."""
        if isinstance(node, s.Group) and len(node.items) == 1:
            return self.size(node.items[0])
        name = letter(node)
        if name is not None:
            entity = self.names.get(name)
            if entity is None or entity.kind is not Kind.DIMENSION:
                entity = self.inventory.made.get(name) or Entity(name, Kind.DIMENSION, declared=True)
                if entity.kind is not Kind.DIMENSION:
                    entity = Entity(name, Kind.DIMENSION, declared=True)
                self.bind(entity)
            return entity.sympy
        if isinstance(node, s.Number) and node.text.isdigit():
            return sp.Integer(node.text)
        if isinstance(node, s.Terms):
            return sp.Add(
                *(
                    -self.size(t) if sign == "-" else self.size(t)
                    for sign, t in zip(node.signs, node.terms, strict=True)
                )
            )
        if isinstance(node, s.Factors) and all(sign in ("", r"\cdot") for sign in node.signs):
            return sp.Mul(*(self.size(f) for f in node.factors))
        if isinstance(node, s.Subscript) and all(isinstance(i, s.Number | s.Name) for i in node.indices):
            text = dump_name(node)
            return self.size(s.Name(node.start, node.end, text))
        raise ReadProblem("this is not known as the size of an axis")

    def sizes(self, node: s.Node) -> list[Any]:
        node = only_item(node)
        if isinstance(node, s.Factors) and r"\times" in node.signs:
            blocks: list[list[tuple[str, s.Node]]] = [[]]
            for sign, factor in zip(node.signs, node.factors, strict=True):
                if sign == r"\times":
                    blocks.append([])
                    sign = ""
                blocks[-1].append((sign, factor))
            return [self.size(_product(block)) for block in blocks]
        return [self.size(node)]

    def space(self, node: s.Node) -> tuple[str, list[Any], str]:
        """A number field with a power: its letter, the sizes, and ``>`` or ``>=`` if a sign is demanded."""
        node = only_item(node)
        sizes: list[Any] = []
        bound = ""
        while isinstance(node, s.Superscript | s.Subscript):
            if isinstance(node, s.Superscript):
                exponent = only_item(node.exponent)
                if isinstance(exponent, s.Text | s.Name) and getattr(exponent, "text", "") in ("+", "++"):
                    bound = ">"
                else:
                    sizes = self.sizes(node.exponent)
            else:
                bound = _bound_of(node.indices)
            node = only_item(node.base)
        if (
            not isinstance(node, s.Name)
            or node.dress not in (r"\mathbb", r"\mathbf", "")
            or node.text not in ("R", "N", "Z")
        ):
            raise ReadProblem(
                "this set or space is not known; known are \\mathbb{R}^{N \\times K}, \\{1, \\dots, K\\}, "
                "\\{0, 1\\} and [0, 1]"
            )
        if node.dress == "" and node.text in self.names:
            raise ReadProblem(f"{node.text} is not a space here")
        return node.text, sizes, bound

    def declare(self, node: s.Node, space: s.Node, chain: s.Chain, formula: Formula, mode: Mode) -> list[Entity]:
        space = only_item(space, "(")
        if isinstance(node, s.Partial):
            self.declare_layout(node, space)
            return []
        head, indices = head_and_indices(node)
        name = letter(head)
        if name is None and isinstance(head, s.Call) and not head.arguments:
            name = head.function
        formals = [letter(i) for i in indices]
        if name is None or None in formals:
            raise ReadProblem("only a name, with letters as its indices, can be declared")
        family = [self.family_axis(f) for f in formals if f is not None]
        base = only_item(space.base, "(") if isinstance(space, s.Superscript) else None
        if isinstance(base, s.Group) and isinstance(space, s.Superscript) and len(base.items) > 1:
            family = family + [AxisVar(size) for size in self.sizes(space.exponent)]
            node, space = (head if not indices else node), base
        if (
            isinstance(space, s.Group)
            and (space.opening == "{" or space.opening in ("[", "(", "(]", "[)", "[(", "]("))
            and len(space.items) > 1
        ):
            return self.declare_values(name, node, family, space, chain, formula, mode)
        field_, sizes, bound = self.space(space)
        flat = len(sizes) == 2 and 1 in sizes and self.inventory.usage.get(name, 0) < 2
        row = flat and sizes[0] == 1 and sizes[1] != 1
        if flat:  # a matrix of one row or one column, never taken by two indices
            sizes = [size for size in sizes if size != 1]
        axes = tuple(family + [AxisVar(size) for size in sizes])
        if field_ == "N" and not axes and not bound and self.counts(name):
            return [self.bind(Entity(name, Kind.INDEX, range=AxisVar(), declared=True))]
        if field_ in ("N", "Z") and not axes:
            kind = Kind.DIMENSION if field_ == "N" else Kind.LABEL
            known = self.names.get(name)
            return [known if known is not None and known.kind is kind else self.bind(Entity(name, kind, declared=True))]
        if field_ in ("N", "Z"):
            return [self.bind(Entity(name, Kind.LABELS, axes=axes, range=AxisVar(), declared=True))]
        entity = self.declared(name, axes, len(family), mode)
        entity.row = row
        if bound:
            self.note(AssumptionRecord(
                *self.here(self.at(formula, chain.links[1].at)), text=self.written(chain),
                relations=[(node, r"\ge" if bound == ">=" else ">", s.Number(space.end, space.end, "0"))],
            ))  # fmt: skip
            if not indices and axes:
                record = self.records[-1]
                assert isinstance(record, AssumptionRecord)
                record.relations, record.property = [], ("nonnegative" if bound == ">=" else "positive", name)
        return [entity]

    def counts(self, name: str) -> bool:
        """Whether a natural number is an index of what the note defines and nowhere the size of an axis."""
        return name in self.inventory.letters and name not in self.names

    def family_axis(self, name: str) -> AxisVar:
        if not name:  # of a list x_1, ..., x_N
            return self.families.pop("")[-1]
        entity = self.names.get(name)
        if entity is not None and entity.kind is Kind.INDEX and entity.range is not None:
            return entity.range
        axis = AxisVar()
        self.families.setdefault(name, []).append(axis)
        return axis

    def declared(self, name: str, axes: tuple[AxisVar, ...], family: int, mode: Mode) -> Entity:
        """A repetition or a late declaration tells the shape of what is known; another one makes a new meaning."""
        known = self.names.get(name)
        if known is not None and known.kind in (Kind.TENSOR, Kind.MAP):
            if known.formula is None and known.axes is not None and self.same(known.axes, axes):
                return known
            if (
                known.formula is not None
                and mode is not Mode.LET
                and known.section == self.section
                and known.axes is None
            ):
                known.axes = axes
                return known
        return self.bind(Entity(name, Kind.TENSOR, axes=axes, declared=True, family=family))

    def same(self, a: tuple[AxisVar, ...], b: tuple[AxisVar, ...]) -> bool:
        size = self.inventory.axes.size
        return len(a) == len(b) and all(size(x) is not None and size(x) == size(y) for x, y in zip(a, b, strict=True))

    def declare_values(
        self,
        name: str,
        node: s.Node,
        family: list[AxisVar],
        space: s.Group,
        chain: s.Chain,
        formula: Formula,
        mode: Mode,
    ) -> list[Entity]:
        items = space.items
        known = self.names.get(name)
        if space.opening == "{" and not family and counts_on(items):
            kind = Kind.INDEX if self.counts(name) else Kind.DIMENSION
            return [self.bind(Entity(name, kind, range=AxisVar() if kind is Kind.INDEX else None, declared=True))]
        if space.opening == "{" and any(isinstance(i, s.Dots) for i in items):
            first, size = self.span_of(items)
            values = AxisVar(size, first)
            if (
                known is not None
                and known.kind is Kind.TENSOR
                and known.declared
                and known.axes is not None
                and len(known.axes) != len(family)
            ):
                raise ReadProblem(
                    f"{name} is declared with {len(known.axes)} axes, and stands with {len(family)} indices here"
                )
            if family:
                return [self.bind(Entity(name, Kind.LABELS, axes=tuple(family), range=values, declared=True))]
            return [self.bind(Entity(name, Kind.LABEL, range=values, declared=True))]
        place = self.at(formula, chain.links[1].at)
        made = []
        if known is None or known.kind not in (Kind.TENSOR, Kind.MAP):
            made = [self.bind(Entity(name, Kind.TENSOR, axes=tuple(family), declared=True))]
        record = AssumptionRecord(
            *self.here(place), text=self.written(chain), sentence=self.sentence_number if mode in LOCAL else None
        )
        if made and record.sentence is None:
            record.section = ()  # the set that a name is declared in belongs to the name, as a space does
        if space.opening == "{":
            record.values = (node, items)
        else:
            if len(items) != 2:
                raise ReadProblem("an interval has two ends")
            low = r"\ge" if space.opening[0] == "[" else ">"
            high = r"\le" if space.opening[-1] in "]" or space.opening == "[" else "<"
            record.relations = [(node, low, items[0]), (node, high, items[1])]
            record.relations = [r for r in record.relations if letter(_unsigned(r[2])) != r"\infty"]
        self.note(record)
        return made

    def declare_layout(self, node: s.Partial, space: s.Node) -> None:
        _, sizes, _ = self.space(space)
        row = len(sizes) == 2 and sizes[0] == 1
        axes = tuple(AxisVar(size) for size in (sizes[1:] if row or (len(sizes) == 2 and sizes[1] == 1) else sizes))
        if len(sizes) == 2 and sizes[1] == 1:
            axes = (AxisVar(sizes[0]),)
        self.inventory.layouts[dump(node)] = Value(axes, lambda *i: sp.Integer(0), row=row)

    def declare_function(self, node: s.Node, source: s.Node | None, target: s.Node | None) -> Entity:
        name = letter(node)
        if name is None or source is None or target is None:
            raise ReadProblem("only a name can be declared as a function")
        _, to, _ = self.space(target)
        _, from_, _ = self.space(source)
        if to:
            raise ReadProblem(f"{name} is declared with values in a space of vectors: give its components")
        if from_:
            entity = Entity(name, Kind.TENSOR, axes=(), declared=True)
            entity.depends = ("?",)
            entity.size = tuple(from_)
            return self.bind(entity)
        return self.bind(Entity(name, Kind.FUNCTION, declared=True))


def plus_minus_values(node: s.Node) -> s.Node | None:
    if isinstance(node, s.Terms) and len(node.terms) == 1 and node.signs[0] == "±":
        return node.terms[0]
    return None


def counts_on(items: tuple[s.Node, ...]) -> bool:
    r"""``1, 2, 3, \dots``: every whole number from 1."""
    values = [whole(i) for i in items[:-1]]
    return isinstance(items[-1], s.Dots) and values == list(range(1, len(values) + 1)) and len(values) > 1


def lists_members(name: s.Node | None, vector: s.Node | None) -> bool:
    r"""``z = (z_1, \\dots, z_C)^\\top``: the entries are those of the name itself."""
    while isinstance(vector, s.Transpose) or (isinstance(vector, s.Superscript) and letter(vector.exponent) == "T"):
        vector = vector.base
    if not isinstance(vector, s.Group) or vector.opening not in ("(", "[") or len(vector.items) < 2:
        return False
    own = letter(name) if name is not None else None
    heads = [head_and_indices(i) for i in vector.items if not isinstance(i, s.Dots)]
    return own is not None and all(letter(head) == own and indices for head, indices in heads)


def only_item(node: s.Node, kinds: str = "{") -> s.Node:
    while isinstance(node, s.Group) and node.opening in ("{", kinds) and len(node.items) == 1:
        node = node.items[0]
    return node


def dump_name(node: s.Subscript) -> str:
    inner = "".join(getattr(i, "text", "") for i in node.indices)
    base = getattr(node.base, "text", "")
    return f"{base}_{inner}" if len(inner) == 1 else f"{base}_{{{inner}}}"


def _product(block: list[tuple[str, s.Node]]) -> s.Node:
    if len(block) == 1:
        return block[0][1]
    return s.Factors(block[0][1].start, block[-1][1].end, tuple(b[0] for b in block), tuple(b[1] for b in block))


def _bound_of(indices: tuple[s.Node, ...]) -> str:
    """``_{>0}``, ``_{\\ge 0}``, ``_+``."""
    text = "".join(str(getattr(i, "text", "")) for i in indices)
    if "+" in text or ">" in text:
        return ">=" if "=" in text else ">"
    if r"\ge" in text:
        return ">="
    raise ReadProblem("this set is not known")


def _unsigned(node: s.Node) -> s.Node:
    return node.terms[0] if isinstance(node, s.Terms) and len(node.terms) == 1 else node


Chains = Callable[[Formula], tuple[s.Chain, ...]]
