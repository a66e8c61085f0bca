"""The notes of this repository: every claim is settled, and no link of the softmax note survives a mutation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from derive.calculus.judge import prove
from derive.notes.note import Claim, Note, Relation
from derive.notes.reader import read_note
from derive.pipeline import check

FOLDER = Path(__file__).parents[1] / "derivations"
SOFTMAX = FOLDER / "softmax.md"
NOTES = sorted(path for path in FOLDER.rglob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("path", NOTES, ids=lambda path: path.stem)
def test_every_claim_is_settled(path: Path) -> None:
    report = check(path)
    assert report.results
    assert [(r.line, r.latex, r.verdict, r.reason) for r in report.results if not r.settled] == []


@cache
def softmax() -> Note:
    return read_note(SOFTMAX)


def links() -> list[Claim]:
    return [c for c in softmax().claims if c.relation is Relation.EQUAL and c.left is not None]


# ----- mutations of the right side -----


def _atoms(expr: Any, kind: Any) -> list[Any]:
    return sorted(expr.atoms(kind), key=sp.default_sort_key)


def flipped_sign(expr: Any) -> Iterator[Any]:
    yield -expr
    if expr.is_Add:
        yield from (expr - 2 * term for term in expr.args)


def off_by_one(expr: Any) -> Iterator[Any]:
    yield expr + 1


def doubled(expr: Any) -> Iterator[Any]:
    yield 2 * expr


def dropped_delta(expr: Any) -> Iterator[Any]:
    yield from (expr.xreplace({delta: sp.S.One}) for delta in _atoms(expr, sp.KroneckerDelta))


def dropped_target(expr: Any) -> Iterator[Any]:
    yield from (expr.xreplace({e: sp.S.One}) for e in _atoms(expr, sp.Indexed) if str(e.base.label) == "y")


def wrong_entry(expr: Any) -> Iterator[Any]:
    """An entry of s or y at a different free index, or at the next number."""
    for entry in _atoms(expr, sp.Indexed):
        (at,) = entry.indices
        for other in (sp.Symbol("j", integer=True), sp.Symbol("i", integer=True), sp.Integer(1)):
            if str(entry.base.label) in "sy" and other != at:
                yield expr.xreplace({entry: entry.base[other]})


MUTATIONS: tuple[Callable[[Any], Iterator[Any]], ...] = (
    flipped_sign,
    off_by_one,
    doubled,
    dropped_delta,
    dropped_target,
    wrong_entry,
)


def equal_at_points(left: Any, right: Any, claim: Claim) -> bool:
    """Whether a mutation happens to be true, by evaluation, which shares no code with the proof."""
    from derive.calculus.witness import agree

    found = agree(left, right, claim.setting, count=20)
    return bool(found.checked) and not found.disagreements


@pytest.mark.parametrize("number", range(len(links())), ids=lambda k: f"line{links()[k].place.line}")
def test_no_mutation_of_a_link_survives(number: int) -> None:
    claim = links()[number]
    refuted = 0
    for mutation in MUTATIONS:
        for mutated in mutation(claim.right):
            if mutated == claim.right:
                continue
            verdict = prove(claim.left, mutated, claim.setting)
            if verdict.refuted:
                assert verdict.witness is not None
                assert verdict.witness.left != verdict.witness.right
                refuted += 1
            else:
                assert equal_at_points(claim.left, mutated, claim), f"{mutation.__name__}: {mutated}"
    assert refuted >= 3


# ----- the one assumption -----

ASSUMPTION = "Assume that they sum to one: $\\sum_{i=1}^C y_i = 1$. Then"


def test_without_the_assumption_exactly_the_last_link_fails() -> None:
    source = SOFTMAX.read_text(encoding="utf-8")
    assert ASSUMPTION in source
    report = check("softmax.md", source.replace(ASSUMPTION, "Then"))
    failed = [result for result in report.results if not result.settled]
    assert [result.latex for result in failed] == [report.results[-1].latex]
    assert failed[0].verdict == "refuted"
    assert failed[0].repair is not None
    assert "y" in failed[0].repair and "= 1" in failed[0].repair


def test_with_the_assumption_only_the_last_link_uses_it() -> None:
    results = check(SOFTMAX).results
    assert [bool(result.assumptions) for result in results] == [False] * (len(results) - 1) + [True]
    assert results[-1].verdict == "proved"


def test_the_slip_in_the_example_is_shown_and_corrected() -> None:
    results = check(SOFTMAX).results
    (denied,) = [result for result in results if result.expected == "false"]
    assert (denied.verdict, denied.latex) == ("refuted", r"s_4 \approx 0.013")
    assert any(result.latex == r"s_4 \approx 0.014" and result.verdict == "proved" for result in results)
