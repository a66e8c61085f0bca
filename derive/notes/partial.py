r"""Definitions that hold for some indices: "``P_{ij} = …`` for ``j \le i``", "if ``i < j`` then ``w_{ij} = …``", "… for
``j \le i`` and 0 otherwise".

A condition that orders the indices of what is defined makes its right side a case. Where no case applies the name has
no value, and nothing is claimed of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from derive.notes.document import Formula, Sentence
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import ORDERED, letter
from derive.notes.records import AssumptionRecord, GivenRecord, LinkRecord, Record

if TYPE_CHECKING:
    from derive.notes.collect import Collector

OTHERWISE = re.compile(r"^\W*(otherwise|else|elsewhere)\b", re.I)


def restrict(c: Collector, sentence: Sentence, chains: dict[int, tuple[s.Chain, ...]], made: Sequence[Record]) -> None:
    """The sentence's definition as a case, under the orders of its indices that stand in front of it or behind it."""
    given = [r for r in made if isinstance(r, GivenRecord) and r.kind == "definition"]
    if len(given) != 1 or any(isinstance(r, LinkRecord) for r in made):
        return
    (entity,) = given[0].entities
    formula = entity.formula
    if formula is None or len(formula.formals) < 2 or formula.params:
        return
    orders = [r for r in made if isinstance(r, AssumptionRecord) and r.local]
    relations = [x for r in orders for x in r.relations]
    if not relations or not all(_orders(x, formula.formals) for x in relations):
        return
    conditions = tuple(s.Relation(left.start, right.end, sign, left, right) for left, sign, right in relations)
    rows: list[tuple[s.Node, tuple[s.Relation, ...]]] = [(formula.body, conditions)]
    other = _otherwise(c, sentence, chains)
    if other is not None:
        rows.append((other, ()))
    entity.formula = replace(formula, body=s.Cases(formula.body.start, formula.body.end, tuple(rows)))


def _orders(relation: tuple[s.Node, str, s.Node], formals: tuple[str, ...]) -> bool:
    left, sign, right = relation
    return sign in (*ORDERED, r"\ne") and letter(left) in formals and letter(right) in formals


def _otherwise(c: Collector, sentence: Sentence, chains: dict[int, tuple[s.Chain, ...]]) -> s.Node | None:
    """What stands in front of the word otherwise."""
    for part, words in zip(sentence.parts, sentence.parts[1:], strict=False):
        if isinstance(part, Formula) and isinstance(words, str) and OTHERWISE.match(words):
            return c.only(chains[id(part)])
    return None
