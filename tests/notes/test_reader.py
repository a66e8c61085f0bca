# ruff: noqa: E501
"""What the relations of a note are, what is in force where they stand, and what is said of those that cannot be read."""

from __future__ import annotations

import json

import pytest
import sympy as sp

from derive.calculus.judge import prove
from derive.notes.note import Claim, CompileRequest, DeriveRequest, Given, Note, NoteError, Relation
from derive.notes.reader import read_expression, read_note, read_source

SOFTMAX = r"Let $z \in \mathbb{R}^N$ and $s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}$."


def kinds(text: str) -> list[str]:
    """Every relation in order: a letter for declaration, definition (=), assumption, claim, denial (!) or unread (?)."""
    letters = {"declaration": "d", "definition": "=", "assumption": "a"}
    out = []
    for item in read_source(text).items:
        if isinstance(item, Given):
            out.append(letters[item.kind])
        elif isinstance(item, Claim):
            out.append("?" if item.problem else "c" if item.expected else "!")
    return out


def only(text: str) -> Claim:
    (claim,) = read_source(text).claims
    return claim


def assumed(claim: Claim) -> list[str]:
    return [str(a.relation) for a in claim.setting.assumptions]


KINDS = (
    (SOFTMAX, "d="),
    (r"Let $x \in \mathbb{R}$. Assume $x > 0$. Then $$\sqrt{x^2} = x$$", "dac"),
    (r"Assume $\sum_i y_i = 1$ and $y_i \in \{0, 1\}$.", "aad"),
    (r"Let $x, y \in \mathbb{R}^n$ and $i, j = 1, \dots, n$.", "dd"),
    (r"$s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}} = e^{z_i} \left( \sum_{l=1}^N e^{z_l} \right)^{-1}$", "=c"),
    (SOFTMAX + r" Wrong: $s_1 = 1$.", "d=!"),
    (SOFTMAX + "\n\nWrong:\n\n$$s_i = 1$$\n\n$$s_i = s_i$$", "d=!c"),
    (SOFTMAX + r" It is false that $s_1 = 2$.", "d=!"),
    (r"Let $x \in \mathbb{R}$. $$x + x = 2x \quad\Rightarrow\quad x = 2x - x$$", "dcc"),
    (r"The loss is $L = \sum_{i=1}^n y_i^2$ with $y \in \mathbb{R}^n$ and $\sum_i y_i = 1$.", "=da"),
    (r"Let $y \in \mathbb{R}^n$. The last link needs $\sum_{i=1}^n y_i = 1$.", "d"),
    (r"Let $x \in \mathbb{R}$. Since $x = 1$, $$x^2 = 1$$", "dac"),
    (r"Let $x \in \mathbb{R}$. If $x = 1$, then $x^2 = 1$.", "dac"),
    (r"Let $f(x) = x^2$. $$f(x) = x^3$$", "=c"),
    (r"Let $x \in \mathbb{R}$. Assume $x = 1$. Then $x = 7$.", "dac"),
    (r"Let $x \in \mathbb{R}$ and $\log g = x$. Then $g = e^x$.", "d=c"),
    (r"Let $x, y \in \mathbb{R}$. $\log y = x$", "dc"),
    (r"Let $\pi(a) = \frac{e^{z_a}}{\sum_b e^{z_b}}$ and $\log \pi_G = \sum_a \log \pi(a)$. $\pi_G = 1$", "==c"),
    (r"Let $x \in \mathbb{R}^n$. Assume $x_i = 1$. Then $x_i = 7$.", "dac"),
    (r"Let $x \in \mathbb{R}^n$. With $q_i = x_i^2$: $$\frac{\partial q_i}{\partial x_j} = 2 x_i \delta_{ij}$$", "d=c"),
    (r"Let $c \in \mathbb{R}^n$, $c_i = \pm 1$. $$c_i^2 = 1$$", "dac"),
    (r"Let $a \in \mathbb{R}^n$ and $r_j = \max(0, a_j)$, away from $a_j = 0$, $t_j = r_j$: $$t_j = r_j$$", "d=a=c"),
    (r"Let $f : \mathbb{R} \to \mathbb{R}$ and $T > 0$. $$f'(T) = f'(T)$$", "dac"),
    (r"A lone $z$ and $\frac{\partial s}{\partial z}$ are mentions.", ""),
    (r"Let $x \in \mathbb{R}$. $$x \le x^2$$", "dc"),
    (r"Let $x \in \mathbb{R}$. $$x = \unknowncommand x$$", "d?"),
    (r"Let $a, x \in \mathbb{R}^n$. Project onto the hyperplane $a^\top x = 1$.", "d"),
    (r"Let $x, y \in \mathbb{R}$. From (3), $x + y = y + x$.", "dc"),
    (r"Let $v_0 = 0$ and $u_t = 2 v_t$.", "a="),
    (r"We have labels $y \in \mathbb{R}^n$, $\sum_i y_i = 1$.", "da"),
    (r"Let $y \in \mathbb{R}^n$. Then $\sum_i y_i = 1$.", "dc"),
    (r"Let $y \in \mathbb{R}^n$. The labels satisfy $\sum_i y_i = 1$.", "da"),
    (r"Let $y \in \mathbb{R}^n$. It is not clear that they satisfy $\sum_i y_i = 1$.", "d"),
    (r"Let $z \in \mathbb{R}^n$. For $f(z) = \sum_i z_i^2$, $$\frac{\partial f}{\partial z_i} = 2 z_i$$", "d=c"),
    (r"Let $x_1, x_2, \dots, x_n \in \mathbb{R}$. $$\sum_{i \ne 1}^n x_i = 1$$", "dc"),
    (r"Let $z \in \mathbb{R}^n$ and $q_i = \varphi(z)_i = z_i^2$. $$q_i = \varphi(z)_i$$", "d==c"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), KINDS)
