"""Softmax together with what is done to it: a number multiplied in, and the same number taken away at a label.

One pass over a row can do all of it. What is taken away at a label nearly cancels for a confident row, so there it is
``(e_c - sum e) / sum e`` and not the difference of a rounded quotient and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from derive.codegen import build
from derive.codegen.array import ONE, Add, AtLabel, Mul, Node, Softmax, whole


@dataclass(frozen=True)
class Share:
    """factor * softmax, less ``factor`` at the label of ``at``."""

    soft: Softmax
    factor: Node
    at: AtLabel | None = None


class Shares:
    """The shares in a program.

    ``is_number`` tells which nodes may be multiplied in, ``is_label`` which may say where something is taken away.
    """

    def __init__(self, order: Sequence[Node], roots: Sequence[Node], is_number: Callable[[Node], bool],
                 is_label: Callable[[Node], bool]) -> None:
        self.order, self.roots, self.is_number, self.is_label = order, roots, is_number, is_label

    def users(self, node: Node) -> list[Node]:
        return [n for n in self.order if any(u.node == node for u in n.uses)]

    def only_user(self, node: Node) -> Node | None:
        users = self.users(node)
        return users[0] if len(users) == 1 and node not in self.roots else None

    def made_by(self, node: Node) -> Share | None:
        """The share that the node is, when its softmax is not needed besides."""
        if isinstance(node, Softmax):
            return Share(node, ONE)
        found = self.scaled(node) if isinstance(node, Mul) else self.labelled(node) if isinstance(node, Add) else None
        return found if found and self.only_user(found.soft) else None

    def scaled(self, node: Mul) -> Share | None:
        soft = [u.node for u, p in node.factors if isinstance(u.node, Softmax) and p == 1]
        rest = [(u, p) for u, p in node.factors if u.node not in soft]
        if node.rank != 1 or len(soft) != 1 or not all(self.is_number(u.node) for u, _ in rest):
            return None
        found = soft[0]
        assert isinstance(found, Softmax)
        return Share(found, build.multiply(node.coefficient, rest))

    def labelled(self, node: Add) -> Share | None:
        """A share, used nowhere else, less its factor at a label."""
        if node.rank != 1 or len(node.terms) != 2:
            return None
        for (c, use), (d, other) in (node.terms, node.terms[::-1]):
            at, share = use.node, self.made_by(other.node)
            if not isinstance(at, AtLabel) or not share or share.at or self.only_user(other.node) != node or d != 1:
                continue
            if not self.is_label(at.where.node):
                continue
            taken = build.multiply(-c, [(at.operand, Fraction(1))])
            if at.operand.node.rank == 0 and taken == share.factor and self.only_user(at) == node:
                return Share(share.soft, share.factor, at)
        return None

    def later(self, node: Node) -> bool:
        """True when the node that uses this one makes both at once."""
        user = self.only_user(node)
        if user is None:
            return False
        share = self.made_by(user)
        return share is not None and node != user and (share.soft == node or self.part_of(share, node))

    def part_of(self, share: Share, node: Node) -> bool:
        own = self.made_by(node)
        return share.at == node or (share.at is not None and own is not None and own.soft == share.soft)

    def at_label(self, operand: Node) -> Share | None:
        """The share with something taken away at a label, if the exponentials of ``operand`` are for it."""
        found = [s for n in self.order if isinstance(n, Add) and (s := self.made_by(n)) and s.soft.operand == operand]
        return found[0] if found else None

    def subtracted(self, node: Node) -> bool:
        """True when something is added to the node, so that it should be 1 where it can be nothing else."""
        return any(isinstance(n, Add) for n in self.users(node))


def factor_use(share: Share) -> tuple[Fraction, list[build.Factor]]:
    """The factor as a coefficient and factors."""
    if isinstance(share.factor, Mul):
        return share.factor.coefficient, list(share.factor.factors)
    return Fraction(1), [(whole(share.factor), Fraction(1))]


__all__ = ["Share", "Shares", "factor_use"]
