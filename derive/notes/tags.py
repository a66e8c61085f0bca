r"""Scripts that tell names apart: ``r_w, r_l``; ``W_z, W_r``; ``h_{t-1}`` and ``h_t``; ``a^{(l-1)}``; ``f_\beta(x)``.

A letter is an index where something runs over it: a sum, a list of values, a delta, a condition, a size, a label. The
scripts of a name whose letters are all free of that, and which the note treats as part of the name, make names. So do
those that stand in a definition whose right side does not use their letter as an index, ``p_t = p z + (1 - p)(1 - z)``
and ``\Sigma_C = \sum_{d=1}^C e^{z_d}``, as long as the note defines all scripts of that name in this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from derive.notes.grammar import syntax as s
from derive.notes.grammar.trees import letter, paren_index, walk
from derive.notes.rebuild import rebuilt

INDEX_LETTERS = frozenset("ijklmn")
COMPARES = frozenset({"<", ">", r"\le", r"\ge", r"\ne"})


@dataclass
class Seen:
    """What a note does with its letters and with the scripts of its names."""

    running: set[str] = field(default_factory=set)  # letters that are an index, a label or a size somewhere
    alone: set[str] = field(default_factory=set)  # names that stand without a script
    scripts: dict[str, set[str]] = field(default_factory=dict)  # base -> its scripts as text
    letters: dict[str, set[str]] = field(default_factory=dict)  # script -> its letters
    shifted: set[str] = field(default_factory=set)  # letters with a number added in a script: t - 1
    declared: dict[str, set[str]] = field(default_factory=dict)  # base -> scripts that are declared to be in a space
    values: set[str] = field(default_factory=set)  # names that are declared or defined without a script
    parameters: dict[str, set[str]] = field(default_factory=dict)  # base -> scripts that are values in its definition
    applied: dict[str, int] = field(default_factory=dict)  # how often a name stands bare before arguments
    bare: dict[str, int] = field(default_factory=dict)  # how often it stands bare at all
    sizes: set[str] = field(default_factory=set)  # letters that are sizes in a declaration
    numbers: set[str] = field(default_factory=set)  # names that stand with a number as their script
    numbered: set[str] = field(default_factory=set)  # names that are declared so
    bound: set[str] = field(default_factory=set)  # letters that something runs over, sizes left out
    ends: set[str] = field(default_factory=set)  # letters that are the last value of a sum or a list
    starts: set[str] = field(default_factory=set)  # letters that are the first value of a sum
    defined: set[str] = field(default_factory=set)  # names, script and all, defined without their letter as an index


@dataclass(frozen=True)
class Tags:
    """Names whose script is part of the name; ``short``: bare names of functions that stand for one with its script."""

    names: frozenset[str] = frozenset()
    short: dict[str, str] = field(default_factory=dict)


def tagged(chains: Iterable[s.Chain]) -> Tags:
    """What a note's scripts tell apart."""
    seen = Seen()
    for chain in chains:
        _look(chain, seen)
    names = {
        base + script: base
        for base, scripts in seen.scripts.items()
        if _is_tagged(base, scripts, seen) or _is_defined(base, scripts, seen)
        for script in scripts
    }
    names |= {
        base + script: base
        for base, scripts in seen.scripts.items()
        for script in scripts
        if _is_one(base, script, seen)
    }
    return Tags(frozenset(names), {names[name]: name for name in names if _is_called_so(names[name], seen)})


def with_tags(chain: s.Chain, tags: Tags) -> s.Chain:
    if not tags.names:
        return chain

    def change(node: Any) -> Any:
        if isinstance(node, s.Factors) and tags.short:
            return _spelled_out(node, tags.short)
        found = scripted(node)
        if found is None or found.base + found.script not in tags.names:
            return node
        name = s.Name(node.start, node.end, found.base + found.script)
        return s.Subscript(node.start, node.end, name, found.rest) if found.rest else name

    return replace(chain, links=tuple(replace(link, side=rebuilt(link.side, change)) for link in chain.links))


def _spelled_out(node: s.Factors, short: dict[str, str]) -> s.Factors:
    """``h(x)`` -> ``h_\\theta(x)``"""
    factors = tuple(
        replace(f, text=short[f.text]) if isinstance(f, s.Name) and f.text in short and _is_group(behind) else f
        for f, behind in zip(node.factors, (*node.factors[1:], None), strict=True)
    )
    return replace(node, factors=factors)


