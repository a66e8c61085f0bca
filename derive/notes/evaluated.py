r"""``\left.\frac{\partial s_i}{\partial z_j}\right|_{i \ne j} = -s_i s_j``: a bar with a condition on indices.

What holds at certain indices is a claim under that condition, as if it stood behind the claim.
"""

from __future__ import annotations

from dataclasses import replace

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import free_letters, letter


def with_conditions_behind(chains: tuple[s.Chain, ...]) -> tuple[s.Chain, ...]:
    out: list[s.Chain] = []
    for chain in chains:
        links: list[s.Link] = []
        behind: list[s.Chain] = []
        for link in chain.links:
            side = link.side
            if isinstance(side, s.Evaluated) and all(_is_of_indices(r, side.body) for r in side.conditions):
                behind += [_condition(r, link, chain.row) for r in side.conditions]
                link = replace(link, side=side.body)
            links.append(link)
        out += [replace(chain, links=tuple(links)) if behind else chain, *behind]
    return tuple(out)


def _is_of_indices(relation: s.Relation, body: s.Node) -> bool:
    """Between two indices of the body, or an index and a number."""
    ends = [relation.left, relation.right]
    known = set(free_letters(body))
    found = [letter(end) for end in ends]
    return found[0] in known and (found[1] in known or isinstance(ends[1], s.Number))


def _condition(relation: s.Relation, link: s.Link, row: int) -> s.Chain:
    left = s.Link("", link.at, relation.left, _written(relation.left))
    right = s.Link(relation.sign, link.at, relation.right, _written(relation.right))
    return s.Chain((left, right), "if", row)


def _written(end: s.Node) -> str:
    return end.text if isinstance(end, s.Number) else letter(end) or ""
