r"""Names of several letters that are not set in roman: ``dO = …``, ``\Delta w = …``, ``MSE = …``.

Such a product on the left side of what introduces a name is that name: with ``d``, ``\delta`` or ``\Delta`` in front
where words introduce it or the sign stands nowhere else, any other where none of its letters stands elsewhere, or
where words introduce it and one of its letters stands in such names alone. Where ``dO`` is a gradient by ``O``, every
such product is a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from derive.notes.adjoints import convention
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import walk
from derive.notes.rebuild import rebuilt

PREFIXES = frozenset({"d", r"\delta", r"\Delta"})
DEFINES = frozenset({"=", ":=", r"\equiv"})
Letters = tuple[str, ...]


@dataclass
class Seen:
    introduced: set[Letters] = field(default_factory=set)  # by words or a space
    gradients: set[str] = field(default_factory=set)  # d, where dO is a gradient by O
    equated: set[Letters] = field(default_factory=set)
    products: dict[Letters, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def glued(chains: Iterable[tuple[s.Chain, bool]]) -> frozenset[Letters]:
    """The products that are names, by their letters; ``chains`` with whether words introduce what stands in each."""
    seen = Seen()
    everything = list(chains)
    for chain, said in everything:
        _look(chain, said, seen)
    candidates = seen.introduced | seen.equated | set(_gradients((c for c, _ in everything), seen.gradients))
    for chain, _ in everything:
        for link in chain.links:
            _count(link.side, candidates, seen)
    return frozenset(c for c in candidates if _is_name(c, seen))


def _gradients(chains: Iterable[s.Chain], prefixes: set[str]) -> Iterator[Letters]:
    """Products of such a prefix and one name."""
    sides = (link.side for chain in chains if prefixes for link in chain.links if link.side is not None)
    for node in (n for side in sides for n in walk(side) if isinstance(n, s.Factors)):
        for first, second, sign in zip(node.factors, node.factors[1:], node.signs[1:], strict=False):
            head = _head(second)
            if isinstance(first, s.Name) and first.text in prefixes and not sign and head is not None:
                yield first.text, head.text


def with_glued(chain: s.Chain, names: frozenset[Letters]) -> s.Chain:
    if not names:
        return chain

    def change(node: Any) -> Any:
        return _joined(node, names) if isinstance(node, s.Factors) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _look(chain: s.Chain, said: bool, seen: Seen) -> None:
    links = chain.links
    if len(links) < 2 or not isinstance(links[0].side, s.Factors | s.Group | s.Subscript):
        return
    side = links[0].side
    for item in side.items if isinstance(side, s.Group) and side.opening == "" else (side,):
        letters = _letters(item)
        if letters is None:
            continue
        if (adjoint := convention(chain)) is not None:
            seen.gradients.add(adjoint[0])
        if links[1].sign == r"\in" or (links[1].sign in DEFINES and said):
            seen.introduced.add(letters)
        elif links[1].sign in DEFINES:
            seen.equated.add(letters)


def _letters(node: Any) -> Letters | None:
    """The letters of a product of nothing but names, the last with indices or not, before arguments or not."""
    if isinstance(node, s.Subscript):  # \mathbf{dS}_{ij}
        node = node.base
    if not isinstance(node, s.Factors) or any(node.signs):
        return None
    factors = node.factors
    if len(factors) > 2 and isinstance(factors[-1], s.Group) and factors[-1].opening == "(":
        factors = factors[:-1]  # its arguments
    heads = [_head(f) for f in factors]
    plain = all(isinstance(f, s.Name) for f in factors[:-1])
    if not plain or any(h is None or h.word for h in heads):
        return None
    return tuple(h.text for h in heads if h is not None)


def _head(node: Any) -> s.Name | None:
    while isinstance(node, s.Subscript | s.Superscript | s.Transpose | s.Prime):
        node = node.base
    return node if isinstance(node, s.Name) else None


def _count(side: Any, candidates: set[Letters], seen: Seen) -> None:
    for node in walk(side) if side is not None else ():
        if isinstance(node, s.Name):
            seen.counts[node.text] = seen.counts.get(node.text, 0) + 1
        elif isinstance(node, s.Factors):
            for _, letters in _found(node, candidates):
                seen.products[letters] = seen.products.get(letters, 0) + 1


def _found(node: s.Factors, names: Iterable[Letters]) -> Iterator[tuple[int, Letters]]:
    """Where one of the names begins in a product."""
    heads = [h.text if (h := _head(f)) is not None else None for f in node.factors]
    at = 0
    while at < len(heads):
        for letters in sorted(names, key=len, reverse=True):
            end = at + len(letters)
            inner = node.factors[at : end - 1]
            if (
                tuple(heads[at:end]) == letters
                and not any(node.signs[at + 1 : end])
                and all(isinstance(f, s.Name) for f in inner)
            ):
                yield at, letters
                at = end - 1
                break
        at += 1


def _is_name(letters: Letters, seen: Seen) -> bool:
    prefix, base = letters[0], letters[1:]
    if prefix in PREFIXES and len(base) == 1:
        own = sum(n for c, n in seen.products.items() if c[0] == prefix)
        return letters in seen.introduced or seen.counts[prefix] == own or prefix in seen.gradients
    if all(seen.counts[c] == letters.count(c) * seen.products[letters] for c in letters):
        return True
    told = [other for other in seen.introduced if other in seen.products]
    within = [sum(other.count(c) * seen.products[other] for other in told) for c in letters]
    return letters in seen.introduced and any(seen.counts[c] == n for c, n in zip(letters, within, strict=True))


def _joined(node: s.Factors, names: frozenset[Letters]) -> Any:
    signs, factors, after = [], [], 0
    starts = dict(_found(node, names))
    for k, factor in enumerate(node.factors):
        if k < after:
            continue
        signs.append(node.signs[k])
        if k not in starts:
            factors.append(factor)
            continue
        letters = starts[k]
        after = k + len(letters)
        last = node.factors[after - 1]
        text = (" " if letters[0].startswith("\\") else "").join(letters)
        factors.append(_renamed(last, factor.start, text))
    if len(factors) == 1:
        return factors[0]
    return s.Factors(node.start, node.end, tuple(signs), tuple(factors))


def _renamed(node: Any, start: int, text: str) -> Any:
    if isinstance(node, s.Name):
        return replace(node, start=start, text=text, dress="")
    return replace(node, start=start, base=_renamed(node.base, start, text))
