"""The entry: a target and a setting -> a derivation, every step of it judged."""

from __future__ import annotations

from typing import Any

import sympy as sp

from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict
from derive.steps.core import D, Expr, name_of, same
from derive.steps.derivation import Derivation, Step, StepError
from derive.steps.routes import LEVELS, ROUTES, Line, Work, derive_lines, prepare


def derivation(
    expr: Expr, setting: Setting | None = None, route: str = "auto", level: str = "normal", to: Expr | None = None
) -> Derivation:
    """The steps from expr to its closed form, or to ``to``; each is proved by the judge or the run stops."""
    if route not in ROUTES:
        raise ValueError(f"unknown route {route!r}: expected one of {', '.join(ROUTES)}")
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}: expected one of {', '.join(LEVELS)}")
    setting = setting or Setting()
    work = derive_lines(expr, prepare(setting, route), route, level)
    lines = work.lines
    if to is not None and not same(work.expr, to):
        lines = [*lines, Line(to, "rearranging")]
    if level == "coarse":
        lines = coarse(lines)
    lemmas = tuple(
        Derivation(m.target, m.route, judged(m.target, m.lines, setting), m.result, setting) for m in gathered(work)
    )
    steps = judged(expr, lines, setting)
    return Derivation(expr, route, steps, steps[-1].expr if steps else expr, setting, lemmas)


def gathered(work: Work) -> list[Any]:
    """Every lemma that was derived, in the order of its need."""
    return [m for m in work.context.lemmas.values() if m.lines]


def coarse(lines: list[Line]) -> list[Line]:
    """The result alone."""
    return lines[-1:]


def judged(target: Expr, lines: list[Line], setting: Setting) -> tuple[Step, ...]:
    steps, left = [], target
    for line in lines:
        steps.append(Step(line.expr, line.rule, verdict(left, line.expr, line.rule, setting)))
        left = line.expr
    return tuple(steps)


def verdict(left: Expr, right: Expr, rule: str, setting: Setting) -> Verdict:
    from derive.calculus.judge import prove

    found: Verdict = prove(left, right, setting)
    if found.kind is Kind.REFUTED:
        raise StepError(f"the step {rule!r} is wrong: {left} = {right}")
    return found


def gradient(expr: Expr, wrt: Expr, setting: Setting | None = None, route: str = "auto", **more: Any) -> Derivation:
    """The derivation of the derivative of expr with respect to an entry."""
    return derivation(D(expr, wrt), setting, route, **more)


__all__ = ["derivation", "gradient"]
_ = (sp, name_of)
