"""Closed forms of derivatives: what the note itself proved, else what the steps engine finds. Both are proved first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from derive.calculus.setting import Setting
from derive.calculus.verdict import Verdict
from derive.codegen.lower import CompileError, substitute
from derive.codegen.module import generate
from derive.notes.note import Claim, CompileRequest, Given, Note, Relation, Target


@dataclass(frozen=True)
class Form:
    """A closed form, the verdict, what its names mean, and how the note writes it (empty: the engine found it)."""

    expr: sp.Expr
    verdict: Verdict
    setting: Setting
    latex: str = ""


class ClosedForms:
    """The closed forms of one note."""

    def __init__(self, note: Note) -> None:
        self.note = note
        self.found: dict[tuple[sp.Expr, int], tuple[Form | None, Setting]] = {}

    def __call__(self, expr: sp.Expr, setting: Setting) -> tuple[sp.Expr, Setting] | None:
        form = self.form(expr, setting)
        return (form.expr, form.setting) if form else None

    def form(self, expr: sp.Expr, setting: Setting) -> Form | None:
        key = (expr, id(setting))
        if key not in self.found:  # the setting is kept too, so that its id stays its own
            self.found[key] = (self.claimed(expr, setting) or derived(expr, setting), setting)
        return self.found[key][0]

    def claimed(self, expr: sp.Expr, setting: Setting) -> Form | None:
        """The shortest form without derivatives that a chain of the note ends in, the last of these."""
        candidates = list(self.candidates(expr, setting))[::-1]
        for claim, right in sorted(candidates, key=lambda c: int(sp.count_ops(c[1]))):
            known = joined(setting, claim.setting)
            try:
                verdict = proved(expr, right, known)
            except ValueError:
                continue
            if verdict:
                return Form(right, verdict, known, claim.right_latex)
        return None

    def candidates(self, expr: sp.Expr, setting: Setting) -> Iterator[tuple[Claim, sp.Expr]]:
        """Right sides without derivatives in chains whose left side is ``expr`` up to the names of its indices."""
        renaming: dict[sp.Basic, sp.Basic] | None = None
        for claim in self.note.claims:
            usable = claim.left is not None and claim.right is not None and claim.expected
            if not usable or claim.relation is not Relation.EQUAL:
                renaming = None
                continue
            if not claim.continues or renaming is None:
                renaming = same_up_to_indices(claim.left, expr) if agree(expr, claim.setting, setting) else None
            right: Any = claim.right
            if renaming is not None and not right.has(sp.Derivative, sp.Subs):
                yield claim, substitute(right, renaming)

    def evidence(self, request: CompileRequest, target: Target) -> str:
        """One sentence on why the function computes what its name says."""
        if not target.expr.has(sp.Derivative, sp.Subs):
            return self.defined(request, target)
        form = self.form(target.expr, request.setting)
        if form is None:
            return ""
        given = ", ".join(plain(a) for a in form.verdict.assumptions)
        formula = f"{plain(target.latex)} = {plain(form.latex)}" if form.latex else f"The form of {plain(target.latex)}"
        known = "proved" if form.latex else "is proved"
        return f"{formula}{':' if form.latex else ''} {known} for every size{f', given {given}' if given else ''}."

    def defined(self, request: CompileRequest, target: Target) -> str:
        """The definition of the target as the note last wrote it before the request."""
        start, found = plain(target.latex), ""
        for item in self.note.items:
            if item is request:
                break
            if isinstance(item, Given) and item.kind == "definition" and plain(item.latex).startswith(start):
                rest = plain(item.latex)[len(start) :].lstrip()
                if rest.startswith(("=", ":=", "\\coloneqq", "\\triangleq", "\\equiv")):
                    found = f"Defined by {start} {rest}."
        return found


def plain(latex: str) -> str:
    """Formula text on one line, without the marks of layout."""
    text = re.sub(r"\\(left|right|displaystyle|,|;|quad|qquad)(?![A-Za-z])", "", latex)
    return re.sub(r"\s+", " ", text.replace("&", "")).strip(" .,;$")


def same_up_to_indices(left: sp.Expr, expr: sp.Expr) -> dict[sp.Basic, sp.Basic] | None:
    """A renaming of free indices that makes ``left`` equal to ``expr``."""
    if left == expr:
        return {}
    mine = ordered_indices(left)
    other = ordered_indices(expr)
    if len(mine) != len(other):
        return None
    renaming: dict[sp.Basic, sp.Basic] = dict(zip(mine, other, strict=True))
    return renaming if substitute(left, renaming) == expr else None


def ordered_indices(expr: sp.Expr) -> list[sp.Symbol]:
    """Free symbols that stand as indices, in the order of the tree."""
    found: list[sp.Symbol] = []
    for entry in sp.preorder_traversal(expr):
        if isinstance(entry, sp.Indexed):
            found += [s for s in entry.indices if s in expr.free_symbols and s not in found]
    return found


def agree(expr: sp.Expr, one: Setting, other: Setting) -> bool:
    """True when the names of ``expr``, and those that they are defined by, mean the same in both settings."""
    seen: set[str] = set()
    left = named(expr)
    while left:
        name = left.pop()
        seen.add(name)
        definition = one.definitions.get(name)
        if definition != other.definitions.get(name) or one.shapes.get(name) != other.shapes.get(name):
            return False
        if definition is not None:
            left |= named(definition.body) - seen
    return True


def named(expr: sp.Expr) -> set[str]:
    """The names that stand in ``expr``."""
    tensors = {str(b.label) for b in expr.atoms(sp.IndexedBase)}
    functions = {type(f).__name__ for f in expr.atoms(AppliedUndef)}
    return tensors | functions | {s.name for s in expr.free_symbols if s.is_Symbol}


def joined(setting: Setting, there: Setting) -> Setting:
    """``setting`` with the names that only ``there`` knows; what is assumed is what ``setting`` assumes."""
    return replace(
        setting,
        axes={**there.axes, **setting.axes},
        shapes={**there.shapes, **setting.shapes},
        labels={**there.labels, **setting.labels},
        definitions={**there.definitions, **setting.definitions},
        smooth=there.smooth | setting.smooth,
    )


def derived(expr: sp.Expr, setting: Setting) -> Form | None:
    """What the steps engine arrives at, when it is proved to be equal to ``expr``."""
    from derive.steps.derivation import StepError
    from derive.steps.routes import derive_lines, prepare

    try:
        found = derive_lines(expr, prepare(setting, "auto"), "auto", "coarse").expr
        if found == expr or found.has(sp.Derivative, sp.Subs):
            return None
        verdict = proved(expr, found, setting)
    except (StepError, ValueError, NotImplementedError):
        return None
    return Form(found, verdict, setting) if verdict else None


def proved(left: sp.Expr, right: sp.Expr, setting: Setting) -> Verdict | None:
    """The verdict that the sides are equal, or that they are whatever the names are that no variable enters."""
    from derive.calculus.judge import prove

    verdict = prove(left, right, setting)
    if not verdict.proved and (wider := without_constants(left, setting)) != setting:
        verdict = prove(left, right, wider)
    return verdict if verdict.proved else None


def without_constants(expr: sp.Expr, setting: Setting) -> Setting:
    """The setting in which quantities are free that are defined without what ``expr`` is differentiated by.

    Their derivatives are zero either way; an equation that holds for all their values holds for those defined.
    """
    variables = {str(getattr(v, "base", v)) for d in expr.atoms(sp.Derivative) for v in d.variables}

    def depends(name: str, seen: frozenset[str]) -> bool:
        definition = setting.definitions.get(name)
        inside = named(definition.body) - seen if definition else set()
        return name in variables or any(depends(n, seen | inside) for n in inside)

    kept = {n: d for n, d in setting.definitions.items() if d.is_function or depends(n, frozenset({n}))}
    return replace(setting, definitions=kept)


def compile_notes(notes: Sequence[Note], name: str, *, self_contained: bool = True) -> str:
    """The module of all Compile sentences of the notes."""
    forms: dict[int, ClosedForms] = {}
    requests: list[CompileRequest] = []
    for note in notes:
        known = ClosedForms(note)
        for item in note.items:
            if isinstance(item, CompileRequest):
                forms[id(item)] = known
                requests.append(item)
    if not requests:
        raise CompileError("nothing to compile: expected a sentence: Compile $...$ as `name(arguments)`.")
    return generate(requests, name, forms=lambda request: forms[id(request)], self_contained=self_contained)
