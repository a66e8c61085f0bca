"""A note cut into what a page consists of: paragraphs, displays, remarks, requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from derive.notes.note import Claim, CompileRequest, DeriveRequest, Given, Note, Prose, Relation
from derive.pipeline import SECONDS_A_CLAIM, OutOfTime, Result, time_limit
from derive.show.latex import Style, spelled, style_of

if TYPE_CHECKING:
    from derive.steps.earlier import Chain

if TYPE_CHECKING:
    from derive.steps.derivation import Derivation

Link = tuple[Claim, Result]


@dataclass
class Paragraph:
    """Words with inline math; ``level`` from 1 to 6 for a heading; the source lines from ``first`` to ``last``."""

    text: str
    level: int
    first: int
    last: int


@dataclass
class Display:
    """Statements that stand by themselves: what is given, and chains of links."""

    given: list[Given] = field(default_factory=list)
    chains: list[list[Link]] = field(default_factory=list)


@dataclass
class Remark:
    """A link that was claimed within the words before it."""

    claim: Claim
    result: Result


Part = Paragraph | Display | Remark | CompileRequest | DeriveRequest


def page(note: Note, results: Iterable[Result]) -> Iterator[Part]:
    """The parts of a note in the order of the source."""
    verdicts = iter(results)
    words = ""
    open_part: Part | None = None
    for item in note.items:
        result = next(verdicts) if isinstance(item, Claim) else None
        if isinstance(item, Prose):
            words = item.text
        made = _part(item, result, words)
        if made is None or (open_part and _joined(open_part, made)):
            continue
        if open_part:
            yield open_part
        open_part = made
    if open_part:
        yield open_part


def _part(item: object, result: Result | None, words: str) -> Part | None:
    if isinstance(item, Prose):
        text, line = item.text.strip(), item.place.line
        return Paragraph(" ".join(text.split()), item.level, line, line + text.count("\n")) if text else None
    if isinstance(item, Given):
        in_words = "$" in item.latex or f"${item.latex}$" in words
        return None if in_words else Display(given=[item])
    if isinstance(item, Claim) and result is not None:
        inline = f"${item.latex}$" in words and not item.continues
        return Remark(item, result) if inline else Display(chains=[[(item, result)]])
    return item if isinstance(item, (CompileRequest, DeriveRequest)) else None


def _joined(before: Part, part: Part) -> bool:
    """Join ``part`` to the one before it, where the two are one on the page."""
    if isinstance(before, Paragraph) and isinstance(part, Paragraph):
        if before.level or part.level or part.first > before.last + 1:
            return False
        before.text += f" {part.text}"
        before.last = part.last
        return True
    if isinstance(before, Display) and isinstance(part, Display):
        if part.given:
            if not before.chains:
                before.given += part.given
            return not before.chains
        for chain in part.chains:
            if chain[0][0].continues and before.chains:
                before.chains[-1] += chain
            else:
                before.chains.append(chain)
        return True
    return False


def answer(request: DeriveRequest) -> Derivation | str:
    """The engine's derivation of what a note asks for, or why there is none."""
    from derive.ask import form_asked
    from derive.steps.derivation import StepError
    from derive.steps.engine import derivation

    if request.target is None:
        return request.problem or "this could not be read"
    try:
        with time_limit(SECONDS_A_CLAIM):
            asked = form_asked(request.target, request.setting)
            return derivation(request.target.expr, request.setting, request.route or "auto", asked=asked)
    except OutOfTime:
        return f"the engine found no derivation within {SECONDS_A_CLAIM:.0f} s"
    except RecursionError:
        return "the engine found no derivation: it goes round in circles"
    except (StepError, ValueError) as error:
        return str(error)


def style_of_note(note: Note) -> Style:
    """How the note writes things, from its formulas."""
    formulas = (item.latex for item in note.items if isinstance(item, (Given, Claim)))
    return spelled(style_of(" ".join(formulas), note.setting), note.setting)


def sign_of(claim: Claim) -> str:
    """The relation sign as it stands between the two sides."""
    between = claim.latex.removeprefix(claim.left_latex).removesuffix(claim.right_latex).replace("&", "").strip()
    return between if re.fullmatch(r"[=<>]|:=|\\[A-Za-z]+", between) else "="


def summed_up(results: Sequence[Result]) -> str:
    """``12 claims: 11 proved, 1 refuted``; a denial that was refuted counts by itself."""
    if not results:
        return "no claims"
    counted: dict[str, int] = {}
    for result in results:
        word = "denied and refuted" if result.expected == "false" and result.settled else result.verdict
        counted[word] = counted.get(word, 0) + 1
    noun = "claim" if len(results) == 1 else "claims"
    return f"{len(results)} {noun}: {', '.join(f'{count} {word}' for word, count in counted.items())}"


def chains_before(note: Note, claim: Claim) -> list[Chain]:
    """The chains of equations that the note claims before the chain of this claim."""
    from derive.steps.earlier import Chain

    found: list[Chain] = []
    for other in note.claims:
        if not other.continues:
            whole = _chain_from(note, other)
            if any(link is claim for link in whole):
                break
            first, last = whole[0], whole[-1]
            if all(link.expected and link.relation is Relation.EQUAL and link.left is not None for link in whole):
                assert first.left is not None and last.right is not None
                found.append(Chain(first.left, last.right, tuple(x.setting for x in whole), f"line {first.place.line}"))
    return found


def _chain_from(note: Note, first: Claim) -> list[Claim]:
    """The links that go on from one another; the one behind a definition goes on from that."""
    claims = note.claims
    start = next(k for k, claim in enumerate(claims) if claim is first)
    chain = [first]
    for claim in claims[start + 1 :]:
        if not claim.continues or claim.left_latex != chain[-1].right_latex:
            break
        chain.append(claim)
    return chain
