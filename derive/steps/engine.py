"""The entry: a target and a setting -> a derivation, every step of it judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict
from derive.steps.core import D, Expr, canonical, free, same
from derive.steps.derivation import Derivation, Step, StepError
from derive.steps.local import difference
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
        Derivation(m.target, m.route, judged(m.target, m.lines, m.setting or setting), m.result, m.setting or setting)
        for m in gathered(work)
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
    """The judge on a step: where the two sides differ, by no more than that needs; as a whole if that is not enough."""
    part = difference(left, right, setting)
    bare = without_equations(part.setting) if rule not in GIVEN else None
    for least in (bare, part.setting if part.left != left else None):
        found = remembered(part.left, part.right, least) if least is not None else None
        if found is not None and found.kind is Kind.PROVED:
            return found
    found = remembered(left, right, setting)
    if found.kind is Kind.REFUTED:
        raise StepError(f"the step {rule!r} is wrong: {left} = {right}")
    return found


GIVEN = frozenset(("sum to one", "sum to zero", "known sum", "assumption", "rearranging", "simplifying"))


def without_equations(setting: Setting) -> Setting | None:
    """The setting without the equations that are assumed: what is proved here holds there, and is proved sooner."""
    kept = tuple(a for a in setting.assumptions if a.fixed or not isinstance(a.relation, sp.Equality | sp.Contains))
    if len(kept) == len(setting.assumptions):
        return None
    key = id(setting.assumptions)
    if key not in BARE:
        BARE[key] = (setting.assumptions, kept)
    return replace(setting, assumptions=BARE[key][1])


BARE: dict[int, tuple[Any, Any]] = {}  # one tuple for one tuple, so that settings made anew are known again


def remembered(left: Expr, right: Expr, setting: Setting) -> Verdict:
    """The judge's verdict; the same question in the same setting is asked once."""
    from derive.calculus.judge import prove

    key = (canonical(left), canonical(right), *ground(setting), tuple(sorted(axes_of(left, right, setting), key=str)))
    if key not in VERDICTS:
        if len(VERDICTS) > 5000:
            VERDICTS.clear()
        VERDICTS[key] = (prove(left, right, setting), setting)
    return VERDICTS[key][0]


VERDICTS: dict[Any, tuple[Verdict, Setting]] = {}


def ground(setting: Setting) -> tuple[Any, ...]:
    """What a setting is but for its axes, by identity; the settings that were asked about are kept alive."""
    return tuple(id(part) for part in (setting.shapes, setting.definitions, setting.assumptions, setting.labels))


def axes_of(left: Expr, right: Expr, setting: Setting) -> list[Any]:
    return [(s, setting.axes[s]) for s in free(left) | free(right) if s in setting.axes]


def gradient(expr: Expr, wrt: Expr, setting: Setting | None = None, route: str = "auto", **more: Any) -> Derivation:
    """The derivation of the derivative of expr with respect to an entry."""
    return derivation(D(expr, wrt), setting, route, **more)
