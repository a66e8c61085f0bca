"""A derivation: a chain of equal expressions, each with the rule that gives it and the judge's verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict
from derive.steps.core import Expr


class StepError(Exception):
    """The engine made a step that the judge refutes."""


@dataclass(frozen=True)
class Step:
    """``expr`` follows from the one before it by ``rule``."""

    expr: Expr
    rule: str
    verdict: Verdict


@dataclass(frozen=True)
class Derivation:
    """``target = steps[0] = … = result``; ``lemmas`` are the derivations of what the steps make use of."""

    target: Expr
    route: str
    steps: tuple[Step, ...]
    result: Expr
    setting: Setting = field(repr=False)
    lemmas: tuple[Derivation, ...] = ()

    @property
    def proved(self) -> bool:
        return all(step.verdict.kind is Kind.PROVED for step in self.steps)

    def to_json(self, style: Any = None) -> dict[str, Any]:
        from derive.show.latex import DEFAULT, for_target, latex

        style = for_target(style or DEFAULT, self.target)
        steps = [
            {"latex": latex(step.expr, style), "rule": step.rule, "verdict": str(step.verdict.kind)}
            for step in self.steps
        ]
        out: dict[str, Any] = {
            "target": latex(self.target, style),
            "route": self.route,
            "steps": steps,
            "result": latex(self.result, style),
        }
        if self.lemmas:
            out["lemmas"] = [lemma.to_json(style) for lemma in self.lemmas]
        return out

    def _repr_latex_(self) -> str:
        from derive.show.latex import DEFAULT, for_target, latex

        style = for_target(DEFAULT, self.target)
        rows = [
            rf"{'' if k else latex(self.target)} &= {latex(step.expr, style)} && \text{{{step.rule}}}"
            for k, step in enumerate(self.steps)
        ]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}$$"
