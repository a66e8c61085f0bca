r"""Cases of indices that a note opens with words of their own: "Case 2: ``i \ne j``.", "**``i = j``**", a heading.

They hold for the displays behind them, up to the next words; whether a case goes on after these, only its writer
knows. A condition within a sentence is one of its clauses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from derive.notes.document import Formula, Heading, Sentence
from derive.notes.grammar import syntax as s
from derive.notes.grammar.formula import parse
from derive.notes.grammar.trees import dump, head_and_indices, letter
from derive.notes.meaning.scope import Kind
from derive.notes.records import AssumptionRecord, LinkRecord, Record
from derive.notes.statements import Mode

if TYPE_CHECKING:
    from derive.notes.collect import Collector

Pair = frozenset[str]
CASE = re.compile(r"\bcase\b", re.I)


@dataclass
class Cases:
    """Conditions by the pair of indices that they are about."""

    standing: dict[Pair, AssumptionRecord] = field(default_factory=dict)
    doubtful: dict[Pair, AssumptionRecord] = field(default_factory=dict)  # words have come since
    used: bool = False  # whether a claim has been made under a standing case


def pair_of(left: s.Node | None, right: s.Node | None) -> Pair:
    return frozenset((dump(left), dump(right)))


def condition(c: Collector, chain: s.Chain) -> bool:
    """Whether a relation is a condition on two indices, or on an index and a label."""
    if len(chain.links) != 2 or chain.links[1].sign not in ("=", r"\ne"):
        return False
    kinds = [_kind(c, link.side) for link in chain.links]
    return "" not in kinds and "index" in kinds


def _kind(c: Collector, side: s.Node | None) -> str:
    name = letter(side)
    head, indices = head_and_indices(side)
    if name is None:
        of = c.names.get(letter(head) or "")
        return "label" if indices and of is not None and of.kind is Kind.LABELS else ""
    known = c.names.get(name)
    if known is None:
        return "index" if name in c.inventory.letters else ""
    return {Kind.INDEX: "index", Kind.LABEL: "label"}.get(known.kind, "")


def is_case(c: Collector, chain: s.Chain, mode: Mode) -> bool:
    """An equation of indices claims nothing: it is a condition, whatever words stand before it."""
    return mode not in (Mode.LET, Mode.ASSUME, Mode.DENY, Mode.AWAY) and condition(c, chain)


def begin(c: Collector, sentence: Sentence) -> None:
    """Words behind a case that has been used may end it."""
    cases = c.cases
    opening = sentence.parts[0] if isinstance(sentence.parts[0], str) else ""
    if cases.standing and cases.used and re.match(r"\W*[A-Z]", opening):
        cases.doubtful, cases.standing = {**cases.doubtful, **cases.standing}, {}


def end(c: Collector, sentence: Sentence, made: list[Record]) -> None:
    """The sentence's claims stand under the open cases; conditions that no claim follows open theirs."""
    cases = c.cases
    claims = [r for r in made if isinstance(r, LinkRecord)]
    for claim in claims:
        own = {pair for r in claim.conditions for pair in _pairs(r)}
        claim.conditions += [r for pair, r in cases.standing.items() if pair not in own]
        claim.doubtful = [r for pair, r in cases.doubtful.items() if pair not in own | set(cases.standing)]
    conditions = [r for r in made if isinstance(r, AssumptionRecord) and r.local and _on_indices(c, r)]
    under = [r for claim in claims for r in claim.conditions]
    waiting = {pair: r for r in conditions if not any(r is x for x in under) for pair in _pairs(r)}
    opening = sentence.parts[0] if isinstance(sentence.parts[0], str) else ""
    if claims:
        cases.used = True
    if not waiting:
        if CASE.search(opening):
            cases.doubtful |= {pair: r for r in conditions for pair in _pairs(r)}
    elif isinstance(sentence.parts[-1], str) and re.search(r"\w", sentence.parts[-1]):
        cases.standing, cases.doubtful = {}, waiting  # the sentence says something of the case
    else:
        cases.standing, cases.doubtful, cases.used = waiting, {}, False


def _pairs(record: AssumptionRecord) -> list[Pair]:
    return [pair_of(left, right) for left, sign, right in record.relations if sign in ("=", r"\ne")]


def _on_indices(c: Collector, record: AssumptionRecord) -> bool:
    return len(record.relations) == 1 and all(_kind(c, x) != "" for x in record.relations[0][::2])


def heading(c: Collector, item: Heading) -> None:
    """``### Case 2: $i \\ne j$`` holds in its section."""
    c.cases = Cases()
    for part in item.parts:
        for chain in parse(part) if isinstance(part, Formula) else ():
            left, right = chain.links[0].side, chain.links[-1].side
            if condition(c, chain) and left is not None and right is not None:
                record = AssumptionRecord(
                    *c.here(item.place), relations=[(left, chain.links[1].sign, right)], text=c.written(chain)
                )
                record.section = item.section
                c.note(record)
