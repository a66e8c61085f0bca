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
from derive.calculus.verdict import Kind, Verdict
from derive.steps import simplification as simple
from derive.steps.context import Chains, Context, Known, kind
from derive.steps.core import (
    D,
    Expr,
    Rewrite,
    add,
    canonical,
    delta,
    distinct,
    divide,
    evaluated,
    everywhere,
    factors,
    innermost,
    mul,
    name_of,
    names,
    neg,
    piecewise,
    positions,
    put,
    rebuild,
    unified,
)
from derive.steps.derivation import Derivation, Step, StepError
from derive.steps.differentiation import has_derivative
from derive.steps.engine import INDEX_FORM, VECTORISING, judged, verdict
from derive.steps.fold import Pattern
from derive.steps.form import Form
from derive.steps.local import Difference, difference
from derive.steps.opaque import needed
from derive.steps.routes import Line, derive_lines, prepare, terminal, without_circles
from derive.steps.rules import DIFFERENTIATIONS, carries_out

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


WRITTEN_OUT = "writing out the entries"


@dataclass(frozen=True)
class Explanation:
    """The steps from ``left``. They end in ``right`` if it ``reaches``, else in what should stand there.

    Where ``right`` has to be worked out, too, both sides are led to where they meet, ``right`` by ``other``.
    """

    left: Expr
    right: Expr
    derivation: Derivation
    reaches: bool
    other: Derivation | None = None


def explain(
    left: Expr,
    right: Expr,
    setting: Setting,
    level: str = "fine",
    given: Sequence[Known] = (),
    holds: bool = True,
    wanted: str | None = None,
    written: tuple[Form, Form] | None = None,
) -> Explanation:
    """Elementary steps between the two sides of a link; ``given`` are derivatives that were proved before.

    ``wanted`` is the rule that the author names: a way that takes it goes before a shorter one. ``written`` are the
    sides as they stand, scalars, vectors or matrices.
    """
    lines = between(left, right, setting, level, given, wanted) if holds else None
    reaches = lines is not None
    if lines is None:
        lines = derive_lines(left, replace(prepare(setting, "auto"), given=tuple(given)), "auto", level).lines
        end = lines[-1].expr if lines else left
        reaches = holds and prove(end, right, setting).proved
        lines = [*lines, Line(right, "rearranging")] if reaches else lines
    else:
        lines = lines or [Line(right, "simplifying")]
    steps = checked(left, lines, setting) if given else judged(left, lines, setting)
    if given and not all(step.verdict.proved for step in steps):
        return explain(left, right, setting, level, (), holds, wanted, written)
    there, back = split(left, lines)
    first, last = written or (None, None)
    if not back:
        return Explanation(left, right, chain_of(left, steps, setting, first, last if reaches else None), reaches)
    other = judged(right, back, setting)
    if not there:
        return Explanation(left, right, chain_of(right, other, setting, last, first), reaches)
    one = chain_of(left, steps[: len(there)], setting, first, None)
    return Explanation(left, right, one, reaches, chain_of(right, other, setting, last, None))


