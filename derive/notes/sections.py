r"""The sections of a note and what each says of its names, as far as formulas and the words between them show it.

A name is introduced by a space (``x \in \mathbb{R}^N``), by words (Let, Define, Denote), by ``:=`` and by a sign
that is demanded of it (``\epsilon > 0``). Whether an equation introduces one is seen beside other sections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from derive.notes.compound import numbered
from derive.notes.document import Formula, Heading, Sentence
from derive.notes.glued import Letters, glued, with_glued
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import children, dump, free_letters, head_and_indices, is_number, letter, walk
from derive.notes.meaning.naming import IDENTITY_NAMES
from derive.notes.operators import operators, with_operators
from derive.notes.spelling import Parsed, said
from derive.notes.statements import DECLARES, DEFINES, Left, Mode, bare_names, left_side, mode_after

Item = Sentence | Heading
Trees = Sequence[s.Node | None]

NUMBERED = re.compile(r"\W*(problem|exercise|question|task|example|part|q)\s*\d+\b", re.I)
MEMBERS = re.compile(r"\W*(?:is|be|are|denotes?|being)?\s*the\s*$", re.I)  # x_i is the i-th row of X
CONSTANTS = frozenset({"e", r"\pi", r"\infty", "1", "0", *IDENTITY_NAMES})  # where they stand bare
DEFINING = frozenset({Mode.PLAIN, Mode.WITH, Mode.LET})
OF_VECTORS = (s.Bars, s.Transpose, s.Nabla, s.Angle, s.Matrix)


@dataclass(frozen=True)
class Equation:
    """``name = …``: it defines the name or claims something of it."""

    name: str
    used: frozenset[str]  # names on the right side that are no arguments of the left one
    opens: bool  # no sentence of the section before speaks of the name
    follows: bool = False  # words say that it follows from what stands before: then, hence, which is


@dataclass
class Section:
    """A section without those below it, or a numbered exercise of one."""

    path: tuple[int, ...]
    items: list[Item] = field(default_factory=list)
    ranks: dict[str, int | None] = field(default_factory=dict)  # what it introduces; None where any number of axes fits
    spaces: dict[str, str] = field(default_factory=dict)  # as they are written
    assumed: set[str] = field(default_factory=set)
    uses: dict[str, int] = field(default_factory=dict)  # values, with the smallest number of their indices
    counts: dict[str, int] = field(default_factory=dict)  # how often each stands there
    indexed: set[str] = field(default_factory=set)  # values that stand with indices somewhere
    equations: list[Equation] = field(default_factory=list)
    arguments: set[str] = field(default_factory=set)  # of functions of numbers
    letters: set[str] = field(default_factory=set)  # indices
    sizes: set[str] = field(default_factory=set)

    def introduce(self, name: str, rank: int | None = None) -> None:
        self.ranks.setdefault(name, rank)

    def is_below(self, other: Section) -> bool:
        return len(other.path) < len(self.path) and self.path[: len(other.path)] == other.path

    def assumes_of(self, other: Section, foreign: set[str]) -> bool:
        """Whether it assumes something of the names of another section that holds there: to the end of this one."""
        if other.path[: len(self.path)] != self.path:
            return False
        return bool(self.assumed & (other.uses.keys() if other.is_below(self) else foreign))

    def says(self) -> set[str]:
        """What it may introduce."""
        return {*self.ranks, *(equation.name for equation in self.equations)}

    def says_more_of(self, name: str) -> bool:
        """Whether a name stands in more than the equations for it."""
        return self.counts.get(name, 0) > sum(e.name == name for e in self.equations)


def sections(items: Iterable[Item]) -> list[Section]:
    found: list[Section] = []
    for item in items:
        opening = item.parts[0] if item.parts else ""
        is_numbered = isinstance(item, Sentence) and isinstance(opening, str) and NUMBERED.match(opening)
        if not found or isinstance(item, Heading) or is_numbered:
            found.append(Section(item.section))
        found[-1].items.append(item)
    return found


def look(section: Section, parsed: Parsed) -> None:
    here = list(said(section.items, parsed))
    names = glued((chain, mode in (Mode.LET, Mode.WITH)) for chain, mode in here)
    taking = operators(chain for chain, _ in here)
    for item in section.items:
        spoken_of = frozenset(section.counts)
        for chain, mode in said([item], parsed):
            own_mode = mode_after(chain.words, mode, False) if chain.words else mode
            _chain(with_glued(with_operators(chain, taking), names), own_mode, section, spoken_of)
        _members(item, parsed, names, section)
    own = {n for n in section.arguments if n not in section.indexed}
    own |= {n for n in section.uses if len(n) == 1 and section.ranks.get(n.swapcase()) == 2}  # rows w of W
    for name in (section.sizes | own | (section.letters - section.indexed)) - section.ranks.keys():
        section.uses.pop(name, None)


def _chain(chain: s.Chain, mode: Mode, section: Section, spoken_of: frozenset[str]) -> None:
    sides: Trees = [link.side for link in chain.links]
    sign = chain.links[1].sign if len(sides) > 1 else ""
    left = sides[0] if sides else None
    if len(sides) > 1 and chain.links[-1].sign in DECLARES:
        _spaces(left, sides[-1], sign, section)
    elif len(sides) > 1 and _is_list(sides[1]):
        section.letters |= {name for item in bare_names(left) if (name := letter(item)) is not None}
        section.sizes |= _names(sides[1])
    else:
        if mode is Mode.LET and not sign:
            for item in bare_names(left):
                _introduced(item, section)
        elif sign in (">", r"\ge") and mode in DEFINING and isinstance(left, s.Name):
            section.introduce(left.text, 0)
        elif sign in DEFINES and left is not None:
            _equation(left, sides[1], Mode.LET if sign == ":=" else mode, section, spoken_of)
        if mode in (Mode.ASSUME, Mode.SINCE):
            section.assumed |= {n for side in sides for n, _ in _values(side)}
        _use(sides, section)


def _equation(left: s.Node, body: s.Node | None, mode: Mode, section: Section, spoken_of: frozenset[str]) -> None:
    found = left_side(left) or _dressed_left(left)
    if found is None or mode not in DEFINING | {Mode.CLAIM}:
        return
    if mode is Mode.LET:
        section.introduce(found.name)
    used = frozenset(n for n, _ in _values(body)) - {found.name, *found.params} - CONSTANTS
    section.equations.append(Equation(found.name, used, found.name not in spoken_of, mode is Mode.CLAIM))
    if body is not None and _takes_numbers(found.params, body):
        section.arguments |= set(found.params)


def _takes_numbers(params: tuple[str, ...], body: s.Node) -> bool:
    """Whether nothing but numbers stands beside the arguments of a function."""
    plain = all(count or name in params for name, count in _values(body) if name not in CONSTANTS)
    return plain and not any(isinstance(n, OF_VECTORS) for n in walk(body))


def _dressed_left(node: s.Node) -> Left | None:
    r"""``\sigma^2 = …``, ``\log L = …``, ``a^{(1)} = …``, ``W_1 = …``"""
    if isinstance(node, s.Call) and node.function in ("log", "ln") and len(node.arguments) == 1:
        return left_side(node.arguments[0])
    if isinstance(node, s.Superscript) and is_number(node.exponent, "2"):
        return left_side(node.base)
    found = numbered(node)
    return Left(found[0]) if found is not None else None


def _spaces(left: s.Node | None, space: s.Node | None, sign: str, section: Section) -> None:
    items = [item for item in bare_names(left) if not isinstance(item, s.Dots)]
    size = space.exponent if isinstance(space, s.Superscript) else None
    section.sizes |= _names(size) if size is not None else _names(space) if _is_list(space) else set()
    for item in items:
        head, indices = head_and_indices(item)
        if (name := letter(head)) is not None:
            section.introduce(name, None if sign == ":" else len(indices) + (0 if size is None else _axes(size)))
            section.spaces.setdefault(name, f"{dump(item)} {dump(space)}")
        else:
            _use([item], section)


def _axes(size: s.Node) -> int:
    return 1 + sum(n.signs.count(r"\times") for n in walk(size) if isinstance(n, s.Factors))


def _members(item: Item, parsed: Parsed, names: frozenset[Letters], section: Section) -> None:
    """``x_i`` is the ``i``-th row of ``X``"""
    for part, words in zip(item.parts, item.parts[1:], strict=False):
        if isinstance(part, Formula) and isinstance(words, str) and MEMBERS.match(words):
            for chain in parsed.get(id(part), ()):
                if len(chain.links) == 1 and chain.links[0].side is not None:
                    _introduced(with_glued(chain, names).links[0].side, section)


def _introduced(item: s.Node | None, section: Section) -> None:
    name = letter(head_and_indices(item)[0])
    if name is not None:
        section.introduce(name)


def _use(sides: Trees, section: Section) -> None:
    for tree in sides:
        if tree is None:
            continue
        section.letters |= set(free_letters(tree))
        for node in walk(tree):
            if isinstance(node, s.Binder) and node.relation == "=":
                section.letters |= {name for i in node.indices if (name := letter(i)) is not None}
                section.sizes |= _names(node.last)
        for name, count in _values(tree):
            if name in CONSTANTS and not count:
                continue
            section.uses[name] = min(count, section.uses.get(name, count))
            section.counts[name] = section.counts.get(name, 0) + 1
            section.indexed |= {name} if count else set()


def _values(node: Any, bound: frozenset[str] = frozenset()) -> Iterator[tuple[str, int]]:
    """Names that stand for a value, each with the number of its indices."""
    head, indices = head_and_indices(node)
    if isinstance(head, s.Name) and (indices or node is head):
        delta = head.text in (r"\delta", *IDENTITY_NAMES) and len(indices) == 2
        if head.text not in bound and not delta:
            yield head.text, len(indices)
        for index in indices:  # p_{y_n}
            yield from (found for found in _values(index, bound) if found[1])
    elif isinstance(node, s.Big):
        inner = bound | {name for b in node.binders for i in b.indices if (name := letter(i)) is not None}
        yield from _values(node.body, inner)
    elif isinstance(node, s.Superscript) and letter(node.exponent) in ("T", r"\top"):
        yield from _values(node.base, bound)
    elif isinstance(node, s.Relation | s.Indicator):
        yield from (found for child in children(node) for found in _values(child, bound) if found[1])
    elif node is not None:
        for child in children(node):
            yield from _values(child, bound)


def _is_list(node: s.Node | None) -> bool:
    return isinstance(node, s.Group) and any(isinstance(i, s.Dots) for i in node.items)


def _names(node: s.Node | None) -> set[str]:
    return {n.text for n in walk(node) if isinstance(n, s.Name)} if node is not None else set()
