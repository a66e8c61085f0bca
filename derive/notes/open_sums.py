r"""``\ell = \sum_{i=1}^n y_i \log p_i + (1 - y_i) \log(1 - p_i)``: a sum that takes the terms behind it.

A sum ends before the next ``+`` or ``-``. Where its index stands free in a term behind that, and nowhere else in the
statement, no other reading has a meaning: the sum reaches to the last such term, and a warning says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import free_letters, letter, walk
from derive.notes.rebuild import rebuilt


def labels(chains: Iterable[s.Chain]) -> frozenset[str]:
    r"""Letters that are said to be in a set or a space: they may stand free behind a sum."""
    return frozenset(
        node.text
        for chain in chains
        if len(chain.links) > 1 and chain.links[1].sign == r"\in"
        for node in walk(chain.links[0].side)
        if isinstance(node, s.Name)
    )


def with_open_sums(chain: s.Chain, kept: frozenset[str]) -> s.Chain:
    """The chain with its sums closed where they end; ``kept`` are letters that no sum reaches out for."""
    sides = [link.side for link in chain.links if link.side is not None]
    if len(sides) < 2:
        return chain
    free = Counter(name for side in sides for name in free_letters(side))
    behind: Counter[str] = Counter()
    for side in sides:
        for node in walk(side):
            if isinstance(node, s.Terms):
                for k, last in _reaches(node, kept):
                    behind.update(name for t in node.terms[k + 1 : last + 1] for name in _taken(node, k, t, kept))
    reached = {name for name, count in behind.items() if count == free[name]}
    if not reached:
        return chain

    def change(node: Any) -> Any:
        return _closed(node, kept | (free.keys() - reached)) if isinstance(node, s.Terms) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _reaches(node: s.Terms, kept: frozenset[str]) -> list[tuple[int, int]]:
    """Terms that end in a sum, each with the last term behind it that has its index."""
    out: list[tuple[int, int]] = []
    after = -1
    for k in range(len(node.terms)):
        last = max((j for j in range(k + 1, len(node.terms)) if _taken(node, k, node.terms[j], kept)), default=None)
        if last is not None and k > after:
            out.append((k, last))
            after = last
    return out


def _taken(node: s.Terms, k: int, term: s.Node, kept: frozenset[str]) -> list[str]:
    """The indices of the sum at the end of term k that stand free in another term."""
    bound = _bound(_last_sum(node.terms[k])) - kept
    return [name for name in free_letters(term) if name in bound] if bound else []


def _last_sum(node: Any) -> s.Big | None:
    while isinstance(node, s.Factors):
        node = node.factors[-1]
    return node if isinstance(node, s.Big) and node.kind == "sum" else None


def _bound(node: s.Big | None) -> set[str]:
    """The indices of a sum and of the sums that its body begins with."""
    if node is None:
        return set()
    own = {name for b in node.binders for i in b.indices if (name := letter(i)) is not None}
    return own | _bound(_last_sum(node.body))


def _closed(node: s.Terms, kept: frozenset[str]) -> s.Node:
    signs, terms, after = [], [], -1
    ends = dict(_reaches(node, kept))
    for k, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        if k <= after:
            continue
        if k in ends:
            after = ends[k]
            term = _reaching(term, node.signs[k + 1 : after + 1], node.terms[k + 1 : after + 1])
        signs.append(sign)
        terms.append(term)
    if len(terms) == 1 and signs[0] == "+":
        return terms[0]
    return s.Terms(node.start, node.end, tuple(signs), tuple(terms))


def _reaching(term: Any, signs: tuple[str, ...], rest: tuple[s.Node, ...]) -> Any:
    end = rest[-1].end
    if isinstance(term, s.Factors):
        return replace(term, end=end, factors=(*term.factors[:-1], _reaching(term.factors[-1], signs, rest)))
    inner = _last_sum(term.body)
    within = inner is not None and any(name in _bound(inner) for t in rest for name in free_letters(t))
    if within:
        body = _reaching(term.body, signs, rest)
    else:
        body = s.Terms(term.body.start, end, ("+", *signs), (term.body, *rest))
    return replace(term, end=end, body=body, reaches=not within)
