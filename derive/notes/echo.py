"""How a statement was understood, in words and in LaTeX that the reader itself reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from derive.calculus.setting import Axis, Setting
from derive.notes.scope import Entity, Kind

if TYPE_CHECKING:
    from derive.notes.collect import GivenRecord
    from derive.notes.reader import Pending, Reading


def size_latex(size: Any) -> str:
    return str(size.name) if isinstance(size, sp.Symbol) else str(sp.latex(size))


def range_latex(axis: Axis) -> str:
    return f"{axis.first}, \\dots, {size_latex(sp.expand(axis.last))}"


def space_latex(axes: tuple[Axis, ...]) -> str:
    if not axes:
        return r"\mathbb{R}"
    sizes = r" \times ".join(
        f"({size_latex(a.size)})" if isinstance(a.size, sp.Add) and len(axes) > 1 else size_latex(a.size) for a in axes
    )
    return rf"\mathbb{{R}}^{{{sizes}}}"


def read_given(reading: Reading, record: GivenRecord) -> str:
    return "; ".join(_entity(reading, e, record.kind) for e in record.entities)


def _entity(reading: Reading, entity: Entity, kind: str) -> str:
    final = reading.inventory.axes.axis
    if entity.kind is Kind.INDEX and entity.range is not None:
        return f"${entity.name} = {range_latex(final(entity.range))}$"
    if entity.kind is Kind.DIMENSION:
        return f"${entity.name}$ is a dimension"
    if entity.kind is Kind.LABEL and entity.range is not None:
        return rf"${entity.name} \in \{{{range_latex(final(entity.range))}\}}$"
    if entity.kind is Kind.LABELS and entity.range is not None:
        sizes = r" \times ".join(size_latex(final(a).size) for a in entity.axes or ())
        return rf"${entity.name} \in \{{{range_latex(final(entity.range))}\}}^{{{sizes}}}$"
    if kind == "definition" and entity.written is not None:
        definition = entity.written
        left = _left(definition)
        ranges = ", ".join(
            f"${s.name} = {range_latex(a)}$" for s, a in zip(definition.formals, definition.axes, strict=False)
        )
        return f"${left} := {_latex(definition.body)}$" + (f" for {ranges}" if ranges else "")
    if entity.kind is Kind.FUNCTION:
        return rf"${entity.name} : \mathbb{{R}} \to \mathbb{{R}}$"
    return rf"${entity.name} \in {space_latex(tuple(final(a) for a in entity.axes or ()))}$"


def _left(definition: Any) -> str:
    names = [s.name for s in definition.formals]
    if definition.is_function:
        return f"{definition.name}({', '.join(names)})"
    return f"{{{definition.name}}}_{{{' '.join(names)}}}" if names else str(definition.name)


def _latex(expr: Any) -> str:
    try:
        return str(sp.latex(expr))
    except (RecursionError, ValueError, TypeError):
        return "…"


def read_claim(pending: Pending, left: Any, right: Any, setting: Setting) -> str:
    """The ranges of the free indices; where vectors were opened, the equation of their components too."""
    free = sorted(setting.axes, key=lambda s: s.name)
    ranges = ", ".join(f"${s.name} = {range_latex(setting.axes[s])}$" for s in free)
    if pending.left is None or not pending.left.rank:
        return ranges
    return f"${_latex(left)} = {_latex(right)}$ for {ranges}"
