"""A file -> sentences of prose and formulas, each with its place in the source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Line and column count from 1; ``cell`` is the number of a notebook's cell, counted from 0."""

    line: int
    column: int
    cell: int | None = None


@dataclass(frozen=True)
class Formula:
    """A piece of math between its delimiters, as it stands in the source, macros expanded.

    ``places[k]`` is the source place of ``latex[k]``; a character that a macro produced has the place of the macro.
    """

    latex: str
    places: tuple[Place, ...]
    display: bool


@dataclass(frozen=True)
class Sentence:
    """Prose and formulas in the order of reading. ``section`` is the path of headings above it, as numbers."""

    parts: tuple[str | Formula, ...]
    section: tuple[int, ...]
    place: Place