# -- scripts --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Scripted:
    base: str
    script: str  # as it is written behind the base
    letters: frozenset[str]
    shifted: frozenset[str]
    rest: tuple[s.Node, ...] = ()  # indices beside a superscript in parentheses


def scripted(node: Any) -> Scripted | None:
    """A name with its script: a subscript, or a superscript in parentheses with indices below it."""
    if isinstance(node, s.Subscript) and isinstance(node.base, s.Name):
        return _read(node.base.text, "_", node.indices)
    if isinstance(node, s.Superscript):
        below: tuple[s.Node, ...] = ()
        base: Any = node.base
        if isinstance(base, s.Subscript):
            base, below = base.base, base.indices
        inside = paren_index(node.exponent)
        if isinstance(base, s.Name) and inside is not None and len(inside) == 1:
            return _read(base.text, "^", inside, below)
    return None


def _read(base: str, mark: str, indices: tuple[s.Node, ...], rest: tuple[s.Node, ...] = ()) -> Scripted | None:
    texts: list[str] = []
    letters: set[str] = set()
    shifted: set[str] = set()
    for index in indices:
        name = letter(index)
        if name is not None:
            texts.append(name)
            letters.add(name)
            continue
        moved = _shift(index)
        if moved is None:
            return None
        texts.append(moved[1])
        letters.add(moved[0])
        shifted.add(moved[0])
    inner = ("" if len(texts) < 2 or all(len(t) == 1 for t in texts) else " ").join(texts)
    if mark == "^":
        inner = f"({inner})"
    script = f"{mark}{inner}" if len(inner) == 1 else f"{mark}{{{inner}}}"
    return Scripted(base, script, frozenset(letters), frozenset(shifted), rest)


def _shift(index: s.Node) -> tuple[str, str] | None:
    """``t - 1`` -> its letter and its text."""
    while isinstance(index, s.Group) and index.opening == "{" and len(index.items) == 1:
        index = index.items[0]
    if not (isinstance(index, s.Terms) and len(index.terms) == 2 and index.signs[0] == "+"):
        return None
    name, number = letter(index.terms[0]), index.terms[1]
    if name is None or not isinstance(number, s.Number) or not number.text.isdigit() or index.signs[1] not in "+-":
        return None
    return name, f"{name}{index.signs[1]}{number.text}"


# -- looking --------------------------------------------------------------------------------------------------------
def _look(chain: s.Chain, seen: Seen) -> None:
    links = chain.links
    for link in links:
        if link.side is not None:
            _scan(link.side, seen)
    if len(links) < 2 or links[0].side is None or links[1].side is None:
        return
    sign, items = links[1].sign, _items(links[0].side)
    right = _only(links[1].side)
    if sign in ("=", ":=", r"\equiv"):
        _defines(links[0].side, right, seen)
    if isinstance(right, s.Group) and any(isinstance(i, s.Dots) for i in right.items):
        seen.running |= _names(links[0].side) | _names(right)  # i = 1, ..., N and y in {1, ..., K}
        seen.bound |= _names(links[0].side)
    elif sign == r"\in":
        _declared(items, right, seen)
    elif sign in ("=", r"\ne") and letter(links[0].side) in INDEX_LETTERS and letter(right) in INDEX_LETTERS:
        seen.running |= _names(links[0].side) | _names(right)  # if i = j
        seen.bound |= _names(links[0].side) | _names(right)
    elif sign == ":":
        functions = [name for item in items if (name := letter(item)) is not None]
        seen.values |= set(functions)
        for name in functions:
            seen.applied[name] = seen.applied.get(name, 0) + 1
    elif sign in COMPARES or sign in ("=", ":=", r"\equiv"):
        _parametrised(links[0].side, links[1].side, seen)
        seen.values |= {name for item in items if (name := letter(item)) is not None}
    if any(isinstance(i, s.Dots) for i in items):
        seen.running |= {n for i in items if (found := scripted(i)) is not None for n in found.letters}


def _parametrised(left: s.Node, body: s.Node, seen: Seen) -> None:
    r"""``h_\theta(x) = g(\theta^\top x)``: what the definition has as a value is no index of what it defines."""
    if not (isinstance(left, s.Factors) and len(left.factors) == 2 and _is_group(left.factors[1])):
        return
    found = scripted(left.factors[0])
    if found is None or found.shifted or not found.script.startswith("_"):
        return
    inside = Seen()
    _scan(body, inside)
    if found.letters <= inside.alone:
        seen.parameters.setdefault(found.base, set()).add(found.script)
        seen.values |= {found.base} & inside.alone  # K_h(x) = K(x/h)/h: the bare name is another function


