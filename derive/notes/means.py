r"""``\bar x = \frac{1}{n} \sum_i x_i``: a sum without limits that is divided by a number is a mean over that many.

This is so where nothing else says how far the index runs, and where the number is a letter of which the note says
nothing: it is the size of the axis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import free_letters, head_and_indices, letter, walk
from derive.notes.rebuild import rebuilt

COUNTS = frozenset("nNmMBCdDK")
DEFINES = frozenset({"=", ":=", r"\equiv", r"\in", ":", ">"})


def introduced(chains: Iterable[s.Chain]) -> frozenset[str]:
    """Names of which a topic says what they are, and its indices."""
    found: set[str] = set()
    for chain in chains:
        sides = [link.side for link in chain.links if link.side is not None]
        if len(chain.links) > 1 and chain.links[1].sign in DEFINES and chain.links[0].side is not None:
            found |= {head for item in _items(chain.links[0].side) if (head := _head(item)) is not None}
        for side in sides:
            found |= set(free_letters(side))
            found |= {n for node in walk(side) for n in _indices_and_variables(node)}
    return frozenset(found)


def with_means(chain: s.Chain, known: frozenset[str]) -> s.Chain:
    def change(node: Any) -> Any:
        if isinstance(node, s.Factors):
            return _product(node, known)
        if isinstance(node, s.Fraction) and isinstance(node.numerator, s.Big):
            return replace(node, numerator=_over(node.numerator, _count(node.denominator, known), known))
        return node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _product(node: s.Factors, known: frozenset[str]) -> s.Factors:
    factors = list(node.factors)
    for k, factor in enumerate(factors):
        before = factors[k - 1] if k and node.signs[k] in ("", r"\cdot") else None
        if isinstance(factor, s.Big) and isinstance(before, s.Fraction):
            factors[k] = _over(factor, _count(before.denominator, known), known)
    return replace(node, factors=tuple(factors))


def _count(node: s.Node, known: frozenset[str]) -> s.Name | None:
    """n of ``n``, ``2n``"""
    parts = node.factors if isinstance(node, s.Factors) and not any(node.signs) else (node,)
    names = [p for p in parts if isinstance(p, s.Name)]
    plain = len(names) == 1 and all(isinstance(p, s.Name | s.Number) for p in parts)
    return names[0] if plain and names[0].text in COUNTS - known and not names[0].dress else None


def _over(node: s.Big, count: s.Name | None, known: frozenset[str]) -> s.Big:
    if count is None or node.kind != "sum" or len(node.binders) != 1:
        return node
    binder = node.binders[0]
    if binder.first is not None or binder.last is not None or len(binder.indices) != 1:
        return node
    name = letter(binder.indices[0])
    heads = [head_and_indices(n) for n in walk(node.body)]
    running = {letter(head) for head, indices in heads if name in {letter(i) for i in indices}}
    if not running or running & known:
        return node
    one = s.Number(count.start, count.end, "1")
    return replace(node, binders=(replace(binder, relation="=", first=one, last=count),))


def _indices_and_variables(node: Any) -> Iterable[str]:
    if isinstance(node, s.Binder):
        yield from (name for i in node.indices if (name := letter(i)) is not None)
    elif isinstance(node, s.Partial):
        yield from (name for v, _ in node.variables if (name := letter(v)) is not None)


def _items(node: s.Node) -> tuple[s.Node, ...]:
    return node.items if isinstance(node, s.Group) and node.opening == "" else (node,)


def _head(node: s.Node) -> str | None:
    node = node.factors[0] if isinstance(node, s.Factors) else node
    return letter(head_and_indices(node)[0])
