"""Macros: what they expand to, where their characters stand, and that none expands without end."""


import pytest

from derive.notes.document import read_text
from derive.notes.grammar.macros import MacroError, collect, expand
from tests.work import calls

EXPANSIONS = [
    (r"\newcommand{\R}{\mathbb{R}}", r"\R^n", r"\mathbb{R}^n"),
    (r"\newcommand\R{\mathbb{R}}", r"\R^n", r"\mathbb{R}^n"),
    (r"\newcommand*{\R}{\mathbb{R}}", r"\R", r"\mathbb{R}"),
    (r"\def\T{^\top}", r"x\T y", r"x^\top y"),
    (r"\def\p{\partial}", r"\p{}x", r"\partial{}x"),
    (r"\newcommand{\p}{\partial}", r"\p x", r"\partial x"),
    (r"\newcommand{\d}[1]{\partial#1}", r"\d x", r"\partial x"),
    (r"\def\pd#1#2{\frac{\partial #1}{\partial #2}}", r"\pd{L}{z_j}", r"\frac{\partial L}{\partial z_j}"),
    (r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}", r"\pd Lz", r"\frac{\partial L}{\partial z}"),
    (
        r"\newcommand{\pd}[2][L]{\frac{\partial #1}{\partial #2}}",
        r"\pd{z} + \pd[E]{w}",
        r"\frac{\partial L}{\partial z} + \frac{\partial E}{\partial w}",
    ),
    (r"\DeclareMathOperator{\softmax}{softmax}", r"\softmax(z)", r"\operatorname{softmax}(z)"),
    (r"\DeclareMathOperator*{\argmax}{arg\,max}", r"\argmax_i", r"\operatorname{arg\,max}_i"),
    (
        r"\DeclarePairedDelimiter{\norm}{\lVert}{\rVert}",
        r"\norm{x} + \norm*{y}",
        r"\left\lVert x \right\rVert + \left\lVert y \right\rVert",
    ),
    (r"\renewcommand{\vec}[1]{\mathbf{#1}}", r"\vec{x}", r"\mathbf{x}"),
    (r"\providecommand{\half}{\tfrac12}", r"\half x", r"\tfrac12 x"),
    (r"\let\eps=\varepsilon", r"\eps > 0", r"\varepsilon > 0"),
    (r"\newcommand{\a}{\b}\newcommand{\b}{c}", r"\a", r"c"),
    (r"\newcommand{\a}[1]{\b{#1}{#1}}\newcommand{\b}[2]{#1+#2}", r"\a{x_{1}}", r"x_{1}+x_{1}"),
    (r"\newcommand{\a}{x}", r"\ab + \a", r"\ab + x"),
    (r"\newcommand{\a}{x}", r"b + c", r"b + c"),
]


def expanded(definitions: str, latex: str) -> tuple[str, list[int]]:
    macros, _ = collect(definitions)
    text, offsets = expand(latex, range(1000, 1000 + len(latex)), macros)
    return text, list(offsets)


@pytest.mark.parametrize(("definitions", "latex", "result"), EXPANSIONS, ids=range(len(EXPANSIONS)))
def test_expansion(definitions: str, latex: str, result: str) -> None:
    text, offsets = expanded(definitions, latex)
    assert text == result
    assert len(offsets) == len(text)
    assert all(1000 <= k < 1000 + len(latex) for k in offsets)


def test_arguments_keep_their_places_and_bodies_take_that_of_the_macro() -> None:
    text, offsets = expanded(r"\def\pd#1#2{\frac{\partial #1}{\partial #2}}", r"a \pd{L}{z}")
    assert offsets[text.index(r"\frac")] == 1002
    assert offsets[text.index("L")] == 1006
    assert offsets[text.index("z")] == 1009


def test_a_later_definition_holds_behind_it() -> None:
    text = "$\\newcommand{\\a}{x}$ $\\a$ $\\renewcommand{\\a}{y}$ $\\a$"
    assert [f.latex for s in read_text(text, "md").sentences for f in s.formulas] == ["x", "y"]


@pytest.mark.parametrize(
    ("definitions", "latex"),
    [
        (r"\def\x{\x}", r"\x"),
        (r"\def\x{\x a}", r"\x"),
        (r"\def\x{a\x}", r"\x"),
        (r"\def\x{\y\y}\def\y{\x\x}", r"\x"),
        (r"\newcommand{\x}[1]{\x{#1#1}}", r"\x{a}"),
        (
            r"\def\a{\b\b\b\b\b\b\b\b\b\b}\def\b{\c\c\c\c\c\c\c\c\c\c}\def\c{\d\d\d\d\d\d\d\d\d\d}\def\d{\e\e\e\e\e\e\e\e\e\e}\def\e{xxxxxxxxxxxxxxxxxxxx}",
            r"\a\a\a",
        ),
    ],
)
def test_endless_macros_are_errors(definitions: str, latex: str) -> None:
    with pytest.raises(MacroError, match="expands without end"):
        calls(lambda: expanded(definitions, latex))


def test_a_macro_without_its_argument() -> None:
    with pytest.raises(MacroError, match=r"\\pd lacks an argument"):
        expanded(r"\def\pd#1#2{#1#2}", r"\pd{a}")


def test_a_formula_with_an_endless_macro_says_so() -> None:
    from derive.notes.grammar.formula import parse

    [formula] = [
        f for s in read_text("\\newcommand{\\x}{\\x}\n\nLet $a = \\x = b$.", "md").sentences for f in s.formulas
    ]
    assert formula.problem == "the macro \\x expands without end"
    problems = [link.problem.message for chain in parse(formula) for link in chain.links if link.problem]
    assert problems
    assert set(problems) == {"the macro \\x expands without end"}
    assert sum(bool(link.sign) for chain in parse(formula) for link in chain.links) == 2
