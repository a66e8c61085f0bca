# ruff: noqa: E501
"""Which relations of a sentence are claimed, and under which conditions each: no wrong line hides behind a word."""

from __future__ import annotations

import pytest

from derive.notes.note import Claim
from derive.notes.reader import read_source

X = r"Let $x, y \in \mathbb{R}$ and $f(x) = x^2$. "
S = r"Let $z, y \in \mathbb{R}^N$ and $s_i = \frac{e^{z_i}}{\sum_l e^{z_l}}$. "
D = r"\partial_{z_j} s_i"

# a sentence, and each claim of it with the conditions it stands under
CLAUSES = (
    # a condition is of its own clause
    (X, "If $x > 0$, then $|x| = x$; if $x < 0$, then $|x| = -x$.", [("|x| = x", "x > 0"), ("|x| = -x", "x < 0")]),
    (X, "We have $|x| = x$ if $x > 0$ and $|x| = -x$ if $x < 0$.", [("|x| = x", "x > 0"), ("|x| = -x", "x < 0")]),
    (X, "If $x > 0$, then $|x| = x$, otherwise $|x| = -x$.", [("|x| = x", "x > 0"), ("|x| = -x", r"x \le 0")]),
    (X, "It is $|x| = x$ for $x > 0$ and $|x| = -x$ otherwise.", [("|x| = x", "x > 0"), ("|x| = -x", r"x \le 0")]),
    (X, "For $x > 0$, $|x| = x$, while $|x| = -x$ for $x < 0$.", [("|x| = x", "x > 0"), ("|x| = -x", "x < 0")]),
    (X, "$$x = |x| \\quad \\text{if } x > 0, \\\\ y = |y|$$", [("x = |x|", "x > 0"), ("y = |y|", "")]),
    (X, "If $y > 0$: $$x = |x| \\quad \\text{if } x > 0, \\\\ y = |y|$$", [("x = |x|", "x > 0, y > 0"), ("y = |y|", "y > 0")]),
    (X, "If $x > 0$ and $y > 0$, then $|x| = x$ and $|y| = y$.", [("|x| = x", "x > 0, y > 0"), ("|y| = y", "x > 0, y > 0")]),
    (X, "We have $|x| = -x$ unless $x > 0$.", [("|x| = -x", r"x > 0")]),
    (X, "If $x > 0$, then $|x| = x$. Also $|x| = x$.", [("|x| = x", "x > 0"), ("|x| = x", "")]),
    (S, f"If $i = j$, then ${D} = s_i - s_i s_j$; otherwise ${D} = -s_i s_j$.", [(f"{D} = s_i - s_i s_j", "i = j"), (f"{D} = -s_i s_j", r"i \ne j")]),
    # a main clause begins at a comma
    (X, "If $x > 0$, $|x| = 2 x$.", [("|x| = 2 x", "x > 0")]),
    (X, "If $x > 0$, $y > 0$, $|x| = 2 x$.", [("|x| = 2 x", "x > 0, y > 0")]),
    (X, "Since $x = 1$, $y = 2$, we get $x + y = 3$.", [("x + y = 3", "x = 1, y = 2")]),
    (X, "Given $x = 1$, $x^2 = 2$.", [("x^2 = 2", "x = 1")]),
    (X, "Assuming $x = 1$, $x^2 = 2$.", [("x^2 = 2", "x = 1")]),
    (X, "With $x^2 = 1$, $$x^4 = 2$$", [("x^4 = 2", "x^2 = 1")]),
    (X, "Assuming $x = 1$, $$x^2 = 2$$", [("x^2 = 2", "x = 1")]),
    (X, "Assume $x^2 = 1$, $y^2 = 1$.", []),
    (X, "Let $a \\in \\mathbb{R}$ with $a^2 = 1$, $a^3 = 1$.", []),
    (S, f"When $i = j$, ${D} = s_i$, so $s_i = 1$.", [(f"{D} = s_i", "i = j"), ("s_i = 1", "")]),
    (S, r"Since $\sum_i y_i = 1$, $\sum_i s_i = 2$.", [(r"\sum_i s_i = 2", r"\sum_i y_i = 1")]),
    # what is said of a derivative, or again of a defined name, is a claim
    (S, "$\\sum_i s_i = 1$, where $s_i = z_i$.", [(r"\sum_i s_i = 1", ""), ("s_i = z_i", "")]),
    (X, "We have $f(0) = 0$ with $f'(x) = x$.", [("f(0) = 0", ""), ("f'(x) = x", "")]),
    # words in front of a relation
    (S, f"By the quotient rule ${D} = s_i$.", [(f"{D} = s_i", "")]),
    (S, f"This leads to ${D} = s_i$.", [(f"{D} = s_i", "")]),
    (S, f"The Jacobian is given by ${D} = s_i$.", [(f"{D} = s_i", "")]),
    (S, f"From ${D} = s_i$ we get $s_i = 1$.", [(f"{D} = s_i", ""), ("s_i = 1", "")]),
    (X, "Let us show that $x = 2 x$. Let's check $x = 3 x$.", [("x = 2 x", ""), ("x = 3 x", "")]),
    (X, "Even if $x > 0$, $|x| = 2 x$.", [("|x| = 2 x", "x > 0")]),
    (S, f"Derive ${D} = s_i$.", [(f"{D} = s_i", "")]),
    (S, r"The last link needs $\sum_i y_i = 1$.", []),
    (S, r"Using $\sum_i y_i = 1$, $\sum_i y_i s_i = 1$.", [(r"\sum_i y_i s_i = 1", "")]),
    (S, f"Rather not ${D} = s_i$.", []),
    # a denial ends where the right one is given
    (X, "Wrong: $x = 2 x$, but $x = 3 x$.", [("not x = 2 x", ""), ("x = 3 x", "")]),
    (X, "Wrong: $x = 2 x$; correct: $x = 3 x$.", [("not x = 2 x", ""), ("x = 3 x", "")]),
    (X, "Wrong: $x = 2 x$ and $x = 3 x$.", [("not x = 2 x", ""), ("not x = 3 x", "")]),
)  # fmt: skip


