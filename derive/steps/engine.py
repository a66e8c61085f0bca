"""The entry: a target and a setting -> a derivation, every step of it judged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from derive.calculus.judge import Proof, confirmed_along, proof, prove
from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict
from derive.steps.core import D, Expr, canonical, free, match, put, same
from derive.steps.derivation import Derivation, Step, StepError
from derive.steps.form import Form, form_of
from derive.steps.local import Difference, difference
from derive.steps.opaque import with_few_definitions
from derive.steps.routes import LEVELS, ROUTES, Line, Work, derive_lines, prepare
from derive.steps.vectorise import in_other_names, vectorised


def derivation(
    expr: Expr,
    setting: Setting | None = None,
    route: str = "auto",
    level: str = "normal",
    to: Expr | Form | None = None,
    asked: Form | None = None,
) -> Derivation:
    """The steps from expr to its closed form, or to ``to``; each is proved by the judge or the run stops.

    ``asked`` is the vector or matrix whose entry expr is: then the steps end in a vector or matrix, where there is one.
    """
    if route not in ROUTES:
        raise ValueError(f"unknown route {route!r}: expected one of {', '.join(ROUTES)}")
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}: expected one of {', '.join(LEVELS)}")
    setting = setting or Setting()
    work = derive_lines(expr, prepare(setting, route), route, level)
    lines = work.lines
    if to is not None and not isinstance(to, Form) and not same(work.expr, to):
        lines = [*lines, Line(to, "rearranging")]
    if level == "coarse":
        lines = coarse(lines)
    lemmas = Lemmas(gathered(work), setting)
    steps = judged(expr, lines, setting, lemmas)
    result = steps[-1].expr if steps else expr
    told = lemmas.derivations() if level != "coarse" else ()
    if asked is None:
        return Derivation(expr, route, steps, result, setting, told)
    more, whole = as_whole(result, asked, setting, to if isinstance(to, Form) else None)
    opening = (Step(expr, INDEX_FORM, prove(asked.entry, expr, setting)),)
    steps = (*opening, *steps, *more) if level != "coarse" else () if whole else (*steps, *more)
    return Derivation(expr, route, steps, more[-1].expr if more else result, setting, told, asked, whole)


INDEX_FORM, VECTORISING = "index form", "vectorising"


def as_whole(result: Expr, asked: Form, setting: Setting, to: Form | None) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Steps to names that a vector form needs, and the step to that form; none where there is no such form."""
    if to is not None:
        entry = put(to.entry, dict(zip(to.axes, asked.axes, strict=True)))
        return (), (Step(to, VECTORISING, verdict(result, entry, VECTORISING, setting)),)
    named = in_other_names(result, setting)
    for expr in (result, named) if named is not None else (result,):
        text = vectorised(expr, asked.axes, setting, asked.row)
        if text is None:
            continue
        form = form_of(text, expr, asked.axes, setting, asked.row)
        found = reads_as(form, expr)
        if found is not None:
            more = () if expr is result else (Step(expr, "folding back", verdict(result, expr, "definition", setting)),)
            return more, (Step(form, VECTORISING, found),)
    return (), ()


def reads_as(form: Form, expr: Expr) -> Verdict | None:
    """The verdict that the entry of the form is expr; None where the form cannot be read, or nothing is proved."""
    try:
        found = prove(form.entry, expr, form.setting)
    except ValueError:
        return None
    if found.kind is Kind.REFUTED:
        raise StepError(f"the step {VECTORISING!r} is wrong: {form.text}")
    return found if found.kind is Kind.PROVED else None


def gathered(work: Work) -> list[Any]:
    """Every lemma that was derived, in the order of its need."""
    return [m for m in work.context.lemmas.values() if m.lines]


def coarse(lines: list[Line]) -> list[Line]:
    """The result alone."""
    return lines[-1:]


class Lemmas:
    """The lemmas of one derivation: each is judged once, and what makes use of it is proved with it."""

    def __init__(self, lemmas: list[Any], setting: Setting) -> None:
        self.lemmas = [(m, m.setting or setting) for m in lemmas]
        self.steps: dict[int, tuple[Step, ...]] = {}
        self.open: set[int] = set()  # being judged: no proof may rest on them

    def derivations(self) -> tuple[Derivation, ...]:
        return tuple(
            Derivation(m.target, m.route, self.judged(k), m.result, setting)
            for k, (m, setting) in enumerate(self.lemmas)
        )

    def judged(self, k: int) -> tuple[Step, ...]:
        if k not in self.steps:
            m, setting = self.lemmas[k]
            self.open.add(k)
            self.steps[k] = judged(m.target, m.lines, setting, self)
            self.open.discard(k)
        return self.steps[k]

    def proof(self, left: Expr, right: Expr, setting: Setting) -> Proof | None:
        """left = right is a lemma for some values of its indices, and all of the lemma's steps are proved."""
        for k, (m, its) in enumerate(self.lemmas):
            if k in self.open or type(m.target) is not type(left):
                continue
            indices = frozenset(s for s in free(m.target) if s in its.axes)
            values = match(m.target, left, indices)
            if values is None or any(setting.axes.get(v) != its.axes[s] for s, v in values.items()):
                continue
            if not same(put(m.result, values), right) or not as_given(its, setting):
                continue
            verdicts = [step.verdict for step in self.judged(k)]
            if verdicts and all(v.kind is Kind.PROVED for v in verdicts):
                return chained(left, right, setting, verdicts, values)
        return None


