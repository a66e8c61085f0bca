"""How a declaration, a definition or an assumption was understood, in words that the reader itself reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.notes.meaning.scope import Entity, Kind

if TYPE_CHECKING:
    from derive.notes.reading import Reading
    from derive.notes.records import GivenRecord


def read_given(reading: Reading, record: GivenRecord) -> str:
    return "; ".join(_entity(reading, e, record) for e in record.entities)


def _entity(reading: Reading, entity: Entity, record: GivenRecord) -> str:
    from derive.show.echo import definition_words, labels_words, range_words, space_words
    from derive.show.latex import name_latex, style_of

    final = reading.inventory.axes.axis
    axes = tuple(final(axis) for axis in entity.axes or ())
    if entity.kind is Kind.INDEX and entity.range is not None:
        return range_words(entity.name, final(entity.range))
    if entity.kind is Kind.DIMENSION:
        return f"${entity.name}$ is a dimension"
    if entity.kind in (Kind.LABEL, Kind.LABELS) and entity.range is not None:
        return labels_words(entity.name, axes if entity.kind is Kind.LABELS else (), final(entity.range))
    if record.kind == "definition" and entity.written is not None:
        return definition_words(entity.written, style_of(record.latex))
    if entity.kind is Kind.FUNCTION:
        return rf"${name_latex(entity.name, function=True)} : \mathbb{{R}} \to \mathbb{{R}}$"
    return space_words(entity.name, axes)


def read_relations(relations: list[Any], source: str) -> str:
    """The relations that an assumption stands for."""
    from derive.show.latex import latex, style_of

    style = style_of(source)
    return "; ".join(f"${latex(relation, style)}$" for relation in relations if isinstance(relation, sp.Basic))
