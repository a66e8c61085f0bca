"""First walk over a note: what each relation is, and which names are in force where it stands.

Shapes are not known yet; what comes out is a list of records in the order of the source.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from derive.notes import cases, partial
from derive.notes.assumptions import assume, assume_condition, assume_plus_minus
from derive.notes.clauses import BEHIND, ENDS, JOINED, OTHERWISE, Clauses, turns
from derive.notes.datasets import data_set
from derive.notes.declarations import declare, index_list, is_index_list, is_square
from derive.notes.definitions import define
from derive.notes.document import Formula, Place, Sentence
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, letter, walk
from derive.notes.inventory import Inventory
from derive.notes.meaning.naming import IDENTITY_NAMES
from derive.notes.meaning.scope import Entity, Kind, Names
from derive.notes.meaning.scope import Formula as Definition
from derive.notes.meaning.shapes import AxisVar
from derive.notes.records import AssumptionRecord, GivenRecord, LinkRecord, Record, RequestRecord
from derive.notes.statements import (
    ASSUMING,
    BRIEF,
    DECLARES,
    DEFINES,
    FUNCTION_OF,
    JOINING,
    LOCAL,
    OF_MATRICES,
    SPOKEN_OF,
    USED,
    Mode,
    bare_names,
    left_side,
    mode_after,
    properties,
    shared_properties,
)

LEADING = frozenset({Mode.SINCE, Mode.IF, Mode.WITH})  # a clause in front of the main one
COMPARES = frozenset({"<", ">", r"\le", r"\ge", r"\ne"})


STATED = re.compile(r"\W*(is|are|holds?|contains?|has|have|sums?|adds?)\s[^.,;:]*", re.I)
WHICH = re.compile(r"\W*which\s+((is|are|has|have|contains?|sums?|adds?)\s[^.,;:]*)", re.I)
CONDITIONAL = re.compile(
    r"\b(when|whenever|if|unless|only|once|where|because|in case|needs?|requires?|provided|whether)\b"
    r"|\b(not|no|wrong(ly)?|were)\b",
    re.I,
)
ANEW = re.compile(r"^\W*(and|but|while|whereas)\b", re.I)
SATISFIES = re.compile(r"\b(satisf(y|ies)|obeys?|fulfil+s?)\W*$", re.I)
HAVING = re.compile(r"\bwe have\b[\w\s]*$", re.I)
CONCLUDES = re.compile(r",|;|\bthen\b", re.I)
NOTHING: list[s.Node | None] = [None]
SIGNATURE = re.compile(r"`\s*([A-Za-z_]\w*)\s*\(\s*([^()`]*)\)\s*`")
ROUTE = re.compile(
    r"\b(?:by|with|using|via|through)\s+(?:the\s+)?([a-z][a-z\- ]*?)\s*(?:rule|trick|route|method|steps)?\s*[.,;]?\s*$",
    re.I,
)


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
        self.listing = self.following = False
        self.together: list[str] = []  # names of one list, each with its space or not
        self.unconditional = True  # no word so far makes what the sentence says a case
        self.clauses = Clauses()
        self.cases = cases.Cases()
        self.first = 0  # of the records of this sentence
        self.valued: set[int] = set()  # entities whose value has been assumed: an equation for them defines nothing
        self.recurrent: set[str] = set()  # names that are given through their own earlier values
        self.families: dict[str, list[AxisVar]] = {}  # axes of x_n, waiting for n = 1, ..., N in the same sentence

    # -- sentences --------------------------------------------------------------------------------------------
    def sentence(self, sentence: Sentence, chains: dict[int, tuple[s.Chain, ...]]) -> None:
        self.section = sentence.section
        self.sentence_number += 1
        self.mentioned, self.waiting, self.families, self.clauses = [], [], {}, Clauses()
        self.shared, self.together, self.listing, self.unconditional = [], [], False, True
        first = self.first = len(self.records)
        cases.begin(self, sentence)
        opening = sentence.parts[0] if sentence.parts and isinstance(sentence.parts[0], str) else ""
        word = re.match(r"\W*(compile|derive)\b", opening, re.I)
        if word is not None and any(isinstance(p, Formula) for p in sentence.parts):
            self.request(sentence, chains, word.group(1).lower())
            return
        turning = turns(sentence.parts, lambda part: any(len(c.links) > 1 for c in chains[id(part)]))
        mode = before = Mode.PLAIN
        words = ""
        for k, part in enumerate(sentence.parts):
            if isinstance(part, str):
                words, assumed = part.rstrip(), mode
                if mode in BRIEF and not JOINING.fullmatch(part):
                    mode = before
                if mode not in BRIEF:
                    before = mode
                self.clause_ends(part)
                mode = mode_after(part, mode, k == 0)
                if assumed in ASSUMING and mode not in ASSUMING:  # "If $A$ is symmetric, then"
                    self.said(CONCLUDES.split(part, 1)[0], assumed)
                self.said(part, mode)
                self.listing = re.fullmatch(r"[\s,]*(and|or)?\s*", part) is not None
                continue
            if self.is_row_family(sentence, k, chains) or self.is_unknown_function(sentence, k, chains):
                words = ""
                continue
            here = chains[id(part)]
            behind = sentence.parts[k + 1] if k + 1 < len(sentence.parts) else ""
            turn = mode in ASSUMING and k in turning and (turning[k] or any(map(self.asserts, here)))
            if (
                turn
                or self.is_main_clause(here, mode, words, behind)
                or (
                    part.display
                    and mode in LEADING
                    and self.told_since(first)
                    and not re.search(r"\b(and|that|where|with)\s*$", words)
                )
            ):
                mode = Mode.CLAIM
            if part.display and mode in BRIEF:
                mode = before
            if mode is Mode.CLAIM and HAVING.search(words) and introduces(here):
                mode = Mode.PLAIN
            for number, chain in enumerate(here):
                self.following = self.listing or number > 0
                if cases.is_case(self, chain, mode_after(chain.words, mode, False)):
                    if number == 0 and ANEW.match(words):
                        self.clauses.close()
                    assume(self, chain, part, Mode.IF)
                else:
                    self.chain(chain, part, mode, words if number == 0 else "")
            words = ""
        self.clauses.close()
        cases.end(self, sentence, self.records[first:])
        partial.restrict(self, sentence, chains, self.records[first:])
        for record in self.records[first:]:
            if isinstance(record, LinkRecord | AssumptionRecord):
                record.horizon = self.position
            elif isinstance(record, GivenRecord):
                for entity in record.entities:
                    if entity.formula is not None:
                        entity.formula.horizon = self.position

    def clause_ends(self, words: str) -> None:
        """Words that part the clauses of a sentence; "otherwise" turns the condition round."""
        if OTHERWISE.search(words):
            opposite = self.clauses.otherwise()
            if opposite is not None:
                self.note(opposite)
        elif ENDS.search(words):
            self.clauses.close()

    def is_main_clause(self, chains: tuple[s.Chain, ...], mode: Mode, words: str, behind: Any) -> bool:
        """``A if c and B if d``: whether what has been assumed so far ends here, with no word to say so."""
        if mode not in LOCAL or not self.clauses.opens_with_claim or not JOINED.match(words):
            return False
        return any(map(self.asserts, chains)) or (isinstance(behind, str) and BEHIND.match(behind) is not None)

    def asserts(self, chain: s.Chain) -> bool:
        """An equation about derivatives or about what is defined says what holds, where others may be conditions."""
        if len(chain.links) < 2 or chain.links[1].sign not in DEFINES | {r"\approx"}:
            return False
        if self.speaks_of_a_derivative(chain):
            return True
        nodes = [n for link in chain.links if link.side is not None for n in walk(link.side) if isinstance(n, s.Name)]
        known = [self.names[n.text] for n in nodes if n.text in self.names]
        return any(e.formula is not None or e.kind in (Kind.FUNCTION, Kind.MAP) for e in known)

    def told_since(self, first: int) -> bool:
        return any(isinstance(r, AssumptionRecord | GivenRecord) for r in self.records[first:])

    def said(self, words: str, mode: Mode) -> None:
        """Properties that the words ascribe to what was, or will be, mentioned."""
        which = WHICH.match(words) if mode is Mode.CLAIM else None
        if (mode is Mode.PLAIN or which is not None) and self.unconditional:
            stated = which or STATED.match(words)
            clause = stated.group() if stated and CONDITIONAL.search(stated.group()) is None else ""
            for who, name in ((w, p) for w in self.mentioned for p in properties(clause)):
                known = self.names.get(who)
                if known is not None and known.kind is Kind.TENSOR and known.formula is None:
                    self.ascribe(name, who, mode)
        self.unconditional = self.unconditional and CONDITIONAL.search(words) is None
        if mode not in ASSUMING and mode is not Mode.LET:
            return
        of_all = shared_properties(words)
        for name in properties(words):
            if self.mentioned:
                for who in self.bearers(name) if name in of_all else self.mentioned:
                    self.ascribe(name, who, mode)
            else:
                self.waiting.append(name)

    def bearers(self, name: str) -> list[str]:
        """All of a list of names, or those of it that can have a property of matrices."""
        if name not in OF_MATRICES:
            return self.together
        known = [self.names.get(who) for who in self.together]
        square = [e.name for e in known if e is not None and is_square(self, e)]
        return square or self.mentioned

    def ascribe(self, name: str, who: str, mode: Mode) -> None:
        local = mode in LOCAL
        self.note(AssumptionRecord(*self.here(None), property=(name, who), text=f"${who}$ is {name}", local=local))

    def mention(self, nodes: list[s.Node], mode: Mode, listed: bool = False) -> None:
        """Names that stand alone; ``listed`` if only "and" or a comma parts them from those before."""
        heads = [letter(head_and_indices(n)[0]) for n in nodes]
        found = [h for h in heads if h is not None]
        self.shared = self.shared if listed else []
        for name in [*self.shared, *self.waiting]:
            for who in found:
                self.ascribe(name, who, mode)
        self.mentioned = [*self.mentioned, *found] if listed else found
        self.together = [*self.together, *found] if listed or self.following else found
        if found:
            self.shared, self.waiting = [*self.shared, *self.waiting], []

    def here(self, place: Place | None) -> tuple[Place, tuple[int, ...], int, Names]:
        return place or self.place, self.section, self.position, self.names

    place = Place(1, 1)

    def note(self, record: Record) -> None:
        self.position += 1
        record.position = self.position
        self.records.append(record)
        if isinstance(record, LinkRecord):
            self.clauses.claim(record)
        elif isinstance(record, AssumptionRecord) and record.local:
            self.clauses.condition(record, self.same_line(record))

    def same_line(self, record: AssumptionRecord) -> list[LinkRecord]:
        """The claims in front of a condition on its line of a formula."""
        if record.formula is None:
            return []
        here = [c for c in self.clauses.claims if c.formula is record.formula]
        told = {id(x) for r in self.records[self.first :] if isinstance(r, LinkRecord) for x in r.conditions}
        before = [r for r in self.records[self.first : -1] if id(r) in told and isinstance(r, AssumptionRecord)]
        after = max((r.at for r in before if r.formula is record.formula), default=-1)
        return [c for c in here if c.at > after and r"\\" not in record.formula.latex[c.at : record.at]]

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
        if name == matrix and kind.group(1).lower() == "row":
            return True
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
        """A formula to compile or derive; an equation is claimed, and its left side asked for."""
        text = " ".join(p for p in sentence.parts if isinstance(p, str))
        formulas = []
        for part in sentence.parts:
            if isinstance(part, Formula):
                for chain in chains[id(part)]:
                    if len(chain.links) > 1:
                        self.chain(chain, part, Mode.PLAIN, "")
                    link = chain.links[0]
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
        if data_set(self, chain, formula):
            return
        if len(links) < 2:
            if links and links[0].side is not None:
                self.mention(bare_names(links[0].side), mode, self.listing)
            return
        if mode is Mode.PLAIN and self.unconditional and SATISFIES.search(words) and self.demands(chain):
            assume(self, chain, formula, mode)
            return
        if not formula.display and self.is_mention(chain, words, mode):
            return
        sign = links[1].sign
        if len(links) == 3 and links[2].sign == r"\in" and sign == "=" and lists_members(links[0].side, links[1].side):
            declare(self, replace(chain, links=(links[0], links[2])), formula, mode)
        elif len(links) > 2 and links[-1].sign == r"\in":  # a = b \in a space: of b, said last
            declare(self, replace(chain, links=links[-2:]), formula, mode)
            self.chain(replace(chain, links=links[:-1]), formula, mode, words)
        elif sign in DECLARES:
            declare(self, chain, formula, mode)
        elif is_index_list(self, links):
            index_list(self, links, formula)
        elif not self.told(chain, formula, mode):
            self.claims(chain, formula, mode, 1)

    def told(self, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
        """Whether the relation tells something: a definition or an assumption."""
        if chain.links[1].sign in COMPARES:
            return assume_condition(self, chain, formula, mode)
        if chain.links[1].sign not in DEFINES:
            return False
        if define(self, chain, formula, mode) or assume_plus_minus(self, chain, formula, mode):
            return True
        if not formula.display and self.demands(chain) and (mode is Mode.LET or self.goes_with(chain, mode)):
            return assume(self, chain, formula, mode)
        if mode in (Mode.SINCE, Mode.WITH) and (self.speaks_of_a_derivative(chain) or self.says_again(chain)):
            return False
        return mode in ASSUMING | {Mode.AWAY} and assume(self, chain, formula, mode)

    def demands(self, chain: s.Chain) -> bool:
        """``Let \\sum_i y_i = 1``: an equation of free quantities that can define none of them is demanded of them."""
        if len(chain.links) != 2 or any(link.side is None for link in chain.links):
            return False
        left = left_side(chain.links[0].side) if chain.links[0].side is not None else None
        if left is not None and left.name not in self.names:
            return False
        head, indices = head_and_indices(chain.links[0].side)
        new = letter(head) is not None and letter(head) not in self.names
        if new and any(isinstance(i, s.Number) for i in indices):
            return True  # a first value: v_0 = 0
        nodes = [n for link in chain.links for n in walk(link.side)]
        if any(isinstance(n, s.Partial | s.Nabla) for n in nodes):
            return False
        known = [self.names[n.text] for n in nodes if isinstance(n, s.Name) and n.text in self.names]
        heads = [head_and_indices(n) for n in nodes if isinstance(n, s.Subscript)]
        if any(isinstance(h, s.Name) and self.is_unheard_of(h.text) for h, indices in heads if indices):
            return all(e.formula is None for e in known)
        free = [e for e in known if e.kind is Kind.TENSOR and e.formula is None and not e.depends]
        return bool(free) and all(e.formula is None and e.kind is not Kind.FUNCTION for e in known)

    def goes_with(self, chain: s.Chain, mode: Mode) -> bool:
        """``the labels y \\in \\mathbb{R}^q, \\sum_j y_j = 1``: said of what the same sentence declares."""
        here = {e.name for r in self.records[self.first :] if isinstance(r, GivenRecord) for e in r.entities}
        names = {n.text for link in chain.links for n in walk(link.side) if isinstance(n, s.Name)}
        return mode is Mode.PLAIN and bool(here & names)

    def is_unheard_of(self, name: str) -> bool:
        """Whether a name was not introduced so far and bears no meaning of its own."""
        return name not in self.names and name not in (r"\delta", "1", *IDENTITY_NAMES)

    def speaks_of_a_derivative(self, chain: s.Chain) -> bool:
        """``since f' = g``: what a derivative is follows from the definitions and is claimed, unless it says Assume."""
        sides = [link.side for link in chain.links if link.side is not None]
        return any(
            isinstance(node, s.Partial | s.Nabla) or (isinstance(node, s.Prime) and self.is_derived(node))
            for side in sides
            for node in walk(side)
        )

    def says_again(self, chain: s.Chain) -> bool:
        """``where s_i = …`` of a name that has been defined: another form of it, not a condition on it."""
        left = left_side(chain.links[0].side) if chain.links[0].side is not None else None
        known = self.names.get(left.name) if left is not None else None
        return known is not None and known.formula is not None and not isinstance(chain.links[1].side, s.Number)

    def is_derived(self, node: s.Prime) -> bool:
        """Whether a prime is the derivative of a function."""
        known = self.names.get(letter(node.base) or "")
        return known is not None and letter(node) not in self.names and known.kind in (Kind.FUNCTION, Kind.MAP)

    def at(self, formula: Formula, offset: int) -> Place:
        places = formula.places
        return places[min(offset, len(places) - 1)] if places else Place(1, 1)

    def is_mention(self, chain: s.Chain, words: str, mode: Mode) -> bool:
        """An inline relation that prose only speaks of: "the last link needs ``\\sum_i y_i = 1``"."""
        if mode is not Mode.PLAIN or not words.strip() or chain.links[1].sign not in DEFINES | {r"\approx"}:
            return False
        used = USED.search(words.rstrip()) and not self.asserts(chain)
        if not used and not SPOKEN_OF.search(words.rstrip()):
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
                formula=formula, at=link.at,
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


def introduces(chains: tuple[s.Chain, ...]) -> bool:
    """Whether a formula is a lone name or a declaration: "We have data ``x \\in \\mathbb{R}^N``" claims nothing."""
    return all(len(c.links) < 2 or c.links[1].sign in DECLARES for c in chains)


def lists_members(name: s.Node | None, vector: s.Node | None) -> bool:
    r"""``z = (z_1, \\dots, z_C)^\\top``: the entries are those of the name itself."""
    while isinstance(vector, s.Transpose) or (isinstance(vector, s.Superscript) and letter(vector.exponent) == "T"):
        vector = vector.base
    if not isinstance(vector, s.Group) or vector.opening not in ("(", "[") or len(vector.items) < 2:
        return False
    own = letter(name) if name is not None else None
    heads = [head_and_indices(i) for i in vector.items if not isinstance(i, s.Dots)]
    return own is not None and all(letter(head) == own and indices for head, indices in heads)
