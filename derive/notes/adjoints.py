r"""Adjoints: ``dX`` or ``\bar X`` for ``\partial L / \partial X``, whatever ``X`` is.

A note that says so of one name, ``dO = \partial L / \partial O``, means it of every name that is built in the same way:
``dV = P^\top dO`` is a claim about ``\partial L / \partial V`` then and not a definition. An equation that has no
adjoint on its right side, such as ``\bar x = \frac{1}{n} \sum_i x_i``, introduces a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from derive.notes.document import Formula
from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, head_and_indices, walk

DEFINES = frozenset({"=", ":=", r"\equiv"})
DENOTES = re.compile(r"\s*(?:denotes?|stands?\s+for|is\s+short(?:hand)?\s+for|abbreviates?)\s*", re.I)
WRITE = re.compile(r"\b(?:write|use)\s*$", re.I)  # … for …
Chains = dict[int, tuple[s.Chain, ...]]


@dataclass
class Adjoints:
    """What was met so far: for each prefix what is differentiated, and the names whose meaning is settled."""

    quantities: frozenset[str]
    losses: dict[str, s.Node] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)

    def parts(self, name: str) -> tuple[str, str] | None:
        """Prefix and name of the quantity, if ``name`` is an adjoint."""
        for prefix in self.losses:
            base = name.removeprefix(prefix)
            if base != name and base in self.quantities:
                return prefix, base
        return None


def with_denoted(raw: Chains, parts: Sequence[str | Formula]) -> None:
    """``$dX$ denotes $\\partial L / \\partial X$``, ``write $dX$ for $…$`` are one equation."""
    for before, first, words, second in zip(("", *parts), parts, parts[1:], parts[2:], strict=False):
        if isinstance(first, str) or isinstance(second, str) or not isinstance(words, str):
            continue
        left, right = raw.get(id(first), ()), raw.get(id(second), ())
        said = DENOTES.fullmatch(words) or (
            words.strip().lower() == "for" and isinstance(before, str) and WRITE.search(before)
        )
        if said and len(left) == len(right) == 1 and len(left[0].links) == len(right[0].links) == 1:
            link = replace(right[0].links[0], sign="=")
            raw[id(first)], raw[id(second)] = (replace(left[0], links=(*left[0].links, link)),), ()


def convention(chain: s.Chain) -> tuple[str, str] | None:
    r"""Prefix and variable of ``dO = \partial L / \partial O``, ``dO = \nabla_O L``, ``dy_i = \partial L / \partial
    y_i``."""
    links = chain.links
    if len(links) != 2 or links[1].sign not in DEFINES:
        return None
    gradient = links[1].side
    if not isinstance(gradient, s.Partial | s.Nabla) or gradient.order != 1 or len(gradient.variables) != 1:
        return None
    letters, places = _spelled(links[0].side)
    variable, indices = _spelled(_variable(gradient))
    if not variable or places != indices or not isinstance(gradient.body, s.Name):
        return None
    prefix = letters.removesuffix(variable)
    return (prefix, variable) if prefix and prefix != letters else None


def _variable(gradient: s.Partial | s.Nabla) -> s.Node:
    (variable,) = gradient.variables
    return variable[0] if isinstance(variable, tuple) else variable


def _spelled(node: Any) -> tuple[str, tuple[str, ...]]:
    """The letters of a name, or of a product of two (``dO`` may not be known as one name yet), and the indices."""
    factors = node.factors if isinstance(node, s.Factors) and not any(node.signs) else (node,)
    last, indices = head_and_indices(factors[-1])
    names = (*factors[:-1], last)
    if not all(isinstance(n, s.Name) for n in names):
        return "", ()
    return "".join(n.text for n in names), tuple(map(dump, indices))


def with_adjoints(raw: Chains) -> Chains:
    """The chains, with a definition in front of the first that has an adjoint."""
    chains = [c for found in raw.values() for c in found]
    if not any(map(convention, chains)):
        return raw
    others = (n.text for c in chains if convention(c) is None for n in names_in(c))
    found = Adjoints(frozenset(others))
    return {key: tuple(each for c in cs for each in _defined(c, found)) for key, cs in raw.items()}


def names_in(chain: s.Chain, first: int = 0) -> Iterator[s.Name]:
    for link in chain.links[first:]:
        yield from (n for n in walk(link.side) if isinstance(n, s.Name)) if link.side is not None else ()


def _defined(chain: s.Chain, found: Adjoints) -> list[s.Chain]:
    """The chain, behind the definitions of adjoints that it is the first to have."""
    if (said := convention(chain)) is not None:
        prefix, variable = said
        gradient = chain.links[1].side
        assert isinstance(gradient, s.Partial | s.Nabla)
        found.losses.setdefault(prefix, gradient.body)
        found.settled.add(prefix + variable)
        whole = _variable(gradient)
        if isinstance(whole, s.Name):
            shaped = replace(chain.links[1], side=_gradient(gradient.body, whole))
            chain = replace(chain, links=(chain.links[0], shaped))
        return [chain] if variable in found.quantities else []  # else it is said of any name
    if len(chain.links) < 2:
        return [chain]  # a name in passing
    new = [n for n in names_in(chain) if n.text not in found.settled and found.parts(n.text)]
    own = _own(chain, found)
    found.settled |= {n.text for n in new}
    if own and chain.links[1].sign in DEFINES:
        found.settled.add(own)  # also where no adjoint was met yet
    return [*(_definition(chain, n, found) for n in {n.text: n for n in new if n.text != own}.values()), chain]


def _own(chain: s.Chain, found: Adjoints) -> str:
    """The name that the chain introduces, without an adjoint on its right side."""
    head = head_and_indices(chain.links[0].side)[0]
    right = (n.text for n in names_in(chain, 1))
    sides = [link.side for link in chain.links[1:] if link.side is not None]
    gradients = any(isinstance(n, s.Partial | s.Nabla) for side in sides for n in walk(side))
    plain = isinstance(head, s.Name) and not gradients and not any(found.parts(n) for n in right)
    return head.text if plain else ""


def _definition(chain: s.Chain, node: s.Name, found: Adjoints) -> s.Chain:
    parts = found.parts(node.text)
    assert parts is not None
    name, at = replace(node, dress=""), chain.links[0].at
    body = _gradient(found.losses[parts[0]], replace(name, text=parts[1]))
    return s.Chain((s.Link("", at, name, name.text), s.Link(":=", at, body, "")), row=chain.row)


def _gradient(loss: s.Node, by: s.Name) -> s.Node:
    """An adjoint has the shape of its variable, however the note lays out other derivatives."""
    return s.Nabla(by.start, by.end, loss, (by,))


__all__ = ["convention", "with_adjoints", "with_denoted"]
