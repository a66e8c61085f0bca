"""Names and what they stand for at a place of a note.

An :class:`Entity` is one meaning of a name. Introducing a name again makes another entity; lines before it keep the
old one. A table of names is never changed, only copied, so that every statement can hold the one in force where it
stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sympy as sp

from derive.calculus.language import labels, tensor
from derive.notes.grammar.syntax import Node
from derive.notes.meaning.shapes import AxisVar, Value

Names = Mapping[str, "Entity"]


class Kind(StrEnum):
    DIMENSION = "dimension"
    INDEX = "index"
    LABEL = "label"  # an integer that stands as an index
    LABELS = "labels"  # a tensor of them
    TENSOR = "tensor"  # a scalar too
    FUNCTION = "function"  # of scalars, with a definition or smooth
    MAP = "map"  # of vectors: its name is its value at its own formals


@dataclass(eq=False)
class Formula:
    """The right side of a definition, and the left one taken apart.

    ``formals`` are index letters, ``params`` the arguments; a parameter such as ``x_{i:}`` has its own index letters.
    """

    body: Node
    formals: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    position: int = 0
    horizon: int = 0  # the end of its sentence: what is introduced there is known
    section: tuple[int, ...] = ()


@dataclass(eq=False)
class Entity:
    """``axes`` are those of a tensor (None until they are inferred), ``range`` that of an index or of labels."""

    name: str
    kind: Kind
    axes: tuple[AxisVar, ...] | None = None
    range: AxisVar | None = None
    size: Any = None
    row: bool = False
    formula: Formula | None = None
    defined_at: int = 0
    declared: bool = False
    symbol: str = ""
    value: Value | None = None
    formal_symbols: tuple[sp.Symbol, ...] = ()
    component_symbols: tuple[sp.Symbol, ...] = ()
    problem: str | None = None
    warnings: tuple[str, ...] = ()  # of how its definition was read
    busy: bool = False
    row_of: Entity | None = None
    depends: tuple[str, ...] = ()
    implied: bool = False  # a loss of which a note has nothing but gradients
    family: int = 0
    section: tuple[int, ...] = ()
    sentence: int = 0
    undecided: bool = False  # whether a function takes numbers or vectors is seen when shapes are known
    uses: list[Entity] = field(default_factory=list)
    written: Any = None

    def __post_init__(self) -> None:
        self.symbol = self.symbol or self.name

    @property
    def indexed(self) -> sp.IndexedBase:
        if self.kind is Kind.LABELS:
            return labels(self.symbol)
        return tensor(self.symbol)

    @property
    def sympy(self) -> sp.Symbol:
        if self.kind is Kind.DIMENSION:
            if self.size is not None:
                return sp.sympify(self.size)
            return sp.Symbol(self.symbol, integer=True, positive=True)
        if self.kind in (Kind.INDEX, Kind.LABEL):
            return sp.Symbol(self.symbol, integer=True)
        return sp.Symbol(self.symbol, real=True)


def reached(entities: Iterable[Entity]) -> dict[int, Entity]:
    """These and all that they are known through."""
    found: dict[int, Entity] = {}
    queue = list(entities)
    while queue:
        entity = queue.pop()
        if id(entity) not in found:
            found[id(entity)] = entity
            queue += entity.uses
    return found
