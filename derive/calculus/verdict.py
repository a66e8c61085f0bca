"""Verdicts: what the judge answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import sympy as sp


class Kind(StrEnum):
    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    UNREAD = "unread"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Witness:
    """A point where two sides differ: sizes of dimensions, values of indices, rational values of entries."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    indices: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    left: str = ""
    right: str = ""


@dataclass(frozen=True)
class Verdict:
    """kind; the assumptions used, as written; rules of the calculus that were used.

    ``conditions`` are relations that a point has to satisfy for both sides to be defined (or smooth), beyond what is
    assumed: the equation is proved wherever they hold.

    ``reason`` is one sentence for a person; ``repair`` is what would make a refuted claim true;
    ``remained`` is what was left of ``left - right`` where nothing could be decided.
    """

    kind: Kind
    reason: str = ""
    assumptions: tuple[str, ...] = ()
    conditions: tuple[sp.Basic, ...] = ()
    rules: tuple[str, ...] = ()
    witness: Witness | None = None
    repair: str | None = None
    remained: sp.Expr | None = None

    @property
    def proved(self) -> bool:
        return self.kind is Kind.PROVED

    @property
    def refuted(self) -> bool:
        return self.kind is Kind.REFUTED

    def __bool__(self) -> bool:
        return self.proved
