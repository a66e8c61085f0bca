r"""What stands in the parentheses of a function: ``p(y = k \mid x)``, ``\pi_\theta(a | s)``, ``\ell(\mu, \sigma^2)``.

What stands behind the bar is an argument like any other. A value that is put in for a variable, ``y = k``, is an index:
``p(y = k \mid x)`` is ``p_k(x)``. One letter for several distributions, ``p(x \mid z)`` beside ``p(z \mid x)``, makes a
name of each. A parameter that stands as a square wherever the function has its arguments is the parameter itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import head_and_indices, is_number, letter, walk
from derive.notes.rebuild import rebuilt

DEFINES = frozenset({"=", ":=", r"\equiv"})
PROBABILITIES = frozenset({"p", "P", "q", "Pr", r"\Pr"})


@dataclass(frozen=True)
class Called:
    """One function at its arguments."""

    name: str
    group: s.Group

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(_variable(item) for item in self.group.items)

    @property
    def form(self) -> tuple[int, tuple[bool, ...]]:
        return self.group.bar, tuple(isinstance(item, s.Relation) for item in self.group.items)


@dataclass(frozen=True)
class Arguments:
    conditional: frozenset[str] = frozenset()  # functions with a bar in their parentheses, or of probabilities
    several: frozenset[str] = frozenset()  # letters of several distributions
    squares: dict[str, frozenset[int]] = field(default_factory=dict)  # arguments that are squares wherever they stand
    longer: dict[tuple[str, int], str] = field(default_factory=dict)  # H(p, q) beside H(p): names of their own

    def __bool__(self) -> bool:
        return bool(self.conditional or self.squares or self.longer)


def arguments(chains: Iterable[s.Chain]) -> Arguments:
    found: dict[str, list[Called]] = {}
    chains = list(chains)
    for chain in chains:
        for link in chain.links:
            for call in _calls(link.side):
                found.setdefault(call.name, []).append(call)
    barred = {name for name, calls in found.items() if any(c.group.bar for c in calls)}
    conditional = barred | {n for n in found.keys() & PROBABILITIES if any(any(c.form[1]) for c in found[n])}
    several = {name for name in barred if _is_several(found[name])}
    squares = {name: at for name, calls in found.items() if (at := _squares(calls))}
    return Arguments(frozenset(conditional), frozenset(several), squares, _longer(chains, conditional))


def _longer(chains: list[s.Chain], conditional: set[str]) -> dict[tuple[str, int], str]:
    """Functions that are defined with two numbers of arguments: the one with more bears their letters."""
    defined: dict[str, dict[int, str]] = {}
    for chain in chains:
        side = chain.links[0].side if len(chain.links) > 1 and chain.links[1].sign in DEFINES else None
        if not (isinstance(side, s.Factors) and len(side.factors) == 2 and isinstance(side.factors[0], s.Name)):
            continue
        for call in _calls(side):
            if call.name not in conditional and all(call.variables):
                defined.setdefault(call.name, {}).setdefault(len(call.variables), "".join(call.variables))
    return {
        (name, count): f"{name}_{{{letters}}}"
        for name, counts in defined.items()
        for count, letters in counts.items()
        if count > min(counts)
    }


def with_arguments(chain: s.Chain, found: Arguments) -> s.Chain:
    if not found:
        return chain

    def change(node: Any) -> Any:
        return _plain(node, found) if isinstance(node, s.Factors) else node

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _calls(side: s.Node | None) -> Iterator[Called]:
    for node in walk(side) if side is not None else ():
        for head, group, sign in _pairs(node):
            name = letter(head_and_indices(head)[0])
            if name is not None and not sign and isinstance(group, s.Group) and _are_arguments(group):
                yield Called(name, group)


def _pairs(node: Any) -> Iterator[tuple[s.Node, s.Node, str]]:
    if isinstance(node, s.Factors):
        yield from zip(node.factors, node.factors[1:], node.signs[1:], strict=False)


def _are_arguments(group: s.Group) -> bool:
    """Whether a bracket holds a bar or nothing but variables; ``p (1 - p)`` is a product."""
    if group.opening not in ("(", "["):
        return False
    return group.bar > 0 or all(_variable(i) or _squared(i) for i in group.items)


def _variable(item: Any) -> str:
    """The letter of an argument: ``y`` of ``y = k`` and of ``y_n``."""
    base = head_and_indices(item.left if isinstance(item, s.Relation) else item)[0]
    return (letter(base) or "").rstrip("'")


def _is_several(calls: list[Called]) -> bool:
    """Whether calls differ in form, or one letter stands in different places."""
    if len({c.form for c in calls}) > 1:
        return True
    places: dict[str, set[int]] = {}
    for call in calls:
        for k, name in enumerate(call.variables):
            places.setdefault(name, set()).add(k)
    return any(len(at) > 1 for name, at in places.items() if name)


def _squares(calls: list[Called]) -> frozenset[int]:
    counts = {len(c.group.items) for c in calls}
    if len(counts) > 1 or counts == {1}:
        return frozenset()
    return frozenset(k for k in range(counts.pop()) if all(_squared(c.group.items[k]) for c in calls))


def _squared(item: Any) -> str | None:
    if not (isinstance(item, s.Superscript) and is_number(item.exponent, "2")):
        return None
    return letter(item.base)


def _plain(node: s.Factors, found: Arguments) -> Any:
    signs: list[str] = []
    factors: list[Any] = []
    for sign, factor in zip(node.signs, node.factors, strict=True):
        head = factors[-1] if factors else None
        name = letter(head_and_indices(head)[0]) if head is not None else None
        if name is None or sign or not isinstance(factor, s.Group) or not _are_arguments(factor):
            signs.append(sign)
            factors.append(factor)
            continue
        group = _unsquared(factor, found.squares.get(name, frozenset()))
        if isinstance(factors[-1], s.Name) and (name, len(group.items)) in found.longer:
            factors[-1] = replace(factors[-1], text=found.longer[name, len(group.items)])
        if name in found.conditional:
            factors[-1], group = _conditional(factors[-1], group, name in found.several)
        if group.items:
            signs.append(sign)
            factors.append(group)
    return factors[0] if len(factors) == 1 else s.Factors(node.start, node.end, tuple(signs), tuple(factors))


def _unsquared(group: s.Group, places: frozenset[int]) -> s.Group:
    if not places:
        return group
    items = tuple(getattr(item, "base", item) if k in places else item for k, item in enumerate(group.items))
    return replace(group, items=items)


def _conditional(head: Any, group: s.Group, several: bool) -> tuple[Any, s.Group]:
    """The head with the values that are put in as its indices, and what is left of its arguments."""
    if several:
        head = _named_for(head, group)
    values = tuple(i.right for i in group.items if isinstance(i, s.Relation) and i.sign == "=")
    rest = tuple(i for i in group.items if not (isinstance(i, s.Relation) and i.sign == "="))
    if values:
        head = s.Subscript(head.start, group.end, head, values)
    return head, replace(group, opening="(", items=rest, bar=0)


def _named_for(head: Any, group: s.Group) -> Any:
    r"""``p(x \mid z)`` is ``p_{x|z}(x, z)``."""
    letters = [_variable(item) for item in group.items]
    if not all(letters):
        return head
    words = "|".join("".join(part) for part in (letters[: group.bar], letters[group.bar :]) if part)

    name = letter(head_and_indices(head)[0])

    def change(node: Any) -> Any:
        own = isinstance(node, s.Name) and node.text == name
        return replace(node, text=f"{name}_{{{words}}}") if own else node

    return rebuilt(head, change)
