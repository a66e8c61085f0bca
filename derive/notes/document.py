"""A file -> sentences of prose and formulas, each with its place in the source.

    source text --(markdown, latex, notebook)--> blocks of prose and math --(sentences)--> Document

Three front ends cut a source into blocks: paragraphs, list items, headings, each a run of words, code spans and
formulas. One rule, in :mod:`derive.notes.sentences`, joins them into sentences. Macros are expanded on the way, so
that a formula is what its reader sees; every character of it still knows where it came from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, overload

Kind = Literal["md", "tex", "ipynb"]
KINDS: dict[str, Kind] = {".md": "md", ".markdown": "md", ".tex": "tex", ".ltx": "tex", ".ipynb": "ipynb"}


@dataclass(frozen=True)
class Place:
    """Line and column count from 1; ``cell`` is the number of a notebook's cell, counted from 0."""

    line: int
    column: int
    cell: int | None = None


class NoteError(Exception):
    """The input cannot be used at all."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place or Place(1, 1)


@dataclass(frozen=True)
class Formula:
    """A piece of math between its delimiters, as it stands in the source, macros expanded.

    ``places[k]`` is the source place of ``latex[k]``; a character that a macro produced has the place of the macro.
    ``problem`` says why its macros could not be expanded.
    """

    latex: str
    places: Sequence[Place]
    display: bool
    problem: str | None = None


@dataclass(frozen=True)
class Sentence:
    """Prose and formulas in the order of reading. ``section`` is the path of headings above it, as numbers."""

    parts: tuple[str | Formula, ...]
    section: tuple[int, ...]
    place: Place

    @property
    def formulas(self) -> tuple[Formula, ...]:
        return tuple(part for part in self.parts if isinstance(part, Formula))


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 6; ``section`` is the path of the section that it opens."""

    level: int
    parts: tuple[str | Formula, ...]
    section: tuple[int, ...]
    place: Place

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else f"${part.latex}$" for part in self.parts).strip()


@dataclass(frozen=True)
class Trouble:
    """Something in the source that is not math and not prose, such as a ``$$`` that is never closed."""

    place: Place
    message: str


@dataclass(frozen=True)
class Document:
    """What a file holds, in order. ``items`` has the headings too."""

    items: tuple[Sentence | Heading, ...]
    troubles: tuple[Trouble, ...] = ()

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return tuple(item for item in self.items if isinstance(item, Sentence))

    @property
    def words(self) -> tuple[str, ...]:
        """The prose between formulas."""
        return tuple(part for item in self.items for part in item.parts if isinstance(part, str))

    @property
    def headings(self) -> tuple[Heading, ...]:
        return tuple(item for item in self.items if isinstance(item, Heading))


# ----- places, found when asked for -----


class Lines:
    """Offset in a text -> place."""

    def __init__(self, text: str, cell: int | None = None) -> None:
        self.starts = [0]
        self.starts += (
            [k + 1 for k, char in enumerate(text) if char == "\n"] if len(text) < 1000 else _line_starts(text)
        )
        self.cell = cell

    def place(self, offset: int) -> Place:
        from bisect import bisect_right

        line = bisect_right(self.starts, offset)
        return Place(line, offset - self.starts[line - 1] + 1, self.cell)


def _line_starts(text: str) -> list[int]:
    found, at = [], text.find("\n")
    while at >= 0:
        found.append(at + 1)
        at = text.find("\n", at + 1)
    return found


