r"""Names that bear a number: ``W_1 \in \mathbb{R}^{H \times D}`` makes ``W_1`` a name of its own, ``W^{(1)}`` likewise.

Where the note declares or defines the numbered name itself, and knows no such tensor, the subscript is part of the name;
everywhere else ``s_1`` is entry 1 of ``s``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any

from derive.notes import syntax as s
from derive.notes.semantics import letter, paren_index, walk


def numbered(node: Any) -> tuple[str, str] | None:
    """Base and full name of ``W_1``, ``W_{1}``, ``W^{(1)}``; None for anything else."""
    if (
        isinstance(node, s.Subscript)
        and isinstance(node.base, s.Name)
        and node.indices
        and isinstance(node.indices[0], s.Number)
    ):
        number = node.indices[0].text
        if number.isdigit():
            return node.base.text, f"{node.base.text}_{number}" if len(
                number
            ) == 1 else f"{node.base.text}_{{{number}}}"
    if isinstance(node, s.Superscript) and isinstance(node.base, s.Name):
        inside = paren_index(node.exponent)
        if inside is not None and len(inside) == 1 and isinstance(inside[0], s.Number) and inside[0].text.isdigit():
            return node.base.text, f"{node.base.text}^{{({inside[0].text})}}"
    return None


def compound_names(chains: Iterable[s.Chain]) -> frozenset[str]:
    declared: set[str] = set()
    bare: set[str] = set()
    lettered: set[str] = set()
    met: dict[str, str] = {}
    for chain in chains:
        sides = [link.side for link in chain.links if link.side is not None]
        introduces = len(chain.links) > 1 and chain.links[1].sign in (r"\in", "=", ":=", ":")
        for k, side in enumerate(sides):
            for node in walk(side):
                found = numbered(node)
                if found is not None:
                    met[found[1]] = found[0]
                elif (isinstance(node, s.Subscript) and isinstance(node.base, s.Name)) or (
                    isinstance(node, s.Superscript) and isinstance(node.base, s.Name) and paren_index(node.exponent)
                ):
                    lettered.add(node.base.text)
            if k == 0 and introduces:
                for item in _items(side):
                    found = numbered(item) or numbered(getattr(item, "base", None))
                    if found is not None and chain.links[1].sign == r"\in":
                        declared.add(found[1])
                    elif found is None and (name := _head(item)) is not None:
                        bare.add(name)
    return frozenset(declared | {full for full, base in met.items() if base not in lettered and base not in bare})


def _items(node: Any) -> tuple[Any, ...]:
    return node.items if isinstance(node, s.Group) and node.opening == "" else (node,)


def _head(node: Any) -> str | None:
    while isinstance(node, s.Subscript | s.Superscript):
        node = node.base
    if isinstance(node, s.Factors):
        return _head(node.factors[0])
    return letter(node)


def renamed(node: Any, names: frozenset[str]) -> Any:
    """The tree with numbered names made names."""
    return rebuilt(node, lambda n: _named(n, names)) if names else node


def _named(node: Any, names: frozenset[str]) -> Any:
    found = numbered(node)
    if found is None or found[1] not in names:
        return node
    name = s.Name(node.start, node.end, found[1])
    if isinstance(node, s.Subscript) and len(node.indices) > 1:
        return s.Subscript(node.start, node.end, name, node.indices[1:])
    return name


def rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """``change`` at every node, from the leaves up."""
    if isinstance(node, tuple):
        new = tuple(rebuilt(n, change) for n in node)
        return new if any(a is not b for a, b in zip(new, node, strict=True)) else node
    if not isinstance(node, s.Node | s.Binder):
        return node
    changed = {}
    for f in fields(node):
        old = getattr(node, f.name)
        if isinstance(old, s.Node | s.Binder | tuple):
            new = rebuilt(old, change)
            if new is not old:
                changed[f.name] = new
    return change(replace(node, **changed) if changed else node)


def renamed_chain(chain: s.Chain, names: frozenset[str]) -> s.Chain:
    if not names:
        return chain
    return replace(chain, links=tuple(replace(link, side=renamed(link.side, names)) for link in chain.links))