def test_kind_of_each_relation(text: str, expected: str) -> None:
    assert sorted(kinds(text)) == sorted(expected)


# -- scope ------------------------------------------------------------------------------------------------------------


def test_assumption_ends_with_its_section() -> None:
    note = read_source(
        "# A\n\nLet $y \\in \\mathbb{R}^n$.\n\n## B\n\nAssume $\\sum_i y_i = 1$.\n\n$$y_i = y_i + 0$$\n\n## C\n\n$$y_j = y_j + 0$$\n"
    )
    first, second = note.claims
    assert assumed(first) == ["Eq(Sum(y[i], (i, 1, n)), 1)"]
    assert assumed(second) == []


def test_assumption_in_a_section_holds_in_its_subsections() -> None:
    note = read_source("# A\n\nLet $x \\in \\mathbb{R}$. Assume $x > 0$.\n\n## B\n\n$$|x| = x + 0$$\n")
    assert assumed(note.claims[0]) == ["x > 0"]


def test_if_holds_for_its_sentence_and_fixes_its_indices() -> None:
    note = read_source(
        SOFTMAX
        + "\n\nIf $i = j$, then\n\n$$\\frac{\\partial s_i}{\\partial z_j} = s_i (1 - s_i)$$\n\n$$s_i = s_i + 0$$\n"
    )
    first, second = note.claims
    (a,) = first.setting.assumptions
    i, j = sp.symbols("i j", integer=True)
    assert a.relation == sp.Eq(i, j, evaluate=False) and a.fixed == {i, j}
    assert not second.setting.assumptions


def test_redeclared_name_starts_a_new_meaning() -> None:
    text = (
        SOFTMAX
        + "\n\n$$s_i = s_i + 0$$\n\n## Two\n\nLet $z \\in \\mathbb{R}^C$ and $s_i = e^{z_i}$.\n\n$$s_i = s_i + 0$$\n"
    )
    old, new = read_source(text).claims
    assert str(old.setting.shapes["z"][0].size) == "N" and "Sum" in str(old.setting.definitions["s"].body)
    assert str(new.setting.shapes["z"][0].size) == "C" and str(new.setting.definitions["s"].body) == "exp(z[i])"


