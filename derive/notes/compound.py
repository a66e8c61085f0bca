r"""Names that bear a number: ``W_1 \in \mathbb{R}^{H \times D}`` makes ``W_1`` a name, ``W^{(1)}`` likewise.

Where the note declares or defines the numbered name itself, and knows no such tensor, the number is part of the name;
everywhere else ``s_1`` is entry 1 of ``s``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import dump, letter, paren_index, walk
from derive.notes.rebuild import rebuilt


def numbered(node: Any) -> tuple[str, str] | None:
    """Base and full name of ``W_1``, ``W_{1}``, ``W^{(1)}``; None for anything else."""
    if (
        isinstance(node, s.Subscript)
        and isinstance(node.base, s.Name)
        and node.indices
        and isinstance(node.indices[0], s.Number)
    ):
        number = node.indices[0].text
        if number.isdigit():
            return node.base.text, f"{node.base.text}_{number}" if len(
                number
            ) == 1 else f"{node.base.text}_{{{number}}}"
    if isinstance(node, s.Superscript) and isinstance(node.base, s.Name):
        inside = paren_index(node.exponent)
        if inside is not None and len(inside) == 1 and isinstance(inside[0], s.Number) and inside[0].text.isdigit():
            return node.base.text, f"{node.base.text}^{{({inside[0].text})}}"
    return None


def compound_names(chains: list[s.Chain]) -> frozenset[str]:
    declared: set[str] = set()
    bare: set[str] = set()
    lettered: set[str] = set()
    met: dict[str, str] = {}
    for chain in chains:
        sides = [link.side for link in chain.links if link.side is not None]
        introduces = len(chain.links) > 1 and chain.links[1].sign in (r"\in", "=", ":=", ":")
        for k, side in enumerate(sides):
            for node in walk(side):
                found = numbered(node)
                if found is not None:
                    met[found[1]] = found[0]
                elif (isinstance(node, s.Subscript) and isinstance(node.base, s.Name)) or (
                    isinstance(node, s.Superscript) and isinstance(node.base, s.Name) and paren_index(node.exponent)
                ):
                    lettered.add(node.base.text)
            if k == 0 and introduces:
                for item in () if any(isinstance(x, s.Dots) for x in _items(side)) else _items(side):
                    found = numbered(item) or numbered(getattr(item, "base", None))
                    if found is not None and chain.links[1].sign == r"\in":
                        declared.add(found[1])
                    elif found is None and not isinstance(item, s.Factors) and (name := _head(item)) is not None:
                        bare.add(name)
    return frozenset(
        declared
        | lettered_names(chains)
        | beside_plain(chains)
        | {full for full, base in met.items() if base not in lettered and base not in bare - scalars(chains)}
    )


def scalars(chains: list[s.Chain]) -> set[str]:
    r"""Names that are said to be numbers: ``\mu \in \mathbb{R}``, ``\sigma > 0``, and what is made of numbers alone."""
    found: set[str] = set()
    others: set[str] = set()
    for chain in chains:
        links = chain.links
        if len(links) < 2 or links[0].side is None or links[1].side is None:
            continue
        names = {name for item in _items(links[0].side) if (name := letter(item)) is not None}
        if links[1].sign == r"\in":
            (found if _is_number_field(links[1].side) else others).update(names)
        elif links[1].sign in (">", r"\ge"):
            found |= names
        elif links[1].sign in ("=", ":=", r"\equiv") and len(names) == 1:
            body = {n.text for n in walk(links[1].side) if isinstance(n, s.Name)}
            plain = not any(isinstance(n, s.Subscript | s.Matrix | s.Group) and n is not links[1].side
                            for n in walk(links[1].side) if not isinstance(n, s.Group) or len(n.items) > 1)
            (found if plain and body and body <= found - others else others).update(names)
    return found - others


def _is_number_field(space: s.Node) -> bool:
    return isinstance(space, s.Name) and space.text == "R"


def beside_plain(chains: list[s.Chain]) -> set[str]:
    r"""``O^{(1)}_{ik} = …`` beside ``O_{ik} = …``: a name that bears a number and as many indices as the plain one."""
    plain: dict[str, set[int]] = {}
    numbers: dict[str, set[tuple[str, int]]] = {}
    family: set[str] = set()
    introduced: set[str] = set()
    for chain in chains:
        for k, link in enumerate(chain.links):
            inner: set[int] = set()
            for node in walk(link.side) if link.side is not None else ():
                head = node.base if isinstance(node, s.Subscript) else node
                below = len(node.indices) if isinstance(node, s.Subscript) else 0
                if id(node) in inner or not isinstance(head, s.Name | s.Superscript):
                    continue
                inner |= {id(head), id(getattr(head, "base", None))}
                found = numbered(head) if isinstance(head, s.Superscript) else None
                if found is not None:
                    numbers.setdefault(found[0], set()).add((found[1], below))
                    if node is link.side and k == 0 and len(chain.links) > 1:
                        introduced.add(found[1])
                elif isinstance(head, s.Name):
                    plain.setdefault(head.text, set()).add(below)
                elif isinstance(head.base, s.Name) and paren_index(head.exponent):
                    family.add(head.base.text)
    return {
        full
        for base, found in numbers.items()
        if base not in family and any(full in introduced and rank in plain.get(base, ()) for full, rank in found)
        for full, _ in found
    }


def counts(chains: list[s.Chain]) -> frozenset[str]:
    r"""``N_k = \sum_{n=1}^N \gamma_{nk}``: letters that are a size where they stand alone and name numbers besides."""
    sizes: set[str] = set()
    scripted: set[str] = set()  # with a script they are sizes too
    named: set[str] = set()
    for chain in chains:
        sides = [link.side for link in chain.links if link.side is not None]
        for node in (n for side in sides for n in walk(side)):
            ends = _ends(node)
            sizes |= {n.text for end in ends for n in walk(end) if isinstance(n, s.Name)}
            scripted |= {head for end in ends for n in walk(end) if (head := _lettered_head(n)) is not None}
        if (
            len(chain.links) > 1
            and chain.links[1].sign in ("=", ":=")
            and (head := _lettered_head(sides[0])) is not None
        ):
            named.add(head)
    return frozenset(named & (sizes - scripted))


def _ends(node: Any) -> tuple[Any, ...]:
    """What says how many values there are: the last of a sum or a list, the size of a space."""
    if isinstance(node, s.Binder):
        return (node.last,) if node.last is not None else ()
    if isinstance(node, s.Group) and len(node.items) > 2 and isinstance(node.items[-2], s.Dots):
        return (node.items[-1],)
    if isinstance(node, s.Superscript) and isinstance(node.base, s.Name) and node.base.dress == r"\mathbb":
        return (node.exponent,)
    return ()


def _lettered_head(node: Any) -> str | None:
    """N in ``N_k``."""
    plain = isinstance(node, s.Subscript) and isinstance(node.base, s.Name) and all(letter(i) for i in node.indices)
    return node.base.text if plain else None


def with_counts(node: Any, names: frozenset[str]) -> Any:
    """The tree with another name in the place of a letter of a size that bears an index."""

    def change(n: Any) -> Any:
        if not (isinstance(n, s.Subscript) and isinstance(n.base, s.Name) and n.base.text in names):
            return n
        return replace(n, base=replace(n.base, text=f"\\mathrm{{{n.base.text}}}"))

    return rebuilt(node, change) if names else node


def lettered_names(chains: list[s.Chain]) -> set[str]:
    r"""``\\mu_B``, ``p_t`` in ``f(p_t) = …``: a letter that is no index anywhere, on names that never go without it."""
    carried: dict[str, set[str]] = {}
    alone: set[str] = set()
    used: set[str] = set()
    wanted: set[str] = set()
    for chain in chains:
        for k, link in enumerate(chain.links):
            if link.side is None:
                continue
            inner = {id(n.base) for n in walk(link.side) if isinstance(n, s.Subscript)} | _applied(link.side)
            for node in walk(link.side):
                if isinstance(node, s.Subscript) and isinstance(node.base, s.Name):
                    said = letter(node.indices[0]) if len(node.indices) == 1 else None
                    carried.setdefault(node.base.text, set()).add(said or "")
                    used |= {n.text for i in node.indices if said is None for n in walk(i) if isinstance(n, s.Name)}
                elif isinstance(node, s.Name) and id(node) not in inner:
                    alone.add(node.text)
            if k == 0 and len(chain.links) > 1 and isinstance(link.side, s.Factors) and len(link.side.factors) == 2:
                group = link.side.factors[1]
                for item in group.items if isinstance(group, s.Group) else ():
                    if isinstance(item, s.Subscript) and len(item.indices) == 1 and (name := letter(item.indices[0])):
                        wanted.add(name)
    found: set[str] = set()
    for name in {x for xs in carried.values() for x in xs if x and x.isalpha() and (x.isupper() or x in wanted)} - used:
        bases = [base for base, xs in carried.items() if name in xs]
        single = all(carried[b] == {name} and b not in alone for b in bases)
        # the letter itself stands alone only as the subscripts that were counted
        if single and not _stands_elsewhere(name, chains):
            found |= {f"{b}_{name}" for b in bases}
    return found


def _applied(tree: s.Node) -> set[int]:
    r"""The names that stand in front of an argument: ``\pi(a)`` says nothing of ``\pi_G``."""
    return {
        id(name)
        for node in walk(tree)
        if isinstance(node, s.Factors)
        for name, behind in pairwise(node.factors)
        if isinstance(name, s.Name) and isinstance(behind, s.Group) and behind.opening == "("
    }


def _stands_elsewhere(name: str, chains: list[s.Chain]) -> bool:
    """Whether a letter stands anywhere but as a single subscript: as a number, a limit, a bound index, a size."""
    for chain in chains:
        for link in chain.links:
            if link.side is None:
                continue
            scripts = {id(n.indices[0]) for n in walk(link.side) if isinstance(n, s.Subscript) and len(n.indices) == 1}
            if any(isinstance(n, s.Name) and n.text == name and id(n) not in scripts for n in walk(link.side)):
                return True
    return False


def split_dresses(chains: list[s.Chain]) -> frozenset[str]:
    r"""Names declared in two dresses and two spaces: ``\mathbf{x} \in \mathbb{R}^n``, ``x \in \mathbb{R}``.

    And sizes that are introduced as something else in a dress: ``W \in \mathbb{R}^{h \times d}``, ``\mathbf{h} = W x``.
    """
    spaces: dict[str, dict[str, str]] = {}
    sizes: set[str] = set()
    dressed: set[str] = set()
    for chain in chains:
        if len(chain.links) > 1 and chain.links[1].sign in (r"\in", "=", ":="):
            heads = [_core(item) for item in _items(chain.links[0].side) if numbered(item) is None]
            dressed |= {h.text for h in heads if h is not None and h.dress}
        if len(chain.links) == 2 and chain.links[1].sign == r"\in" and isinstance(chain.links[1].side, s.Superscript):
            sizes |= {n.text for n in walk(chain.links[1].side.exponent) if isinstance(n, s.Name) and not n.dress}
    for chain in chains:
        if len(chain.links) == 2 and chain.links[1].sign == r"\in" and chain.links[1].side is not None:
            for item in _items(chain.links[0].side):
                head = _core(item)
                if head is not None:
                    spaces.setdefault(head.text, {}).setdefault(head.dress, dump(chain.links[1].side))
    several = {name for name, found in spaces.items() if len(set(found.values())) > 1}
    return frozenset(several | (sizes & dressed) | dressed_functions(chains))


def dressed_functions(chains: list[s.Chain]) -> set[str]:
    r"""``\mathcal{N}(x \mid \mu, \sigma^2) = …`` beside N observations."""
    defined: set[tuple[str, str]] = set()
    plain: set[str] = set()
    for chain in chains:
        for link in chain.links:
            plain |= {n.text for n in walk(link.side) if isinstance(n, s.Name) and not n.dress} if link.side else set()
        left = chain.links[0].side
        if len(chain.links) > 1 and chain.links[1].sign in ("=", ":=", r"\equiv") and isinstance(left, s.Factors):
            head, group = left.factors[0], left.factors[-1]
            if isinstance(head, s.Name) and isinstance(group, s.Group) and len(left.factors) == 2 and head.dress:
                defined.add((head.text, head.dress))
    return {name for name, dress in defined if dress in (r"\mathcal", r"\mathscr") and name in plain}


def undressed(node: Any, names: frozenset[str]) -> Any:
    """The tree with the dress made part of these names."""

    def change(n: Any) -> Any:
        return replace(n, text=f"{n.dress}{{{n.text}}}") if isinstance(n, s.Name) and n.dress and n.text in names else n

    return rebuilt(node, change) if names else node


def _items(node: Any) -> tuple[Any, ...]:
    return node.items if isinstance(node, s.Group) and node.opening == "" else (node,)


def _core(node: Any) -> s.Name | None:
    while isinstance(node, s.Subscript | s.Superscript):
        node = node.base
    return node if isinstance(node, s.Name) else None


def _head(node: Any) -> str | None:
    while isinstance(node, s.Subscript | s.Superscript):
        node = node.base
    if isinstance(node, s.Factors):
        return _head(node.factors[0])
    return letter(node)


def renamed(node: Any, names: frozenset[str]) -> Any:
    """The tree with numbered names made names."""
    return rebuilt(node, lambda n: _named(n, names)) if names else node


def _named(node: Any, names: frozenset[str]) -> Any:
    found = numbered(node) or _lettered(node)
    if found is None or found[1] not in names:
        return node
    name = s.Name(node.start, node.end, found[1])
    if isinstance(node, s.Subscript) and len(node.indices) > 1:
        return s.Subscript(node.start, node.end, name, node.indices[1:])
    return name


def _lettered(node: Any) -> tuple[str, str] | None:
    if isinstance(node, s.Subscript) and isinstance(node.base, s.Name) and len(node.indices) == 1:
        name = letter(node.indices[0])
        return (node.base.text, f"{node.base.text}_{name}") if name else None
    return None


def renamed_chain(
    chain: s.Chain,
    names: frozenset[str],
    dresses: frozenset[str] = frozenset(),
    sizes: frozenset[str] = frozenset(),
) -> s.Chain:
    if not names and not dresses and not sizes:
        return chain
    sides = [with_counts(renamed(undressed(link.side, dresses), names), sizes) for link in chain.links]
    return replace(chain, links=tuple(replace(link, side=side) for link, side in zip(chain.links, sides, strict=True)))
