"""What a careful reader notices about a note as a whole: assumptions that nothing needs, names defined twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from derive.calculus.setting import Assumption
from derive.notes.document import Place
from derive.notes.note import DeriveRequest, Given, Note


class Judged(Protocol):
    @property
    def settled(self) -> bool: ...
    @property
    def assumptions(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Remark:
    place: Place
    message: str


def remarks(note: Note, results: Iterable[Judged]) -> tuple[Remark, ...]:
    found = [*_unused(note, list(results)), *_shadowing(note), *_definitions(note)]
    return tuple(sorted(found, key=lambda remark: (remark.place.cell or 0, remark.place.line, remark.place.column)))


def _unused(note: Note, results: list[Judged]) -> Iterator[Remark]:
    """Equations that are assumed and that no proof uses; while a claim is open one cannot tell."""
    if not results or not all(result.settled for result in results):
        return
    named = {text for result in results for text in result.assumptions}
    requests = [item.setting for item in note.items if isinstance(item, DeriveRequest)]
    settings = [*(claim.setting for claim in note.claims), note.setting]
    in_force = [assumption for setting in settings for assumption in setting.assumptions]
    named |= {assumption.text for setting in requests for assumption in setting.assumptions}
    known = {assumption.text: assumption for assumption in in_force}
    spoken_of = {base for text in named if text in known for base in _tensors(known[text])}
    for item in note.items:
        if isinstance(item, Given) and item.kind == "assumption" and item.latex not in named:
            about = _tensors(known[item.latex]) if item.latex in known else set()
            if about and known[item.latex].relation.is_Equality and not about & spoken_of:
                yield Remark(item.place, f"no proof uses the assumption ${item.latex}$")


def _tensors(assumption: Assumption) -> set[str]:
    return {symbol.name for symbol in assumption.relation.atoms() if symbol.is_Symbol and not symbol.is_integer}


def _definitions(note: Note) -> Iterator[Remark]:
    """What is said of how a definition was read."""
    for item in note.items:
        if isinstance(item, Given) and item.kind == "definition":
            yield from (Remark(item.place, warning) for warning in item.warnings)


def _shadowing(note: Note) -> Iterator[Remark]:
    """A second definition of a name where the first one is still in force."""
    defined: dict[str, Given] = {}
    for item in note.items:
        if not isinstance(item, Given) or item.kind != "definition":
            continue
        for name in item.names:
            first = defined.get(name)
            if first is not None and item.section[: len(first.section)] == first.section and first.latex != item.latex:
                yield Remark(
                    item.place, f"this definition of ${name}$ takes the place of the one in line {first.place.line}"
                )
            defined[name] = item
