r"""``q_1, \dots, q_K > 0``: a family is introduced, and a bound of all its members."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.formula import parse_text
from derive.notes.grammar.trees import head_and_indices, letter, walk

BOUNDS = frozenset({"<", ">", r"\le", r"\ge", r"\leq", r"\geq", r"\ne"})
REALS = parse_text(r"\mathbb{R}")[0].links[0].side
Parsed = dict[int, tuple[s.Chain, ...]]


def with_bounded(parsed: Parsed) -> Parsed:
    """Such a chain as a declaration, unless the note has one, and a relation of one member."""
    chains = [c for found in parsed.values() for c in found]
    if not any(map(family, chains)):
        return parsed
    names = {n.text for c in chains for link in c.links if link.side for n in walk(link.side) if isinstance(n, s.Name)}
    index = next((c for c in "kjlmnpqrst" if c not in names), None)
    known = {name for c in chains for name in _declared(c)}
    if index is None:
        return parsed
    return {key: tuple(made for c in found for made in _split(c, index, known)) for key, found in parsed.items()}


def family(chain: s.Chain) -> s.Name | None:
    r"""The name in a chain ``q_1, \dots, q_K > 0``."""
    links = chain.links
    if len(links) != 2 or links[1].sign not in BOUNDS or not isinstance(links[1].side, s.Number):
        return None
    left = links[0].side
    if not isinstance(left, s.Group) or left.opening or len(left.items) < 3 or not isinstance(left.items[-2], s.Dots):
        return None
    heads = [head_and_indices(item) for item in left.items if not isinstance(item, s.Dots)]
    same = len({letter(head) for head, _ in heads}) == 1 and all(len(indices) == 1 for _, indices in heads)
    head: Any = heads[0][0]
    return head if same and isinstance(head, s.Name) else None


def _declared(chain: s.Chain) -> set[str]:
    """Names that a chain puts in a space, or gives by an equation."""
    if len(chain.links) < 2 or chain.links[1].sign not in (r"\in", "=", ":="):
        return set()
    side = chain.links[0].side
    items = side.items if isinstance(side, s.Group) and not side.opening else (side,)
    return {name for item in items if (name := letter(head_and_indices(item)[0])) is not None}


def _split(chain: s.Chain, index: str, known: set[str]) -> tuple[s.Chain, ...]:
    name = family(chain)
    if name is None:
        return (chain,)
    first, second = chain.links
    member = s.Subscript(name.start, name.end, name, (s.Name(name.end, name.end, index),))
    bound = replace(chain, links=(replace(first, side=member), second))
    if name.text in known:
        return (bound,)
    return replace(chain, links=(first, replace(second, sign=r"\in", side=REALS, latex=r"\mathbb{R}"))), bound


__all__ = ["with_bounded"]