class Finder:
    """``str.find`` for searches that go forward: what was found, or not found, is remembered."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.known: dict[str, int] = {}

    def find(self, what: str, at: int) -> int:
        return self._remembered(what, at, lambda: self.text.find(what, at))

    def blank(self, at: int) -> int:
        """Where the next blank line begins, or the end of the text."""

        def search() -> int:
            found = _BLANK.search(self.text, at)
            return found.start() if found else len(self.text)

        return self._remembered("\n\n", at, search)

    def _remembered(self, what: str, at: int, search: Callable[[], int]) -> int:
        known = self.known.get(what, 0)
        if 0 <= known < at or what not in self.known:
            self.known[what] = known = search()
        return known


_BLANK = re.compile(r"\n[ \t>]*(?=\n|\Z)")


class Places(Sequence[Place]):
    """The places of the characters at ``offsets``."""

    __slots__ = ("lines", "offsets")

    def __init__(self, lines: Lines, offsets: Sequence[int]) -> None:
        self.lines, self.offsets = lines, offsets

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, k: int) -> Place: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[Place]: ...
    def __getitem__(self, k: int | slice) -> Place | Sequence[Place]:
        return Places(self.lines, self.offsets[k]) if isinstance(k, slice) else self.lines.place(self.offsets[k])

    def __iter__(self) -> Iterator[Place]:
        return (self.lines.place(offset) for offset in self.offsets)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    def __hash__(self) -> int:
        return hash((len(self.offsets), self.offsets[0] if self.offsets else -1))


# ----- blocks: what the front ends make -----


@dataclass(frozen=True)
class Atom:
    """A run of words, a code span or a formula, at its offset in the source."""

    at: int
    content: str | Formula
    code: bool = False


@dataclass
class Block:
    """A paragraph or a heading. ``item``: it begins a list item; ``ends``: no sentence goes on behind it."""

    atoms: list[Atom]
    lines: Lines
    level: int = 0  # of a heading; 0 for prose
    item: bool = False
    ends: bool = False


@dataclass
class Source:
    """The blocks of one file, with what went wrong."""

    blocks: list[Block] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


# ----- reading -----


LARGEST = 2_000_000  # characters: some thousand pages


def read_document(path: Path) -> Document:
    """The document in a file; raises NoteError if it cannot be used, OSError if it cannot be opened."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise NoteError(f"{path.suffix or 'no ending'} is not a kind of note; expected one of {', '.join(KINDS)}")
    return read_text(decode(path.read_bytes()), kind)


def decode(data: bytes) -> str:
    """UTF-8 text without byte order mark; line ends are ``\\n``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start]
        line = good.count(b"\n") + 1
        column = len(good[good.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")) + 1
        raise NoteError(
            f"not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start}", Place(line, column)
        ) from None
    at = text.find("\0")
    if at >= 0:
        raise NoteError("not a text file: it holds a null byte", Lines(text).place(at))
    return text


def read_text(text: str, kind: Kind) -> Document:
    """The document in a text; ``kind`` is md, tex or ipynb."""
    from derive.notes import latex_source, markdown_source
    from derive.notes.sentences import gather

    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if kind == "ipynb":
        return gather(_notebook(text))
    refuse_size(len(text))
    if kind == "md":
        return gather(markdown_source.read(text))
    return gather(latex_source.read(text))


def refuse_size(characters: int) -> None:
    if characters > LARGEST:
        raise NoteError(f"too large for a note: {characters:,} characters; expected at most {LARGEST:,}")


def _notebook(text: str) -> Source:
    from derive.notes import markdown_source

    cells = [(k, source) for k, (is_markdown, source) in enumerate(_cells(text)) if is_markdown]
    refuse_size(sum(len(source) for _, source in cells))
    return markdown_source.read_cells(cells)


def _cells(text: str) -> Iterator[tuple[bool, str]]:
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise NoteError(f"not a notebook: {error.msg}", Place(error.lineno, error.colno)) from None
    except RecursionError:
        raise NoteError("not a notebook: nested too deeply") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if (
        cells is None
        and isinstance(notebook, dict)
        and isinstance(sheets := notebook.get("worksheets"), list)
        and sheets
    ):
        cells = sheets[0].get("cells") if isinstance(sheets[0], dict) else None
    if not isinstance(cells, list):
        raise NoteError("not a notebook: it has no list of cells")
    for cell in cells:
        source = cell.get("source", "") if isinstance(cell, dict) else ""
        joined = "".join(s for s in source if isinstance(s, str)) if isinstance(source, list) else source
        joined = joined if isinstance(joined, str) else ""
        yield (
            isinstance(cell, dict) and cell.get("cell_type") == "markdown",
            joined.replace("\r\n", "\n").replace("\r", "\n"),
        )