def test_definition_through_a_lost_meaning_is_not_read() -> None:
    text = SOFTMAX + "\n\n## Two\n\nLet $z \\in \\mathbb{R}^C$.\n\n$$s_i + z_i = z_i + s_i$$\n"
    assert "introduced again" in str(only(text).problem) or "size" in str(only(text).problem)


def test_name_used_before_it_is_introduced_is_warned_of() -> None:
    claim = only("$$\\frac{\\partial L}{\\partial x} = 2x + 0$$\n\nHere $L = x^2$ with $x \\in \\mathbb{R}$.\n")
    assert any("before it is introduced" in w for w in claim.warnings)
    assert str(claim.setting.definitions["L"].body) == "x**2"


LOST = (
    r"Let $v, b \in \mathbb{R}^m$, $W \in \mathbb{R}^{n \times n}$ and $F(v) = b^\top v + W v$.",
    r"Let $v, b \in \mathbb{R}^m$. Let $$F(b_1, v) = b^\top v$$",
)


@pytest.mark.parametrize("text", LOST)
def test_what_an_unread_equation_may_introduce_is_no_free_quantity(text: str) -> None:
    claims = read_source(text + "\n\n$$\\frac{\\partial F}{\\partial b_j} = v_j$$\n").claims
    assert all(c.problem for c in claims)


def test_special_size_of_a_dimension() -> None:
    text = SOFTMAX + "\n\nIf $N = 2$, then\n\n$$s = (s_1, s_2)$$\n"
    claim = only(text)
    assert str(claim.right) == "Piecewise((s[1], Eq(i, 1)), (s[2], True))"
    assert claim.setting.shapes["z"][0].size == 2


# -- what assumptions say -----------------------------------------------------------------------------------------------

PROPERTIES = (
    (r"Let $y \in \mathbb{R}^n$. Assume $y$ is one-hot.", ["Eq(y[i]**2, y[i])", "Eq(y[i]*y[j], KroneckerDelta(i, j)*y[i])", "Eq(Sum(y[k], (k, 1, n)), 1)"]),
    (r"Let $y \in \mathbb{R}^{m \times n}$. Assume that each row of $y$ is one-hot.", ["Eq(y[j, k]**2, y[j, k])", "Eq(y[j, k]*y[j, l], KroneckerDelta(k, l)*y[j, k])", "Eq(Sum(y[i, a], (a, 1, n)), 1)"]),
    (r"Let $y \in \mathbb{R}^{n \times n}$. Assume $y$ is symmetric.", ["Eq(y[i, j], y[j, i])"]),
    (r"Let $y \in \mathbb{R}^{n \times n}$. Assume $y = y^\top$.", ["Eq(y[i, j], y[j, i])"]),
    (r"Let $y \in \mathbb{R}^n$. Assume the entries of $y$ are positive.", ["y[i] > 0"]),
    (r"Let $y \in \mathbb{R}^n$. Assume $y_i > 0$.", ["y[i] > 0"]),
    (r"Let $y \in \mathbb{R}^n$. Assume that $y$ sums to one.", ["Eq(Sum(y[i], (i, 1, n)), 1)"]),
    (r"Let $y_i \in \{0, 1\}$ for $i = 1, \dots, n$.", ["Contains(y[i], {0, 1})"]),
    (r"Let $y \in \mathbb{R}^n$ and $y_i = \pm 1$.", ["Eq(y[i]**2, 1)"]),
    (r"Let $y \in (0, 1)$.", ["y > 0", "y < 1"]),
    (r"Let $y > 0$.", ["y > 0"]),
    (r"Let $P \in \mathbb{R}^{n \times n}$ and $Q \in \mathbb{R}^{m \times m}$ be symmetric.", ["Eq(P[i, j], P[j, i])", "Eq(Q[i, j], Q[j, i])"]),
    (r"Let $x \in \mathbb{R}^n$ and $Q \in \mathbb{R}^{m \times m}$ be symmetric.", ["Eq(Q[i, j], Q[j, i])"]),
    (r"Let $P \in \mathbb{R}^{n \times n}$, and let $Q \in \mathbb{R}^{m \times m}$ be symmetric.", ["Eq(Q[i, j], Q[j, i])"]),
    (r"Let $u \in \mathbb{R}$ and $v \in \mathbb{R}$ be a step and a positive number.", ["v > 0"]),
    (r"Let $y \in \mathbb{R}^{n \times n}$. The matrix $y$ is symmetric.", ["Eq(y[i, j], y[j, i])"]),
    (r"Let $y \in \mathbb{R}^n$. The entries of $y$ sum to one.", ["Eq(Sum(y[i], (i, 1, n)), 1)"]),
    (r"Let $y \in \mathbb{R}^n$. Here $y$ is not one-hot.", []),
    (r"Let $y \in \mathbb{R}^n$. It is easier when $y$ is positive.", []),
    (r"Let $y \in \mathbb{R}^{n \times n}$. Assume $y$ is orthogonal.", ["Eq(Sum(y[k, i]*y[k, j], (k, 1, n)), KroneckerDelta(i, j))", "Eq(Sum(y[i, l]*y[j, l], (l, 1, n)), KroneckerDelta(i, j))"]),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PROPERTIES)
