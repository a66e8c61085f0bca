"""What a rule may know: the setting, and what depends on what in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import sympy as sp

from derive.calculus.language import tensor
from derive.calculus.setting import Axis, Definition, Setting
from derive.steps.core import Expr, canonical, free, fresh, name_of, names, put, symbols
from derive.steps.fold import Pattern, patterns


class Chains(Enum):
    """From what the chain rule goes through the author's names: from everything, from a name alone, or not at all."""

    ALL = "all"
    NAMED = "named"
    NONE = "none"


@dataclass
class Context:
    """A setting and what was worked out about it. ``known`` are equations to use from left to right.

    ``given`` are derivatives that need not be derived again; those whose ``kind`` is among ``stops`` stay as they are.
    """

    setting: Setting
    route: str = "auto"
    known: list[Known] = field(default_factory=list)
    reach: dict[tuple[str, str], bool] = field(default_factory=dict)
    lemmas: dict[Any, Any] = field(default_factory=dict)
    folds: tuple[Pattern, ...] = ()
    closed: frozenset[str] = frozenset()
    stops: frozenset[Any] = frozenset()
    chains: Chains = Chains.ALL
    given: tuple[Known, ...] = ()

    def __post_init__(self) -> None:
        self.folds = self.folds or patterns(self.setting)

    def first(self, index: Expr) -> int | None:
        """Where the axis of a free index begins."""
        axis = self.setting.axes.get(index)
        return None if axis is None else axis.first

    def definition(self, expr: Expr) -> Definition | None:
        """The definition of an entry, a scalar or a function value, unless its name is closed."""
        name = name_of(expr)
        found = self.setting.definitions.get(name) if name is not None else None
        if found is None or name in self.closed or len(found.formals) != len(arguments(expr)):
            return None
        return found

    def depends(self, expr: Expr, name: str) -> bool:
        """Does the value of expr change with the entries of name?"""
        return any(self.name_depends(other, name) for other in names(expr))

    def name_depends(self, name: str, on: str) -> bool:
        if name == on:
            return True
        key = (name, on)
        if key not in self.reach:
            self.reach[key] = False  # a definition in terms of itself depends on nothing new
            self.reach[key] = any(self.name_depends(other, on) for other in self.mentioned(name))
        return self.reach[key]

    def mentioned(self, name: str) -> frozenset[str]:
        """The names that stand in the definition of name."""
        if name in self.setting.definitions:
            definition = self.setting.definitions[name]
            return names(definition.body) - {f.name for f in definition.formals}
        return frozenset().union(*(names(e) for e in self.setting.depends.get(name, ())))

    def waypoint(self, expr: Expr, name: str) -> str | None:
        """The defined name nearest to ``name`` through which all of expr's dependence on it passes."""
        here = frozenset(n for n in names(expr) if self.name_depends(n, name))
        best = None
        while name not in here and here:
            if len(here) == 1:
                (best,) = here
                here = frozenset(n for n in self.mentioned(best) if self.name_depends(n, name))
            else:
                top = self.highest(here)
                here = (here - {top}) | {n for n in self.mentioned(top) if self.name_depends(n, name)}
        return best

    def highest(self, here: frozenset[str]) -> str:
        """A name in ``here`` that no other name in it depends on."""
        return min(n for n in here if not any(m != n and self.name_depends(m, n) for m in here))

    def axes(self, name: str) -> tuple[Axis, ...] | None:
        """The axes of a name, known from its shape or its definition; a scalar has none."""
        definition = self.setting.definitions.get(name)
        if definition is not None and not definition.is_function:
            axes = definition.axes or self.setting.shapes.get(name, ())
            return axes if len(axes) == len(definition.formals) else None
        return self.setting.shapes.get(name)

    def limits(self, name: str, *avoiding: Expr) -> tuple[tuple[Expr, ...], tuple[sp.Tuple, ...]] | None:
        """Fresh indices over the axes of name, with their ranges."""
        axes = self.axes(name)
        if axes is None:
            return None
        definition = self.setting.definitions.get(name)
        likes = definition.formals if definition else [sp.Symbol("k", integer=True)] * len(axes)
        taken = {s.name for e in avoiding for s in symbols(e)} | self.reserved
        indices = []
        for like in likes:
            indices.append(fresh(like, taken))
            taken.add(indices[-1].name)
        ranges = tuple(sp.Tuple(k, axis.first, axis.last) for k, axis in zip(indices, axes, strict=True))
        return tuple(indices), ranges

    @property
    def reserved(self) -> set[str]:
        """Names that are no letters for an index."""
        s = self.setting
        dims = {d.name for axes in s.shapes.values() for axis in axes for d in free(axis.size)}
        fixed = {index.name for a in s.assumptions for index in a.fixed}
        return {*s.shapes, *s.definitions, *s.depends, *s.labels, *dims, *fixed}

    def opened(self, expr: Expr) -> Expr | None:
        """The body of the definition of expr."""
        found = self.definition(expr)
        return None if found is None else put(found.body, dict(zip(found.formals, arguments(expr), strict=True)))


def kind(node: Expr) -> Any:
    """What a derivative is of, and with respect to what; one of an expression without a name is itself."""
    one, two = name_of(node.args[0]), name_of(node.args[1][0])
    return (one, two, len(node.args)) if one is not None else canonical(node)


@dataclass(frozen=True)
class Known:
    """``left`` is ``right``, for every value of the holes, for the reason that the rule names."""

    left: Expr
    right: Expr
    holes: frozenset[sp.Symbol]
    rule: str

    @cached_property
    def pattern(self) -> Pattern:
        return Pattern("", self.right, self.left, self.holes)


def arguments(expr: Expr) -> tuple[Expr, ...]:
    if isinstance(expr, sp.Indexed):
        return tuple(expr.indices)
    return () if isinstance(expr, sp.Symbol) else tuple(expr.args)


def entry(name: str, indices: tuple[Expr, ...]) -> Expr:
    return tensor(name)[indices] if indices else sp.Symbol(name, real=True)
