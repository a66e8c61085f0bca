"""What a person is told of a refuted claim: the slip undone, or the right side that is proved, in the note's terms."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from derive.calculus import judge
from derive.calculus.verdict import Verdict
from derive.diagnose import diagnose
from derive.notes.note import Claim
from derive.show.latex import latex, style_of
from derive.steps.routes import derive_lines, prepare
from derive.steps.vectorise import vectorised

prove = partial(judge.prove, refute=False, fewest=False)


def repaired(claim: Claim, verdict: Verdict) -> Verdict:
    """The verdict with what would make the claim true, where that is found and proved."""
    repair = diagnose(claim.left, claim.right, claim.setting, prove, style_of(claim.latex, claim.setting))
    if repair is not None:
        shown = "" if repair.right is None else f": ${equation(claim, repair.right)}$"
        return replace(verdict, repair=repair.sentence + shown)
    closed = closed_form(claim)
    if closed is None:
        return verdict
    return replace(verdict, repair=f"what is proved instead: ${equation(claim, closed)}$")


def closed_form(claim: Claim) -> Any | None:
    """The closed form of the left side that the engine proposes, if the judge proves it and it says more."""
    proposed = derive_lines(claim.left, prepare(claim.setting, "auto"), "auto", "normal")
    if not proposed.lines or not prove(claim.left, proposed.expr, claim.setting).proved:
        return None
    return proposed.expr


def equation(claim: Claim, right: Any) -> str:
    """The person's left side and another right side: a vector or matrix where theirs is one, else its entry."""
    if not claim.axes:
        return f"{claim.left_latex} = {latex(right, style_of(claim.latex, claim.setting))}"
    if (whole := vectorised(right, claim.axes, claim.setting)) is not None:
        return f"{claim.left_latex} = {whole}"
    entry = latex(right, style_of(claim.latex, claim.setting))
    return rf"\left[ {claim.left_latex} \right]_{{{''.join(index.name for index in claim.axes)}}} = {entry}"