def test_assumptions(text: str, expected: list[str]) -> None:
    assert assumed(only(text + "\n\n$$1 + 1 = 2$$\n")) == expected


CASES = (
    (r"$$a_i a_j = a_j a_i, \quad i \ne j$$", [["Ne(i, j)"]]),
    (r"$$i = j: \quad a_i a_j = a_j a_i$$", [["Eq(i, j)"]]),
    (r"$$a_i a_j = a_j a_i \text{ if } i = j, \quad a_i a_j = 0 \text{ if } i \ne j$$", [["Eq(i, j)"], ["Ne(i, j)"]]),
    (r"For $i = j$ we have $a_i a_j = 1$ and for $i \ne j$ we have $a_i a_j = a_j a_i$.", [["Eq(i, j)"], ["Ne(i, j)"]]),
    (r"Then $a_i a_j = a_j a_i$ for $i = j$ and $a_i a_j = 0$ for $i \ne j$.", [["Eq(i, j)"], ["Ne(i, j)"]]),
    ("For $i = j$\n\n$$a_i a_j = a_j a_i$$\n\nand for $i \\ne j$\n\n$$a_i a_j = 0$$", [["Eq(i, j)"], ["Ne(i, j)"]]),
    ("**Case $i = j$.**\n\n$$a_i a_j = a_j a_i$$\n\nIn general:\n\n$$a_i a_j = a_j a_i$$", [["Eq(i, j)"], []]),
    ("## Case $i = j$\n\n$$a_i a_j = a_j a_i$$\n\n## All\n\n$$a_i a_j = a_j a_i$$", [["Eq(i, j)"], []]),
    ("- $i = j$:\n\n  $$a_i a_j = a_j a_i$$\n\n- $i \\ne j$:\n\n  $$a_i a_j = a_j a_i$$", [["Eq(i, j)"], ["Ne(i, j)"]]),
)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_condition_on_indices_holds_for_what_it_goes_with(text: str, expected: list[list[str]]) -> None:
    note = read_source(r"Let $a \in \mathbb{R}^n$ and $i, j = 1, \dots, n$." + "\n\n" + text + "\n")
    assert [assumed(claim) for claim in note.claims] == expected


def test_a_case_that_may_have_ended_is_doubted() -> None:
    text = "Let $a \\in \\mathbb{R}^n$.\n\nCase $i = j$:\n\n$$a_i = a_j$$\n\nSo\n\n$$a_i = a_j$$\n\n## Next\n\n$$a_i = a_j$$"
    doubts = [claim.doubt for claim in read_source(text).claims]
    assert [d and [str(a.relation) for a in d.assumptions] for d in doubts] == [None, ["Eq(i, j)"], None]


