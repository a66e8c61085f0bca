r"""``D_j S_i = \frac{\partial S_i}{\partial a_j}``: a letter that takes the derivative of what stands behind it.

It is an operator where an equation says what it differentiates by, its indices those of the variable, what it
differentiates the same on both sides unless the letter is D, and where it stands nowhere by itself. ``D_j S_i`` is then
``\frac{\partial S_i}{\partial a_j}`` wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, head_and_indices, letter, walk
from derive.notes.rebuild import rebuilt

DEFINES = frozenset({"=", ":=", r"\equiv"})
Operator = tuple[str, int]  # a name and the number of its indices


def operators(chains: Iterable[s.Chain]) -> dict[Operator, s.Name]:
    """Names that differentiate, each with the name of the variable."""
    everything = list(chains)
    found: dict[Operator, dict[str, s.Name]] = {}
    for chain in everything:
        for operator, variable in _defined(chain):
            found.setdefault(operator, {})[variable.text] = variable
    sides = [link.side for chain in everything if len(chain.links) > 1 for link in chain.links]
    alone = {name for side in sides if side is not None for name in _alone(side)}
    return {o: next(iter(v.values())) for o, v in found.items() if len(v) == 1 and o[0] not in alone}


def with_operators(chain: s.Chain, names: dict[Operator, s.Name]) -> s.Chain:
    if not names:
        return chain

    def change(node: Any) -> Any:
        return _differentiated(node, names) if isinstance(node, s.Factors) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _defined(chain: s.Chain) -> Iterable[tuple[Operator, s.Name]]:
    if len(chain.links) < 2 or chain.links[1].sign not in DEFINES:
        return
    left, right = chain.links[0].side, chain.links[1].side
    if not (isinstance(left, s.Factors) and isinstance(right, s.Partial)):
        return
    operator = _operator(left.factors[0])
    if operator is None or len(right.variables) != 1 or right.order != 1:
        return
    if operator[0] != "D" and (len(left.factors) > 2 or dump(left.factors[1]) != dump(right.body)):
        return
    variable, below = head_and_indices(right.variables[0][0])
    above = head_and_indices(left.factors[0])[1]
    if isinstance(variable, s.Name) and [letter(i) for i in below] == [letter(i) for i in above]:
        yield operator, variable


def _operator(node: Any) -> Operator | None:
    """``D_j``, ``D_{ij}``, ``D_1``"""
    head, indices = head_and_indices(node)
    if not (isinstance(node, s.Subscript) and isinstance(head, s.Name)):
        return None
    return (head.text, len(indices)) if all(letter(i) or isinstance(i, s.Number) for i in indices) else None


def _alone(tree: s.Node) -> set[str]:
    """Names that stand somewhere with nothing behind them."""
    ahead = {id(f) for n in walk(tree) if isinstance(n, s.Factors) for f in n.factors[:-1]}
    bases = {id(n.base) for n in walk(tree) if isinstance(n, s.Subscript)}
    heads = [(n, n.base if isinstance(n, s.Subscript) else n) for n in walk(tree) if id(n) not in ahead | bases]
    return {head.text for _, head in heads if isinstance(head, s.Name)}


def _differentiated(node: s.Factors, names: dict[Operator, s.Name]) -> Any:
    signs: list[str] = []
    factors: list[Any] = []
    at = 0
    while at < len(node.factors):
        signs.append(node.signs[at])
        operator = _operator(node.factors[at])
        end = _end_of_body(node, at + 1)
        if operator in names and end > at + 1:
            factors.append(_partial(node, at, end, names[operator]))
            at = end
        else:
            factors.append(node.factors[at])
            at += 1
    return factors[0] if len(factors) == 1 else replace(node, signs=tuple(signs), factors=tuple(factors))


def _end_of_body(node: s.Factors, at: int) -> int:
    """The end of one factor, with its arguments if it is a name before a parenthesis."""
    if at >= len(node.factors) or node.signs[at]:
        return at
    group = node.factors[at + 1] if at + 1 < len(node.factors) else None
    applied = isinstance(node.factors[at], s.Name) and isinstance(group, s.Group) and group.opening == "("
    return at + 2 if applied else at + 1


def _partial(node: s.Factors, at: int, end: int, variable: s.Name) -> s.Partial:
    operator: Any = node.factors[at]
    inside = node.factors[at + 1 : end]
    body = inside[0] if len(inside) == 1 else s.Factors(inside[0].start, inside[-1].end, ("",) * len(inside), inside)
    below = replace(operator, base=replace(variable, start=operator.base.start, end=operator.base.end))
    return s.Partial(operator.start, inside[-1].end, body, ((below, 1),), 1)