def split(left: Expr, lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """The lines; where they undo a differentiation, those to the meeting place and those that lead there from right."""
    at = next((k for k, line in enumerate(lines) if line.undone), len(lines))
    if not any(line.undone in DIFFERENTIATIONS for line in lines[at:]):
        return lines, []
    ends = [lines[at - 1].expr if at else left, *(line.expr for line in lines[at:])]
    return lines[:at], [Line(ends[k], lines[at + k].undone) for k in range(len(ends) - 2, -1, -1)]


def chain_of(
    start: Expr, steps: tuple[Step, ...], setting: Setting, first: Form | None, last: Form | None
) -> Derivation:
    """The derivation of these steps; its ends as a person wrote them, where that is known."""
    made = Derivation(start, "auto", steps, steps[-1].expr if steps else start, setting)
    if first is not None and not is_entry(first):
        made = replace(made, asked=first, steps=(*index_form(first, start, setting), *made.steps))
    return made if last is None else replace(made, steps=ended(made.steps, last, setting))


def is_entry(form: Form) -> bool:
    """A name with the indices of its entry is its own index form."""
    return isinstance(form.entry, sp.Indexed) and form.entry.indices == form.axes


def index_form(form: Form, entry: Expr, setting: Setting) -> tuple[Step, ...]:
    return (Step(entry, INDEX_FORM, verdict(form.entry, entry, INDEX_FORM, setting)),) if form.axes else ()


def ended(steps: tuple[Step, ...], last: Form, setting: Setting) -> tuple[Step, ...]:
    """The steps with their last expression as it is written, by one more step where that is a vector or a matrix."""
    if not steps or (last.axes and steps[-1].rule != WRITTEN_OUT and not is_entry(last)):
        if steps and steps[-1].rule == "simplifying" and len(steps) > 1:
            steps = steps[:-1]  # between an array and another array of the same entries
        before = steps[-1].expr if steps else last.entry
        rule = WRITTEN_OUT if "matrix}" in last.text else VECTORISING
        return (*steps, Step(last, rule, verdict(before, last.entry, rule, setting)))
    return steps if last.axes and is_entry(last) else (*steps[:-1], replace(steps[-1], expr=last))


def checked(left: Expr, lines: list[Line], setting: Setting) -> tuple[Step, ...]:
    """The steps as judged; none where the judge refutes one."""
    try:
        return judged(left, lines, setting)
    except StepError:
        return (Step(left, "", Verdict(Kind.REFUTED)),)


def between(
    left: Expr, right: Expr, setting: Setting, level: str, given: Sequence[Known], wanted: str | None = None
) -> list[Line] | None:
    """The way from left to right: where they differ, else as wholes; with what is given, else from the definitions."""
    whole = Difference(flattened(left), flattened(right), setting)
    part = difference(whole.left, whole.right, setting)
    for known in dict.fromkeys((tuple(given), ())):
        for at in [part, whole] if part.left != whole.left else [part]:
            lines = shortest(at.left, at.right, at.setting, level, known, wanted)
            if lines is not None:
                return lifted(at, left, right, lines)
    return None


def flattened(expr: Expr) -> Expr:
    """A sum of a sum as one sum over both indices."""
    return innermost(lambda e: rebuild(e, e.args) if isinstance(e, sp.Sum) else None)(expr) or expr


def lifted(at: Difference, left: Expr, right: Expr, lines: list[Line]) -> list[Line]:
    """Lines about a part, as lines about the whole."""
    if at.left == flattened(left):
        return lines
    whole = [replace(line, expr=distinct(unified(at.wrap(line.expr)))) for line in lines[:-1]]
    last = [replace(line, expr=right) for line in lines[-1:]]
    return tidied([*whole, *last])


def shortest(
    left: Expr, right: Expr, setting: Setting, level: str, given: tuple[Known, ...], wanted: str | None = None
) -> list[Line] | None:
    """The shortest way among the routes; derivatives that stand on either side are left alone where that leads on."""
    best = direct(left, right, setting)
    if best is not None:
        return best
    base = replace(prepare(setting, "auto"), given=given)
    best = few = None
    if not has_derivative(left) and not has_derivative(right):
        lacking = needed(left, right, setting)
        few = joined(*(few_names(side, base, lacking) for side in (left, right)))
        if few is not None and len(few) == 1 and takes(few, wanted):
            return few
    opened = {side: without_names(side, base) for side in (left, right)}
    for stops in places_to_stop(left, right, base):
        for route, chains in WAYS:
            context = replace(base, route=route, chains=chains, stops=stops, known=list(base.known), lemmas={})
            here, there = (with_names(side, context, route, level) for side in (left, right))
            roads = ((here, there, 0), (here, opened[right], SHORT), (opened[left], opened[right], SHORT))
            for go, come, handicap in roads:
                lines = joined(go, come)
                if lines is not None and better(lines, handicap, best, wanted):
                    best = lines
            if (best is not None and len(best) <= SHORT and takes(best, wanted)) or nothing_open(left, right, context):
                break
        if best is not None and takes(best, wanted):
            break
    return few if few is not None and better(few, 0, best, wanted) else best


def takes(lines: list[Line], wanted: str | None) -> bool:
    return wanted is None or any(carries_out(rule, wanted) for line in lines for rule in (line.rule, line.undone))


def better(lines: list[Line], handicap: int, best: list[Line] | None, wanted: str | None) -> bool:
    """With the rule that is wanted before without it; then the shorter."""
    if best is None or takes(lines, wanted) != takes(best, wanted):
        return best is None or takes(lines, wanted)
    return len(lines) + handicap < len(best)


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


def direct(left: Expr, right: Expr, setting: Setting) -> list[Line] | None:
    """One step that needs no search: a definition, or a matrix written out."""
    context = Context(setting, folds=NOTHING)
    opened = everywhere(context.opened)
    for name, one, two in (("definition", left, right), ("folding back", right, left)):
        within = everywhere(lambda e: D(new, e.args[1][0]) if (new := body_of(e, context)) is not None else None)(one)
        if any(new is not None and canonical(new) == canonical(two) for new in (opened(one), within)):
            return [Line(right, name)]
    return [Line(right, WRITTEN_OUT)] if written_out(left, right) else None


def body_of(node: Expr, context: Context) -> Expr | None:
    """What stands under a derivative, its definition opened."""
    if not isinstance(node, sp.Derivative) or len(node.args) != 2 or node.args[1][1] != 1:
        return None
    return context.opened(node.args[0])


def written_out(expr: Expr, table: Expr) -> bool:
    """Whether every case of table, which tells rows and columns apart by number, is expr at that row and column."""
    if not isinstance(table, sp.Piecewise):
        return False
    return all(same_entry(expr, value, index) for value, index in numbered(table) or [(table, None)])


def same_entry(expr: Expr, value: Expr, index: dict[Expr, Expr] | None) -> bool:
    if index is None:
        return False
    entry = evaluated(put(expr, index))
    if isinstance(value, sp.Piecewise):
        return written_out(entry, value)
    return bool(canonical(entry) == canonical(evaluated(value)))


def numbered(table: Expr) -> list[tuple[Expr, dict[Expr, Expr] | None]] | None:
    """The cases with the number that each stands for; the last stands for the number behind those before it."""
    out: list[tuple[Expr, dict[Expr, Expr] | None]] = []
    before: list[tuple[Expr, Expr]] = []
    for value, condition in table.args:
        if isinstance(condition, sp.Equality) and condition.rhs.is_Integer and condition.lhs.is_Symbol:
            before.append((condition.lhs, condition.rhs))
        elif condition != sp.true or not before:
            return None
        else:
            before.append((before[-1][0], before[-1][1] + 1))
        out.append((value, dict([before[-1]])))
    return out


WAYS = (
    ("auto", Chains.ALL),
    ("auto", Chains.NAMED),
    ("auto", Chains.NONE),
    ("quotient", Chains.ALL),
    ("product", Chains.ALL),
    ("log-derivative", Chains.ALL),
)
SHORT = 4  # steps; a way that short is taken without looking at the others


def few_names(start: Expr, context: Context, opened: frozenset[str]) -> list[Line]:
    """From start, no more names opened than these, to the form with nothing left to take apart."""
    lines = [Line(start, "")]
    setting = context.setting
    kept = {name: d for name, d in setting.definitions.items() if name in opened}
    bare = replace(context, setting=replace(setting, definitions=kept), folds=NOTHING, lemmas={})
    for _ in range(8):
        new = top_opened(lines[-1].expr, bare)
        if new is None or any(isinstance(e, sp.Derivative) for e in positions(new)):
            break
        lines.append(Line(distinct(unified(new)), "definition"))
    return [*lines, *spelled_out(lines[-1].expr, bare)]


def with_names(start: Expr, context: Context, route: str, level: str) -> list[Line]:
    """From start to its closed form, and on to the form with nothing left to multiply out."""
    work = derive_lines(start, context, route, level)
    return [Line(start, ""), *work.lines, *spelled_out(work.expr, context)]


def without_names(start: Expr, context: Context) -> list[Line]:
    """From start, every definition opened, to the form with nothing left to take apart."""
    lines = [Line(start, "")]
    bare = replace(context, folds=NOTHING, lemmas={})
    for _ in range(8):
        new = top_opened(lines[-1].expr, context)
        if new is None or any(isinstance(e, sp.Derivative) for e in positions(new)):
            break
        lines.append(Line(distinct(unified(new)), "definition"))
    return [*lines, *spelled_out(lines[-1].expr, bare)]


def top_opened(expr: Expr, context: Context) -> Expr | None:
    """The name opened that no other name in expr is defined through."""
    here = frozenset(n for n in names(expr) if n in context.setting.definitions)
    if not here:
        return None
    top = context.highest(here)
    return everywhere(lambda e: context.opened(e) if name_of(e) == top else None)(expr)


NOTHING = (Pattern("", sp.Symbol("_"), sp.Symbol("_"), frozenset()),)


def spelled_out(expr: Expr, context: Context) -> list[Line]:
    """Logarithms, sums and products taken apart until nothing is left to do."""
    out: list[Line] = []
    ways: tuple[tuple[str, Rewrite], ...] = (
        ("different indices", lambda e: simple.told_apart(e, context)),
        ("equal indices", lambda e: simple.told_equal(e, context)),
        ("definition", lambda e: everywhere(lambda x: plain_body(x, context))(e)),
        ("stacking the bias", lambda e: everywhere(simple.stacked)(e)),
        ("away from the kink", everywhere(without_kink)),
        ("merging the cases", cases_merged),
        ("hyperbolic tangent", everywhere(tanh_opened)),
        ("expanding the fraction", everywhere(expanded_fraction)),
        ("logarithm of a quotient", simple.logs_apart),
        ("distributing the sum", simple.spread_all),
        ("taking constants out of the sum", simple.pull),
        ("multiplying out", multiplied),
        ("distributing the sum", simple.spread_all),
        ("sifting", lambda e: simple.sift(e, context)),
        ("taking constants out of the sum", simple.pull),
        ("multiplying out", multiplied),
        ("known sum", lambda e: (simple.use_known(e, context) or ("", None))[1]),
        ("folding back", lambda e: simple.settle(e, context)),
        ("multiplying out", multiplied),
        ("aligning the indices", aligned),
    )
    for rule, function in ways:
        new = function(expr)
        new = None if new is None else distinct(unified(new))
        if new is not None and new != expr:
            known = simple.use_known(expr, context) if rule == "known sum" else None
            out.append(Line(new, known[0] if known else rule))
            expr = new
    return out


def plain_body(expr: Expr, context: Context) -> Expr | None:
    """A name for an entry, a delta or cases, opened: nothing is folded back to it."""
    body = context.opened(expr)
    plain = isinstance(body, sp.Indexed | sp.Symbol | sp.Number | sp.KroneckerDelta | sp.Piecewise)
    return body if plain else None


def without_kink(expr: Expr) -> Expr | None:
    """a if t > 0, b if t < 0: b elsewhere, where t = 0 is left out"""
    if not isinstance(expr, sp.Piecewise) or len(expr.args) != 2:
        return None
    (one, above), (two, below) = expr.args
    strict = isinstance(above, sp.StrictGreaterThan | sp.StrictLessThan) and above.reversedsign.reversed == below
    opposite = isinstance(above, sp.StrictGreaterThan) and below == sp.StrictLessThan(*above.args)
    return piecewise([(one, above), (two, sp.true)]) if strict or opposite else None


def tanh_opened(expr: Expr) -> Expr | None:
    """tanh u = (1 - e^{-2u})/(1 + e^{-2u})"""
    if not isinstance(expr, sp.tanh):
        return None
    e = sp.exp(mul(sp.Integer(-2), expr.args[0]))
    return divide(add(sp.S.One, neg(e)), add(sp.S.One, e))


def expanded_fraction(expr: Expr) -> Expr | None:
    """a/(b + c e^u), u > 0 as it stands: numerator and denominator by the exponential that leaves e^{-u} only."""
    below = [f for f in factors(expr) if f.is_Pow and f.exp == -1 and f.base.is_Add]
    if len(below) != 1:
        return None
    powers = [f.args[0] for t in below[0].base.args for f in factors(t) if isinstance(f, sp.exp)]
    if not powers or any(isinstance(t, sp.Sum) for t in below[0].base.args):
        return None
    signs = [p.as_coeff_Mul()[0] for p in powers]
    if max(signs) <= 0:
        return None
    by = sp.exp(neg(powers[signs.index(max(signs))]))
    above = divide(expr, below[0])
    return divide(
        add(*(mul(by, t) for t in simple.expanded_terms(above))), add(*(mul(by, t) for t in below[0].base.args))
    )


def cases_merged(expr: Expr) -> Expr | None:
    r"""a if i = j, else b: \delta_{ij} a + (1 - \delta_{ij}) b"""

    def here(e: Expr) -> Expr | None:
        if not isinstance(e, sp.Piecewise) or len(e.args) != 2 or not isinstance(e.args[0][1], sp.Equality):
            return None
        (equal, condition), (different, _) = e.args
        one = delta(*condition.args)
        return add(mul(one, equal), different, neg(mul(one, different)))

    return innermost(here)(expr)


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
    for k, line in enumerate(forward):
        if k + 1 < (len(forward) + len(backward) if best is None else best[0]) and written_out(
            line.expr, backward[0].expr
        ):
            return tidied([*forward[1 : k + 1], Line(backward[0].expr, WRITTEN_OUT)])
        rule = by_cases(line.expr, backward[0].expr)
        if rule is not None and (best is None or k < best[0]):
            return tidied([*forward[1 : k + 1], Line(backward[0].expr, rule)])
    if best is None:
        return None
    _, k, m = best
    there = forward[1 : k + 1]
    rules = [backward[n].rule for n in range(m, 0, -1)]
    back = [Line(backward[m - n - 1].expr, INVERSE.get(rule, rule), rule) for n, rule in enumerate(rules)]
    return tidied([*there, *back])


def by_cases(expr: Expr, other: Expr) -> str | None:
    """The rule by which one of the two is the other told apart, or merged, by whether two indices are equal."""
    if isinstance(expr, sp.Piecewise) and not isinstance(other, sp.Piecewise):
        return "merging the cases" if is_split(other, expr) else None
    return "case split" if isinstance(other, sp.Piecewise) and is_split(expr, other) else None


def is_split(expr: Expr, cases: Expr) -> bool:
    """Whether cases say of equal and of different indices what expr is for them."""
    if len(cases.args) != 2 or not isinstance(cases.args[0][1], sp.Equality):
        return False
    (equal, condition), (different, _) = cases.args
    i, j = condition.args
    if not (isinstance(i, sp.Symbol) and isinstance(j, sp.Symbol)) or isinstance(expr, sp.Piecewise):
        return False
    apart = everywhere(lambda e: sp.S.Zero if e == delta(i, j) else None)(expr)
    together = [multiplied(put(e, {i: j})) for e in (expr, equal)]
    return apart is not None and together[0] == together[1] and multiplied(apart) == multiplied(different)


def tidied(lines: list[Line]) -> list[Line]:
    """No line twice."""
    return without_circles(lines)