@pytest.mark.parametrize(("before", "sentence", "expected"), CLAUSES, ids=[row[1] for row in CLAUSES])
def test_claims_and_their_conditions(before: str, sentence: str, expected: list[tuple[str, str]]) -> None:
    assert [said(c) for c in read_source(before + sentence).claims if c.problem is None] == expected


def said(claim: Claim) -> tuple[str, str]:
    conditions = sorted(a.text for a in claim.setting.assumptions)
    return ("" if claim.expected else "not ") + claim.latex, ", ".join(conditions)


PROPERTIES = (
    ("Let $x \\in \\mathbb{R}$ be positive.", 1),
    ("Let $x \\in \\mathbb{R}$ be a positive number.", 1),
    ("Let $x \\in \\mathbb{R}$ be not positive.", 0),
    ("Let $x \\in \\mathbb{R}^N$ be the embedding of the positive example.", 0),
    ("Let $x \\in \\mathbb{R}$ be the false positive rate.", 0),
    ("Suppose that $A \\in \\mathbb{R}^{N \\times N}$ is symmetric.", 1),
    ("Suppose that $A \\in \\mathbb{R}^{N \\times N}$ is not symmetric.", 0),
    ("Suppose that $A \\in \\mathbb{R}^{N \\times N}$ is non-symmetric.", 0),
    ("Let $x \\in \\mathbb{R}^N$ be the diagonal of a matrix.", 0),
)


@pytest.mark.parametrize(("text", "count"), PROPERTIES, ids=[row[0] for row in PROPERTIES])
def test_words_that_ascribe_a_property(text: str, count: int) -> None:
    note = read_source(text)
    assert len(note.setting.assumptions) == count
    assert not note.claims
