"""The pipeline: what becomes of each kind of claim, and that a fault costs no other claim its verdict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from derive import pipeline as module
from derive.calculus import judge
from derive.calculus.language import scalar
from derive.calculus.setting import Setting
from derive.calculus.verdict import Kind, Verdict, Witness
from derive.notes.document import Place
from derive.notes.note import Claim, Note, NoteError, Relation
from derive.pipeline import (
    OutOfTime,
    Report,
    Result,
    check,
    check_all,
    find_notes,
    judge_claim,
    judged,
    time_limit,
    to_json,
)

x = scalar("x")
TRUE = Claim(Place(3, 5), "2 x = x + x", "2 x", "x + x", 2 * x, sp.Add(x, x, evaluate=False), Setting())
FALSE = replace(TRUE, latex="2 x = x", right_latex="x", right=x)

SOFTMAX = """# Softmax

Let $z \\in \\mathbb{R}^N$ and $s_i = \\frac{e^{z_i}}{\\sum_{l=1}^N e^{z_l}}$.

$$\\frac{\\partial s_i}{\\partial z_j} = s_i (\\delta_{ij} - s_j)$$

$$\\frac{\\partial s_i}{\\partial z_j} = s_i (\\delta_{ij} + s_j)$$

Wrong: $\\sum_{i=1}^N s_i = N$.
"""


@pytest.mark.parametrize(
    ("claim", "verdict", "settled"),
    [
        (TRUE, "proved", True),
        (FALSE, "refuted", False),
        (replace(FALSE, expected=False), "refuted", True),
        (replace(TRUE, expected=False), "proved", False),
        (replace(TRUE, relation=Relation.OTHER), "not checked", True),
        (replace(TRUE, left=None, problem="unknown command"), "unread", False),
        (replace(TRUE, transposed=True), "undecided", False),
        (
            replace(
                TRUE,
                left=sp.sqrt(2),
                right=sp.Rational(141, 100),
                relation=Relation.APPROXIMATE,
                tolerance=sp.Rational(5, 1000),
            ),
            "proved",
            True,
        ),
        (
            replace(
                TRUE,
                left=sp.sqrt(2),
                right=sp.Rational(142, 100),
                relation=Relation.APPROXIMATE,
                tolerance=sp.Rational(5, 1000),
            ),
            "refuted",
            False,
        ),
    ],
)
def test_what_becomes_of_a_claim(claim: Claim, verdict: str, settled: bool) -> None:
    result = judge_claim(claim)
    assert (result.verdict, result.settled) == (verdict, settled)
    assert (result.line, result.column, result.latex) == (3, 5, claim.latex)


def test_a_row_and_a_column_are_equal_up_to_transposition_only() -> None:
    result = judge_claim(replace(TRUE, transposed=True))
    assert "up to transposition" in result.reason
    assert result.repair


def test_a_refuted_claim_has_a_witness() -> None:
    witness = judge_claim(FALSE).witness
    assert witness is not None
    assert witness.left != witness.right


def failing(error: BaseException) -> Callable[..., Verdict]:
    def prove(*_: Any) -> Verdict:
        raise error

    return prove


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("surprise"), "internal error: KeyError"),
        (RecursionError(), "nested too deeply"),
        (MemoryError(), "too large"),
    ],
)
def test_a_fault_is_reported_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    real = judge.prove
    monkeypatch.setattr(judge, "prove", lambda left, right, s: failing(error)() if right == x else real(left, right, s))
    results = list(judged(Note("n.md", (FALSE, TRUE), Setting())))
    assert [r.verdict for r in results] == ["undecided", "proved"]
    assert reason in results[0].reason


def test_a_disagreement_of_the_judge_is_an_error_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "prove", failing(judge.InternalError("the two roads disagree")))
    report = check("n.md", "Let $x, y \\in \\mathbb{R}$.\n\n$$x + y = y + x$$\n")
    assert report.status == 2
    assert report.error is not None
    assert (report.error.line, "report it" in report.error.message) == (3, True)
    assert [r.verdict for r in report.results] == ["undecided"]


def test_a_fault_in_writing_down_stays_with_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.latex
    broken = failing(RecursionError())
    monkeypatch.setattr(module, "latex", lambda e, *rest: broken() if e == (x > 0) else real(e, *rest))
    monkeypatch.setattr(judge, "prove", lambda *_: Verdict(Kind.PROVED, conditions=(x > 0,)))
    result = judge_claim(TRUE)
    assert result.verdict == "undecided"
    assert "internal error" in result.reason


def test_an_expression_outside_of_the_language_is_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "prove", failing(ValueError("z is used at two ranks")))
    result = judge_claim(TRUE)
    assert (result.verdict, result.reason) == ("unread", "z is used at two ranks")


def test_a_claim_has_a_budget_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_A_CLAIM", 0.05)
    monkeypatch.setattr(judge, "prove", lambda *_: time.sleep(5))
    result = judge_claim(TRUE)
    assert result.verdict == "undecided"
    assert "ran out" in result.reason


# ----- reports -----


def test_a_note_is_checked_whole() -> None:
    report = check("softmax.md", SOFTMAX)
    assert [(r.line, r.verdict, r.expected) for r in report.results] == [
        (5, "proved", "true"),
        (7, "refuted", "true"),
        (9, "refuted", "false"),
    ]
    assert report.status == 1
    assert report.totals["refuted"] == 2


def test_fail_fast_stops_at_the_first_that_is_not_settled() -> None:
    assert len(check("softmax.md", SOFTMAX, fail_fast=True).results) == 2


def test_the_json_has_the_fields_of_the_contract() -> None:
    data = json.loads(json.dumps(to_json([check("softmax.md", SOFTMAX)], 0.5)))
    assert data["version"] == 1
    assert set(data) == {"version", "files", "totals", "seconds"}
    (file,) = data["files"]
    assert set(file) == {"path", "error", "claims", "warnings"}
    fields = {
        "line",
        "column",
        "cell",
        "latex",
        "verdict",
        "expected",
        "reason",
        "assumptions",
        "witness",
        "repair",
        "rules",
        "seconds",
    }
    for claim in file["claims"]:
        assert fields <= set(claim)
        assert claim["expected"] in ("true", "false")
    assert set(file["claims"][1]["witness"]) == {"sizes", "indices", "values", "left", "right"}
    assert data["totals"]["proved"] == 1


def test_the_same_note_gives_the_same_report() -> None:
    def plain(report: Report) -> list[Result]:
        return [replace(result, seconds=0) for result in report.results]

    assert plain(check("a.md", SOFTMAX)) == plain(check("a.md", SOFTMAX))


def test_processes_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(SOFTMAX)
    paths = [str(tmp_path / name) for name in ("a.md", "b.md")]
    alone = [[(r.line, r.verdict) for r in report.results] for report in check_all(paths, jobs=1)]
    shared = [[(r.line, r.verdict) for r in report.results] for report in check_all(paths, jobs=2)]
    assert alone == shared
    monkeypatch.setattr(module, "SECONDS_ALONE", 0)
    split = check(paths[0], jobs=2)
    assert [(r.line, r.verdict) for r in split.results] == alone[0]


def test_a_status_for_each_outcome() -> None:
    good = Result(1, 1, None, "a = a", "proved", "true")
    bad = replace(good, verdict="refuted", witness=Witness(left="0", right="1"))
    assert Report("n", (good,)).status == 0
    assert Report("n", (good, replace(bad, expected="false"))).status == 0
    assert Report("n", (good, bad)).status == 1
    assert Report("n", (replace(good, verdict=str(Kind.UNREAD)),)).status == 1
    assert Report("n", error=module.Fault(1, 1, "no such file")).status == 2


# ----- finding notes -----


def test_a_folder_stands_for_the_notes_in_it(tmp_path: Path) -> None:
    for name in ("b.md", "a.tex", "sub/c.ipynb", "no.txt", ".hidden/d.md", "sub/.e.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [Path(p).relative_to(tmp_path).as_posix() for p in find_notes(str(tmp_path))] == [
        "a.tex",
        "b.md",
        "sub/c.ipynb",
    ]


def test_a_folder_without_notes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoteError, match="no notes"):
        find_notes(str(tmp_path))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_alarm_that_is_lost_rings_again() -> None:
    """An exception raised in a destructor is dropped by Python."""

    class Slow:
        def __del__(self) -> None:
            time.sleep(0.2)

    with pytest.raises(OutOfTime), time_limit(0.05):
        Slow()
        time.sleep(20)