TAGGED = (  # names that a note defines with a script that is no index
    (r"Let $p, z \in \mathbb{R}$ and $p_t = p z$. $$p_t = z p$$", "p_t"),
    (r"Let $x \in \mathbb{R}^C$ and $S_C = \sum_{i=1}^C x_i$. $$S_C = S_C + 0$$", "S_C"),
    (r"Let $v > 0$, $x \in \mathbb{R}$, $f(x) = x$ and $f_v = x / v$. $$f_v = x v^{-1}$$", "f_v"),
    (r"Let $x \in \mathbb{R}^n$ and $s_c = x_c^2$. $$s_c = x_c x_c$$", "s[c]"),
    (r"Let $x \in \mathbb{R}^n$ and $w_i = 1$. $$\sum_{i=1}^n w_i x_i = \sum_{i=1}^n x_i$$", "Sum(w[i]*x[i], (i, 1, n))"),
)


@pytest.mark.parametrize(("text", "expected"), TAGGED)
def test_scripts_that_are_part_of_a_name(text: str, expected: str) -> None:
    assert str(only(text).left) == expected


# -- shapes and layout ----------------------------------------------------------------------------------------------------


def test_shapes_come_from_the_range_of_a_sum() -> None:
    setting = only("$$\\sum_{l=0}^{N-1} e^{z_l} = \\sum_{k=0}^{N-1} e^{z_k}$$\n").setting
    (axis,) = setting.shapes["z"]
    assert (str(axis.size), axis.first) == ("N", 0)


def test_row_and_column_are_equal_up_to_transposition() -> None:
    assert only(r"Let $a, x \in \mathbb{R}^n$. $$\frac{\partial a^\top x}{\partial x} = a$$").transposed
    assert not only(r"Let $a, x \in \mathbb{R}^n$. $$\frac{\partial a^\top x}{\partial x} = a^\top$$").transposed
    assert not only(r"Let $a, x \in \mathbb{R}^n$. $$\nabla_x (a^\top x) = a$$").transposed


LAYOUTS = (
    ("", "Derivative(L, W[j, i])", False),
    (r"Gradients have the shape of the variable.", "Derivative(L, W[i, j])", False),
    (r"We use denominator layout.", "Derivative(L, W[i, j])", False),
    (r"Here $\frac{\partial L}{\partial W} \in \mathbb{R}^{K \times D}$.", "Derivative(L, W[i, j])", False),
)


@pytest.mark.parametrize(("convention", "expected", "transposed"), LAYOUTS)
def test_layout_of_a_matrix_derivative(convention: str, expected: str, transposed: bool) -> None:
    right = "x z^\\top" if not convention else "z x^\\top"
    text = rf"Let $W \in \mathbb{{R}}^{{K \times D}}$, $x \in \mathbb{{R}}^D$, $z \in \mathbb{{R}}^K$ and $L = z^\top W x$. {convention}"
    claim = only(f"{text}\n\n$$\\frac{{\\partial L}}{{\\partial W}} = {right}$$\n")
    assert (str(claim.left), claim.transposed, claim.problem) == (expected, transposed, None)


def test_rows_that_fit_only_as_columns() -> None:
    text = r"Let $A \in \mathbb{R}^{n \times k}$, $X \in \mathbb{R}^{n \times d}$. $$A^\top X = \sum_{i=1}^n A_{i:} X_{i:}^\top$$"
    claim = only(text)
    assert str(claim.right) == "Sum(A[i, j]*X[i, l], (i, 1, n))"
    assert any("columns" in w for w in claim.warnings)


# -- approximation, requests, sources ---------------------------------------------------------------------------------------


