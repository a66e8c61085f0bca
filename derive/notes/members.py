r"""``\mathbf{x}^{(i)} \in \mathbb{R}^d`` beside ``\mathbf{x} \in \mathbb{R}^d``: data and any point are two names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import letter, paren_index
from derive.notes.rebuild import rebuilt


def members(chains: Iterable[tuple[s.Chain, tuple[int, ...]]]) -> frozenset[str]:
    """Names that a section declares with a lettered superscript in parentheses and also without."""
    plain: set[tuple[str, tuple[int, ...]]] = set()
    families: set[tuple[str, tuple[int, ...]]] = set()
    for chain, section in chains:
        if len(chain.links) != 2 or chain.links[1].sign != r"\in":
            continue
        side = chain.links[0].side
        for item in side.items if isinstance(side, s.Group) and side.opening == "" else (side,):
            family = _family(item)
            if family is not None:
                families.add((family, section))
            elif (name := letter(item)) is not None:
                plain.add((name, section))
    return frozenset(
        name
        for name, there in plain
        for family, here in families
        if name == family and (here[: len(there)] == there or there[: len(here)] == here)
    )


def with_members(chain: s.Chain, names: frozenset[str]) -> s.Chain:
    """The families under a name in bold."""
    if not names:
        return chain

    def change(node: Any) -> Any:
        if _family(node) not in names:
            return node
        if isinstance(node.base, s.Subscript):
            return replace(node, base=replace(node.base, base=_bold(node.base.base)))
        return replace(node, base=_bold(node.base))

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _family(node: Any) -> str | None:
    r"""x of ``x^{(i)}``, ``x_j^{(i)}``"""
    inside = paren_index(node.exponent) if isinstance(node, s.Superscript) else None
    if inside is None or any(isinstance(i, s.Number) for i in inside):
        return None
    base = node.base.base if isinstance(node.base, s.Subscript) else node.base
    return base.text if isinstance(base, s.Name) else None


def _bold(name: Any) -> s.Name:
    return s.Name(name.start, name.end, rf"\mathbf{{{name.text}}}", name.dress)
