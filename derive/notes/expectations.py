r"""Expectations over finite distributions: ``\mathbb{E}_{a \sim \pi}[r_a]`` is ``\sum_a \pi_a r_a``.

The distribution is a family of numbers: ``a \sim \pi`` or ``\pi(a)`` names its variable; ``\mathbb{E}_q[f]`` without a
variable is ``q^\top f``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, head_and_indices, letter, walk
from derive.notes.rebuild import rebuilt


def at_arguments(chains: Iterable[s.Chain]) -> frozenset[str]:
    r"""Names that stand in front of letters in parentheses: ``\pi_\theta(a)``."""
    sides = [link.side for chain in chains for link in chain.links if link.side is not None]
    pairs = [p for side in sides for n in walk(side) if isinstance(n, s.Factors) for p in pairwise(n.factors)]
    return frozenset(
        dump(head)
        for head, group in pairs
        if isinstance(group, s.Group) and group.opening == "(" and all(letter(i) for i in group.items)
    )


def with_expectations(chain: s.Chain, applied: frozenset[str]) -> s.Chain:
    """``applied`` are the heads whose index stands in parentheses, as :func:`at_arguments` finds them."""

    def change(node: Any) -> Any:
        return _read(node, applied) if isinstance(node, s.Factors) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _read(node: s.Factors, applied: frozenset[str]) -> Any:
    signs: list[str] = []
    factors: list[Any] = []
    for sign, factor in zip(node.signs, node.factors, strict=True):
        made = _expectation(factors[-1], factor, applied) if factors and not sign else None
        if made is not None:
            factors[-1] = made
            continue
        signs.append(sign)
        factors.append(factor)
    return factors[0] if len(factors) == 1 else s.Factors(node.start, node.end, tuple(signs), tuple(factors))


def _expectation(head: Any, body: Any, applied: frozenset[str]) -> s.Node | None:
    """The sum that ``\\mathbb{E}_{…}[…]`` stands for; in brackets, since nothing behind it belongs to the sum."""
    if not (isinstance(head, s.Subscript) and _is_sign(head.base)):
        return None
    if not (isinstance(body, s.Group) and len(body.items) == 1 and not body.bar):
        return None
    start, end = head.start, body.end
    inner = replace(body, opening="(")
    over = _variable_and_weight(head.indices, applied)
    if over is None:
        return None
    variable, weight = over
    if variable is None:
        made: s.Node = s.Factors(start, end, ("", ""), (s.Transpose(weight.start, weight.end, weight), inner))
    else:
        terms = s.Factors(start, end, ("", ""), (weight, inner))
        made = s.Big(start, end, "sum", (s.Binder(variable.start, variable.end, (variable,)),), terms)
    return s.Group(start, end, "(", (made,))


def _is_sign(node: Any) -> bool:
    return isinstance(node, s.Name) and node.text == "E" and (node.dress == r"\mathbb" or node.word)


def _variable_and_weight(under: tuple[Any, ...], applied: frozenset[str]) -> tuple[s.Node | None, s.Node] | None:
    if len(under) == 2 and isinstance(under[0], s.Name) and isinstance(under[1], s.Group) and under[1].items:
        name, group = under  # q(z)
        variable = group.items[0]
        return (variable, _at(name, variable, group.items[1:], applied)) if letter(variable) is not None else None
    if len(under) != 1:
        return None
    if isinstance(under[0], s.Relation):
        left, right = under[0].left, under[0].right
        if under[0].sign != r"\sim" or letter(left) is None:
            return None
        if isinstance(right, s.Factors) and len(right.factors) == 2 and isinstance(right.factors[1], s.Group):
            return left, _at(right.factors[0], left, right.factors[1].items[1:], applied)
        return left, _at(right, left, (), applied)
    head, indices = head_and_indices(under[0])
    return (None, under[0]) if isinstance(head, s.Name) and not indices else None


def _at(distribution: Any, variable: s.Node, given: tuple[s.Node, ...], applied: frozenset[str]) -> s.Node:
    r"""``\pi`` at a value of its variable, and of what stands behind its bar."""
    start, end = distribution.start, distribution.end
    if dump(distribution) in applied:
        group = s.Group(end, end, "(", (variable, *given))
        return s.Factors(start, end, ("", ""), (distribution, group))
    return s.Subscript(start, end, distribution, (variable, *given))