def _defines(left: s.Node, body: s.Node, seen: Seen) -> None:
    if isinstance(left, s.Factors) and len(left.factors) == 2 and isinstance(left.factors[1], s.Group):
        left = left.factors[0]  # f_\beta(x)
    found = scripted(left)
    if found is None or found.rest or found.shifted:
        return
    indices = [i for n in walk(body) if isinstance(n, s.Subscript) for i in n.indices]
    indices += [i for n in walk(body) if isinstance(n, s.Superscript) for i in paren_index(n.exponent) or ()]
    if not any(found.letters & _names(i) for i in indices):
        seen.defined.add(found.base + found.script)


def _declared(items: tuple[s.Node, ...], space: s.Node, seen: Seen) -> None:
    field_, sizes = (space.base, space.exponent) if isinstance(space, s.Superscript) else (space, None)
    field_ = field_.base if isinstance(field_, s.Subscript) else field_
    integer = isinstance(field_, s.Name) and field_.text in ("N", "Z")
    if sizes is not None:
        seen.sizes |= {n for n in _names(sizes) if n not in _scripts_in(sizes)}
    for item in items:
        name, found = letter(item), scripted(item)
        if name is not None:
            (seen.running if integer else seen.values).add(name)
        elif (numbered := numbered_base(item)) is not None:
            seen.numbered.add(numbered)
        elif found is not None and (sizes is not None or len(found.letters) == 1):
            seen.declared.setdefault(found.base, set()).add(found.script)


def _scan(side: s.Node, seen: Seen) -> None:
    covered: set[int] = set()
    for node in walk(side):
        found = scripted(node) if id(node) not in covered else None
        if found is not None:
            seen.scripts.setdefault(found.base, set()).add(found.script)
            seen.letters[found.script] = set(found.letters)
            seen.shifted |= found.shifted
            covered |= {id(n) for n in _heads(node)}
        elif isinstance(node, s.Subscript | s.Superscript) and id(node) not in covered:
            _other_script(node, seen, covered)
        elif isinstance(node, s.Name) and id(node) not in covered:
            seen.alone.add(node.text)
            seen.bare[node.text] = seen.bare.get(node.text, 0) + 1
        elif isinstance(node, s.Factors):
            for head, behind in pairwise(node.factors):
                function = head.base if isinstance(head, s.Prime) else head
                if isinstance(function, s.Name) and _is_group(behind):
                    seen.applied[function.text] = seen.applied.get(function.text, 0) + 1
        elif isinstance(node, s.Binder):
            seen.bound |= _names(node.indices)
            seen.ends |= _names(node.last)
            seen.starts |= {n for n in (letter(node.first),) if n is not None}
            seen.running |= _names(node.indices) | _names(node.first) | _names(node.last)
        elif isinstance(node, s.Indicator):
            told = {n for r in node.conditions for x in (r.left, r.right) if (n := letter(x)) is not None}
            seen.running, seen.bound = seen.running | told, seen.bound | told
        elif isinstance(node, s.Cases):
            told = {
                n for _, rs in node.rows for r in rs if r.sign in ("=", r"\ne") for x in (r.left, r.right)
                if (n := letter(x)) is not None
            }  # fmt: skip
            seen.running, seen.bound = seen.running | told, seen.bound | told
        if found is not None and found.base in (r"\delta", "I", "1", "Id") and len(found.letters) == 2:
            seen.running |= found.letters
            seen.bound |= found.letters


def _other_script(node: s.Node, seen: Seen, covered: set[int]) -> None:
    """A script that can be no tag: what it hangs on is no tagged name, and its letters run."""
    base = node.base if isinstance(node, s.Subscript | s.Superscript) else node
    if isinstance(node, s.Subscript):
        seen.running |= _names(node.indices)
        if (name := numbered_base(node)) is not None:
            seen.numbers.add(name)
            covered.add(id(base))
        elif isinstance(base, s.Name):
            seen.scripts.setdefault(base.text, set()).add("")


def numbered_base(node: Any) -> str | None:
    """x of ``x_0``."""
    if not (isinstance(node, s.Subscript) and isinstance(node.base, s.Name)):
        return None
    return node.base.text if len(node.indices) == 1 and isinstance(node.indices[0], s.Number) else None


