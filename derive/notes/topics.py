r"""Which sections of a note speak of the same things: notes of several exercises, models or layers reuse their letters.

A section goes with the last one before it that introduces a name which it uses and does not introduce itself; what a
section introduces, it speaks of anew. A section that introduces nothing goes with the last one that uses one of its
names, or with the next that introduces one. What goes together is a topic, and is read as a note of its own: all that a
reader infers from the use of a name, its axes, its indices, its scripts, holds within the topic. So in a note on one
subject, whatever its headings, all is one topic, and unrelated sections cannot mislead each other.

An equation for a name introduces it where no earlier section does. One for a name that was defined before is another
definition where its right side shares nothing with the topic of the first, ``z = W x`` of a new ``x``, and where it
shares nothing that is introduced, opens its section and the section goes on about the name: ``f(x) = \tanh x`` and its
derivatives. Any other is a claim about the name, as it is within a section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from derive.notes.document import Document
from derive.notes.sections import Equation, Item, Section, look, sections
from derive.notes.spelling import Parsed


def topics(document: Document, parsed: Parsed) -> tuple[Document, ...]:
    """The parts of a document that speak of the same things, each in the order of the source."""
    found = sections(document.items)
    if len(found) < 2:
        return (document,)
    for section in found:
        look(section, parsed)
    parts: dict[int, list[Item]] = {}
    for section, first in zip(found, joined(found), strict=True):
        parts.setdefault(first, []).extend(section.items)
    return tuple(Document(tuple(items)) for items in parts.values())


def joined(found: Sequence[Section]) -> list[int]:
    """For each section the first one of its topic."""
    joining = Joining(found)
    for k in range(len(found)):
        joining.take(k)
    return [joining.root(k) for k in range(len(found))]


class Joining:
    """Sections are taken one by one and joined to those before."""

    def __init__(self, found: Sequence[Section]) -> None:
        self.all = found
        self.roots = list(range(len(found)))
        self.owners: dict[str, list[int]] = {}  # who introduces a name, in order
        self.speakers: dict[str, list[int]] = {}  # who uses it

    def root(self, k: int) -> int:
        while self.roots[k] != k:
            self.roots[k] = self.roots[self.roots[k]]
            k = self.roots[k]
        return k

    def take(self, k: int) -> None:
        self.define(k)
        for other in sorted(self.partners(k)):
            first, last = sorted((self.root(k), self.root(other)))
            self.roots[last] = first
        for name in self.all[k].ranks:
            self.owners.setdefault(name, []).append(k)
        for name in {**self.all[k].uses, **self.all[k].ranks}:
            self.speakers.setdefault(name, []).append(k)

    def define(self, k: int) -> None:
        """The equations of a section that define a name, as far as earlier sections tell."""
        section = self.all[k]
        for equation in section.equations:
            if equation.name not in self.owners:
                section.introduce(equation.name)
        for equation in defining(section, lambda e: self.defines_anew(e, k)):
            section.introduce(equation.name)

    def defines_anew(self, equation: Equation, k: int) -> bool:
        section, known = self.all[k], self.owners[equation.name][-1]
        if section.is_below(self.all[known]):
            return False
        shared = [n for n in rests_on(equation, section) - {equation.name} if self.is_shared(n, section, known)]
        if any(n in self.owners for n in shared):
            return False
        repeated = any(self.is_declared_again(n, section, known) for n in equation.used)
        if equation.follows and (repeated or not equation.used):
            return False
        return bool(equation.used and not shared) or (equation.opens and section.says_more_of(equation.name))

    def is_shared(self, name: str, section: Section, known: int) -> bool:
        """Whether a name that a section does not introduce is one of another's topic."""
        if name in section.ranks or name not in section.uses:
            return False
        owner = self.owner(name, section.uses[name])
        speakers = self.speakers.get(name, ()) if owner is None else [owner]
        return any(self.root(j) == self.root(known) for j in speakers)

    def is_declared_again(self, name: str, section: Section, known: int) -> bool:
        """Whether a name is said to be in the very space in which it was before."""
        own = section.spaces.get(name)
        before = (j for j in self.owners.get(name, ()) if self.root(j) == self.root(known))
        return own is not None and any(self.all[j].spaces.get(name) == own for j in before)

    def owner(self, name: str, count: int) -> int | None:
        """The last section that introduces a name with as many axes as the name has indices."""
        for at in reversed(self.owners.get(name, ())):
            rank = self.all[at].ranks[name]
            if rank is None or count <= rank:
                return at
        return None

    def partners(self, k: int) -> set[int]:
        """The earlier sections whose names one uses."""
        section = self.all[k]
        foreign = [name for name in section.uses if name not in section.ranks]
        found = {at for name in foreign if (at := self.owner(name, section.uses[name])) is not None}
        found |= {j for j in range(k) if self.all[j].assumes_of(section, set(foreign))}
        if not found and not section.ranks:
            found = self.nearest(k, set(foreign))
        return found

    def nearest(self, k: int, names: set[str]) -> set[int]:
        """The section that one without names of its own goes with."""
        if not names:
            return {k - 1} if k else set()
        spoken = [self.speakers[name][-1] for name in names if name in self.speakers]
        later = (j for j in range(k + 1, len(self.all)) if names & self.all[j].says())
        return {max(spoken)} if spoken else set(islice(later, 1))


def defining(section: Section, anew: Callable[[Equation], bool]) -> Iterator[Equation]:
    """Equations that define a name anew, until no more are found: one may rest on another."""
    found = True
    while found:
        found = False
        for equation in section.equations:
            if equation.name not in section.ranks and anew(equation):
                found = True
                yield equation


def rests_on(equation: Equation, section: Section) -> set[str]:
    """The names that an equation uses, and those through which the section defines these."""
    found: set[str] = set()
    queue = set(equation.used)
    while queue:
        found |= queue
        queue = {n for e in section.equations if e.name in queue for n in e.used} - found
    return found
