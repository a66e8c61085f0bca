r"""What a claim says if a letter in it is a size that the note does not give: N in ``\operatorname{tr} I = N``.

An axis of which nothing tells the size is as long as one likes. A letter of which the note says nothing may be meant
to be that size, and so may the size of another axis; a claim that holds then is not refuted by any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from derive.calculus.setting import Axis, Definition, Setting


@dataclass(frozen=True)
class Supposition:
    """The claim with the ``letter`` as the size."""

    letter: str
    left: sp.Expr
    right: sp.Expr
    setting: Setting


def suppositions(
    left: sp.Expr, right: sp.Expr, setting: Setting, sizes: Iterable[sp.Symbol], letters: Iterable[str]
) -> Iterator[Supposition]:
    """One for each letter or known size of the claim and each of the unknown ``sizes`` in it."""
    inside = _symbols(left, right, setting)
    unknown = set(sizes)
    known = sorted((x for x in left.free_symbols | right.free_symbols if _is_size(x) and x not in unknown), key=str)
    for meant in (*(sp.Symbol(letter, real=True) for letter in letters), *known):
        for size in sizes:
            if meant in inside and size in inside:
                new = sp.Symbol(meant.name, integer=True, positive=True)
                moved = {meant: new, size: new}
                yield Supposition(meant.name, left.xreplace(moved), right.xreplace(moved), _renamed(setting, moved))


def _is_size(symbol: sp.Basic) -> bool:
    return isinstance(symbol, sp.Symbol) and bool(symbol.is_integer) and bool(symbol.is_positive)


def _symbols(left: sp.Expr, right: sp.Expr, setting: Setting) -> set[sp.Basic]:
    axes = [*setting.axes.values(), *setting.labels.values(), *(a for axes in setting.shapes.values() for a in axes)]
    parts = [left, right, *(d.body for d in setting.definitions.values()), *(sp.sympify(a.size) for a in axes)]
    return {symbol for part in parts for symbol in part.free_symbols}


def _renamed(setting: Setting, moved: Mapping[Any, Any]) -> Setting:
    def axis(a: Axis) -> Axis:
        return replace(a, size=sp.sympify(a.size).xreplace(moved))

    def definition(d: Definition) -> Definition:
        return replace(d, body=d.body.xreplace(moved), axes=tuple(map(axis, d.axes)))

    return replace(
        setting,
        axes={key: axis(a) for key, a in setting.axes.items()},
        shapes={name: tuple(map(axis, axes)) for name, axes in setting.shapes.items()},
        labels={name: axis(a) for name, a in setting.labels.items()},
        definitions={name: definition(d) for name, d in setting.definitions.items()},
        depends={name: tuple(e.xreplace(moved) for e in on) for name, on in setting.depends.items()},
        assumptions=tuple(replace(a, relation=a.relation.xreplace(moved)) for a in setting.assumptions),
    )
