"""The names of a note for one size of a dimension: "If N = 4, …" reads all again with 4 in the place of N."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from derive.notes.inventory import Inventory
from derive.notes.meaning.scope import Entity, Kind, Names
from derive.notes.meaning.shapes import AxisVar


class Special(Mapping[str, Entity]):
    """A table of names, each made anew when it is asked for."""

    def __init__(
        self, inventory: Inventory, names: Names, sizes: Mapping[str, int], shared: Shared | None = None
    ) -> None:
        self.names = {**inventory.made, **names}
        self.shared = shared or Shared(inventory, sizes)

    def __getitem__(self, name: str) -> Entity:
        return self.shared.entity(self.names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Shared:
    def __init__(self, inventory: Inventory, sizes: Mapping[str, int]) -> None:
        self.inventory = inventory
        self.sizes = sizes
        self.replaced = {sp.Symbol(n, integer=True, positive=True): sp.Integer(k) for n, k in sizes.items()}
        self.entities: dict[int, Entity] = {}
        self.axes: dict[AxisVar, AxisVar] = {}

    def entity(self, old: Entity) -> Entity:
        if id(old) in self.entities:
            return self.entities[id(old)]
        if old.kind is Kind.DIMENSION:
            new = replace(old, size=sp.Integer(self.sizes[old.name])) if old.name in self.sizes else old
            self.entities[id(old)] = new
            return new
        new = replace(
            old, value=None, written=None, uses=[], problem=None, busy=False,
            axes=None if old.axes is None else tuple(self.axis(a) for a in old.axes),
            range=None if old.range is None else self.axis(old.range),
        )  # fmt: skip
        self.entities[id(old)] = new
        if old.formula is not None:
            new.formula = replace(old.formula, names=Special(self.inventory, old.formula.names, self.sizes, self))
        return new

    def axis(self, old: AxisVar) -> AxisVar:
        root = self.inventory.axes.find(old)
        if root not in self.axes:
            size: Any = root.size
            self.axes[root] = AxisVar(
                size.subs(self.replaced) if isinstance(size, sp.Expr) else size, root.first, root.hint
            )
        return self.axes[root]
