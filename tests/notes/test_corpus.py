"""Whole notes in the styles of many authors, each labelled line judged rightly.

``truth`` is null where the shapes of a line do not fit: it is not to be proved. An ``open`` line may stay undecided.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from derive.pipeline import check

HERE = Path(__file__).parent / "corpus"
EXPECTED = json.loads((HERE / "expected.json").read_text())


def problem(label: dict[str, object], verdicts: set[str]) -> str | None:
    """What is wrong with the verdicts of a line, if anything."""
    right, wrong = {True: ("proved", "refuted"), False: ("refuted", "proved"), None: ("unread", "proved")}[
        label["truth"]
    ]  # type: ignore[index]
    if wrong in verdicts:
        return f"line {label['line']}: {wrong}"
    if label["truth"] is not None and not label.get("open") and verdicts != {right}:
        return f"line {label['line']}: {', '.join(sorted(verdicts)) or 'not read'} instead of {right}"
    return None


@pytest.mark.parametrize("name", sorted({label["file"] for label in EXPECTED}))
def test_labelled_lines(name: str) -> None:
    found = defaultdict(set)
    for result in check(HERE / name).results:
        found[result.line].add(result.verdict)
    problems = [problem(label, found[label["line"]]) for label in EXPECTED if label["file"] == name]
    assert [p for p in problems if p is not None] == []


def test_wrong_verdicts_are_seen() -> None:
    assert problem({"line": 1, "truth": True}, {"refuted"}) == "line 1: refuted"
    assert problem({"line": 1, "truth": False, "open": True}, {"proved"}) == "line 1: proved"
    assert problem({"line": 1, "truth": True}, set()) is not None
    assert problem({"line": 1, "truth": None}, {"unread"}) is None
