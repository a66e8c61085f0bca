"""Trees as they are parsed -> trees in which names are names: with their scripts, dresses, numbers, run-on letters.

Which these are is seen by what a whole topic does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from derive.notes.adjoints import with_adjoints, with_denoted
from derive.notes.arguments import Arguments, arguments, with_arguments
from derive.notes.called import called, with_called
from derive.notes.compound import compound_names, counts, lettered_names, renamed_chain, split_dresses
from derive.notes.constants import is_family, with_constants
from derive.notes.document import Document, Formula, Heading, Sentence
from derive.notes.expectations import at_arguments, with_expectations
from derive.notes.glued import Letters, glued, with_glued
from derive.notes.grammar import syntax as s
from derive.notes.layers import layered, with_layers
from derive.notes.means import introduced, with_means
from derive.notes.members import members, with_members
from derive.notes.open_sums import labels, with_open_sums
from derive.notes.operators import Operator, operators, with_operators
from derive.notes.pairs import sizes, with_pairs
from derive.notes.squares import squares, with_squares
from derive.notes.statements import BRIEF, JOINING, Mode, mode_after
from derive.notes.tags import Tags, tagged, with_tags

Parsed = dict[int, tuple[s.Chain, ...]]  # the chains of each formula, by its identity


@dataclass
class Spelling:
    """How names are written; ``renamed`` gives a tree its names."""

    layers: frozenset[str] = frozenset()
    arguments: Arguments = field(default_factory=Arguments)
    members: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()
    operators: dict[Operator, s.Name] = field(default_factory=dict)
    glued: frozenset[Letters] = frozenset()
    tags: Tags = field(default_factory=Tags)
    called: dict[str, int] = field(default_factory=dict)
    compounds: frozenset[str] = frozenset()
    dresses: frozenset[str] = frozenset()
    counts: frozenset[str] = frozenset()
    squares: frozenset[str] = frozenset()

    def plain(self, chain: s.Chain) -> s.Chain:
        """The tree with the arguments of its functions as such."""
        named = with_arguments(with_layers(chain, self.layers), self.arguments)
        return with_expectations(with_members(named, self.members), self.applied)

    def renamed(self, chain: s.Chain) -> s.Chain:
        joined = with_glued(with_operators(self.plain(chain), self.operators), self.glued)
        named = with_called(with_tags(joined, self.tags), self.called)
        return with_squares(renamed_chain(named, self.compounds, self.dresses, self.counts), self.squares)


def spelled(document: Document, parsed: Parsed) -> tuple[Spelling, Parsed]:
    """How a topic writes its names, and its formulas with these."""
    found = Spelling()
    raw = closed(of_arguments(document, parsed, found))
    found.operators = operators(all_of(raw))
    raw = changed(raw, lambda c: with_operators(c, found.operators))
    found.glued = glued((c, mode in (Mode.LET, Mode.WITH)) for c, mode in said(document.sentences, raw))
    raw = with_adjoints(changed(raw, lambda c: with_glued(c, found.glued)))
    plain = all_of(raw)
    found.tags = tagged(plain)
    spelled_out = [with_tags(c, found.tags) for c in plain]
    found.called = called(spelled_out)
    everything = [with_called(c, found.called) for c in spelled_out]
    found.compounds = compound_names(everything) | lettered_names(spelled_out)
    found.dresses = split_dresses(everything)
    found.counts = counts(everything)
    found.squares = squares([renamed_chain(c, found.compounds, found.dresses, found.counts) for c in everything])
    return found, changed(raw, found.renamed)


def of_arguments(document: Document, parsed: Parsed, found: Spelling) -> Parsed:
    """The formulas with the arguments of functions, of distributions and of expectations."""
    raw: Parsed = {id(f): parsed[id(f)] for sentence in document.sentences for f in sentence.formulas}
    for sentence in document.sentences:
        with_denoted(raw, sentence.parts)
    found.layers = layered(all_of(raw))
    raw = changed(raw, lambda c: with_layers(c, found.layers))
    found.arguments = arguments(all_of(raw))
    raw = changed(raw, lambda c: with_arguments(c, found.arguments))
    found.members = members((c, st.section) for st in document.sentences for f in st.formulas for c in raw[id(f)])
    raw = changed(raw, lambda c: with_members(c, found.members))
    found.applied = at_arguments(all_of(raw))
    return changed(raw, lambda c: with_expectations(c, found.applied))


def closed(raw: Parsed) -> Parsed:
    """The formulas with their sums closed."""
    if is_family(all_of(raw)):
        raw = changed(raw, with_constants)
    kept = labels(all_of(raw))
    raw = changed(raw, lambda c: with_open_sums(c, kept))
    single = kept | sizes(all_of(raw))
    raw = changed(raw, lambda c: with_pairs(c, single))
    known = introduced(all_of(raw))
    return changed(raw, lambda c: with_means(c, known))


def all_of(raw: Parsed) -> list[s.Chain]:
    return [chain for chains in raw.values() for chain in chains]


def changed(raw: Parsed, change: Callable[[s.Chain], s.Chain]) -> Parsed:
    return {key: tuple(map(change, chains)) for key, chains in raw.items()}


def said(items: Iterable[Sentence | Heading], parsed: Parsed) -> Iterator[tuple[s.Chain, Mode]]:
    """All relations and lone formulas, with what the words in front of them say that they are."""
    for item in items:
        mode = before = Mode.PLAIN
        for k, part in enumerate(item.parts):
            if isinstance(part, Formula):
                mode = before if part.display and mode in BRIEF else mode
                yield from ((chain, mode) for chain in parsed.get(id(part), ()))
                continue
            if mode in BRIEF and not JOINING.fullmatch(part):
                mode = before
            before = mode if mode not in BRIEF else before
            mode = mode_after(part, mode, k == 0)
