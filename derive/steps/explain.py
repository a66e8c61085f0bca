r"""Filling the gap between two lines: the elementary steps from one side of an equation to the other.

The steps are looked for where the two sides differ. Both are led to their closed forms by small steps; where the two
paths first meet, the second is walked back, each rule under the name of its inverse. A derivative that stands on the
other side is left alone, if one comes there without it. Where they do not meet (the sides are not
equal, or equal for a reason that the rules do not know), the path of the left side is what there
is to show: it ends at what should have been written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from derive.calculus.judge import prove
from derive.calculus.setting import Setting
from derive.steps import simplification as simple
from derive.steps.context import Context, Known, kind
from derive.steps.core import Expr, add, canonical, distinct, evaluated, everywhere, innermost, positions, unified
from derive.steps.derivation import Derivation
from derive.steps.engine import judged
from derive.steps.fold import Pattern
from derive.steps.local import Difference, difference
from derive.steps.routes import Line, derive_lines, prepare, terminal

INVERSE = {
    "definition": "folding back",
    "folding back": "definition",
    "factoring": "multiplying out",
    "multiplying out": "factoring",
    "splitting the fraction": "common denominator",
    "distributing the sum": "collecting",
    "taking constants out of the sum": "taking constants into the sum",
    "linearity": "linearity",
    "case split": "merging the cases",
    "merging the cases": "case split",
    "cancelling": "expanding the fraction",
    "logarithm of a quotient": "difference of logarithms",
}


@dataclass(frozen=True)
class Explanation:
    """The steps from ``left``. They end in ``right`` if it ``reaches``, else in what should stand there."""

    left: Expr
    right: Expr
    derivation: Derivation
    reaches: bool


def explain(
    left: Expr,
    right: Expr,
    setting: Setting,
    level: str = "fine",
    given: Sequence[Known] = (),
    holds: bool = True,
) -> Explanation:
    """Elementary steps between the two sides of a link; ``given`` are derivatives that were proved before."""
    lines = between(left, right, setting, level, given) if holds else None
    if lines is None:
        context = replace(prepare(setting, "auto"), given=tuple(given))
        lines = derive_lines(left, context, "auto", level).lines
        end = lines[-1].expr if lines else left
        reaches = holds and prove(end, right, setting).proved
        lines = [*lines, Line(right, "rearranging")] if reaches else lines
    else:
        reaches = True
        lines = lines or [Line(right, "simplifying")]
    steps = judged(left, lines, setting)
    made = Derivation(left, "auto", steps, steps[-1].expr if steps else left, setting)
    return Explanation(left, right, made, reaches)


def between(left: Expr, right: Expr, setting: Setting, level: str, given: Sequence[Known]) -> list[Line] | None:
    """The way from left to right: where they differ, else as wholes; with what is given, else from the definitions."""
    part = difference(left, right, setting)
    for known in dict.fromkeys((tuple(given), ())):
        for at in [part, Difference(left, right, setting)] if part.left != left else [part]:
            lines = shortest(at.left, at.right, at.setting, level, known)
            if lines is not None:
                return lifted(at, left, right, lines)
    return None


def lifted(at: Difference, left: Expr, right: Expr, lines: list[Line]) -> list[Line]:
    """Lines about a part, as lines about the whole."""
    if at.left == left:
        return lines
    whole = [Line(distinct(unified(at.wrap(line.expr))), line.rule) for line in lines[:-1]]
    last = [Line(right, line.rule) for line in lines[-1:]]
    return tidied([*whole, *last])


def shortest(left: Expr, right: Expr, setting: Setting, level: str, given: tuple[Known, ...]) -> list[Line] | None:
    """The shortest way among the routes; derivatives that stand on either side are left alone where that leads on."""
    best: list[Line] | None = None
    base = replace(prepare(setting, "auto"), given=given)
    for stops in places_to_stop(left, right, base):
        for route in WAYS:
            context = replace(base, route=route, stops=stops, known=list(base.known), lemmas={})
            for roads, handicap in ((with_names, 0), (without_names, SHORT)):
                forward, backward = (roads(side, context, route, level) for side in (left, right))
                lines = joined(forward, backward)
                if lines is not None and (best is None or len(lines) + handicap < len(best)):
                    best = lines
            if (best is not None and len(best) <= SHORT) or nothing_open(left, right, context):
                break
        if best is not None:
            break
    return best


def places_to_stop(left: Expr, right: Expr, context: Context) -> list[frozenset[Any]]:
    """Sets of derivatives to leave alone, the larger first: all that stand, those of one side, all of these but one."""
    here, there = ({kind(e) for e in positions(side) if isinstance(e, sp.Derivative)} for side in (left, right))
    less = [one - {k} for one in (there, here) for k in sorted(one, key=str)]
    sets = [here | there, there, here, here & there, *less, set()]
    return list(dict.fromkeys(sorted(map(frozenset, sets), key=len, reverse=True)))


def nothing_open(left: Expr, right: Expr, context: Context) -> bool:
    """Whether all derivatives that stand are left alone: then every route is the same."""
    nodes = [e for side in (left, right) for e in positions(side) if isinstance(e, sp.Derivative)]
    return all(terminal(e, context) for e in nodes)


WAYS = ("auto", "quotient", "product", "log-derivative")
SHORT = 4  # steps; a way that short is taken without looking at the others


def with_names(start: Expr, context: Context, route: str, level: str) -> list[Line]:
    """From start to its closed form, and on to the form with nothing left to multiply out."""
    work = derive_lines(start, context, route, level)
    return [Line(start, ""), *work.lines, *spelled_out(work.expr, context)]


def without_names(start: Expr, context: Context, route: str, level: str) -> list[Line]:
    """From start, every definition opened, to the form with nothing left to take apart."""
    lines = [Line(start, "")]
    bare = replace(context, folds=NOTHING, lemmas={})
    for _ in range(8):
        new = everywhere(context.opened)(lines[-1].expr)
        if new is None or any(isinstance(e, sp.Derivative) for e in positions(new)):
            break
        lines.append(Line(distinct(unified(new)), "definition"))
    return [*lines, *spelled_out(lines[-1].expr, bare)]


NOTHING = (Pattern("", sp.Symbol("_"), sp.Symbol("_"), frozenset()),)


def spelled_out(expr: Expr, context: Context) -> list[Line]:
    """Logarithms, sums and products taken apart until nothing is left to do."""
    out: list[Line] = []
    for rule, function in (
        ("logarithm of a quotient", simple.logs_apart),
        ("distributing the sum", simple.spread_all),
        ("taking constants out of the sum", simple.pull),
        ("multiplying out", multiplied),
        ("distributing the sum", simple.spread_all),
        ("sifting", simple.sift),
        ("taking constants out of the sum", simple.pull),
        ("multiplying out", multiplied),
        ("folding back", lambda e: simple.settle(e, context)),
        ("multiplying out", multiplied),
        ("aligning the indices", aligned),
    ):
        new = function(expr)
        new = None if new is None else distinct(unified(new))
        if new is not None and new != expr:
            out.append(Line(new, rule))
            expr = new
    return out


def multiplied(expr: Expr) -> Expr:
    new = innermost(lambda e: add(*simple.expanded_terms(e)) if e.is_Add or e.is_Mul else None)(expr)
    return expr if new is None else evaluated(new)


def aligned(expr: Expr) -> Expr:
    """Under a delta both of its indices are the same: the factors beside it speak of the first."""
    new = innermost(simple.align_here)(expr)
    return expr if new is None else new


def joined(forward: list[Line], backward: list[Line]) -> list[Line] | None:
    """Forward to where the paths first meet, then backward."""
    places = {canonical(line.expr): k for k, line in reversed(list(enumerate(backward)))}
    best: tuple[int, int, int] | None = None
    for k, line in enumerate(forward):
        m = places.get(canonical(line.expr))
        if m is not None and (best is None or k + m < best[0]):
            best = (k + m, k, m)
    if best is None:
        return None
    _, k, m = best
    there = forward[1 : k + 1]
    back = [Line(backward[n - 1].expr, INVERSE.get(backward[n].rule, backward[n].rule)) for n in range(m, 0, -1)]
    return tidied([*there, *back])


def tidied(lines: list[Line]) -> list[Line]:
    """No line twice in a row."""
    out: list[Line] = []
    for line in lines:
        if not out or out[-1].expr != line.expr:
            out.append(line)
    return out