def as_given(its: Setting, setting: Setting) -> bool:
    """Whether what is proved in the one setting, for every index, is proved in the other."""
    return (
        its.definitions == setting.definitions
        and its.assumptions == setting.assumptions
        and its.depends == setting.depends
        and not any(a.fixed for a in its.assumptions)
    )


def chained(left: Expr, right: Expr, setting: Setting, verdicts: list[Verdict], values: Mapping[Any, Expr]) -> Proof:
    """The two ends of a chain of proved equations are equal, at these values of its indices."""
    used = dict.fromkeys(a for v in verdicts for a in v.assumptions)
    conditions = dict.fromkeys(put(c, values) for v in verdicts for c in v.conditions)
    rules = dict.fromkeys(r for v in verdicts for r in v.rules)
    ground = setting if used else without_equations(setting) or setting
    return Proof(left, right, ground, tuple(used), tuple(conditions), tuple(rules))


def judged(target: Expr, lines: list[Line], setting: Setting, lemmas: Lemmas | None = None) -> tuple[Step, ...]:
    """The steps with their verdicts: each is proved by itself, the chain of all is evaluated as it stands."""
    chain = [target, *(line.expr for line in lines)]
    links = list(zip(itertools.pairwise(chain), lines, strict=True))
    proofs = [proved_by_part(*sides, line.rule, setting, lemmas) for sides, line in links]
    verdicts = confirmed_along(chain, proofs, setting)
    return tuple(
        Step(line.expr, line.rule, found if found and found.proved else as_a_whole(*sides, line.rule, setting))
        for (sides, line), found in zip(links, verdicts, strict=True)
    )


def verdict(left: Expr, right: Expr, rule: str, setting: Setting) -> Verdict:
    """The verdict on one step."""
    return judged(left, [Line(right, rule)], setting)[0].verdict


def proved_by_part(left: Expr, right: Expr, rule: str, setting: Setting, lemmas: Lemmas | None) -> Proof | None:
    """A step is proved where the two sides differ, from no more than that needs."""
    part = difference(left, right, setting)
    found = lemmas.proof(part.left, part.right, part.setting) if lemmas is not None else None
    settings = least_first(part, rule)
    return found or next(filter(None, (remembered(part.left, part.right, least) for least in settings)), None)


def as_a_whole(left: Expr, right: Expr, rule: str, setting: Setting) -> Verdict:
    """The verdict on a step for which a part, or less than is known, was not enough."""
    found = prove(left, right, setting)
    if found.kind is Kind.REFUTED:
        raise StepError(f"the step {rule!r} is wrong: {left} = {right}")
    return found


def least_first(part: Difference, rule: str) -> Iterator[Setting]:
    """Settings that say less than the one given, in which a proof is as good and is found sooner; at last that one."""
    bare = without_equations(part.setting) if rule not in GIVEN else None
    shut = with_few_definitions(part.left, part.right, bare or part.setting)
    if shut is not None:
        yield shut
    if bare is not None:
        yield bare
    yield part.setting


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


def remembered(left: Expr, right: Expr, setting: Setting) -> Proof | None:
    """The judge's proof, if there is one; the same question in the same setting is asked once."""
    axes = tuple(sorted(axes_of(left, right, setting), key=str))
    key = (canonical(left), canonical(right), *ground(setting), axes)
    if key not in PROOFS:
        if len(PROOFS) > 5000:
            PROOFS.clear()
        PROOFS[key] = (proof(left, right, setting), setting)
    return PROOFS[key][0]


PROOFS: dict[Any, tuple[Proof | None, Setting]] = {}


def ground(setting: Setting) -> tuple[Any, ...]:
    """What a setting is but for its axes, by identity; the settings that were asked about are kept alive."""
    return tuple(id(part) for part in (setting.shapes, setting.definitions, setting.assumptions, setting.labels))


def axes_of(left: Expr, right: Expr, setting: Setting) -> list[Any]:
    return [(s, setting.axes[s]) for s in free(left) | free(right) if s in setting.axes]


def gradient(expr: Expr, wrt: Expr, setting: Setting | None = None, route: str = "auto", **more: Any) -> Derivation:
    """The derivation of the derivative of expr with respect to an entry."""
    return derivation(D(expr, wrt), setting, route, **more)
