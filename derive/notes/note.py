"""A note that was read: what it declares, defines, assumes, claims and asks for, in order, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sympy as sp

from derive.calculus.setting import Setting
from derive.notes.document import NoteError as NoteError
from derive.notes.document import Place, Trouble
from derive.notes.supposed import Supposition


class Relation(StrEnum):
    EQUAL = "="
    APPROXIMATE = "≈"  # |left - right| <= tolerance
    OTHER = "other"  # propto, <=, ~, ->: shown, never judged


@dataclass(frozen=True)
class Claim:
    """One link: ``left = right``, where ``left`` is the side before the sign, be it on this line or the one above.

    place       the source place of the relation sign
    latex       the link as written, e.g. ``\\frac{\\partial s_i}{\\partial z_j} = s_i (\\delta_{ij} - s_j)``
    left_latex, right_latex   its two sides
    left, right  scalar index expressions; None when the link could not be read
    continues   True when it goes on from the claim before it (``a = b = c``)
    expected    False for a denial
    problem     why it could not be read
    reason      the words beside the link, as written
    transposed  True when one side is a row and the other a column
    doubt       the setting with a case of indices that was opened above and may have ended
    supposed    the claim with letters of it as sizes that the note does not give
    axes        of vectors and matrices the indices at which left and right are entries, in the order of rows, columns
    """

    place: Place
    latex: str
    left_latex: str
    right_latex: str
    left: sp.Expr | None
    right: sp.Expr | None
    setting: Setting
    relation: Relation = Relation.EQUAL
    tolerance: sp.Rational | None = None
    expected: bool = True
    continues: bool = False
    reason: str | None = None
    problem: str | None = None
    transposed: bool = False
    warnings: tuple[str, ...] = ()
    section: tuple[int, ...] = ()
    doubt: Setting | None = None
    axes: tuple[sp.Symbol, ...] = ()
    supposed: tuple[Supposition, ...] = ()


@dataclass(frozen=True)
class Given:
    """A declaration, definition or assumption of the ``names``, for display."""

    kind: str  # "declaration" | "definition" | "assumption"
    place: Place
    latex: str
    read: str = ""
    names: tuple[str, ...] = ()
    section: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CompileRequest:
    """Compile `$formula$, ...` as `` `name(arguments)` ``."""

    place: Place
    latex: tuple[str, ...]
    targets: tuple[Target, ...]
    name: str
    arguments: tuple[str, ...]
    setting: Setting
    problem: str | None = None


@dataclass(frozen=True)
class Target:
    """A formula to compile or derive: ``expr`` is its entry at the free ``indices``, in the order of its axes.

    ``axes`` are the last of these: those that are not written, of a formula that stands for a vector (a ``row``
    where it lies) or a matrix as a whole.
    """

    latex: str
    expr: sp.Expr
    indices: tuple[sp.Symbol, ...]
    axes: tuple[sp.Symbol, ...] = ()
    row: bool = False


@dataclass(frozen=True)
class DeriveRequest:
    """Derive `$formula$` by the ... rule."""

    place: Place
    latex: str
    target: Target | None
    route: str | None
    setting: Setting
    problem: str | None = None


@dataclass(frozen=True)
class Prose:
    """Words between formulas, for ``show`` and ``export``; headings have a level from 1 to 6, else 0."""

    place: Place
    text: str
    level: int = 0


@dataclass(frozen=True)
class Note:
    """``items`` in the order of the source; ``setting`` is what holds at the end of the note.

    ``troubles`` is what in the source is neither math nor prose, such as a ``$$`` that is never closed.

    ``reading`` is the reader's own knowledge of the names, by which further expressions are read in this note.
    """

    path: str
    items: tuple[Claim | Given | CompileRequest | DeriveRequest | Prose, ...]
    setting: Setting
    troubles: tuple[Trouble, ...] = ()
    reading: Any = field(default=None, compare=False, repr=False)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(item for item in self.items if isinstance(item, Claim))
