r"""``S = \sum_{i<j} x_i x_j``: a sum over pairs, which binds the index on the right of its condition too.

In ``c_i = \sum_{j<i} x_j`` the index i is that of the statement, or of a sum around. It is the sum's own where both
indices stand in what is summed, or neither does, and the right one nowhere else in the statement but in such sums. In
``\sum_{i<j<k}`` both ends are the sum's own in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import ORDERED, free_names, letter, walk
from derive.notes.rebuild import rebuilt

CONDITIONS = (*ORDERED, r"\ne")


def sizes(chains: Iterable[s.Chain]) -> frozenset[str]:
    """Names above a sum or in the set that something is in, and that no sum or list binds: sizes, not indices."""
    out: set[str] = set()
    bound: set[str] = set()
    for chain in chains:
        if len(chain.links) == 2 and isinstance(chain.links[1].side, s.Group) and chain.links[1].sign == "=":
            left, right = chain.links[0].side, chain.links[1].side  # i, j = 1, \dots, n
            if left is not None and any(isinstance(x, s.Dots) for x in right.items):
                bound.update(n.text for n in walk(left) if isinstance(n, s.Name))
        for k, link in enumerate(chain.links):
            for node in walk(link.side) if link.side is not None else ():
                if isinstance(node, s.Name) and k and link.sign == r"\in":
                    out.add(node.text)
                if isinstance(node, s.Big):
                    ends = [b.last for b in node.binders if b.last is not None]
                    out.update(n.text for end in ends for n in walk(end) if isinstance(n, s.Name))
                    bound.update(name for b in node.binders for i in b.indices if (name := letter(i)) is not None)
    return frozenset(out - bound)


def with_pairs(chain: s.Chain, kept: frozenset[str]) -> s.Chain:
    """The chain with sums over pairs written as sums over both; ``kept`` are names that no sum binds so."""
    sides = [link.side for link in chain.links if link.side is not None]
    free = Counter(name for side in sides for name in free_names(side))
    alone = _in_pairs_alone(sides, free)

    def change(node: Any) -> Any:
        if not isinstance(node, s.Big):
            return node
        inside = Counter(free_names(replace(node, binders=())))
        binders: list[s.Binder] = []
        for b in node.binders:
            if (between := _between(b)) and all(inside[x] and free[x] == _within(node, x) for x in between):
                binders += _in_order(b)
                continue
            other = letter(b.first) if b.relation in CONDITIONS else None
            alike = {bool(inside[letter(i) or ""]) for i in (*b.indices, b.first)}
            own = len(alike) == 1 and (free[other or ""] == _within(node, other or "") or other in alone)
            if other and own and b.first is not None and other not in kept:
                binders.append(s.Binder(b.start, b.end, (b.first,)))
            binders.append(b)
        return replace(node, binders=tuple(binders)) if len(binders) > len(node.binders) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _between(b: s.Binder) -> tuple[str, str] | None:
    """i and k of ``i < j < k``, which is read as a range from i + 1 to k - 1 with ones that are not written."""
    ends = [end.terms for end in (b.first, b.last) if isinstance(end, s.Terms) and len(end.terms) == 2]
    if len(ends) < 2 or any(one.start != one.end for _, one in ends):
        return None
    low, high = (letter(name) for name, _ in ends)
    return (low, high) if low is not None and high is not None else None


def _in_order(b: s.Binder) -> list[s.Binder]:
    """``i < j < k`` that binds all three."""
    assert isinstance(b.first, s.Terms) and isinstance(b.last, s.Terms)
    low, high = b.first.terms[0], b.last.terms[0]
    (middle,) = b.indices
    return [
        s.Binder(b.start, b.end, (low,)),
        s.Binder(b.start, b.end, (middle,), ">", low),
        s.Binder(b.start, b.end, (high,), ">", middle),
    ]


def _in_pairs_alone(sides: list[s.Node], free: Counter[str]) -> set[str]:
    """Names that stand free in ordered pairs ``i < j`` alone, each with a letter before its own."""
    within: Counter[str] = Counter()
    turned: set[str] = set()
    for node in (n for side in sides for n in walk(side) if isinstance(n, s.Big)):
        for b in node.binders:
            other = letter(b.first) if b.relation in ORDERED else None
            if other is not None:
                within[other] += _within(node, other)
                turned |= {other} if any((letter(i) or "~") > other for i in b.indices) else set()
    return {name for name, count in within.items() if count == free[name]} - turned


def _within(node: s.Big, name: str) -> int:
    return Counter(free_names(node))[name]
