"""One order of axes for each array: what differs from another array only in the order of its axes is computed once.

Entry by entry, arrays take the order of their first large operand, which is the order of memory; a sum of products
takes the order in which it was first met. Users say, as ever, which of their axes each axis is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from derive.codegen import build
from derive.codegen.array import (
    Add,
    Contract,
    LogSoftmax,
    LogSumExp,
    Map,
    Mul,
    Node,
    Softmax,
    Use,
    walk,
    whole,
    with_uses,
)


class Layout:
    """Where each node of a graph went: the same array as a use of a node, whose labels are the axes of the old one."""

    def __init__(self) -> None:
        self.done: dict[Node, Use] = {}
        self.rank: dict[Node, int] = {}
        self.first: dict[Node, Use] = {}
        self.sums: dict[tuple[type[Node], frozenset[tuple[Use, Fraction]]], tuple[Fraction, Node]] = {}

    def __call__(self, roots: tuple[Node, ...]) -> tuple[Node, ...]:
        for node in walk(*roots):
            self.done[node] = found = self.place(node)
            self.rank.setdefault(found.node, len(self.rank))
        return tuple(self.root(root) for root in roots)

    def root(self, node: Node) -> Node:
        use = self.done[node]
        return use.node if use == whole(use.node) else Map("copy", (use,))

    def moved(self, use: Use) -> Use:
        new = self.done[use.node]
        return Use(new.node, tuple(use.labels[x] for x in new.labels))

    def place(self, node: Node) -> Use:
        match node:
            case Softmax() | LogSoftmax() | LogSumExp():
                return self.along(node)
            case Map("copy", (use,)) | Mul(1, ((use, 1),)):
                found = self.moved(use)
                return found if sorted(found.labels) == list(range(found.node.rank)) else whole(Map("copy", (found,)))
        new = with_uses(node, self.moved)
        if isinstance(new, Mul | Add) and any(build.is_multiple(u.node) for u in new.uses):
            new = build.multiply(new.coefficient, new.factors) if isinstance(new, Mul) else build.add(new.terms)
        if isinstance(new, Map | Add | Mul):
            return self.entrywise(new)
        return self.summed(new) if isinstance(new, Contract) else whole(new)

    def along(self, node: Softmax | LogSoftmax | LogSumExp) -> Use:
        use = self.done[node.operand]
        axis = use.labels.index(node.axis)
        new = replace(node, operand=use.node, axis=axis)
        if isinstance(node, LogSumExp):
            return Use(new, tuple(x - (x > node.axis) for x in use.labels if x != node.axis))
        return Use(new, use.labels)

    def entrywise(self, node: Node) -> Use:
        """The axes in the order of the first operand that has all of them, else in the order that was first met."""
        leading = min(node.uses, key=lambda u: (-len(set(u.labels)), self.rank.get(u.node, 0)), default=None)
        if leading is None:
            return whole(node)
        order = list(dict.fromkeys(leading.labels))
        order += [x for x in range(node.rank) if x not in order]
        key = reordered(node, order)
        full = len(set(leading.labels)) == node.rank
        found = Use(key, tuple(order)) if full else self.first_met(key, node, order)
        return self.scaled(found) if isinstance(found.node, Add | Mul) else found

    def first_met(self, key: Node, node: Node, order: list[int]) -> Use:
        """The array that ``key``, the node with its axes in this order, was first met as."""
        first = self.first.setdefault(key, Use(node, tuple(order.index(x) for x in range(node.rank))))
        return Use(first.node, tuple(order[p] for p in first.labels))

    def scaled(self, use: Use) -> Use:
        """A sum or product as a multiple of the one that is there already, if there is one."""
        node = use.node
        if isinstance(node, Add):
            if all(c < 0 for c, _ in node.terms):
                return self.positive(node, use)
            unit = min(node.terms, key=lambda t: (self.rank.get(t[1].node, 0), t[1].labels))[0]
            parts = frozenset((u, c / unit) for c, u in node.terms)
        elif isinstance(node, Mul) and node.rank and len(node.factors) > 1:
            unit, parts = node.coefficient, frozenset(node.factors)
        else:
            return use
        scale, first = self.sums.setdefault((type(node), parts), (unit, node))
        if first == node:
            return use
        return Use(first if scale == unit else times(unit / scale, first), use.labels)

    def positive(self, node: Add, use: Use) -> Use:
        """-a - b = -(a + b)."""
        scale = max(c for c, _ in node.terms)
        opposite = self.entrywise(Add(tuple((c / scale, u) for c, u in node.terms)))
        self.rank.setdefault(opposite.node, len(self.rank))
        return Use(times(scale, opposite.node), tuple(use.labels[x] for x in opposite.labels))

    def summed(self, node: Contract) -> Use:
        """The first contraction of the same operands over the same axes, whatever the order of the others."""
        if any(build.is_multiple(u.node) for u in node.operands):
            use = self.summed(Contract(tuple(bare(u) for u in node.operands), node.kept))
            self.rank.setdefault(use.node, len(self.rank))
            many = [u.node for u in node.operands if build.is_multiple(u.node)]
            scale = math.prod((n.coefficient for n in many if isinstance(n, Mul)), start=Fraction(1))
            return Use(times(scale, use.node), use.labels)
        operands = sorted(node.operands, key=lambda u: (self.rank[u.node], u.labels))
        found = list(dict.fromkeys(x for u in operands for x in u.labels))
        order = [x for x in found if x < node.kept]
        every = order + [x for x in found if x >= node.kept]
        key = Contract(tuple(Use(u.node, tuple(every.index(x) for x in u.labels)) for u in operands), node.kept)
        return self.first_met(key, node, order)


def reordered(node: Node, order: list[int]) -> Node:
    """The node with its axes in another order."""
    return with_uses(node, lambda u: Use(u.node, tuple(order.index(x) for x in u.labels)))


def times(scale: Fraction, node: Node) -> Node:
    """A number times the node, as a node of its own."""
    return Mul(scale, ((whole(node), Fraction(1)),))


def bare(use: Use) -> Use:
    """Something, out of a number times something."""
    if not build.is_multiple(use.node):
        return use
    assert isinstance(use.node, Mul)
    inner = use.node.factors[0][0]
    return Use(inner.node, build.relabel(use, inner.labels))
