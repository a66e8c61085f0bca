r"""``\sigma^2 = …``: where a note speaks of nothing but the square, the square is the name.

``\frac{\partial L}{\partial \sigma^2}`` is then a first derivative.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import is_number, walk
from derive.notes.rebuild import rebuilt

DEFINES = frozenset({"=", ":=", r"\equiv", r"\in", ">"})


def squares(chains: Iterable[s.Chain]) -> frozenset[str]:
    """Names that are introduced by their square and never stand without it."""
    introduced: set[str] = set()
    squared: dict[str, int] = {}
    total: dict[str, int] = {}
    for chain in chains:
        links = chain.links
        if len(links) > 1 and links[1].sign in DEFINES and (name := _squared(links[0].side)) is not None:
            introduced.add(name)
        for link in links:
            for node in walk(link.side) if link.side is not None else ():
                if isinstance(node, s.Name):
                    total[node.text] = total.get(node.text, 0) + 1
                found = [_squared(node)]
                if isinstance(node, s.Partial) and node.order == 1:
                    found = [_owner(v) for v, n in node.variables if n == 2]
                for name in found:
                    if name is not None:
                        squared[name] = squared.get(name, 0) + 1
    return frozenset(name for name in introduced if squared[name] == total[name])


def with_squares(chain: s.Chain, names: frozenset[str]) -> s.Chain:
    if not names:
        return chain

    def change(node: Any) -> Any:
        if _squared(node) in names:
            return _named(node.base, node.end)
        if isinstance(node, s.Partial) and node.order == 1:
            below = tuple((_named(v, v.end), 1) if n == 2 and _owner(v) in names else (v, n) for v, n in node.variables)
            return replace(node, variables=below) if below != node.variables else node
        return node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _squared(node: Any) -> str | None:
    return _owner(node.base) if isinstance(node, s.Superscript) and is_number(node.exponent, "2") else None


def _owner(node: Any) -> str | None:
    r"""The name in ``\\sigma`` and in ``\\sigma_d``."""
    node = node.base if isinstance(node, s.Subscript) else node
    return node.text if isinstance(node, s.Name) else None


def _named(node: Any, end: int) -> Any:
    if isinstance(node, s.Subscript):
        return replace(node, base=_named(node.base, node.base.end), end=end)
    return s.Name(node.start, end, f"{node.text}^2")