def test_approximation_has_half_a_unit_of_the_last_digit() -> None:
    claim = only(r"Let $z = (1.1, 2.2)$. $$z_1 \approx 1.10$$")
    assert (claim.relation, claim.tolerance, claim.right) == (
        Relation.APPROXIMATE,
        sp.Rational(1, 200),
        sp.Rational(11, 10),
    )


def test_approximate_vector() -> None:
    claim = only(r"Let $z = (1, 3)$. $$\frac{z}{3} \approx (0.33, 1.00)$$")
    assert claim.tolerance == sp.Rational(1, 200) and str(claim.left) == "z[i]/3"


def test_compile_and_derive() -> None:
    note = read_source(
        SOFTMAX + "\n\nCompile $s_i$ and $\\frac{\\partial s_i}{\\partial z_j}$ as `softmax(z)`.\n\n"
        "Derive $\\frac{\\partial s_i}{\\partial z_j}$ by the quotient rule.\n"
    )
    compiled = next(i for i in note.items if isinstance(i, CompileRequest))
    derived = next(i for i in note.items if isinstance(i, DeriveRequest))
    assert (compiled.name, compiled.arguments, len(compiled.targets)) == ("softmax", ("z",), 2)
    assert [str(i) for i in compiled.targets[1].indices] == ["i", "j"]
    assert derived.route == "quotient" and derived.target is not None
    assert str(derived.target.expr) == "Derivative(s[i], z[j])"


def test_claims_of_a_chain_and_their_places() -> None:
    note = read_source(
        "Let $x \\in \\mathbb{R}$.\n\n$$\n\\begin{aligned}\n2x &= x + x \\\\\n&= 3x - x\n\\end{aligned}\n$$\n"
    )
    assert [(c.place.line, c.continues) for c in note.claims] == [(5, False), (6, True)]
    assert [str(c.left_latex) for c in note.claims] == ["2x", "x + x"]


def test_notebook_and_tex() -> None:
    cells = [
        {"cell_type": "code", "source": "x"},
        {"cell_type": "markdown", "source": ["Let $x \\in \\mathbb{R}$.\n", "\n", "$$x = x + 0$$"]},
    ]
    (claim,) = read_source(json.dumps({"cells": cells}), "ipynb").claims
    assert (claim.place.cell, claim.place.line) == (1, 3)
    (claim,) = read_source(
        "\\newcommand{\\R}{\\mathbb{R}}\nLet $x \\in \\R$.\n\\begin{equation}\nx = x + 0\n\\end{equation}\n", "tex"
    ).claims
    assert claim.problem is None and claim.place.line == 4


def test_unusable_input_is_a_note_error() -> None:
    with pytest.raises(NoteError):
        read_note("note.md", b"\xff\xfe\x00")


def test_note_without_claims() -> None:
    note = read_source("Just words.\n")
    assert isinstance(note, Note) and not note.claims


# -- what is said of a line that cannot be read -------------------------------------------------------------------------------

CONTEXT = r"Let $W \in \mathbb{R}^{K \times D}$, $x \in \mathbb{R}^D$, $z \in \mathbb{R}^K$."
UNREAD = (
    (r"W z = x + x", "K × D and K (a column)"),
    (r"x + 1 = z", "D (a column) and K (a column)"),
    (r"x_i + z_i = 0", "the index i runs over an axis of size D, and stands in z where the axis has size K"),
    (r"x_{ij} + 0 = 0", "stands with 2 indices here"),
    (r"W_{ij} x_i = z_j", "index i"),
    (r"\sum_{i=1}^K x_i = 1", "the index i"),
    (r"f(x, z) + 1 = 2", "not introduced"),
    (r"g'(x) = 1", "not introduced"),
    (r"x x = 1", "D (a column) and D (a column)"),
    (r"a/bc = a", "a/(bc)"),
    (r"|x| + 1 = 1", "write \\|x\\|"),
    (r"\|W\| + 1 = 1", "Frobenius"),
    (r"\det W + 1 = 1", "square"),
    (r"2 W = \begin{pmatrix} 1 & 2 \\ 3 \end{pmatrix}", "different lengths"),
    (r"\sum_q 1 = 3", "range of q"),
    (r"\operatorname{argmax}(x) + 1 = 1", "argmax"),
    (r"x + x^\top = 0", "do not fit"),
    (
        r"\frac{\partial z_k}{\partial x_j} = \frac{\partial z_k}{\partial W_{il}} \frac{\partial W_{il}}{\partial x_j}",
        "summed over",
    ),
    (r"\frac{\partial x}{\partial x_i x_j} + 1 = 0", ""),
    (r"\nabla (x^\top x) = 2x", "nabla"),
    (r"x^{x} + 1 = 2", ""),
    (r"\|x\|_3 = 1", "norm"),
    (r"W^{-1} W = I", "square"),
    (r"\frac{\partial Q}{\partial x_j} = 0", "Q is not introduced"),
    (r"\nabla_x Q = 0", "Q is not introduced"),
)


