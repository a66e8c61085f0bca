r"""Layers above names: ``a^2_j = \sigma(z^2_j)``, ``z^1_j = \sum_k w^1_{jk} x_k``.

Nobody writes a first power: where a name bears 1 or 0 above it, so do the layers of a network, and every name that
never stands without a number above it has its layer there. From here on it stands in parentheses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import children, paren_index
from derive.notes.rebuild import rebuilt


def layered(chains: Iterable[s.Chain]) -> frozenset[str]:
    numbers: dict[str, set[str]] = {}
    others: set[str] = set()
    for chain in chains:
        for link in chain.links:
            _look(link.side, numbers, others)
    found = {name for name in numbers if name not in others}
    return frozenset(found if any(numbers[name] & {"0", "1"} for name in found) else ())


def with_layers(chain: s.Chain, names: frozenset[str]) -> s.Chain:
    if not names:
        return chain

    def change(node: Any) -> Any:
        if isinstance(node, s.Partial) and _counts_layers(node):
            return replace(node, variables=tuple(_above(v, n, names) for v, n in node.variables))
        if _numbered(node) not in names:
            return node
        exponent = node.exponent
        return replace(node, exponent=s.Group(exponent.start, exponent.end, "(", (exponent,)))

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _look(node: Any, numbers: dict[str, set[str]], others: set[str]) -> None:
    """Which numbers stand above each name, and which names stand without one."""
    if node is None:
        return
    if isinstance(node, s.Partial) and _counts_layers(node):
        _look(node.body, numbers, others)
        for variable, count in node.variables:
            if count == 1 or _name(variable) is None:
                _look(variable, numbers, others)
            else:
                numbers.setdefault(f"{_name(variable)}", set()).add(str(count))
        return
    name = _numbered(node)
    if name is not None:
        numbers.setdefault(name, set()).add(_number(node.exponent))
        if isinstance(node.base, s.Subscript):
            for index in node.base.indices:
                _look(index, numbers, others)
        return
    if isinstance(node, s.Name):
        others.add(node.text)
    for child in children(node):
        _look(child, numbers, others)


def _numbered(node: Any) -> str | None:
    if not isinstance(node, s.Superscript) or not _number(node.exponent) or paren_index(node.exponent):
        return None
    return _name(node.base)


def _name(node: Any) -> str | None:
    base = node.base if isinstance(node, s.Subscript) else node
    return base.text if isinstance(base, s.Name) and base.dress != r"\mathbb" else None


def _counts_layers(node: s.Partial) -> bool:
    r"""``\frac{\partial C}{\partial z^2_j}``: more below the line than above is no higher derivative."""
    return node.order == len(node.variables) < sum(n for _, n in node.variables)


def _above(variable: s.Node, count: int, names: frozenset[str]) -> tuple[s.Node, int]:
    if count == 1 or _name(variable) not in names:
        return variable, count
    start, end = variable.start, variable.end
    number = s.Group(end, end, "(", (s.Number(end, end, str(count)),))
    if isinstance(variable, s.Subscript):
        return replace(variable, base=s.Superscript(start, end, variable.base, number)), 1
    return s.Superscript(start, end, variable, number), 1


def _number(exponent: Any) -> str:
    while isinstance(exponent, s.Group) and exponent.opening == "{" and len(exponent.items) == 1:
        exponent = exponent.items[0]
    return exponent.text if isinstance(exponent, s.Number) and exponent.text.isdigit() else ""
