r"""Sets of data: ``\mathcal{D} = \{(x_i, y_i)\}_{i=1}^n`` says over what the index of its members runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.notes.declarations import size_of
from derive.notes.document import Formula
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import letter, whole
from derive.notes.meaning.scope import Entity, Kind
from derive.notes.meaning.shapes import AxisVar, ReadProblem
from derive.notes.records import GivenRecord

if TYPE_CHECKING:
    from derive.notes.collect import Collector


def data_set(c: Collector, chain: s.Chain, formula: Formula) -> bool:
    """Whether a set of members is all that is said here; the set itself has no meaning in formulas."""
    links = chain.links
    if not links or len(links) > 2 or (len(links) == 2 and not _names_a_set(chain)):
        return False
    members = links[-1].side
    made: list[Entity] = []
    if isinstance(members, s.Superscript) and isinstance(members.base, s.Subscript):
        found = _range(c, members.base, members.exponent)
        if found is None:
            return False
        known = c.names.get(found.name)
        made = [found] if known is None or known.kind is not Kind.INDEX else []
    elif len(links) < 2 or not _is_listing(members):
        return False
    for entity in made:
        assert entity.range is not None
        for waiting in c.families.pop(entity.name, ()):
            c.inventory.axes.unite(entity.range, waiting)
        c.bind(entity)
    place = c.at(formula, links[-1].at)
    c.note(GivenRecord(*c.here(place), latex=c.written(chain), entities=tuple(made)))
    return True


def _names_a_set(chain: s.Chain) -> bool:
    return chain.links[1].sign in ("=", ":=") and letter(chain.links[0].side) is not None


def _range(c: Collector, members: s.Subscript, last: s.Node) -> Entity | None:
    """The index under the brackets, with its range."""
    group, below = members.base, members.indices
    if not (isinstance(group, s.Group) and group.opening in ("{", "(") and len(below) == 1):
        return None
    start = below[0]
    if not (isinstance(start, s.Relation) and start.sign == "="):
        return None
    name, first = letter(start.left), whole(start.right)
    if name is None or first not in (0, 1):
        return None
    try:
        size = sp.expand(size_of(c, last) - first + 1)
    except ReadProblem:
        return None
    return Entity(name, Kind.INDEX, range=AxisVar(size, first), declared=True)


def _is_listing(node: Any) -> bool:
    r"""``\{x_1, \dots, x_n\}``, ``\{(x_1, y_1), \dots, (x_n, y_n)\}``"""
    if not (isinstance(node, s.Group) and node.opening == "{" and any(isinstance(i, s.Dots) for i in node.items)):
        return False
    members = [i for i in node.items if not isinstance(i, s.Dots)]
    parts = [p for m in members for p in (m.items if isinstance(m, s.Group) and m.opening == "(" else (m,))]
    return all(isinstance(p, s.Subscript | s.Superscript) for p in parts)