@pytest.mark.parametrize(("line", "message"), UNREAD)
def test_unread_line_says_why(line: str, message: str) -> None:
    claim = only(f"{CONTEXT}\n\n$${line}$$\n")
    assert claim.left is None and claim.right is None
    assert claim.problem is not None and message in claim.problem


PUT_IN = (  # a value for a letter, also where definitions stand between
    (r"\left. a \right|_{T=3} = 9", True),
    (r"\left. a \right|_{T=3} = T^2", False),
    (r"\left. \frac{\partial b}{\partial T} \right|_{T=3} = 6", True),
    (r"\left. \frac{\partial b}{\partial T} \right|_{T=3} = 2 T", False),
    (r"\left. F'(T) a \right|_{T=3} = 54", True),
    (r"\left. F'(T) a \right|_{T=3} = 6 a", False),
    (r"F'(3) = 6", True),
    (r"\left. T^2 \right|_{T=3} = 9", True),
    (r"\left. \frac{d F}{d T} \right|_{T=3} = 6", True),
)


@pytest.mark.parametrize(("line", "holds"), PUT_IN)
def test_a_value_is_put_in_where_the_letter_stands(line: str, holds: bool) -> None:
    claim = only(rf"Let $T > 0$, $a = T^2$, $b = a + 1$ and $F(T) = T^2$.{chr(10)}{chr(10)}$${line}$${chr(10)}")
    assert claim.problem is None
    verdict = prove(claim.left, claim.right, claim.setting)
    assert verdict.proved if holds else verdict.refuted


def test_one_unread_link_leaves_the_others() -> None:
    note = read_source(
        f"{CONTEXT}\n\n$$\n\\begin{{aligned}}\nx &= x + 0 \\\\\n&= \\foo x \\\\\n&= x\n\\end{{aligned}}\n$$\n"
    )
    assert [c.problem is None for c in note.claims] in ([True, False, False], [False, False])


def test_problem_names_its_place() -> None:
    claim = only(f"{CONTEXT}\n\n$$x_i + z_i = 0$$\n")
    assert "line 3, column" in str(claim.problem)


WARNINGS = (
    (r"\frac{e^{x_l}}{\sum_l e^{x_l}} = 1", "bound index l"),
    (r"x_i + 0 = 1", "free on the left side only"),
)


@pytest.mark.parametrize(("line", "message"), WARNINGS)
def test_warnings(line: str, message: str) -> None:
    assert any(message in w for w in only(f"{CONTEXT}\n\n$${line}$$\n").warnings)


def test_expression_in_the_names_of_a_note() -> None:
    target, setting = read_expression(r"\frac{\partial s_i}{\partial z_j}", read_source(SOFTMAX))
    assert str(target.expr) == "Derivative(s[i], z[j])" and "s" in setting.definitions
    with pytest.raises(NoteError):
        read_expression(r"s_i = 1", read_source(SOFTMAX))
    with pytest.raises(NoteError):
        read_expression(r"s_{ij}", read_source(SOFTMAX))