def _heads(node: Any) -> Iterator[Any]:
    """The parts of a scripted name that do not stand for themselves."""
    inner = node.base
    yield inner
    if isinstance(inner, s.Subscript):
        yield inner.base
    scripts = node.indices if isinstance(node, s.Subscript) else (node.exponent,)
    for script in scripts:
        yield from walk(script)


def _items(node: Any) -> tuple[Any, ...]:
    return node.items if isinstance(node, s.Group) and node.opening == "" else (node,)


def _only(node: Any) -> Any:
    while isinstance(node, s.Group) and node.opening == "{" and len(node.items) == 1:
        node = node.items[0]
    return node


def _scripts_in(node: Any) -> set[str]:
    """Letters that stand in scripts: those of ``n_{l-1}`` are no sizes."""
    return {name for n in walk(node) if (found := scripted(n)) is not None for name in found.letters}


def _names(node: Any) -> set[str]:
    nodes = node if isinstance(node, tuple) else () if node is None else (node,)
    return {n.text for top in nodes for n in walk(top) if isinstance(n, s.Name)}


# -- judging --------------------------------------------------------------------------------------------------------
def _is_tagged(base: str, scripts: set[str], seen: Seen) -> bool:
    letters = {name for script in scripts for name in seen.letters.get(script, {""})}
    if not letters or "" in letters or letters & seen.running:
        return False
    declared = seen.declared.get(base, set())
    if letters & seen.sizes:  # x_N is the last of x_1, ..., x_N, but W_{hx} and W_{hh} are two matrices
        return len(declared) > 1
    if scripts == seen.parameters.get(base) and seen.bare.get(base, 0) == seen.applied.get(base, 0):
        return True
    if base in seen.alone and not declared:
        return False
    if base in seen.numbers:  # x_0 and x_t, unless one step leads to the next
        return base in seen.numbered and not letters & INDEX_LETTERS and not any(set(x) & {"+", "-"} for x in scripts)
    if len(scripts) == 1 and scripts == declared and base not in seen.alone and not letters & INDEX_LETTERS:
        return True  # v_c \in \mathbb{R}^d, and no other v anywhere
    # x_i, x_j are two members of one family: i and j may be equal
    return letters <= seen.shifted or letters <= seen.values or (len(declared) > 1 and not letters <= INDEX_LETTERS)


def _is_one(base: str, script: str, seen: Seen) -> bool:
    r"""``u_o \in \mathbb{R}^d`` beside the family ``u_k \in \mathbb{R}^d``, ``k = 1, \dots, K``."""
    declared = seen.declared.get(base, set())
    letters, others = seen.letters.get(script, set()), declared - {script}
    if script not in declared or not letters or letters & (seen.running | seen.sizes | INDEX_LETTERS):
        return False
    return bool(others) and all(seen.letters[x] <= seen.running for x in others)


def _is_called_so(base: str, seen: Seen) -> bool:
    """Whether a bare name is short for the only function of that name: it stands before arguments and nowhere else."""
    one = len(seen.parameters.get(base, ())) == 1 and seen.parameters[base] == seen.scripts.get(base)
    return one and base not in seen.values and 0 < seen.bare.get(base, 0) == seen.applied.get(base, 0)


def _is_group(node: Any) -> bool:
    while isinstance(node, s.Subscript | s.Superscript | s.Transpose):
        node = node.base
    return isinstance(node, s.Group) and node.opening == "("


def _is_defined(base: str, scripts: set[str], seen: Seen) -> bool:
    """Whether the note defines each script of a name for itself: ``\\Sigma_C``, ``p_t``, ``\\ell_v``."""
    letters = {name for script in scripts for name in seen.letters.get(script, {""})}
    is_size = letters <= seen.ends - seen.bound
    if not letters or "" in letters or letters & (seen.bound | seen.shifted | (seen.starts - seen.ends - seen.sizes)):
        return False
    if letters & INDEX_LETTERS and not is_size:
        return False
    if not all(base + script in seen.defined for script in scripts):
        return False
    if is_size:
        return True  # \mu_N beside x_1, ..., x_N
    elsewhere = {b for b, found in seen.scripts.items() for x in found if letters & seen.letters.get(x, set())} - {base}
    return all(b + x in seen.defined for b in elsewhere for x in seen.scripts[b])
