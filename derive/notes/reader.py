"""A file -> a :class:`~derive.notes.note.Note`, topic by topic."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from derive.calculus.setting import Setting
from derive.notes.bounded import with_bounded
from derive.notes.document import (
    KINDS,
    Document,
    Kind,
    decode,
    read_document,
    read_text,
)
from derive.notes.evaluated import with_conditions_behind
from derive.notes.grammar import syntax as s
from derive.notes.grammar.formula import as_formula, parse
from derive.notes.grammar.trees import walk
from derive.notes.note import Note, NoteError, Target
from derive.notes.reading import Reading, in_order, layout_said
from derive.notes.standard import with_standard
from derive.notes.topics import topics


def read_note(path: str | os.PathLike[str], text: str | bytes | None = None) -> Note:
    """The note in a file; ``text`` in its place if given. Every way in which it cannot be used is a ``NoteError``."""
    path = Path(path)
    if text is None:
        return read_parsed(read_document(path), str(path))
    kind = KINDS.get(path.suffix.lower(), "md")
    return read_parsed(read_text(text if isinstance(text, str) else decode(text), kind), str(path))


def read_source(text: str, kind: Kind = "md", path: str = "<text>") -> Note:
    """A note from its text; ``kind`` is md, tex or ipynb."""
    return read_parsed(read_text(text, kind), path)


def read_expression(latex: str, note: Note) -> tuple[Target, Setting]:
    """An expression in the names that hold at the end of a note; raises ``NoteError`` if it cannot be read."""
    if note.reading is None:
        raise NoteError("this note was not read by the reader")
    readings: tuple[Reading, ...] = note.reading
    names = {n.text for chain in parse(as_formula(latex)) for n in names_of(chain)}
    knowing = [r for r in readings if names <= r.collector.names.keys() | r.inventory.made.keys()]
    return (knowing or readings)[-1].expression(latex)


def names_of(chain: s.Chain) -> Iterable[s.Name]:
    return (n for link in chain.links if link.side is not None for n in walk(link.side) if isinstance(n, s.Name))


def read_parsed(document: Document, path: str) -> Note:
    """Each topic of a document is read for itself, what others show of its names being used where it cannot be read."""
    formulas = (f for sentence in document.sentences for f in sentence.formulas)
    parsed = with_bounded({id(f): with_conditions_behind(parse(f)) for f in formulas})
    parsed = with_standard(document, parsed)
    layout = layout_said(document)
    readings = [Reading(part, path, parsed, layout).read() for part in topics(document, parsed)]
    for k, reading in enumerate(readings):
        elsewhere = reading.shown_by([r.inventory for r in readings if r is not reading])
        if elsewhere and reading.unread:
            again = Reading(reading.document, path, parsed, layout, elsewhere).read()
            readings[k] = min(reading, again, key=lambda r: r.unread)
    items = sorted((item for reading in readings for item in reading.items), key=lambda item: in_order(item.place))
    setting = together([reading.setting_at_end() for reading in readings])
    return Note(path, tuple(items), setting, document.troubles, tuple(readings))


def together(settings: Sequence[Setting]) -> Setting:
    """What holds at the ends of several topics, the last one's meaning of a name before that of others."""
    if len(settings) == 1:
        return settings[0]
    axes, shapes, labels, definitions, depends = (
        {key: value for setting in settings for key, value in getattr(setting, name).items()}
        for name in ("axes", "shapes", "labels", "definitions", "depends")
    )
    smooth = frozenset(name for setting in settings for name in setting.smooth)
    assumptions = tuple(assumption for setting in settings for assumption in setting.assumptions)
    return Setting(axes, shapes, labels, definitions, smooth, depends, assumptions)
