"""A derivation: a chain of equal expressions, each with the rule that gives it and the judge's verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict
from derive.steps.core import Expr
from derive.steps.form import Form, latex_of


class StepError(Exception):
    """The engine made a step that the judge refutes."""


@dataclass(frozen=True)
class Step:
    """``expr``, an index expression or a form, follows from the one before it by ``rule``."""

    expr: Expr | Form
    rule: str
    verdict: Verdict


@dataclass(frozen=True)
class Derivation:
    """``target = steps[0] = … = result``; ``lemmas`` are the derivations of what the steps make use of.

    Of a vector or a matrix that was ``asked`` for as a whole, target is the entry; ``whole`` are the steps from the
    result to a vector or a matrix again.
    """

    target: Expr
    route: str
    steps: tuple[Step, ...]
    result: Expr
    setting: Setting = field(repr=False)
    lemmas: tuple[Derivation, ...] = ()
    asked: Form | None = None
    whole: tuple[Step, ...] = ()

    @property
    def proved(self) -> bool:
        return all(step.verdict.kind is Kind.PROVED for step in (*self.steps, *self.whole))

    def chains(self, style: Any = None) -> list[tuple[str, list[tuple[str, Step]]]]:
        """What is shown: the left side of each chain of equations, and its links in LaTeX."""
        from derive.show.latex import DEFAULT, for_target

        left = latex_of(self.target if self.asked is None else self.asked, style)
        style = for_target(style or DEFAULT, self.target)
        shown = [(left, without_repetition(left, [(latex_of(step.expr, style), step) for step in self.steps]))]
        if self.asked is not None:
            shown.append((self.asked.text, [(step.expr.text, step) for step in self.whole]))
        return [(left, links) for left, links in shown if links]

    def to_json(self, style: Any = None) -> dict[str, Any]:
        chains = self.chains(style)
        links = [link for _, chain in chains for link in chain]
        out: dict[str, Any] = {
            "target": chains[0][0] if chains else latex_of(self.target, style),
            "route": self.route,
            "steps": [{"latex": latex, "rule": step.rule, "verdict": str(step.verdict.kind)} for latex, step in links],
            "result": links[-1][0] if links else latex_of(self.result, style),
        }
        if self.lemmas:
            out["lemmas"] = [lemma.to_json(style) for lemma in self.lemmas]
        return out

    def _repr_latex_(self) -> str:
        rows = [
            rf"{'' if k else left} &= {latex} && \text{{{step.rule}}}"
            for left, links in self.chains()
            for k, (latex, step) in enumerate(links)
        ]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}$$"


def without_repetition(left: str, links: list[tuple[str, Step]]) -> list[tuple[str, Step]]:
    """The links without those that come back to what was written before; one link at least."""
    kept: list[tuple[str, Step]] = []
    for link in links:
        written = [left, *(shown for shown, _ in kept)]
        if link[0] in written:
            kept = kept[: written.index(link[0])]
        else:
            kept.append(link)
    return kept or links[-1:]
