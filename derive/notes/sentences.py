"""Blocks of prose and math -> sentences.

A sentence ends at ``.``, ``!`` or ``?`` in front of white space and a capital, a formula or the end; a colon ends
none ("Wrong: $…$" is one sentence). A display belongs to the prose in front of it, also across a blank line when
that prose has not ended; what follows a display goes on from it when it begins in lower case. Displays with no
words between them are sentences of their own. Headings and list items end sentences.
"""

from __future__ import annotations

import re
from dataclasses import replace

from derive.notes.document import Atom, Block, Document, Formula, Heading, Sentence, Source

_END = re.compile(r"[.!?]+(?=[)\]\"'”’»*_]*(?:\s|$))[)\]\"'”’»*_]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:i\.e|e\.g|eqs?|eqns?|figs?|w\.r\.t|cf|vs|resp|secs?|sects?|ch|chap|vol|pp?|refs?|thms?|lem|prop|defs?|cor|"
    r"ex|approx|al|dr|mr|mrs|prof|a\.s|a\.e|i\.i\.d|iid|s\.t|viz|alg|d\.h|z\.b)\.?$",
    re.IGNORECASE,
)

_CONTINUES = re.compile(
    r"[\s,;(]*(?:where|with|and|or|for|which|so|hence|since|if|when|whenever|is|are|but|in|by|as|because|that|whose|while|then|therefore|"
    r"thus|holds|follows|using|on|from|to|at|of|equals|exactly|provided|unless|subject|such|both|here|its|has|have|together|again)\b"
)


def gather(source: Source) -> Document:
    """The sentences and headings of a source, in order."""
    gathering = _Gathering()
    for block in source.blocks:
        gathering.take(block)
    gathering.finish()
    return Document(tuple(gathering.items), tuple(source.troubles))


class _Gathering:
    def __init__(self) -> None:
        self.items: list[Sentence | Heading] = []
        self.section: list[tuple[int, int]] = []  # (level, number) of the headings above
        self.parts: list[str | Formula] = []
        self.block: Block | None = None
        self.start = 0
        self.lead = ""  # "Assume:" in front of a list

    # ----- blocks -----

    def take(self, block: Block) -> None:
        if block.level:
            self.finish()
            self.lead = ""
            self._heading(block)
            return
        self._join_or_finish(block)
        if self.lead and block.item and self._begins_low(block):
            self._add(Atom(block.atoms[0].at if block.atoms else 0, self.lead + " "), block)
        for atom in block.atoms:
            self._atom(atom, block)
        if block.ends:
            self.finish()

    def _join_or_finish(self, block: Block) -> None:
        """Whether a new paragraph goes on from the sentence before it."""
        if not self.parts:
            self.lead = self.lead if block.item else ""
            return
        if block.item:
            words = "".join(p for p in self.parts if isinstance(p, str)).rstrip()
            plain = all(isinstance(p, str) for p in self.parts)
            self.lead = words if plain and words.endswith(":") else self.lead
            self.finish()
            return
        self.lead = ""
        last = self.parts[-1]
        first = _first(block)
        goes_on = (
            (
                isinstance(last, str)
                and bool(last.strip())
                and isinstance(first, Formula)
                and first.display
                and not _ended(last)
            )
            or (isinstance(last, Formula) and last.display and isinstance(first, str) and _CONTINUES.match(first))
            or (isinstance(last, str) and last.rstrip().endswith((":", ",")) and isinstance(first, Formula))
        )
        if goes_on:
            self.parts[-1:] = [last + "\n"] if isinstance(last, str) else [last, "\n"]
        else:
            self.finish()

    def _begins_low(self, block: Block) -> bool:
        first = _first(block)
        return isinstance(first, Formula) or (isinstance(first, str) and first.lstrip()[:1].islower())

    def _heading(self, block: Block) -> None:
        number = 1
        while self.section and self.section[-1][0] >= block.level:
            number = self.section.pop()[1] + 1
        self.section.append((block.level, number))
        parts = tuple(a.content for a in block.atoms)
        place = block.lines.place(block.atoms[0].at if block.atoms else 0)
        self.items.append(Heading(block.level, parts, self._path(), place))

    def _path(self) -> tuple[int, ...]:
        return tuple(number for _, number in self.section)

    # ----- atoms -----

    def _atom(self, atom: Atom, block: Block) -> None:
        if isinstance(atom.content, Formula):
            self._formula(atom, atom.content, block)
        elif atom.code:
            self._add(atom, block)
        else:
            self._words(atom, atom.content, block)

    def _formula(self, atom: Atom, formula: Formula, block: Block) -> None:
        if formula.display and self._last_display():
            self.finish()
        self._add(atom, block)

    def _last_display(self) -> bool:
        """Whether a display stands last, with no words behind it."""
        for part in reversed(self.parts):
            if isinstance(part, Formula):
                return part.display
            if part.strip(" \n\t.,;"):
                return False
        return False

    def _words(self, atom: Atom, text: str, block: Block) -> None:
        if self._closed_by_formula(text):
            self.finish()
        start = 0
        for end in _END.finditer(text):
            if self._is_end(text, end, start):
                self._add(Atom(atom.at + start, text[start : end.end()]), block)
                self.finish()
                start = end.end()
        if text[start:]:
            self._add(Atom(atom.at + start, text[start:]), block)

    def _closed_by_formula(self, text: str) -> bool:
        """After ``$$ … .$$`` a sentence has ended; after a display a capital begins a new one."""
        formula = next((p for p in reversed(self.parts) if isinstance(p, Formula) or p.strip()), None)
        if not isinstance(formula, Formula) or not text.strip():
            return False
        begins = text.lstrip()
        starts_new = text[:1].isspace() and (begins[:1].isupper())
        if formula.display:
            return starts_new or (formula.latex.rstrip().endswith(".") and not begins[:1].islower())
        return starts_new and formula.latex.rstrip().endswith(".")

    def _is_end(self, text: str, end: re.Match[str], start: int) -> bool:
        behind = text[end.end() :].lstrip()
        if behind and not (behind[0].isupper() or behind[0] in "\"“'‘([«*_`" or behind[0].isdigit()):
            return False
        if end.group()[0] in "!?":
            return True
        before = text[start : end.start()][-12:]
        return not _ABBREVIATION.search(before) or before[-1:].isspace()

    def _add(self, atom: Atom, block: Block) -> None:
        if not self.parts:
            content = atom.content
            skipped = len(content) - len(content.lstrip()) if isinstance(content, str) else 0
            if isinstance(content, str):
                if not content.strip():
                    return
                atom = replace(atom, content=content[skipped:], at=atom.at + skipped)
            self.block, self.start = block, atom.at
        if self.parts and isinstance(self.parts[-1], str) and isinstance(atom.content, str):
            self.parts[-1] += atom.content
        else:
            self.parts.append(atom.content)

    def finish(self) -> None:
        """Closes the sentence that is being gathered."""
        while self.parts and isinstance(self.parts[-1], str) and not self.parts[-1].strip():
            self.parts.pop()
        if self.parts and self.block is not None and self._says_something():
            self.items.append(Sentence(tuple(self.parts), self._path(), self.block.lines.place(self.start)))
        self.parts = []

    def _says_something(self) -> bool:
        return any(isinstance(p, Formula) or any(c.isalnum() for c in p) for p in self.parts)


def _first(block: Block) -> str | Formula | None:
    return next((a.content for a in block.atoms if isinstance(a.content, Formula) or a.content.strip()), None)


def _ended(text: str) -> bool:
    return text.rstrip().rstrip(")]\"'”’*_").endswith((".", "!", "?"))
