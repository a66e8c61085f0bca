"""Closed forms of derivatives: what the note itself proved, else what the steps engine finds. Both are proved first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from derive.calculus.setting import Setting
from derive.calculus.verdict import Verdict
from derive.codegen.lower import CompileError, substitute
from derive.codegen.module import generate
from derive.notes.note import Claim, CompileRequest, Given, Note, Relation, Target


@dataclass(frozen=True)
class Form:
    """A closed form, the verdict on it, and how the note writes it (empty when the engine found it)."""

    expr: sp.Expr
    verdict: Verdict
    latex: str = ""


class ClosedForms:
    """The closed forms of one note."""

    def __init__(self, note: Note) -> None:
        self.note = note
        self.found: dict[tuple[sp.Expr, int], Form | None] = {}

    def __call__(self, expr: sp.Expr, setting: Setting) -> sp.Expr | None:
        form = self.form(expr, setting)
        return form.expr if form else None

    def form(self, expr: sp.Expr, setting: Setting) -> Form | None:
        key = (expr, id(setting))
        if key not in self.found:
            self.found[key] = self.claimed(expr, setting) or derived(expr, setting)
        return self.found[key]

    def claimed(self, expr: sp.Expr, setting: Setting) -> Form | None:
        """The shortest form without derivatives that a chain of the note ends in, the last of these."""
        from derive.calculus.judge import prove

        candidates = list(self.candidates(expr, setting))[::-1]
        for claim, right in sorted(candidates, key=lambda c: int(sp.count_ops(c[1]))):
            try:
                verdict = prove(expr, right, setting)
            except ValueError:
                continue
            if verdict.proved:
                return Form(right, verdict, claim.right_latex)
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
        formula = f"{plain(target.latex)} = {plain(form.latex)}: p" if form.latex else "P"
        return f"{formula}roved for every size{f', given {given}' if given else ''}."


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
    """True when the names of ``expr`` mean the same in both settings."""
    names = {str(b.label) for b in expr.atoms(sp.IndexedBase)} | {s.name for s in expr.free_symbols if s.is_Symbol}
    return all(
        one.definitions.get(n) == other.definitions.get(n) and one.shapes.get(n) == other.shapes.get(n) for n in names
    )


def derived(expr: sp.Expr, setting: Setting) -> Form | None:
    """What the steps engine derives, when every step is proved."""
    from derive.steps.derivation import StepError
    from derive.steps.engine import derivation

    try:
        found = derivation(expr, setting, level="coarse")
    except (StepError, ValueError, NotImplementedError):
        return None
    if found.result.has(sp.Derivative, sp.Subs) or not all(step.verdict.proved for step in found.steps):
        return None
    return Form(found.result, found.steps[-1].verdict) if found.steps else None


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
