"""Relations that are taken to hold: equations, comparisons, two signs at once, values of indices and sizes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from derive.notes.definitions import plus_minus_values
from derive.notes.document import Formula
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, letter, whole
from derive.notes.meaning.scope import Entity, Kind
from derive.notes.records import AssumptionRecord
from derive.notes.statements import ASSUMING, DEFINES, LOCAL, OPPOSITE, Mode, bare_names, left_side

if TYPE_CHECKING:
    from derive.notes.collect import Collector


def assume_plus_minus(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
    """``c_i = \\pm 1`` tells the values of a name that is declared and not defined."""
    left, body = chain.links[0].side, chain.links[1].side
    if len(chain.links) != 2 or left is None or body is None or mode is Mode.DENY:
        return False
    value = plus_minus_values(body)
    head, _ = head_and_indices(left)
    name = letter(head)
    if value is None or name is None or (name in c.names and c.names[name].formula is not None):
        return False
    square = s.Superscript(left.start, left.end, left, s.Number(left.end, left.end, "2"))
    other = s.Superscript(value.start, value.end, value, s.Number(value.end, value.end, "2"))
    c.note(
        AssumptionRecord(
            *c.here(c.at(formula, chain.links[1].at)),
            relations=[(square, "=", other)],
            text=c.written(chain),
        )
    )
    return True


def assume(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
    links = chain.links
    place = c.at(formula, links[1].at)
    record = AssumptionRecord(
        *c.here(place), text=c.written(chain), local=mode in LOCAL | {Mode.AWAY}, formula=formula, at=links[1].at
    )
    if len(links) == 2 and mode in LOCAL and (fixed := fixed_size(c, links)):
        record.sizes = fixed
        c.note(record)
        return True
    bad = next((link.problem for link in links if link.problem is not None), None)
    if bad is not None or any(link.side is None for link in links):
        record.problem = c.located(formula, bad) if bad else "a side is missing"
    else:
        for before, link in pairwise(links):
            assert before.side is not None and link.side is not None
            sign = "=" if link.sign in DEFINES else link.sign
            if mode is Mode.AWAY:
                sign = OPPOSITE.get(sign, sign)
            record.relations.append((before.side, sign, link.side))
            if sign == "=" and not record.local:
                note_value(c, before.side)
    c.note(record)
    return True


def note_value(c: Collector, left: s.Node) -> None:
    """``Assume x = 1``: a later equation for x is no definition."""
    named = left_side(left)
    if named is not None and named.name in c.names:
        c.valued.add(id(c.names[named.name]))


def fixed_size(c: Collector, links: tuple[s.Link, ...]) -> dict[str, int]:
    """``N = 4``: the dimension is that number where the condition holds."""
    name, value = letter(links[0].side), links[1].side
    count = whole(value)
    if name is None or count is None:
        return {}
    entity = c.names.get(name)
    if entity is None and name in c.inventory.limits and not c.inventory.usage.get(name):
        entity = c.inventory.implicit(name, {})
    if entity is None or entity.kind is not Kind.DIMENSION or not 1 <= count <= 64:
        return {}
    return {name: count}


def assume_condition(c: Collector, chain: s.Chain, formula: Formula, mode: Mode) -> bool:
    """An inequality: assumed where words say so or where it introduces its name; else shown as not checked."""
    links = chain.links
    new = []
    for link in links:
        for node in bare_names(link.side):
            name = letter(node)
            if (
                name is not None
                and name not in c.names
                and name not in c.inventory.letters
                and not c.inventory.usage.get(name)
            ):
                new.append(name)
    if mode not in ASSUMING and mode not in (Mode.LET, Mode.AWAY) and not (new and not formula.display):
        return False
    if mode is Mode.DENY:
        return False
    for node in bare_names(links[0].side) if mode is Mode.LET else ():
        name = letter(node)
        known = c.names.get(name) if name is not None else None
        if known is not None and known.kind is Kind.TENSOR and known.axes != () and known.section != c.section:
            new.append(known.name)
    for name in new:
        c.bind(Entity(name, Kind.TENSOR, axes=(), declared=True))
    if (
        links[0].side is not None
        and len(bare_names(links[0].side)) > 1
        and len(links) == 2
        and links[1].side is not None
    ):
        pairs = [(n, links[1].sign, links[1].side) for n in bare_names(links[0].side)]
        c.note(
            AssumptionRecord(
                *c.here(c.at(formula, links[1].at)),
                relations=pairs,
                text=c.written(chain),
                local=mode in LOCAL,
                formula=formula,
                at=links[1].at,
            )
        )
        return True
    return assume(c, chain, formula, mode)
