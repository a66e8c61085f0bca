"""What a first walk over a note finds: links, assumptions, declarations and definitions, requests, prose."""

from __future__ import annotations

from dataclasses import dataclass, field

from derive.notes.document import Formula, Place
from derive.notes.grammar import syntax as s
from derive.notes.meaning.scope import Entity, Names


@dataclass
class Record:
    place: Place
    section: tuple[int, ...]
    position: int
    names: Names


@dataclass
class LinkRecord(Record):
    """One relation to be claimed; ``problem`` if a side could not be parsed.

    ``conditions`` are those of its clause, ``special`` the sizes that they give; ``at`` is its offset in ``formula``.
    """

    sign: str = "="
    at: int = 0
    left: s.Node | None = None
    right: s.Node | None = None
    left_latex: str = ""
    right_latex: str = ""
    expected: bool = True
    continues: bool = False
    reason: str | None = None
    problem: str | None = None
    horizon: int = 0
    conditions: list[AssumptionRecord] = field(default_factory=list)
    special: dict[str, int] = field(default_factory=dict)
    doubtful: list[AssumptionRecord] = field(default_factory=list)  # conditions that may have ended before
    formula: Formula | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class AssumptionRecord(Record):
    """Relations in force from here to the end of the section; a ``local`` one for the claims of its clause alone.

    ``sizes`` are dimensions that it gives a number, ``at`` is its offset in ``formula``.
    """

    relations: list[tuple[s.Node, str, s.Node]] = field(default_factory=list)
    values: tuple[s.Node, tuple[s.Node, ...]] | None = None
    property: tuple[str, str] | None = None
    text: str = ""
    local: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    formula: Formula | None = None
    at: int = 0
    horizon: int = 0
    read: str = ""
    problem: str | None = None


@dataclass
class GivenRecord(Record):
    kind: str = "declaration"
    latex: str = ""
    entities: tuple[Entity, ...] = ()


@dataclass
class RequestRecord(Record):
    """A sentence that begins with Compile or Derive."""

    what: str = "compile"
    formulas: tuple[tuple[str, s.Node | None, str | None], ...] = ()
    name: str = ""
    arguments: tuple[str, ...] = ()
    route: str | None = None
    problem: str | None = None
    horizon: int = 0


@dataclass
class ProseRecord(Record):
    text: str = ""
    level: int = 0
