"""The clauses of a sentence: where a main clause begins, and which conditions a claim stands under.

"If ``k = m``, then ``A``; otherwise ``B``" has two clauses. A condition holds for its own clause alone: for the claims
behind it, or for those in front of it where none follow ("``A`` if ``k = m`` and ``B`` if ``k \\ne m``").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from derive.notes.document import Formula
from derive.notes.records import AssumptionRecord, LinkRecord
from derive.notes.statements import CUES, OPPOSITE, Mode

_SUBORDINATE = (
    r"\W*(?:(?:so|hence|thus|therefore|then|also|now|finally|moreover|furthermore|further|first|second|next|note|observe|"
    r"indeed|similarly|conversely|clearly|even|only|"
    r"in particular|in this case|we (?:have|see|note|know)|that|and|but)\b\W*)*"
    r"(?:since|because|if|when|whenever|given|with|assuming|supposing|provided|"
    r"under the (?:assumption|condition|constraint)s?)\b"
)
OPENS = re.compile("^" + _SUBORDINATE, re.I)  # a sentence
BEGINS = re.compile(r"(?:[;:]|,\s*(?:and|but|while|whereas)\b)" + _SUBORDINATE, re.I)
ENDS = re.compile(r";|\b(while|whereas|otherwise|else)\b", re.I)
OTHERWISE = re.compile(r"\b(otherwise|else)\b", re.I)
BEHIND = re.compile(r"^\s*(if|when|whenever|for|otherwise|else)\b", re.I)
JOINED = re.compile(r"^\W*(and|but|while|whereas)?\W*$", re.I)
THEN = re.compile(r"\bthen\b", re.I)


def turns(parts: Sequence[str | Formula], relates: Callable[[Formula], bool]) -> dict[int, bool]:
    """The formulas at which a main clause may begin with no word but a comma; True for the last of a clause.

    "Since ``a = 1``, ``b = 2``, ``c = 3``." may turn at b and c, and at c it does.
    """
    found: dict[int, bool] = {}
    group: list[int] = []
    inside = told = False
    before = ""
    for k, part in enumerate(parts):
        if isinstance(part, str):
            begun = max((m.end() for m in BEGINS.finditer(part)), default=None)
            if k == 0 and begun is None and (opening := OPENS.match(part)):
                begun = opening.end()
            main = [m.start() for pattern, mode in CUES if mode is Mode.CLAIM for m in pattern.finditer(part)]
            if THEN.search(part, 0, begun or len(part)):
                group = []
            if begun is not None or main or ";" in part:
                found |= _settled(group, main == [] or begun is not None)
                group, inside, told = [], begun is not None and max(main, default=-1) < begun, False
            before = part.rstrip()
            continue
        loose = before.endswith(",") or (part.display and not re.search(r"\b(and|that|where|with)$", before))
        if inside and told and loose and relates(part):
            group.append(k)
        told, before = True, ""
    return found | _settled(group, True)


def _settled(group: Sequence[int], final: bool) -> dict[int, bool]:
    return {k: final and k == group[-1] for k in group}


@dataclass
class Clauses:
    """The conditions and claims of a sentence as they come, parted into clauses.

    ``behind`` are conditions that stand behind the claims of the clause: they are of these, unless claims follow.
    ``before`` is what the claims of the clause before stood under.
    """

    claims: list[LinkRecord] = field(default_factory=list)
    conditions: list[AssumptionRecord] = field(default_factory=list)
    behind: list[AssumptionRecord] = field(default_factory=list)
    before: list[AssumptionRecord] = field(default_factory=list)

    @property
    def opens_with_claim(self) -> bool:
        return bool(self.claims) and not self.conditions

    def condition(self, record: AssumptionRecord, row: Sequence[LinkRecord]) -> None:
        """``row`` are claims of the same line of a formula, in front of it."""
        if row:
            stand_under(row, [record])
        elif self.claims:
            self.behind.append(record)
        else:
            self.conditions.append(record)

    def claim(self, record: LinkRecord) -> None:
        if self.behind and self.conditions:  # "if c, A, and for d, B"
            ahead, self.behind = self.behind, []
            self.close()
            self.conditions = ahead
        elif self.behind:  # "A if c and B"
            self.close()
        self.claims.append(record)

    def close(self) -> None:
        """The clause has ended: its claims stand under its conditions."""
        here = [*self.conditions, *self.behind]
        stand_under(self.claims, here)
        self.before = here or self.before
        self.claims, self.conditions, self.behind = [], [], []

    def otherwise(self) -> AssumptionRecord | None:
        """The opposite of what the clause before stood under, if that was one relation.

        It is of the claims that follow, or of the one in front that has no condition yet.
        """
        if not (self.opens_with_claim and not self.behind and self.before):
            self.close()
        if len(self.before) != 1 or len(self.before[0].relations) != 1:
            return None
        ((left, sign, right),) = self.before[0].relations
        if sign not in OPPOSITE:
            return None
        text = self.before[0].text.replace(sign, OPPOSITE[sign], 1)
        return replace(self.before[0], relations=[(left, OPPOSITE[sign], right)], text=text, formula=None)


def stand_under(claims: Sequence[LinkRecord], conditions: Sequence[AssumptionRecord]) -> None:
    for claim in claims:
        claim.conditions += conditions
        for condition in conditions:
            claim.special |= condition.sizes
