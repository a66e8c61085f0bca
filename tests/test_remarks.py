"""Warnings about a note as a whole, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.pipeline import check

SOFTMAX = r"Let $z \in \mathbb{R}^N$ and $s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}$."
NOTES = sorted((Path(__file__).parents[1] / "derivations").glob("*.md"))


def noticed(text: str) -> list[tuple[int, str]]:
    return [(remark.place.line, remark.message) for remark in check("n.md", text).remarks]


def test_an_assumption_that_no_proof_uses() -> None:
    text = SOFTMAX + "\n\nAssume $\\sum_i y_i = 1$.\n\n$$y_i + s_i = s_i + y_i$$\n"
    assert noticed(text) == [(3, r"no proof uses the assumption $\sum_i y_i = 1$")]


def test_an_assumption_that_a_proof_uses() -> None:
    assert noticed(SOFTMAX + "\n\nAssume $\\sum_i y_i = 1$.\n\n$$2 \\sum_i y_i = 2$$\n") == []


def test_while_a_claim_is_open_one_cannot_tell() -> None:
    assert noticed(SOFTMAX + "\n\nAssume $\\sum_i y_i = 1$.\n\n$$y_i = s_i$$\n") == []


def test_a_definition_that_shadows_another() -> None:
    ((line, message),) = noticed(SOFTMAX + "\n\n$$s_i = s_i$$\n\nLet $s_i = z_i$.\n\n$$s_i = z_i$$\n")
    assert line == 5
    assert "$s$" in message and "line 1" in message


def test_a_definition_in_another_section_shadows_nothing() -> None:
    text = (
        f"# A\n\n{SOFTMAX}\n\n$$s_i = s_i$$\n\n# B\n\nLet $s_i = z_i$ with $z \\in \\mathbb{{R}}^N$.\n\n$$s_i = z_i$$\n"
    )
    assert noticed(text) == []


def test_json_has_them_beside_the_claims() -> None:
    report = check("n.md", SOFTMAX + "\n\nAssume $\\sum_i y_i = 1$.\n\n$$y_i = y_i$$\n")
    (warning,) = report.to_json()["warnings"]
    assert (warning["line"], warning["column"], warning["cell"]) == (3, 20, None)


@pytest.mark.parametrize("path", NOTES, ids=lambda path: path.stem)
def test_every_assumption_of_our_notes_is_used(path: Path) -> None:
    assert [remark for remark in check(path).remarks if "assumption" in remark.message] == []
