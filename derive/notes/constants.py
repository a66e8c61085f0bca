r"""``\frac{1}{\sqrt{2\pi}}`` beside mixing weights ``\pi_k``: behind a numeral the bare letter is the number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, walk
from derive.notes.rebuild import rebuilt

PI = r"\pi"
NUMBER = "π"  # no name of a note: its source spells it \pi


def is_family(chains: Iterable[s.Chain]) -> bool:
    r"""Whether ``\pi`` stands with indices somewhere."""
    sides = [link.side for chain in chains for link in chain.links if link.side is not None]
    return any(
        isinstance(head, s.Name) and head.text == PI
        for side in sides
        for node in walk(side)
        if isinstance(node, s.Subscript)
        for head, _ in [head_and_indices(node)]
    )


def with_constants(chain: s.Chain) -> s.Chain:
    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, _change)) for link in chain.links))


def _change(node: Any) -> Any:
    if not isinstance(node, s.Factors):
        return node
    factors: list[Any] = list(node.factors)
    for k, (before, factor) in enumerate(pairwise(node.factors), 1):
        if isinstance(before, s.Number) and isinstance(factor, s.Name) and factor.text == PI:
            factors[k] = replace(factor, text=NUMBER)
    return replace(node, factors=tuple(factors))
