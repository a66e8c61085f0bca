r"""A claim -> the same claim in full, as it was understood: a note of its own that says everything it rests on.

    Let $z, y \in \mathbb{R}^N$. Let $s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}$ for $i = 1, \dots, N$. Then
    $\frac{\partial s_i}{\partial z_j} = s_i (\delta_{ij} - s_j)$ for $i = 1, \dots, N$, $j = 1, \dots, N$.

Nothing in it is inferred any more, and the reader that reads it again finds the same meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.setting import Assumption, Axis, Definition, Setting
from derive.notes.note import Claim, Relation
from derive.show.latex import Style, latex, name_latex, style_of

LETTERS = "pqabcdfghuvwmnijkl"


@dataclass(frozen=True)
class Echo:
    """What is ``given``, the ``equation``, what it holds ``under``, and what its derivatives go through."""

    given: tuple[str, ...]
    equation: str
    under: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        claim = f"Then ${self.equation}${' ' + self.under if self.under else ''}."
        return " ".join([*(f"{line}." for line in self.given), claim, *self.remarks])


def echo(claim: Claim) -> Echo | None:
    """The claim in full; nothing for one that was not read."""
    if claim.left is None or claim.right is None or claim.problem:
        return None
    style = style_of(claim.latex, claim.setting)
    return Echo(
        tuple(_given(claim, style)), _equation(claim, style), _under(claim, style), tuple(_remarks(claim, style))
    )


def _equation(claim: Claim, style: Style) -> str:
    right = claim.right_latex if claim.relation is Relation.APPROXIMATE else latex(claim.right, style)
    sign = {Relation.EQUAL: "=", Relation.APPROXIMATE: r"\approx"}.get(claim.relation, r"\text{ and }")
    return f"{latex(claim.left, style)} {sign} {right}"


def _under(claim: Claim, style: Style) -> str:
    """``for i = 1, ..., N if i != c``."""
    labels = _labels(claim.setting)
    free = [(symbol.name, axis) for symbol, axis in claim.setting.axes.items() if symbol not in labels]
    ranges = ", ".join(range_words(name, axis) for name, axis in sorted(free, key=lambda pair: pair[0]))
    fixed = dict.fromkeys(_relation(assumption, style) for assumption in claim.setting.assumptions if assumption.fixed)
    return " ".join([*([f"for {ranges}"] if ranges else []), *([f"if {' and '.join(fixed)}"] if fixed else [])])


def range_words(name: str, axis: Axis) -> str:
    return rf"${name_latex(name)} = {axis.first}, \dots, {latex(sp.expand(axis.last))}$"


def _relation(assumption: Assumption, style: Style) -> str:
    """An assumption as the judge has it, or in the words that stand for several relations."""
    return assumption.text if "$" in assumption.text else f"${latex(assumption.relation, style)}$"


# ----- what it rests on -----


def _given(claim: Claim, style: Style) -> Iterator[str]:
    setting = claim.setting
    assumptions = _relevant(claim)
    everything = [claim.left, claim.right, *(d.body for d in setting.definitions.values())]
    everything += [assumption.relation for assumption in assumptions]
    for label in sorted(_labels(setting), key=str):
        yield f"Let {labels_words(label.name, (), setting.axes[label])}"
    for name in sorted(_scalars(everything, setting)):
        yield f"Let {space_words(name, ())}"
    used = {name for expr in everything for name in _names(expr)}
    letters = _letters(used | {symbol.name for symbol in setting.axes})
    declared = {name for name in setting.shapes if _needs_declaration(name, setting)}
    for name in sorted(declared & used):
        yield f"Let {_declaration(name, setting, letters)}"
    for name in sorted(setting.smooth & used):
        yield f"Let ${name_latex(name, function=True)} : {_domain(name, everything)} \\to \\mathbb{{R}}$"
    for name in _in_order(setting):
        if name in setting.definitions:
            yield f"Let {definition_words(setting.definitions[name], style)}"
        elif name in used:
            others = ", ".join(name_latex(_base(x)) for x in setting.depends[name])
            yield f"Let ${name_latex(name)}$ be a function of ${others}$"
    for assumption in _once(assumptions):
        if not assumption.fixed:
            yield f"Assume {_relation(assumption, style)}"


def _relevant(claim: Claim) -> list[Assumption]:
    """The assumptions that speak of what the claim speaks of, through definitions and other assumptions."""
    setting = claim.setting
    known = set(_names(claim.left) | _names(claim.right))
    known |= {name for definition in setting.definitions.values() for name in _names(definition.body)}
    found: list[Assumption] = []
    rest = list(setting.assumptions)
    while more := [a for a in rest if a.fixed or _own_names(a) & known or not _own_names(a)]:
        found += more
        rest = [a for a in rest if a not in more]
        known |= {name for a in more for name in _own_names(a)}
    return [assumption for assumption in setting.assumptions if assumption in found]


def _own_names(assumption: Assumption) -> frozenset[str]:
    """Its names other than those of dimensions and indices."""
    integers = {symbol.name for symbol in assumption.relation.atoms(sp.Symbol) if symbol.is_integer}
    return _names(assumption.relation) - integers


def _needs_declaration(name: str, setting: Setting) -> bool:
    """A defined name is declared as well where its indices do not say its axes, or stand apart from it."""
    if name not in setting.definitions or "_" in name:
        return True
    return any(axis.first != 1 for axes in setting.shapes.values() for axis in axes)


def _letters(taken: set[str]) -> Iterator[str]:
    """Letters for indices that nothing else is called by."""
    for count in range(4):
        yield from (letter + "'" * count for letter in LETTERS if letter + "'" * count not in taken)


def _scalars(everything: list[Any], setting: Setting) -> set[str]:
    """The names of real numbers: no index, no dimension, no label of a tensor, nothing that is defined."""
    found = {symbol for expr in everything for symbol in expr.free_symbols if isinstance(symbol, sp.Symbol)}
    formals = {formal for definition in setting.definitions.values() for formal in definition.formals}
    tensors = setting.shapes.keys() | {str(base.label) for expr in everything for base in expr.atoms(sp.IndexedBase)}
    names = {symbol.name for symbol in found - formals if not symbol.is_integer and symbol not in setting.axes}
    unknown = {name for name, others in setting.depends.items() if others}
    return names - tensors - setting.definitions.keys() - setting.smooth - unknown


def _labels(setting: Setting) -> set[Any]:
    """The free indices that definitions speak of: integers that are declared once and for all."""
    return {
        symbol
        for definition in setting.definitions.values()
        for symbol in definition.body.free_symbols - set(definition.formals)
        if symbol in setting.axes
    }


def _once(assumptions: Iterable[Assumption]) -> Iterator[Assumption]:
    """Words that stand for several relations are said once."""
    said: set[str] = set()
    for assumption in assumptions:
        if assumption.text not in said:
            yield assumption
        if "$" in assumption.text:
            said.add(assumption.text)


def _declaration(name: str, setting: Setting, letters: Iterator[str]) -> str:
    """A shape, or entry by entry where an axis does not count from 1."""
    axes = setting.shapes[name]
    if name in setting.labels:
        return labels_words(name, axes, setting.labels[name])
    if all(axis.first == 1 for axis in axes):
        return space_words(name, axes)
    own = list(islice(letters, len(axes)))
    ranges = ", ".join(map(range_words, own, axes))
    return rf"${name_latex(name)}_{{{' '.join(own)}}} \in \mathbb{{R}}$ for {ranges}"


def space_words(name: str, axes: Sequence[Axis]) -> str:
    power = _power(axes)
    return rf"${name_latex(name)} \in \mathbb{{R}}" + (f"^{{{power}}}$" if power else "$")


def labels_words(name: str, axes: Sequence[Axis], values: Axis) -> str:
    power = _power(axes)
    return rf"${name_latex(name)} \in {_values(values)}" + (f"^{{{power}}}$" if power else "$")


def _power(axes: Sequence[Axis]) -> str:
    sizes = [latex(axis.size) for axis in axes]
    return r" \times ".join(f"({size})" if " " in size and len(sizes) > 1 else size for size in sizes)


def _values(axis: Axis) -> str:
    return rf"\{{{axis.first}, \dots, {latex(sp.expand(axis.last))}\}}"


def _domain(name: str, everything: list[Any]) -> str:
    counts = {len(f.args) for expr in everything for f in expr.atoms(AppliedUndef) if f.func.__name__ == name}
    count = max(counts, default=1)
    return r"\mathbb{R}" if count == 1 else rf"\mathbb{{R}}^{count}"


@lru_cache(maxsize=1024)
def definition_words(definition: Definition, style: Style) -> str:
    name = name_latex(definition.name, definition.is_function)
    formals = [name_latex(symbol.name) for symbol in definition.formals]
    if definition.is_function:
        return f"${name}({', '.join(formals)}) = {latex(definition.body, style)}$"
    if (stacked := _stacked(definition, style)) is not None:
        return f"${name} = {stacked}$"
    base = f"{{{name}}}" if "_" in name else name
    joined = "".join(formals) if all(len(formal) == 1 for formal in formals) else " ".join(formals)
    left = f"{base}_{joined}" if len(joined) == 1 else f"{base}_{{{joined}}}" if formals else name
    ranges = ", ".join(range_words(s.name, axis) for s, axis in zip(definition.formals, definition.axes, strict=False))
    return f"${left} = {latex(definition.body, style)}$" + (f" for {ranges}" if ranges else "")


def _stacked(definition: Definition, style: Style) -> str | None:
    """A number on top of a vector, as a column: its entries are those of the vector after the first."""
    body, formals = definition.body, definition.formals
    if not isinstance(body, sp.Piecewise) or len(formals) != 1 or len(body.args) != 2:
        return None
    (top, condition), (below, _) = body.args
    if condition != sp.Eq(formals[0], definition.axes[0].first) or not isinstance(below, sp.Indexed):
        return None
    if below.indices != formals or top.has(formals[0]):
        return None
    return rf"\begin{{bmatrix}} {latex(top, style)} \\ {name_latex(str(below.base.label))} \end{{bmatrix}}"


def _in_order(setting: Setting) -> list[str]:
    """The names that are defined or depend on others, each after those that it needs."""
    needs = {name: _names(definition.body) for name, definition in setting.definitions.items()}
    needs |= {name: frozenset(map(_base, others)) for name, others in setting.depends.items() if others}
    ordered: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in ordered or name in above or name not in needs:
            return
        for used in sorted(needs[name]):
            visit(used, (*above, name))
        ordered[name] = None

    for name in sorted(needs):
        visit(name, ())
    return list(ordered)


@lru_cache(maxsize=4096)
def _names(expr: Any) -> frozenset[str]:
    functions = {f.func.__name__ for f in expr.atoms(AppliedUndef)}
    return frozenset(functions | {symbol.name for symbol in expr.atoms(sp.Symbol)})


# ----- derivatives -----


def _remarks(claim: Claim, style: Style) -> Iterator[str]:
    """What each differentiated name depends on the variable through."""
    found = (node for side in (claim.left, claim.right) for node in sp.preorder_traversal(side))
    told: set[str] = set()
    for node in found:
        if not isinstance(node, sp.Derivative):
            continue
        for variable in node.variables:
            through = sorted(_through(node.expr, _base(variable), claim.setting))
            names = ", ".join(f"${name_latex(name)}$" for name in through)
            told_of, by = latex(node.expr, style), name_latex(_base(variable))
            words = f"Here ${told_of}$ depends on ${by}$ through {names}."
            if through and words not in told:
                told.add(words)
                yield words


def _base(variable: Any) -> str:
    return str(variable.base.label) if isinstance(variable, sp.Indexed) else str(variable)


def _through(expr: Any, variable: str, setting: Setting) -> set[str]:
    """The defined names that lie between an expression and the variable; at the variable itself one stops."""
    known = setting.definitions
    reaches: dict[str, bool] = {}

    def leads(name: str) -> bool:
        if name not in reaches:
            reaches[name] = False
            inner = _names(known[name].body) if name in known and name != variable else frozenset()
            reaches[name] = name == variable or any(map(leads, sorted(inner)))
        return reaches[name]

    for name in _names(expr):
        leads(name)
    own = {_base(expr)} if isinstance(expr, (sp.Symbol, sp.Indexed)) else set()
    return {name for name, hit in reaches.items() if hit and name in known} - {variable} - own
