r"""``\pi(a) = \frac{e^{h_a}}{\sum_b e^{h_b}}``: a family whose index stands in parentheses gets a subscript."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import children, letter, walk
from derive.notes.rebuild import rebuilt

DEFINES = frozenset({"=", ":=", r"\equiv"})


def called(chains: Iterable[s.Chain]) -> dict[str, int]:
    """Names of families with the number of their indices.

    The equation has nothing but letters in the parentheses, and its right side has each as an index and nothing else.
    """
    chains = list(chains)
    found: dict[str, int] = {}
    indices: set[str] = set()
    not_indices: set[str] = set()
    for chain in chains:
        links = chain.links
        if len(links) < 2 or links[0].side is None or links[1].side is None:
            continue
        if links[1].sign == r"\in" and not _is_range(links[1].side):
            not_indices |= {n for item in _items(links[0].side) if (n := letter(item)) is not None}
        elif links[1].sign in DEFINES and (left := _application(links[0].side)) is not None:
            name, letters = left
            if not not_indices & set(letters) and all(_is_index(c, links[1].side) for c in letters):
                found.setdefault(name, len(letters))
                indices |= set(letters)
    return found | _beside(chains, found, indices)


def _beside(chains: list[s.Chain], families: dict[str, int], indices: set[str]) -> dict[str, int]:
    r"""Rewards ``r(a)`` beside a policy ``\pi(a)``: what never stands without indices in parentheses."""
    counts: dict[str, set[int]] = {}
    bare: set[str] = set()
    for node in (n for chain in chains for link in chain.links if link.side is not None for n in walk(link.side)):
        called_here: set[int] = set()
        if isinstance(node, s.Factors):
            for head, group, sign in zip(node.factors, node.factors[1:], node.signs[1:], strict=False):
                items = group.items if isinstance(group, s.Group) and group.opening == "(" and not sign else ()
                if isinstance(head, s.Name) and items and all(letter(i) in indices for i in items):
                    called_here.add(id(head))
                    counts.setdefault(head.text, set()).add(len(items))
        bare |= {n.text for n in children(node) if isinstance(n, s.Name) and id(n) not in called_here}
    new = counts.keys() - families.keys() - bare
    return {name: counts[name].pop() for name in new if len(counts[name]) == 1}


def with_called(chain: s.Chain, names: dict[str, int]) -> s.Chain:
    if not names:
        return chain

    def change(node: Any) -> Any:
        return _subscripted(node, names) if isinstance(node, s.Factors) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _application(node: Any) -> tuple[str, tuple[str, ...]] | None:
    if not (isinstance(node, s.Factors) and len(node.factors) == 2 and not node.signs[1]):
        return None
    head, group = node.factors
    if not (isinstance(head, s.Name) and isinstance(group, s.Group) and group.opening == "(" and group.items):
        return None
    letters = [letter(i) for i in group.items]
    if any(c is None for c in letters) or len(set(letters)) < len(letters):
        return None
    return head.text, tuple(c for c in letters if c is not None)


def _is_index(name: str, body: s.Node) -> bool:
    indices = [i for n in walk(body) if isinstance(n, s.Subscript) for i in n.indices]
    compared = [x for n in walk(body) if isinstance(n, s.Relation) for x in (n.left, n.right)]
    left_out = [n.first for n in walk(body) if isinstance(n, s.Binder) and n.relation == r"\ne"]
    inside = {id(i) for i in [*indices, *compared, *left_out] if letter(i) == name}
    primed = {id(n.base) for n in walk(body) if isinstance(n, s.Prime)}
    standing = {id(n) for n in walk(body) if isinstance(n, s.Name) and n.text == name} - primed
    return any(letter(i) == name for i in indices) and standing <= inside


def _subscripted(node: s.Factors, names: dict[str, int]) -> Any:
    signs: list[str] = []
    factors: list[Any] = []
    for sign, factor in zip(node.signs, node.factors, strict=True):
        before = factors[-1] if factors else None
        if (
            isinstance(before, s.Name)
            and not sign
            and isinstance(factor, s.Group)
            and factor.opening == "("
            and names.get(before.text) == len(factor.items)
            and all(letter(i) is not None or isinstance(i, s.Number) for i in factor.items)
        ):
            factors[-1] = s.Subscript(before.start, factor.end, before, factor.items)
            continue
        signs.append(sign)
        factors.append(factor)
    return factors[0] if len(factors) == 1 else s.Factors(node.start, node.end, tuple(signs), tuple(factors))


def _items(node: Any) -> tuple[Any, ...]:
    return node.items if isinstance(node, s.Group) and node.opening == "" else (node,)


def _is_range(space: Any) -> bool:
    r"""``\{1, \dots, A\}``"""
    return isinstance(space, s.Group) and any(isinstance(i, s.Dots) for i in space.items)
